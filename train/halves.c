/* halves.c -- weights in fp16 for a device that computes in it.
 *
 * Where a run has come near to what it learns, a step moves a weight by less than the distance of
 * two numbers of fp16. Rounded to the nearest one, its copy then stays the same for many steps, and
 * is off by the same amount in each of them, which no number of steps averages out. So what decides
 * between the two neighbours moves on by the golden ratio at each step, from a place that each
 * element has of its own: in n steps a weight that lies at 0.3 of the way from one to the
 * other is rounded up in 0.3 n of them, give or take one or two. That is a function of
 * the step alone, so a resumed run, or another process, rounds as this one does; and a number
 * that fp16 has is left as it is. */
#include "train.h"

#include <math.h>
#include <string.h>

#define GOLDEN 0x9e3779b9u /* of 2^32 */

enum {
    DROPPED = 13,
    BIAS = 112 << 10
};                          /* bits of fp32 that fp16 lacks; its other exponent */
#define LEAST 0x38800000u   /* 2^-14, the least normal number of fp16, as fp32; */
#define LARGEST 0x477fe000u /* and 65504, its largest */

static uint16_t halves_one(float v, uint32_t place)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    const uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    u &= 0x7fffffff;
    if (u >= LARGEST) return f16_from_double(v);
    if (u >= LEAST)
        return (uint16_t)(sign | (((u + (place >> (32 - DROPPED))) >> DROPPED) - BIAS));
    return (uint16_t)(sign | (uint16_t)(fabs((double)v) * 0x1p24 + place * 0x1p-32));
}

void halves_round(const char *path, uint64_t step, const float *w, size_t n,
                  uint16_t *out)
{
    const uint64_t key = rng_key(0, path);
    const uint32_t moved = (uint32_t)step * GOLDEN;
    for (size_t i = 0; i < n; i++)
        out[i] = halves_one(w[i], (uint32_t)(rng_u64(key, i) >> 32) + moved);
}
