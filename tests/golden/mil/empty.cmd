# : >%t/x.mil && anec %t/x.mil
# exit: 1
