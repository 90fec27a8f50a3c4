# anec classify.mil --target m1 -o %t/t.mil && anec -q --check --target m1 %t/t.mil && cat %t/t.mil && anerun -b sim:m1 --random 1 %t/t.mil
