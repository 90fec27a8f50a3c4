#!/bin/sh
# layers.sh -- checks who includes whom; each line below is a folder and what it may include. Of tools,
# what anerun is made of is a folder of its own: it is a client of the library, as others are.
# usage: layers.sh      from the top folder
set -u
awk '
function allow(from, to, n, part, i) {
    n = split(to, part, " ")
    known[from] = 1
    may[from, from] = 1
    for (i = 1; i <= n; i++) may[from, part[i]] = 1
}
BEGIN {
    allow("base", "")
    allow("ir", "base ir/ops")
    allow("ir/ops", "base ir")
    allow("ir/ops/table", "ir/ops")
    allow("ir/mil", "base ir ir/ops ir/onnx ir/coreai")
    allow("ir/onnx", "base ir ir/ops ir/mil")
    allow("ir/coreai", "base ir ir/ops ir/mil")
    allow("ir/targets", "base ir ir/ops")
    allow("ir/passes", "base ir ir/ops ir/targets ir/mil")
    allow("frontend", "base ir ir/ops ir/mil ir/passes")
    allow("include", "")
    allow("backends", "base ir ir/ops ir/mil ir/targets ir/passes backends/ref backends/cpu backends/ane backends/sim")
    allow("backends/vector", "base")
    allow("backends/cache", "base ir ir/mil")
    allow("backends/plan", "base ir ir/ops")
    allow("backends/ref", "base ir ir/ops backends backends/plan")
    allow("backends/cpu", "base ir ir/ops backends backends/plan backends/ref backends/vector backends/cache")
    allow("backends/ane", "base ir ir/ops ir/mil ir/targets backends backends/cache")
    allow("backends/sim", "base ir ir/ops ir/mil ir/targets backends backends/ref")
    allow("standin", "base ir ir/mil ir/targets backends")
    allow("probe", "base ir ir/ops ir/mil ir/targets backends backends/ane")
    allow("lib", "include base ir ir/ops ir/mil ir/targets ir/passes frontend backends backends/ane backends/cache")
    allow("client", "include base train")
    allow("train", "include base")
    allow("tools", "client lib base ir ir/ops ir/coreai ir/mil ir/targets ir/passes backends probe")
    n = split("anerun.c anerun.def anerun.h run_iterations.c run_results.c given.c trace.c watch.c main.c " \
              "main.h options.c help.c completion.c common.def anetrain.c anetrain.def anegen.c anegen.def", part, " ")
    for (i = 1; i <= n; i++) client["tools/" part[i]] = 1
}
# "ir/passes" and "../ops/ops.h": "ir/ops"
function folder(from, path, n, part, i, k, out) {
    n = split(from "/" path, part, "/")
    for (i = 1; i < n; i++) {
        if (part[i] == "..") k--
        else if (part[i] != ".") at[++k] = part[i]
    }
    for (i = 1; i <= k; i++) out = out (i > 1 ? "/" : "") at[i]
    return out
}
function room(dir, path) { return (dir "/" path) in client ? "client" : dir }
FNR == 1 { dir = FILENAME; sub(/\/[^\/]*$/, "", dir); name = FILENAME; sub(/.*\//, "", name)
           from = room(dir, name); seen[FILENAME] = 1 }
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    name = quoted[2]
    sub(/.*\//, "", name)
    to = room(folder(dir, quoted[2]), name)
    good = (from, to) in may
    if (good) passed++; else failed++
    if (!known[from]) why = ": its folder has no line in tests/layers.sh"
    else why = ": " from " may not include from " to
    if (!good) printf "%s:%d: includes %s%s\n", FILENAME, FNR, quoted[2], why
}
END {
    for (f in client)
        if (!(f in seen)) { printf "%s: is not there any more\n", f; failed++ }
    printf "layers: %d passed, %d failed\n", passed, failed
    exit failed > 0 || !passed
}' $(find base ir frontend backends standin probe lib train include tools -name '*.[chy]' -o -name '*.re' -o -name '*.def' | LC_ALL=C sort)
