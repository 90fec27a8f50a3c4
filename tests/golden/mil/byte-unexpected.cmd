# printf 'program(1.3)\n{\n\001}\n' >%t/x.mil && anec %t/x.mil
# exit: 1
