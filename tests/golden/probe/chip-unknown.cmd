# aneprobe --backend ref --chip m9
# exit: 2
