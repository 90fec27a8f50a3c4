# printf 'model main(x: fp16[1, 64, 1, 16]) -> y {\n    y = relu(x)\n}\n' > %t/a.anedsl; cd %t; aneprobe --backend sim:m1 --bisect a.anedsl
