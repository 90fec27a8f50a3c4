# for a in --rtol=0 --rtol=0.6 --atol=2 --atol=0; do for d in %t/h %t/f; do mkdir -p $d; done
cp ../run/h2.npy %t/h/y.npy; cp ../run/f2.npy %t/f/y.npy
echo "$a:"; anediff $a %t/h %t/f; done; true
