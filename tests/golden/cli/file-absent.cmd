# anerun --random 1 no-such-file.mil
# exit: 3
