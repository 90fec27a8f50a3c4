# anec lint --help
