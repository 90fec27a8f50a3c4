# cd %t
case_() { # RESULTS RETURNED TAKEN
    printf "fn f(x) -> $1 { return $2 }\nmodel main(x: fp16[1]) -> y { $3 = f(x); y = a }\n" | tr ';' '\n' > m.anedsl
    echo "-> $1 { return $2 }, $3 = f(x)" && anec -q m.anedsl 2>&1 | grep -e ' add(' -e error
}
for results in a 'a, b' 'a, b, c' 'a: fp16[1], b: fp16[2]' 'a: fp16[1], b: fp16[1]' 'a: fp16[1], b: fp16[1], c: fp16[2]'; do
    for returned in 'x + x' 'x + x, x' 'x + x, x, x'; do
        for taken in a 'a, b' 'a, b, c'; do case_ "$results" "$returned" "$taken"; done
    done
done
