# try() { echo "$ $*" >&2; anetrain -q -b ref --steps 40 --lr 0.05 -o run --anew "$@"; echo "exit $?" >&2; }
model=$PWD/words.anedsl
net=$PWD/net.anedsl
cd %t
printf 'abcabcabcabcabcabcabc' >a.txt
printf 'abcabcab' >b.txt
printf 'abcabxabc' >x.txt
printf 'abc' >short.txt
printf 'a\0b\0c\0a\0b\0c\0a\0b\0c\0a\0b\0' >a.bin
printf 'a\0b\0c\0a\0b\0c' >odd.bin
{ printf '\210\330\064\001'; head -c 1020 /dev/zero; cat a.bin; } >llmc.bin
cp $model words.anedsl
cp $net net.anedsl
try words.anedsl --data a.txt --eval b.txt --batch 1
cut -d, -f1,3,13 run/log.csv | sed -n '2p;$p'
try words.anedsl --data a.txt --eval b.txt --vocab chars
try words.anedsl --data a.txt --eval x.txt --vocab chars
try words.anedsl --data short.txt
try words.anedsl --data odd.bin
try words.anedsl --data a.bin
cut -d, -f1,3,13 run/log.csv | sed -n '2p;$p'
try words.anedsl --data llmc.bin
cut -d, -f1,3,13 run/log.csv | sed -n '2p;$p'
try net.anedsl --data a.txt
try words.anedsl --data gone.txt
try words.anedsl --data a.txt --vocab chars
od -An -tu2 -N 8 run/tokens.bin >&2
