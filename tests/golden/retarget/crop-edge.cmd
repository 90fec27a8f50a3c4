# sh crop-edge.sh %t
