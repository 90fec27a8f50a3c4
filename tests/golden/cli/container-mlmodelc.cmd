# anerun model.mlmodelc
# exit: 1
