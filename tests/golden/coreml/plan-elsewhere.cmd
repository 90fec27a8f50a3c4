# anerun -b cpu --plan ../../../examples/mlp.anedsl
# exit: 1
