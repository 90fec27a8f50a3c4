# n=$(printf 'a\033[31m\nerror: b\377.mil'); anec "$n"; anec -o "%t/$(printf 'x\r').txt" "$n"; anec --"$(printf 'op\bt')" x.mil; anec --opset "$(printf 'ios\t')" x.mil; anerun -i "$(printf 'x\ny')" x.mil; anerun -f "$(printf 'a\002')" check.mil; printf 'program(1.3)\n{\n}\n' > "%t/$n"; anec --stats "%t/$n"; anerun --describe "%t/$n"; anediff "%t/$n" check.mil
# exit: 1
