# aneprobe --trial nothing
# exit: 2
