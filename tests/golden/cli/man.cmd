# anec --man | sed 2q && anerun --man | sed -n 3p
