# anerun model.pt
# exit: 2
