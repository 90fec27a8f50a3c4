# aneprobe --backend sim:m1 --only returned-input,relu --crash && aneprobe --backend sim:m1 --only returned-input,relu
