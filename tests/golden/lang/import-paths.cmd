# mkdir -p %t/a/b %t/a.b && cd %t
echo 'fn twice(x) = x + x' > part.anedsl
printf 'import "../../part.anedsl"\nimport "../b/../../part.anedsl"\nfn deeper(x) = twice(x)\n' > a/b/deep.anedsl
for p in part.anedsl ./part.anedsl a/../part.anedsl a/b/../../part.anedsl a//../part.anedsl a/b/.././../part.anedsl ./a/./../part.anedsl \
         a.b/../part.anedsl ../part.anedsl a/../../part.anedsl a/b/../../../part.anedsl /part.anedsl .. a/.. a/b/.. ''; do
    printf "import \"part.anedsl\"\nimport \"$p\"\nmodel main(x: fp16[1, 2]) -> y { y = twice(x) }\n" > m.anedsl
    echo "'$p'"
    anec -q m.anedsl 2>&1 | grep -e ' add(' -e error
done
for p in b/deep.anedsl b/../b/deep.anedsl ../a/b/deep.anedsl; do
    printf "import \"$p\"\nfn up(x) = deeper(x)\n" > a/up.anedsl
    printf 'import "a/up.anedsl"\nimport "a/b/deep.anedsl" as d\nmodel main(x: fp16[1, 2]) -> y { y = up(d.deeper(x)) }\n' > m.anedsl
    anec -q m.anedsl 2>&1 | grep -c ' add('
done
