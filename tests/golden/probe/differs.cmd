# printf "anec-profile 1\nchip m1\nrule width-slice absent\nop sin runs\nop abs refused\n" > %t/q && ANESIM_PROFILE=%t/q aneprobe --backend sim:m1 --only width-slice,sin,abs
