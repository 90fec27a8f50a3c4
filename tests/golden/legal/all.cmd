# sh signature.sh %t
