# anerun model.mlmodelc
# exit: 2
