# t() { echo "$1:"; ANEC_ANE_LIB=$ANESIM ANESIM_FAULT=$1 aneprobe --first-run --only $2 | head -n 1; }
t no-class:_ANERequest classes
t no-selector:compileWithQoS:options:error: classes
t unknown-arch chip
t no-engine classes
t other-keys keys
t refuse:all compile
t uncompiled files
t no-attributes layout
t interleave:2 layout
t other-names ports
t batch-stride rows
t silent-zeros result
t half-written result
t eval-fails:1 result
t no-request result
t no-lock result
t purged reload
