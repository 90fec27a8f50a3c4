# aneprobe --help
