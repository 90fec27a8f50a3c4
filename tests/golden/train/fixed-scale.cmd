# anetrain overflow.anedsl --data built-in:tiny --steps 60 --loss-scale 512 -b ref -q -o %t/run
# exit: 1
