# for case in 2048,128,8192 4096,128,8192 8192,128,8192 2047,128,8192 2048,127,8192 2048,128,8191 2048,256,8192; do
    for form in "y = mil.matmul(x = x, y = w, transpose_y = true)" "y = mil.matmul(x = reshape(x, [1, R, K]), y = w, transpose_y = true)" \
                "y = mil.matmul(x = reshape(x, [K, R]), y = w, transpose_x = true, transpose_y = true)"; do
        echo "$case" | (IFS=, read n r k && printf "weight w: [$n, $k] = normal(std = 1)\nmodel main(x: fp16[$r, $k]) -> (y) {\n    $form\n}\n" | sed "s/K, R/$k, $r/; s/R, K/$r, $k/") > %t/m.anedsl
        echo "$case $form: "$(anec -q --target m1 --stats %t/m.anedsl | sed -n '/^  operation/,/^  all/p' | awk '$2 ~ /^[0-9]/ { print $1, $2 }')
    done
done
