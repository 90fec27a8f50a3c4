/* mac.c -- sums of products as an engine forms them: a first stage of few bits, then an fp32
 * accumulator.
 *
 *     for each tile of `lanes` consecutive products:
 *         s = 0; for each product: s = partial(s + half(a * b))
 *         sum += s                              in fp32
 *
 * half rounds to fp16 and partial to mac_bits significant bits, both to nearest even.
 * Operands are fp16 numbers, whose products are exact in fp32. Four columns are one vector,
 * and properties of a chip are masks, so that the inner loop has no branch: 512 x 512 x 512
 * takes half a second. */
#include "sim.h"

#include <math.h>
#include <string.h>

typedef float F4 __attribute__((vector_size(16)));
typedef uint32_t U4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));

enum {
    WIDTH = 4,
    STRIP = 4 * WIDTH,
    DEPTH = 256
}; /* columns of a strip, products packed at a time */
#define SIGN 0x80000000u
#define FLOAT_INF 0x7f800000u

static inline U4 mac_all(uint32_t v) { return (U4){ v, v, v, v }; }
static inline U4 mac_choose(U4 mask, U4 yes, U4 no)
{
    return (yes & mask) | (no & ~mask);
}
/* Magnitudes of floats compare as their bits do; they are below 2^31. */
static inline U4 mac_above(U4 a, uint32_t limit)
{
    return (U4)((I4)a > (I4)mac_all(limit));
}

/* A product as fp16 has it. Below the smallest normal number the step is 2^-24, which is the
 * step of fp32 between 1/2 and 1. */
static inline F4 half_of(const MacProducts *p, F4 v)
{
    const F4 magic = { 0.75f, 0.75f, 0.75f, 0.75f };
    U4 u = (U4)v, mag = u & ~mac_all(SIGN);
    U4 r = (u + p->product.bias + ((u >> p->product.shift) & p->product.odd))
         & p->product.mask;
    r = mac_choose(mac_above(r & ~mac_all(SIGN), p->big),
                   (u & mac_all(SIGN)) | mac_all(FLOAT_INF), r);
    U4 small = ~mac_above(mag, p->tiny) & mac_all(p->tiny ? UINT32_MAX : 0);
    r = mac_choose(small, (U4)((v + magic) - magic) & p->keep, r);
    return (F4)(r & ~(mac_above(mag, FLOAT_INF) & p->not_nan));
}

static inline F4 partial_of(const MacProducts *p, F4 v)
{
    U4 u = (U4)v;
    return (F4)((u + p->partial.bias + ((u >> p->partial.shift) & p->partial.odd))
                & p->partial.mask);
}

/* sum[0..STRIP) += a[0..k) times the packed strip b. */
static void strip_sum(const MacProducts *p, int64_t k, const float *a, const float *b,
                      F4 *sum)
{
    for (int64_t l = 0; l < k; l += p->lanes) {
        F4 s[STRIP / WIDTH] = { { 0 } };
        int64_t end = l + p->lanes < k ? l + p->lanes : k;
        for (int64_t i = l; i < end; i++) {
            const F4 v = { a[i], a[i], a[i], a[i] };
            for (int j = 0; j < STRIP / WIDTH; j++) {
                F4 w;
                memcpy(&w, b + i * STRIP + j * WIDTH, sizeof w);
                s[j] = partial_of(p, s[j] + half_of(p, v * w));
            }
        }
        for (int j = 0; j < STRIP / WIDTH; j++) {
            sum[j] += s[j];
            U4 over = mac_above((U4)sum[j] & ~mac_all(SIGN), p->limit);
            sum[j] = (F4)mac_choose(
                over, ((U4)sum[j] & mac_all(SIGN)) | mac_all(FLOAT_INF), (U4)sum[j]);
        }
    }
}

static float mac_operand(const MacProducts *p, double v)
{
    return fabs(v) < p->flush ? 0 : (float)v;
}

static void mac_tile(const MacProducts *p, int64_t n, int64_t k, const double *a,
                     const float *b, double *c)
{
    float row[DEPTH], out[STRIP];
    F4 sum[STRIP / WIDTH];
    for (int64_t l = 0; l < k; l++) row[l] = mac_operand(p, a[l]);
    for (int64_t j = 0; j < STRIP; j++) out[j] = j < n ? (float)c[j] : 0;
    memcpy(sum, out, sizeof out);
    strip_sum(p, k, row, b, sum);
    memcpy(out, sum, sizeof out);
    for (int64_t j = 0; j < n; j++) c[j] = (double)out[j];
}

static void mac_gemm(const Products *how, int64_t m, int64_t n, int64_t k,
                     const double *a, int64_t lda, const double *b, int64_t ldb,
                     double *c, int64_t ldc)
{
    const MacProducts *p = (const MacProducts *)how;
    float pack[DEPTH * STRIP];
    for (int64_t l = 0; l < k; l += DEPTH)
        for (int64_t j = 0; j < n; j += STRIP) {
            int64_t depth = k - l < DEPTH ? k - l : DEPTH,
                    cols = n - j < STRIP ? n - j : STRIP;
            for (int64_t i = 0; i < depth; i++)
                for (int64_t x = 0; x < STRIP; x++)
                    pack[i * STRIP + x] = x < cols
                                            ? mac_operand(p, b[(l + i) * ldb + j + x])
                                            : 0;
            for (int64_t i = 0; i < m; i++)
                mac_tile(p, cols, depth, a + i * lda + l, pack, c + i * ldc + j);
        }
}

static uint32_t bits_of(double v)
{
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

void mac_init(MacProducts *p, const Numbers *n)
{
    const bool round = n->v[NUM_product_round] != 0;
    const int drop = 24 - (int)n->v[NUM_mac_bits];
    *p = (MacProducts){ .products = { mac_gemm }, .lanes = (int)n->v[NUM_mac_lanes] };
    p->product.mask = p->partial.mask = UINT32_MAX;
    p->big = p->limit = FLOAT_INF;
    if (round) {
        p->product.bias = (1u << 12) - 1;
        p->product.shift = 13;
        p->product.odd = 1;
        p->product.mask = ~((1u << 13) - 1);
        p->tiny = bits_of(0x1p-14) - 1;
        p->big = bits_of(65504);
    }
    if (drop > 0) {
        p->partial.bias = (1u << (drop - 1)) - 1;
        p->partial.shift = (uint32_t)drop;
        p->partial.odd = 1;
        p->partial.mask = ~((1u << drop) - 1);
    }
    p->flush = n->v[NUM_mac_flush] != 0 ? 0x1p-14 : 0;
    p->keep = p->flush > 0 ? 0 : UINT32_MAX;
    p->not_nan = n->v[NUM_invalid_to_zero] != 0 ? UINT32_MAX : 0;
    if (n->v[NUM_mac_overflow_partial] != 0)
        p->limit = bits_of(n->v[NUM_mac_overflow_at]) - 1;
}
