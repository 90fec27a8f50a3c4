# export ANEC_ANE_LIB=$ANESIM ANESIM_CHIP=m4; for f in result-kept result-rows ""; do for t in turns handed-on; do ANESIM_FAULT=$f aneprobe --trial $t; done; done; TMPDIR=%t aneprobe --trial state; TMPDIR=%t aneprobe --trial flexible-shape
# What carried states and rows of programs rest on, and that states and unknown extents are asked of the engine itself.
