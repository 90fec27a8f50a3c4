# mkdir '%t/a b' && cp narrow.mil '%t/a b/ü.mil' && cp wrong.anedsl %t && cd %t && anec lint --sarif -o out/lint.sarif . ; echo "exit $?"; sed 's/\("version":.*\)"[0-9.]*"\(.*\)/\1\2/' out/lint.sarif
