# : >%t/p.anedsl; anec --check %t/p.anedsl
# exit: 1
