# anec --list-ops
