# anec --list-targets
