# cd %t
# More weights than a process has places for temporary files.
printf 'weights init ones\nlayer L { weight w: [1]\nfn (x) = x * w }\nmodel main(x: fp16[1]) -> y { layer l: L[1100]\ny = l(x) }\n' >many.anedsl
anec --export-weights out many.anedsl && ls out | wc -l; ls -A
