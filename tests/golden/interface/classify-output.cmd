# anerun -b ref --random 1 -O %t classify.mil && ls %t && anerun --describe classify.mil && anerun --describe --json classify.mil && tail -c 32 %t/probs.keys.npy | od -An -c
