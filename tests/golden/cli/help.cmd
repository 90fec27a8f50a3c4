# anec --help
