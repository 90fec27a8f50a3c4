# cd %t
# Weights by their paths and constants of the weight file as .npy, as Python reads them, whatever their type; one thing, old or new.
cat >net.anedsl <<'END'
weights init normal(std = 0.1, seed = 3)
layer Block(n) {
    weight up: [n, n], b: fp32[n] = [0.5, 1, 2, 4]
    fn (x) = mil.linear(x, transpose(up, perm = [1, 0]) + 1.0) * b
}
weight unused: int32[3] = [1, 2, 70000], nibbles: int4[4] = [-8, 7, 0, 1], short: bf16[2] = [0.5, 3e38], bits: uint1[12] = ones
model main(x: fp32[1, 4]) -> y {
    layer blocks: Block(4)[2]
    y = blocks(x)
}
END
cat >show.py <<'END'
import ast, os, struct, sys
for name in sorted(os.listdir(sys.argv[1])):
    data = open(os.path.join(sys.argv[1], name), 'rb').read()
    size = struct.unpack('<H', data[8:10])[0]
    head = ast.literal_eval(data[10:10 + size].decode())
    kind = { '<f2': 'e', '<f4': 'f', '<i4': 'i', '|i1': 'b', '|u1': 'B' }[head['descr']]
    body = data[10 + size:]
    values = struct.unpack('<' + str(len(body) // struct.calcsize(kind)) + kind, body)
    print(name, head['descr'], head['shape'], head['fortran_order'], [round(v, 5) for v in values[:6]])
END
anec -Wno-unused-weight --export-weights out net.anedsl; python3 show.py out
echo again:; anec -q --export-weights out --target m1 -o net.mil net.anedsl; ls out
echo written:; anec --export-weights written net.mil; python3 show.py written
echo promoted:; anec -q --promote --export-weights promoted -o p.mil --target host net.anedsl; ls promoted
echo read:; anec -q --weights out --export-weights second -Werror=unread-tensor net.anedsl; rm -f out/*linear_weight*; anec -q --weights out --export-weights second net.anedsl; cmp out/blocks.0.up.npy second/blocks.0.up.npy; mv out/unused.npy out/unsued.npy; anec --weights out --check net.anedsl; mv out/unsued.npy out/unused.npy; anec --weights out --weights second --check net.anedsl
echo kept:; touch out/notes; anec -q --export-weights out net.anedsl; ls out | tail -n 3; ls net.anedsl; anec -q --export-weights net.anedsl net.anedsl
echo absent:; rm weights/weight.bin; anec -q --export-weights gone net.mil; ls gone
cat >two.anedsl <<'END'
weights init normal
model main(x: fp16[1, 4]) -> y {
    weight A, a: [4]
    y = x * a * A
}
model other(x: fp16[1, 4]) -> y {
    weight a: [4], same: [12] = ones
    y = x * a
}
END
echo two:; anec -q --target host -o two.mil two.anedsl; anec -q --export-weights two two.anedsl; ls two; anec -q --export-weights both two.mil; ls both
cat >case.anedsl <<'END'
weights init normal
model main(x: fp16[1, 12]) -> y {
    weight big: [12]
    y = x * big
}
model other(x: fp16[1, 12]) -> y {
    weight W, w: [12]
    y = x * w + W
}
END
echo case:; anec -q --target host -o case.mil case.anedsl; sed -i 's/other_w/q/g; s/other_W/zz/g; s/big/Q/g; s/1, 12/12/g' case.mil; anec -q --export-weights case case.mil; ls case
sed 's/zz/Q/g' case.mil >weights/case.mil; mv weights/case.mil .; anec -q --export-weights never case.mil; ls never
true
