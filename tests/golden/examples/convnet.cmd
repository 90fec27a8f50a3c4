# sh chips.sh convnet %t
