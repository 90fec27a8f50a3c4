# anerun -b ref --plan ../../../examples/mlp.anedsl
# exit: 1
