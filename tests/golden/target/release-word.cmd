# for tool in anec "anerun --random 1"; do $tool --target m5,tahoe runs.anedsl; done
# exit: 2
