# try() { echo "$ $*" >&2; anetrain %t/p.anedsl -q -b ref --steps 3 --save-every 1 -o %t/run --anew "$@"; echo "exit $?" >&2; }
python3 -B ../../train/pictures.py %t
cp pictures.anedsl %t/p.anedsl
cd %t
for data in x.npy,t.npy good good/img,good/mask t=good/mask,x=x.npy x=good/img,t=t.npy good; do
    try --data $data
    cut -d, -f1,3,5 run/log.csv | cksum
done
anetrain -q --resume run --steps 5 >&2
try --data grey
try --data with-alpha
for folder in palette deep shallow glass colours wide wide-mask cut no-png empty-file more other-mask no-partner no-image \
    no-mask no-pictures class; do
    try --data $folder
done
try --data good/img
try --data good/mask --loss grey
try --data good/mask --loss line
try --data good/img --loss flat
try --data gone
