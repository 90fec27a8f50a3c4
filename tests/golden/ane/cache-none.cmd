# ANEC_CACHE_DIR=/dev/null/x anerun --cache status
# exit: 3
