# anerun --plan ../../../examples/mlp.anedsl
# exit: 2
