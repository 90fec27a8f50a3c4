# anec --check --json --target m1 names-kept.mil | grep -E '"(rule|value|pass|no_pass|message)"' | grep -A3 '"names"' && anec --explain returned-input | grep -E "^returned|way out|pass"
