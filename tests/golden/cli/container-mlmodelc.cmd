# anerun model.mlmodelc
# exit: 3
