# aneprobe --first-run --only nothing
# exit: 2
