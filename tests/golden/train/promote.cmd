# try() { echo "$ $*" >&2; "$@" >&2; echo "exit $?" >&2; }
data="fixed.anedsl --data fixed_x.npy,fixed_t.npy --steps 4 --seed 1"
for b in cpu ref sim:m1 sim:m5; do anetrain -q $data -b $b -o %t/$b; echo $b; cut -d, -f1,3 %t/$b/log.csv | sed -E 's/(\.[0-9]{2})[0-9]*/\1/'; done
anetrain -q $data -b cpu --bake -o %t/baked --export %t/net.mil
echo baked; cut -d, -f1,3 %t/baked/log.csv | sed -E 's/(\.[0-9]{2})[0-9]*/\1/'
anetrain -q --resume %t/cpu --export %t/net.mlpackage
anec --check %t/net.mil && anec --check %t/net.mlpackage
for i in net.mil net.mlpackage; do anerun -q -b ref %t/$i --random 3; done
anec --target host -o %t/base.mil fixed.anedsl
anec --promote %t/base.mil -o %t/promoted.mil
grep -o '> [a-z0-9]*[,)]' %t/promoted.mil | head -n 16 | tr -d '\n'; echo
anec --target m1 --promote %t/base.mil -o %t/m1.mil && anec -q --check --target m1 %t/m1.mil
anec --target host '--promote=w*,cb' fixed.anedsl -o %t/some.mil
grep -o 'func main.*{' %t/some.mil
try anec --target host --promote=zz fixed.anedsl
try anec --target host --promote ../../../examples/adam.anedsl -o %t/none.mil
try anetrain -q --resume %t/cpu --export %t/net.onnx
