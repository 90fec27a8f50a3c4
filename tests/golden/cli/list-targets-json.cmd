# anec --list-targets --json
