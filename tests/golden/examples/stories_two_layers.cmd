# sh chips.sh stories110m %t --set layers=2 --set vocab=512 --set seq=32
