# anerun
# exit: 2
