# anec --target m4 -o %t/mlp.mil ../../../examples/mlp.anedsl && export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4
for b in ane ane sim:m4 ref; do echo $b; anerun -q -b $b --random 1 --trace %t/t.json -O %t/o %t/mlp.mil && sed -n -E 's/.*"name":"([a-z ]*)","cat":"(phase|backend)".*/  \2 \1/p' %t/t.json || exit; done
