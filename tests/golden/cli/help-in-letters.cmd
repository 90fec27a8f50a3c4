# anerun -qh | head -1
