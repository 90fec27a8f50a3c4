# cd %t
model() { # INPUTS LOSS
    printf "import \"std\"\nweight w: fp32[1] = ones\nmodel main($1) -> loss {\n    loss = mean($2)\n}\n" >m.anedsl
}
printf '\001\001\002\002\003\003\004\004\005\005\006\006\007\007\010\010\011\011\012\012\013\013\014\014\015\015' >wide.bin
printf 'abcdefghijklm' >a.txt
try() { # INPUTS LOSS ARGUMENTS..
    model "$1" "$2"; echo "$*"; shift 2
    rm -rf run; anetrain -q -b ref --lr 1e-9 --steps 3 -o run m.anedsl "$@" 2>&1 && cut -d, -f1,3,13 run/log.csv
}
try 'ids: int32[2, 3]' 'mil.cast(x = ids, dtype = "fp32") * w' --data wide.bin --eval wide.bin --seed 1
try 'ids: int32[2, 3]' 'mil.cast(x = ids, dtype = "fp32") * w' --data a.txt --eval a.txt --seed 2
try 'ids: int32[1, 1]' 'mil.cast(x = ids, dtype = "fp32") * w' --data wide.bin --eval wide.bin --seed 3
try 'ids: int32[13, 1]' 'mil.cast(x = ids, dtype = "fp32") * w' --data wide.bin --eval wide.bin
try 'ids: int32[14, 1]' 'mil.cast(x = ids, dtype = "fp32") * w' --data wide.bin --eval wide.bin
try 'ids: int32[1, 13]' 'mil.cast(x = ids, dtype = "fp32") * w' --data wide.bin
try 'ids: int32[1, 14]' 'mil.cast(x = ids, dtype = "fp32") * w' --data wide.bin
try 'ids: int32[3, 4], next: int32[3, 4]' '(mil.cast(x = next, dtype = "fp32") * 100.0 - mil.cast(x = ids, dtype = "fp32")) * w' --data wide.bin --eval wide.bin
try 'ids: int32[1, 12], next: int32[1, 12]' 'mil.cast(x = next - ids, dtype = "fp32") * w' --data a.txt --eval a.txt
try 'ids: int32[1, 13], next: int32[1, 13]' 'mil.cast(x = next - ids, dtype = "fp32") * w' --data a.txt
try 'ids: int32[1, 3], next: int32[1, 4]' 'mil.cast(x = ids, dtype = "fp32") * w' --data a.txt
try 'ids: int32[2, 3], next: int32[1, 3]' 'mil.cast(x = ids, dtype = "fp32") * w' --data a.txt
try 'ids: int32[1, 3], next: int32[1, 3], more: int32[1, 3]' 'mil.cast(x = ids, dtype = "fp32") * w' --data a.txt
try 'ids: int32[3]' 'mil.cast(x = ids, dtype = "fp32") * w' --data a.txt
try 'ids: int32[1, 1, 3]' 'mil.cast(x = ids, dtype = "fp32") * w' --data a.txt
try 'ids: fp32[1, 3]' 'ids * w' --data a.txt
true
