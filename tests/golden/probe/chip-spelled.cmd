# aneprobe --backend ref --chip "M5 Ultra"
# exit: 2
