# cd %t && E=$OLDPWD/../../../examples
# exit: 3
# The text of -o - is that of -o FILE.mil in an empty folder, byte by byte.
for t in m1 m4 host; do for m in mlp convnet tiny_train; do
    anec -q -t $t $E/$m.anedsl -o $t/$m/x.mil; anec -t $t $E/$m.anedsl -o - >$m.text && cmp $m.text $t/$m/x.mil && echo "$t $m: the same"
done; done 2>&1
echo "== a package, a text with weights beside it, and that retargeted"
anec -q -t host $E/mlp.anedsl -o p.mlpackage; anec -q p.mlpackage -o p/x.mil; anec p.mlpackage -o - 2>said | cmp - p/x.mil && echo "the same" && cat said
anec p/x.mil -o - 2>said | cmp - p/x.mil && echo "the same" && cat said
anec -q -t m1 p/x.mil -o m/x.mil; anec -t m1 p/x.mil -o - 2>said | cmp - m/x.mil && echo "the same" && cat said
echo "== weights that are not there"; cp p/x.mil alone.mil; anec -o - alone.mil 2>said | cmp - alone.mil && echo "the same"; cat said
echo "== nothing to leave out"; printf 'model main(x: fp16[4]) -> y = relu(x)\n' >r.anedsl; anec -t m1 r.anedsl -o - | wc -l
echo "== IR"; anec --emit ir $E/mlp.anedsl -o - 2>&1 | grep -c BLOBFILE
echo "== not of these"
anec --emit dot r.anedsl -o - 2>&1; anec --check r.anedsl -o - 2>&1; anec --stats r.anedsl -o - 2>&1; anec --format r.anedsl -o - 2>&1; anec -t m1,m4 r.anedsl -o - 2>&1
anec -q -t m1 $E/mlp.anedsl -o - >/dev/full
