# aneprobe model.mil
# exit: 2
