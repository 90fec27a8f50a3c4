# rec() { { printf "\1\0\0\0\2\0\0\0"; head -c 56 /dev/zero; printf "\357\276\255\336\\$2\0\0\0\\$3\0\0\0\0\0\0\0\200\0\0\0\0\0\0\0"; head -c 40 /dev/zero; printf "$4"; } > %t/$1.bin; }
rec i 13 6 '\020\062\124\166\230\272'; rec l 1 40 '\0\74\0\100\0\102\0\104\0\105\0\106\0\107\0\110\0\274\0\300\0\302\0\304\0\305\0\306\0\307\0\310'; rec b 1 6 '\0\74\0\100\0\102'
{ echo 'program(1.3) [buildInfo = dict<string, string>({{"coremlc-version", "1"}})] { func main<ios18>(tensor<fp16, [1, 4]> x) {'
for w in 'uint4 i 3,4' 'fp16 l 1,1,16,1' 'fp16 b 3'; do set -- $w; echo "tensor<$1, [$3]> $2 = const()[name = string(\"$2\"), val = tensor<$1, [$3]>(BLOBFILE(path = string(\"@model_path/$2.bin\"), offset = uint64(64)))];"; done
echo 'tensor<fp16, [3, 4]> w = constexpr_lut_to_dense(indices = i, lut = l)[name = string("w")]; tensor<fp16, [1, 3]> r = linear(bias = b, weight = w, x = x)[name = string("r")]; } -> (r); }'; } > %t/m.mil
anec --check --target m3,26 -Wno-contradicted %t/m.mil; anec --check --target m3 -Wno-contradicted %t/m.mil
anec --target m3,26 --io fp16 -o %t/old/m.mil %t/m.mil && (cd %t/old && find . -type f | sort) && anec --target m3 --io fp16 -o %t/new/m.mil %t/m.mil && (cd %t/new && find . -type f | sort) && cat %t/new/m.mil
for v in m old/m new/m; do anerun --random 3 -O %t/r/$v %t/$v.mil; done; anediff %t/r/m %t/r/old/m && anediff %t/r/m %t/r/new/m
