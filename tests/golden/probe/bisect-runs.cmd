# aneprobe --backend sim:m4 --bisect five.mil
