# anerun --cache status
# exit: 2
