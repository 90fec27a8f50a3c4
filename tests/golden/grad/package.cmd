# anec --target host net.anedsl -o %t/net.mil
# One program as a text, as a package and compiled has one gradient, by all and by what is named; the library and
# --promote see the same weights.
for kind in mlpackage mlmodelc; do
    anec %t/net.mil -o %t/net.$kind
    for how in --grad --grad=x,conv_w '--grad=fc_w --grad-only' '--grad --promote'; do
        anec -q $how %t/net.mil -o %t/a.mil
        anec -q $how %t/net.$kind -o %t/b.mil
        anerun %t/a.mil -b ref --random 3 -O %t/a
        anerun %t/b.mil -b ref --random 3 -O %t/b
        ls %t/a | tr '\n' ' '
        for f in %t/a/*; do cmp $f %t/b/${f##*/}; done
        rm -r %t/a %t/b
        echo $kind $how
    done
    anec --grad=gone %t/net.$kind -o %t/b.mil; echo "exit $?"
    anec --grad=t %t/net.$kind -o %t/b.mil; echo "exit $?"
done
