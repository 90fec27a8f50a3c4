# head -c 300 /dev/zero >%t/x.mil && anec %t/x.mil
# exit: 1
