# anec --passes list | head -n 3 && anec --list-passes | wc -l
