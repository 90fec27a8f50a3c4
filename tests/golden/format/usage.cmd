# f=layout.anedsl; for o in "-o %t/x.mil $f" "--stats $f" "--emit ast $f" "../cli/backend-ane.mil" "-o %t/no/ $f"; do anec --format $o; echo $?; done; echo 'a=1' | anec --format --from anedsl -
