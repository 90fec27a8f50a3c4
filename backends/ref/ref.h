/* ref.h -- `ref`, the reference interpreter: every op runs by its reference kernel
 * (ir/ops). */
#ifndef ANEC_REF_H
#define ANEC_REF_H

#include "../backend.h"
#include "../plan/plan.h"

extern const Backend backend_ref;

/* A function that computes the calls of a program in place of call_run, with the same
 * contract: for a backend that walks a program as ref does and computes other numbers. */
typedef struct {
    bool (*run)(void *ctx, const Op *op, Call *c, Tensor *res, int max);
    void *ctx;
} CallHook;
void ref_hook(Program *p, CallHook hook);

/* Bytes of weights that constexpr ops have decoded: now, at most so far, kept between uses,
 * and the limit of the latter. A decoded weight lives while an op reads it, and stays
 * afterwards as long as all that stay are within that limit: DECODED_KEEP, or a quarter of
 * the compressed bytes where that is more. */
enum { DECODED_KEEP = 8 << 20 };
typedef struct {
    size_t now, peak, kept, keep;
} DecodedBytes;
DecodedBytes ref_decoded(const Program *p);
const Plan *ref_plan(const Program *p); /* of a program of ref */

#endif
