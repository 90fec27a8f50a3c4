# sh chips.sh adam %t
