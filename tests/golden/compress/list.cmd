# anec --compress list
