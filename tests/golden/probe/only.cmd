# aneprobe --backend sim:m1 --only width-slice,kernel-width,sin,abs
