# { printf 'program(1.3)\n{ func main<ios18>() { int32 y = const()[val = int32('; head -c 100000 /dev/zero | tr '\0' '['; } >%t/x.mil; anec %t/x.mil 2>&1 | grep -o 'error: .*'
