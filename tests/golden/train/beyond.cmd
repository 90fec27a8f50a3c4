# try() { echo "$ $*" >&2; anetrain m.anedsl -q -b cpu --steps 2 -o run --anew "$@"; echo "exit $?" >&2; }
cp ../../../examples/text/char_llama.anedsl %t/m.anedsl
cd %t
for i in 0 1 2 3 4 5 6 7 8 9; do printf '\0\0\1\0\2\0\5\0\3\0'; done >a.bin
for i in 0 1 2 3 4 5 6 7 8 9; do printf '\0\0\1\0\2\0\4\0\3\0'; done >b.bin
small='--set dim=8 --set hidden=8 --set blocks=1 --set heads=2 --set positions=4 --set batch=2'
try --data a.bin $small --set vocabulary=6
try --data a.bin $small --set vocabulary=5
try --data b.bin --eval a.bin $small --set vocabulary=5
sed 's/vocabulary/words/g' m.anedsl >n.anedsl && mv n.anedsl m.anedsl
try --data a.bin $small --set words=5
printf aaaabbbbaaaabbbbcccc >t.txt
sed 's/words/vocabulary/g' m.anedsl >n.anedsl && mv n.anedsl m.anedsl
try --data t.txt --vocab chars $small --set vocabulary=2
try --data t.txt $small --set vocabulary=97
