/* rng.c -- counter-based random numbers: element i of a stream is a function of (seed, i)
 * alone.
 *
 *   mix(x):     x ^= x >> 30; x *= bf58476d1ce4e5b9; x ^= x >> 27; x *= 94d049bb133111eb;
 *               x ^= x >> 31
 *   u64(s, i):  mix(mix(s + G) + (i + 1) * G), G = 9e3779b97f4a7c15 (all hexadecimal, modulo
 *               2^64)
 *   unit(s, i): the upper 53 bits of u64, times 2^-53
 *   normal:     elements 2k and 2k + 1 are the two results of one Box-Muller step on
 *               u64(s, k): r = sqrt(-2 ln((h + 1/2) 2^-40)), h its upper 40 bits;
 *               t = 2 pi l 2^-24, l the rest; r cos t and r sin t
 *
 * Logarithm, sine and cosine are sums written out below, of additions, multiplications, one
 * division and one square root, all of which IEEE 754 defines exactly: every platform makes the
 * same bits. */
#include "base.h"

#include <math.h>
#include <string.h>

#define GOLDEN 0x9e3779b97f4a7c15u

static uint64_t rng_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t rng_u64(uint64_t seed, uint64_t index)
{
    return rng_mix(rng_mix(seed + GOLDEN) + (index + 1) * GOLDEN);
}

double rng_unit(uint64_t seed, uint64_t index)
{
    return (double)(rng_u64(seed, index) >> 11) * 0x1p-53;
}

uint64_t rng_key(uint64_t seed, const char *name)
{
    uint64_t k = rng_mix(seed + GOLDEN);
    for (; *name; name++) k = rng_mix(k ^ (unsigned char)*name);
    return rng_mix(k ^ GOLDEN);
}

/* What follows is free of branches and of 64-bit conversions, so that compilers do several
 * pairs at once; bits are moved between a number and its representation by these two. */
static inline uint64_t bits_of(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static inline double double_of(uint64_t u)
{
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

/* v < 2^52: it becomes the low bits of 2^52 + v. */
static inline double small_to_double(uint64_t v)
{
    return double_of(v | 0x4330000000000000u) - 0x1p52;
}

/* -ln((2 h + 1) 2^-41) for 40 bits of h: m 2^e with m in [sqrt 1/2, sqrt 2), and
 * ln m = 2 artanh((m - 1) / (m + 1)), whose terms past the ninth are below 2^-48. */
static inline double minus_log(uint64_t h)
{
    /* sqrt 1/2: what is left above the mantissa is e */
    const uint64_t root = 0x3fe6a09e667f3bcdu;
    uint64_t u = bits_of(small_to_double(2 * h + 1)) - root;
    double minus_e = small_to_double(41 - (u >> 52));
    double m = double_of((u & 0x000fffffffffffffu) + root);
    double s = (m - 1) / (m + 1), q = s * s, q2 = q * q, q4 = q2 * q2;
    double low = (1 + q * (1.0 / 3)) + q2 * (1.0 / 5 + q * (1.0 / 7));
    double high = (1.0 / 9 + q * (1.0 / 11)) + q2 * (1.0 / 13 + q * (1.0 / 15));
    double atanh = s * (low + q4 * (high + q4 * (1.0 / 17)));
    return minus_e * 0x1.62e42fefa39efp-1 - 2 * atanh;
}

/* Sine and cosine of l / 2^24 turns: of at most an eighth turn by Taylor's sum, then exchanged
 * and signed as its quadrant asks. */
static inline void rng_turn(uint64_t l, double *sine, double *cosine)
{
    uint64_t moved = l + (1u << 21), quadrant = moved >> 22;
    double x = (small_to_double(moved & 0x3fffff) - 0x1p21)
             * (0x1.921fb54442d18p+2 * 0x1p-24);
    double q = x * x, q2 = q * q, q4 = q2 * q2;
    double s = x
             * ((1 - q * (1.0 / 6)) + q2 * (1.0 / 120 - q * (1.0 / 5040))
                + q4 * ((1.0 / 362880 - q * (1.0 / 39916800)) + q2 * (1.0 / 6227020800)));
    double c = (1 - q * (1.0 / 2)) + q2 * (1.0 / 24 - q * (1.0 / 720))
             + q4
                   * ((1.0 / 40320 - q * (1.0 / 3628800))
                      + q2 * (1.0 / 479001600 - q * (1.0 / 87178291200)));
    uint64_t swap = (bits_of(s) ^ bits_of(c)) & (0 - (quadrant & 1));
    *sine = double_of((bits_of(s) ^ swap) ^ (quadrant & 2) << 62);
    *cosine = double_of((bits_of(c) ^ swap) ^ ((quadrant + 1) & 2) << 62);
}

static inline void normal_pair(uint64_t start, uint64_t k, double *even, double *odd)
{
    uint64_t u = rng_mix(start + (k + 1) * GOLDEN);
    double r = sqrt(2 * minus_log(u >> 24)), sine, cosine;
    rng_turn(u & 0xffffff, &sine, &cosine);
    *even = r * cosine;
    *odd = r * sine;
}

double rng_normal(uint64_t seed, uint64_t index)
{
    double even, odd;
    normal_pair(rng_mix(seed + GOLDEN), index / 2, &even, &odd);
    return index & 1 ? odd : even;
}

/* ---- many at once: the same bits, made PAIRS pairs at a time ----------------------------- */

enum { PAIRS = 64 };

#define BLOCK_OF_PAIRS \
    double even[PAIRS], odd[PAIRS]; \
    for (int i = 0; i < PAIRS; i++) \
        normal_pair(start, k + (uint64_t)i, &even[i], &odd[i]); \
    for (int i = 0; i < PAIRS; i++) dst[2 * i] = even[i], dst[2 * i + 1] = odd[i];

static void block_plain(uint64_t start, uint64_t k, double *dst) { BLOCK_OF_PAIRS }

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void block_avx2(uint64_t start, uint64_t k,
                                                       double *dst)
{
    BLOCK_OF_PAIRS
}
#if defined(__AVX2__)
#define HAVE_AVX2 true /* built for such processors alone */
#else
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#endif
#else
#define HAVE_AVX2 false
#define block_avx2 block_plain
#endif

void rng_normals(uint64_t seed, uint64_t first, size_t n, double *dst)
{
    void (*block)(uint64_t, uint64_t, double *) = HAVE_AVX2 ? block_avx2 : block_plain;
    uint64_t start = rng_mix(seed + GOLDEN);
    size_t i = 0;
    if (n && (first & 1)) dst[i++] = rng_normal(seed, first);
    for (; i + 2 * PAIRS <= n; i += 2 * PAIRS) block(start, (first + i) / 2, dst + i);
    for (; i < n; i++) dst[i] = rng_normal(seed, first + i);
}
