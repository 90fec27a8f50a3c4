# TMPDIR=/nowhere aneprobe --backend sim:m1
# exit: 3
