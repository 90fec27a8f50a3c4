# for f in transparent.png large.png cut.png huge.png text.png four.npy large.npy absent.png; do anerun -b ref -i rgb=$f -i gray=gray.png image.mil; echo $?; done
anerun -b ref -i rgb=rgb.png -i gray=rgb.png image.mil
anerun -b ref -i x=rgb.png -i c=f2x3.npy optional.mil
anerun -b ref -i rgb=gray.npy -i gray=gray.png image.mil
true
