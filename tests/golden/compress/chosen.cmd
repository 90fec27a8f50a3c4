# for t in generic host m1 m2 m3 m4 m5; do
    echo "$t:" && anec two.anedsl -t $t --compress 'size>100=auto' --compress-report -o %t/$t.mil | sed -n '2,3p'
done
