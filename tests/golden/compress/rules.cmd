# printf '# which weights\nw1 = lut4 # four bits\n\nw2 = int8; w3=none\n' > %t/rules.txt &&
# exit: 1
anec two.anedsl -t m2 --compress %t/rules.txt --compress 'size>100=lut8,nothing=int8' --compress-report -o %t/x.mil;
printf 'w1 = lut44\nw2 = int8(\nsise > 3 = int8' > %t/wrong.txt &&
anec two.anedsl -t m2 --compress %t/wrong.txt -o %t/y.mil
