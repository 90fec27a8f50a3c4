# anec --list-rules --target m1 --json | grep -c '"rule"'
