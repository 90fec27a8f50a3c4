# anec two.anedsl -t m1 --opset ios15 --compress 'size>100=int8' -o %t/x.mil
# exit: 1
