/* ref.h -- `ref`, the reference interpreter: every op runs by its reference kernel
 * (ir/ops). */
#ifndef ANEC_REF_H
#define ANEC_REF_H

#include "../backend.h"
#include "../plan/plan.h"

extern const Backend backend_ref;

/* What runs the calls of a program of ref or cpu instead of call_run, whose contract it has:
 * for a backend that shares how ref walks a program, and not what the operations mean. */
typedef struct {
    bool (*run)(void *ctx, const Op *op, Call *c, Tensor *res, int max);
    void *ctx;
} CallHook;
void ref_hook(Program *p, CallHook hook);

/* Of the weights that constexpr ops decode: how many bytes are held now, at most were,
 * and stay between uses. A decoded weight lives while an op reads it; it stays afterwards
 * as long as all that stay are at most DECODED_KEEP or a quarter of the compressed bytes,
 * whichever is more. */
enum { DECODED_KEEP = 8 << 20 };
typedef struct {
    size_t now, peak, kept, keep;
} DecodedBytes;
DecodedBytes ref_decoded(const Program *p);
const Plan *ref_plan(const Program *p); /* of a program of ref */

#endif
