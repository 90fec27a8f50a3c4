# for t in f4 f2 f8 i1 u1 i2 i4 i8; do echo $t: $(anetrain net.anedsl --data whole-$t.npy,t.npy --steps 2 -b ref -o %t/$t 2>&1 | grep -o 'steps, loss [0-9.e+]*'); done
