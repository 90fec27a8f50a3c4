# for t in anec anerun anediff anetrain anegen; do $t --version | sed '1s/ [0-9][0-9.]*$/ N/; /PNG/d'; done
