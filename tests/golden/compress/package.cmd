# anec two.anedsl -t m4 -o %t/a.mlpackage &&
anec %t/a.mlpackage --compress 'size > 100 = int4(block = 8)' --compress-report=%t/r.json -o %t/b.mlpackage &&
anec %t/b.mlpackage --compress 'size > 100 = lut2, * = int8(again)' --compress-report -o %t/c.mlmodelc &&
anec %t/b.mlpackage --compress 'size > 100 = lut2(again)' --compress-report=%t/r.txt -o %t/d.mil &&
grep -c const %t/d.mil && cat %t/r.txt && grep -c '"snr_db"' %t/r.json &&
for m in a.mlpackage b.mlpackage c.mlmodelc d.mil; do anerun %t/$m --random 1 --backend ref; done
