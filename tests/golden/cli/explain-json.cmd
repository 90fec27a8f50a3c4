# anec --explain lstm --json && anec --explain cast-int32 --target m1 --json
