# cd %t; h='{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"z":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"last":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}'
pad() { printf "\\$(printf %o ${#h})\\0\\0\\0\\0\\0\\0\\0"; printf %b "$h"; head -c 24 /dev/zero; }
pad >w.safetensors
printf 'weights from "w.safetensors" as "w"\nmodel main(x: fp16[2]) -> y {\n    weight a, b: [2]\n    y = x * a * b\n}\n' >shared.anedsl
printf 'weights from "w.safetensors"\nmodel main(x: fp16[2]) -> y {\n    weight w, z, last: [2], extra: [2] = load("w.safetensors", "w")\n    y = x * w * z + last * extra\n}\n' >right.anedsl
printf 'weights from "w.safetensors"\nweight w: [2]\nmodel main(x: fp16[2]) -> y {\n    weight z: [2]\n    y = x * w\n}\nmodel other(x: fp16[2]) -> y = x * w\n' >unused.anedsl
for f in shared right unused; do echo $f; anec --target host -o $f.mil $f.anedsl; done 2>&1
anec -Wno-shared-tensor -Wno-unread-tensor -Wno-unused-weight -o x.mil --target host shared.anedsl; anec -Werror=unread-tensor -o x.mil --target host shared.anedsl 2>&1 | grep -c error
