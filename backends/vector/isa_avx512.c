/* isa_avx512.c -- the kernels for AVX-512 F and DQ; the Makefile compiles this file alone so. */
#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define VEC_NAME avx512
#define VEC_AVX512
#define VEC_LANES 16
#define VEC_ROWS 14
#include "k_all.h"
#else
typedef int isa_avx512_is_of_another_processor;
#endif
