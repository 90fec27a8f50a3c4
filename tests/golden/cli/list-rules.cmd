# anec --list-rules && anec --list-rules --target m5
