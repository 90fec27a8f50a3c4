# printf 'program(1.3) // caf\351\n{\n}\n' >%t/x.mil && anec %t/x.mil
# exit: 1
