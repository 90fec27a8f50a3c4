# anerun --backend cpu --plan ../../../examples/convnet.anedsl
