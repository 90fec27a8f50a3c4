# for v in 'x' 'cast(x, "fp16")' 'cast(x, "int32")' 'reshape(x, [2, 2])' 'x[0:3]' 's' '1.0' '[1.0, 2.0, 3.0, 4.0]' 'none' '"x"'; do
    printf 'model main(x: fp32[4]) -> y {\n    state s: fp32[4]\n    y = write(s, V) * 2.0\n}\n' | sed "s/V/$v/" > %t/m.anedsl
    echo "write(s, $v)"; (cd %t && anec -q --target host m.anedsl 2>&1 | grep -e error -e write_state)
done
true
