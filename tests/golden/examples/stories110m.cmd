# anec -q ../../../examples/stories110m.anedsl --target m1 -o %t/m1/model.mil && anec -q ../../../examples/stories110m.anedsl --target m4 -o %t/m4/model.mil
cmp %t/m1/weights/weight.bin %t/m4/weights/weight.bin && wc -c < %t/m1/weights/weight.bin
for chip in m1 m4; do anerun --describe %t/$chip/model.mil && anec --stats %t/$chip/model.mil || exit; done
