# sh chips.sh digits/digits %t
