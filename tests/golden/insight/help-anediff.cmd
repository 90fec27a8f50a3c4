# anediff --help
