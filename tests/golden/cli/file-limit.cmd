# (ulimit -f 8; anec -q ../../../examples/mlp.anedsl -o %t/mlp.mil)
# exit: 3
