# for to in 'fp16:--io fp16' 'fp16:--target m1' 'fp32:--target m4'; do
    grep -v -e '"n"' -e KhMKAQ -e 'int32, \[1\]> m' optional.mil | sed '2d; s/ tensor<int32, \[1\]> n,//; s/(y, m, z)/(y, z)/' > %t/o.mil
    python3 -c 'import json,sys; j = json.load(open("optional.mil.json")); i = j["functions"]["main"]["inputs"]; del i[2]; json.dump(j, open(sys.argv[1] + ".json", "w"))' %t/o.mil
    anec -q %t/o.mil ${to#*:} -o %t/p.mil && anerun --describe %t/p.mil && anerun -b ref -q -i x=f2x3.npy -i c=f2x3.npy %t/p.mil && anec -q %t/p.mil -o %t/p.mlpackage && anerun --describe %t/p.mlpackage
done
