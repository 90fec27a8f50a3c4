# anec -q --plan --target m1 ../../models/gpt2.anedsl | head -12
