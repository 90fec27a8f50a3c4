# try() { echo "$ $*"; anetrain "$@" 2>&1; echo "exit $?"; }
stories=../../../examples/text/stories.anedsl
yes 'the cat sat on the mat. ' | head -c 2000 >%t/a.txt
size='--set dim=768 --set hidden=2048 --set heads=12'
try $stories --data %t/a.txt --dry-run -b sim:m1 $size --set layers=12
try $stories --data %t/a.txt --dry-run -b sim:m1 $size --set layers=24
try $stories --data %t/a.txt --dry-run -b sim:m3 $size --set layers=12 --memory 150000000
try $stories --data %t/a.txt --dry-run -b sim:m3 $size --set layers=12 --memory 1
try $stories --data %t/a.txt --dry-run -b ref --set layers=1
try layers.anedsl --data x.npy,t.npy --dry-run -b ref
try layers.anedsl --data x.npy,t.npy --dry-run -b ref --segments one
try layers.anedsl --data x.npy,t.npy --dry-run -b ref --bake
try layers.anedsl --data x.npy,t.npy --dry-run -b sim:m1
try drawn.anedsl --data x.npy,t.npy --dry-run -b ref
try drawn.anedsl --data x.npy,t.npy --dry-run -b ref --memory 1
anetrain layers.anedsl --data x.npy,t.npy --dry-run -b sim:m1 --segments one 2>&1 | grep -m 1 'error:'
try layers.anedsl --data x.npy,t.npy --dry-run -b sim:m1 --io fp32
try $stories --data %t/a.txt --plan -b sim:m1 --set layers=2 --set vocabulary=256
try $stories --data %t/a.txt --dry-run -b sim:m1 $size --set layers=12 --save default
try $stories --data %t/a.txt --dry-run -b sim:m1 $size --set layers=12 --save layer
try $stories --data %t/a.txt --dry-run -b sim:m1 --save none
