# anerun --help
