# sh chips.sh -t mlp %t
