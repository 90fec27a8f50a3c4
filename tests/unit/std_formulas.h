/* std_formulas.h -- what functions of the language's library have to give, in double: test_std_range.c. */
#ifndef ANEC_STD_FORMULAS_H
#define ANEC_STD_FORMULAS_H

#include <stddef.h>

enum { C = 32, S = 32, N = C * S, MAX_IN = 4 };

typedef struct {
    const double *in[MAX_IN];
    double want[N], size[N]; /* size: of the largest on the way; 0: the result's own */
    size_t n;
} Wanted;

/* Computes `want` and `size` of `in`, both of which begin as zeros; n stays but where the result has
 * fewer numbers. */
typedef void Want(Wanted *o);
Want want_rms, want_layer, want_group, want_sigmoid, want_relu6;
Want want_batch_norm, want_silu, want_gelu, want_gelu_tanh, want_gelu_sigmoid;
Want want_swiglu, want_mean, want_mse, want_entropy, want_class_entropy;
Want want_embedding, want_layer_scaled, want_rms_scaled, want_sgd, want_adam;
Want want_momentum, want_nesterov, want_lion, want_rope, want_linear;
Want want_rope_pairs, want_attention, want_causal;

#endif
