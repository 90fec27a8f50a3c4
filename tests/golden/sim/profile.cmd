# printf 'anec-profile 1\nchip m5\nrule width-slice holds\n' > %t/p && ANESIM_PROFILE=%t/p anerun -i x=slice.npy --backend ref --compare sim:m5 slice.mil
# exit: 1
