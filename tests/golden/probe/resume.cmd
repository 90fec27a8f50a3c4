# printf "anec-profile 1\nchip m1\nrule width-slice absent\n# trying kernel-width\n" > %t/p && aneprobe --backend sim:m1 --only width-slice,kernel-width,sin -o %t/p --resume && cat %t/p
