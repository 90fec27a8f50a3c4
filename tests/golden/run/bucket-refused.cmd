# anerun -q --random 1 --buckets 8 -b ref bucket-refused.anedsl
# exit: 1
