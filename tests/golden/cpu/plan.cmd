# anerun --backend cpu --plan ../../../examples/convnet.anedsl | sed -E 's/ +[0-9]+\.[0-9]  / T  /'
