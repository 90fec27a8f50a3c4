# anec classify.mil --target m1 -o %t/t.mil && anec -q --check --target m1 %t/t.mil && python3 ../ops.py %t/t.mil && anerun -b sim:m1 --random 1 %t/t.mil
