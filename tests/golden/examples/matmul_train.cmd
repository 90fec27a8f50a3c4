# sh chips.sh matmul_train %t
