# aneprobe --backend sim:m1 --limits --only tensor-rank,lrn-channels,surface-minimum,weight-files,width-slice-max,matmul-rank
