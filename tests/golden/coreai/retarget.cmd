# anec -q -t m4 layers.mlir -o %t/l.mil && anerun -q %t/l.mil --input x=layers-x.npy | head -n 3
anec -q branch.mlir -o %t/b.mlpackage && anerun %t/b.mlpackage --input x=branch-x.npy
anec lint -q -t m4 one.mlir | tail -n 1
anec --check -q -t generic along.mlir; echo "exit $?"
