# cd %t && for name in "$(printf 'a\377b')" "$(printf 'a\nb')" 'a"b' 'a%20b'; do printf 'program(1.0) {' >"$name.mil"; done
anec lint -t m4 . ; echo "exit $?"; anec lint -t m4 --json . | grep 'file\|\.mil'; anec lint -t m4 --sarif . | grep '"uri"'
