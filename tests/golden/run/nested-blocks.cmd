# cd %t && awk 'BEGIN { n = 101
# exit: 1
    print "program(1.3) { func main<ios18>(bool p) {"
    for (i = 0; i < n; i++) printf "bool r%d = cond(pred = p)[] yes() {\n", i
    printf "bool r%d = const()[val = bool(true)];\n", n
    for (i = n; i > 0; i--) printf "} -> (r%d), no() { } -> (p);\n", i
    print "} -> (r0); }" }' > nested.mil && anerun -i p=true nested.mil
