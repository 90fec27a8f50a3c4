# aneprobe --backend sim:m4 --rtol 0 --atol 0 --bisect five.mil -o %t/part.mil && exit 9; ls %t && cat %t/part.mil && anerun --backend sim:m4 -i d=%t/part-d.npy -i b=%t/part-b.npy --compare ref --rtol 0 --atol 0 %t/part.mil
# exit: 1
