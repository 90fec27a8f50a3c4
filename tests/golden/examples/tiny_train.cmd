# sh chips.sh tiny_train %t
