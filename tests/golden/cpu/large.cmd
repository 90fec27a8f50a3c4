# sh ./large.sh %t
