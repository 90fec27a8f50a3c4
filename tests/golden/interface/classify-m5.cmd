# anec classify.mil --target m5 -o %t/t.mil && anec -q --check --target m5 %t/t.mil && python3 ../ops.py %t/t.mil && anerun -b sim:m5 --random 1 %t/t.mil
