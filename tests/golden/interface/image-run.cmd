# anerun -b ref -i rgb=rgb.png -i gray=gray.png -O %t/a image.mil && ls %t/a && anerun -b ref -i rgb=%t/a/out.png -i gray=gray.npy image.mil
for f in rgb.npy opaque.png deep.png palette.png grey-rgb.png; do anerun -b ref -i rgb=$f -i gray=grey-rgb.png image.mil; done
anerun -b sim:m1 -i rgb=rgb.png -i gray=gray.png image.mil 2>&1 | head -1
