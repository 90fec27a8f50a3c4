# sh ./compressed.sh %t
