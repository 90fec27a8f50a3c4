# mkdir -p %t/a/b/c/d && cd %t && echo 'fn twice(x) = x + x' > part.anedsl && printf 'import "part.anedsl"\nimport "a/../part.anedsl"\nmodel main(x: fp16[1, 2]) -> y { y = twice(x) }\n' > m.anedsl
for up in .. ../.. ../../.. ../../../..; do
    case $up in ..) cd a;; ../..) cd b;; ../../..) cd c;; *) cd d;; esac
    anec -q $up/m.anedsl 2>&1 | grep -c ' add('
done
