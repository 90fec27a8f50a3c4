# cd %t && python3 -c "import array, struct
h = b\"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3, 3, 3), }\".ljust(117) + b'\n'
open('w.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(h)) + h + array.array('f', [i % 7 / 4 - .7 for i in range(108)]).tobytes())" # each storage of a weight
see() { # see NAME WEIGHT USE: the program for a chip of each dialect has no batch_norm, and gives what it gave
    printf 'model main(x: fp32[1, 3, 8, 8]) -> y {\n    weight %b\n    weight b, mean, beta: [4] = normal(std = 0.3)\n    weight variance, gamma: [4] = uniform(0.5, 2)\n    y = batch_norm(conv(x, %b, bias = b), mean = mean, variance = variance, gamma = gamma, beta = beta)\n}\n' "$2" "$3" >m.anedsl
    anec -q m.anedsl -t host -o was.mil && anerun -q -b ref --random 1 -O was was.mil || return
    for chip in m1 m4; do
        anec -q ${4:-m.anedsl} -t $chip -o is.mil && anerun -q -b ref --random 1 -O is is.mil || return
        printf '%b on %b: %b left, ' "$1" $chip "$(grep -c ' = batch_norm(' is.mil)"
        anediff -q --atol 0.02 --rtol 0.01 was is >said && echo same || cat said
    done
}
see file 'w: [4, 3, 3, 3] = load("w.npy")' w
see computed 'w: [3, 4, 3, 3] = normal(std = 0.3), a: [4, 3, 3, 3] = normal(std = 0.1)' 'transpose(w, [1, 0, 2, 3]) + 0.5 * a'
see int8 'w: [4, 3, 3, 3] as int8 = normal(std = 0.3)' w
see drawn 'w: [4, 3, 3, 3] = normal(std = 0.3)' w
anec -q m.anedsl -t host -o m.mlpackage && see package 'w: [4, 3, 3, 3] = normal(std = 0.3)' w m.mlpackage
