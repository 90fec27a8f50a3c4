/* isa_scalar.c -- the kernels in plain C, for every processor. */
#define VEC_NAME scalar
#define VEC_LANES 4
#define VEC_ROWS 4
#include "k_all.h"
