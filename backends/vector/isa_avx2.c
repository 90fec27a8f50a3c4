/* isa_avx2.c -- the kernels for AVX2 with FMA and F16C; the Makefile compiles this file alone
 * so. */
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define VEC_NAME avx2
#define VEC_AVX2
#define VEC_LANES 8
#define VEC_ROWS 6
#include "k_all.h"
#else
typedef int isa_avx2_is_of_another_processor;
#endif
