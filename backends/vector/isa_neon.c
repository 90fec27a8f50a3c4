/* isa_neon.c -- the kernels for 64-bit ARM, all of which have NEON with FMA and 16-bit floats. */
#if defined(__aarch64__)
#define VEC_NAME neon
#define VEC_NEON
#define VEC_LANES 4
#define VEC_ROWS 8
#include "k_all.h"
#else
typedef int isa_neon_is_of_another_processor;
#endif
