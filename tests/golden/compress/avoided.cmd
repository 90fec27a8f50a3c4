# anec two.anedsl -t m5,27.0 --compress 'w1 = lut4(group = 8), w2 = int8' --compress-report -o %t/a.mil &&
printf 'anec-profile 1\nchip m4\nrule constexpr-blockwise holds\n' > %t/p &&
anec two.anedsl -t m4 --profile %t/p --compress 'w1 = lut4(group = 8, scaled, int8), w2 = int8, w3 = sparse(0.5, int4)' --compress-report -o %t/b.mil &&
printf 'anec-profile 1\nchip m2\nrule constexpr-affine holds\n' > %t/q &&
anec two.anedsl -t m2 --profile %t/q --compress 'w1 = int4, w2 = int8(affine)' --compress-report -o %t/c.mil
