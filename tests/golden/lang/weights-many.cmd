# cd %t; h='{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'; i=0; while [ $i -lt 22 ]; do h="$h,\"t$i\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}"; i=$((i + 1)); done; h="$h}"
n=${#h}; { printf "\\$(printf %o $((n % 256)))\\$(printf %o $((n / 256)))\\0\\0\\0\\0\\0\\0"; printf %b "$h"; head -c 8 /dev/zero; } >w.safetensors
printf 'weights from "w.safetensors"\nmodel main(x: fp16[2]) -> y {\n    weight w: [2]\n    y = x * w\n}\n' >many.anedsl
anec --target host -o many.mil many.anedsl 2>&1 | grep warning | tail -n 2
