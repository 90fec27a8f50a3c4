# anec lint --json narrow.mil wrong.anedsl -t m1,m4
# exit: 1
