# sh chips.sh mlp %t
