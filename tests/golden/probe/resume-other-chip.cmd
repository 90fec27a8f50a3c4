# printf "anec-profile 1\nchip m2\n" > %t/p && aneprobe --backend sim:m1 -o %t/p --resume 2>&1 | sed "s,.*/p:,p:,"
