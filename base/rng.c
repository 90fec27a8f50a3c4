/* rng.c -- counter-based random numbers: element i of a stream is a function of (seed, i) alone.
 *
 *   mix(x):     x ^= x >> 30; x *= bf58476d1ce4e5b9; x ^= x >> 27; x *= 94d049bb133111eb; x ^= x >> 31
 *   u64(s, i):  mix(mix(s + G) + (i + 1) * G), G = 9e3779b97f4a7c15 (all hexadecimal, modulo 2^64)
 *   unit(s, i): the upper 53 bits of u64, times 2^-53
 *   normal:     elements 2k and 2k + 1 are the two results of one Box-Muller step on u64(s, k):
 *               r = sqrt(-2 ln((h + 1/2) 2^-40)), h its upper 40 bits; t = 2 pi l 2^-24, l the rest;
 *               r cos t and r sin t
 *
 * Logarithm, sine and cosine are sums written out below, of additions, multiplications, one division
 * and one square root, all of which IEEE 754 defines exactly: every platform makes the same bits. */
#include "base.h"

#include <math.h>
#include <string.h>

#define GOLDEN 0x9e3779b97f4a7c15u

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t rng_u64(uint64_t seed, uint64_t index)
{
    return mix(mix(seed + GOLDEN) + (index + 1) * GOLDEN);
}

double rng_unit(uint64_t seed, uint64_t index)
{
    return (double)(rng_u64(seed, index) >> 11) * 0x1p-53;
}

uint64_t rng_key(uint64_t seed, const char *name)
{
    uint64_t k = mix(seed + GOLDEN);
    for (; *name; name++) k = mix(k ^ (unsigned char)*name);
    return mix(k ^ GOLDEN);
}

/* -ln((2 h + 1) 2^-41) for 40 bits of h: m 2^e with m in [sqrt 1/2, sqrt 2), and
 * ln m = 2 artanh((m - 1) / (m + 1)), whose terms past the ninth are below 2^-48. */
static inline double minus_log(uint64_t h)
{
    double v = (double)(int64_t)(2 * h + 1);
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    u -= 0x3fe6a09e667f3bcdu; /* sqrt 1/2: what is left above the mantissa is e */
    int64_t e = (int64_t)u >> 52;
    u = (u & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu;
    double m;
    memcpy(&m, &u, sizeof m);
    double s = (m - 1) / (m + 1), q = s * s, q2 = q * q, q4 = q2 * q2;
    double low = (1 + q * (1.0 / 3)) + q2 * (1.0 / 5 + q * (1.0 / 7));
    double high = (1.0 / 9 + q * (1.0 / 11)) + q2 * (1.0 / 13 + q * (1.0 / 15));
    double atanh = s * (low + q4 * (high + q4 * (1.0 / 17)));
    return (double)(41 - e) * 0x1.62e42fefa39efp-1 - 2 * atanh;
}

/* Sine and cosine of l / 2^24 turns: of at most an eighth turn by Taylor's sum, then moved to its
 * quadrant. */
static inline void turn(uint32_t l, double *sine, double *cosine)
{
    int32_t near = (int32_t)((l + (1u << 21)) & 0x3fffff) - (1 << 21);
    double x = near * (0x1.921fb54442d18p+2 * 0x1p-24), q = x * x, q2 = q * q, q4 = q2 * q2;
    double s = x * ((1 - q * (1.0 / 6)) + q2 * (1.0 / 120 - q * (1.0 / 5040))
                    + q4 * ((1.0 / 362880 - q * (1.0 / 39916800)) + q2 * (1.0 / 6227020800)));
    double c = (1 - q * (1.0 / 2)) + q2 * (1.0 / 24 - q * (1.0 / 720))
               + q4 * ((1.0 / 40320 - q * (1.0 / 3628800)) + q2 * (1.0 / 479001600 - q * (1.0 / 87178291200)));
    uint32_t quadrant = (l + (1u << 21)) >> 22 & 3;
    double a = quadrant & 1 ? c : s, b = quadrant & 1 ? s : c;
    *sine = quadrant & 2 ? -a : a;
    *cosine = (quadrant + 1) & 2 ? -b : b;
}

static inline void normal_pair(uint64_t start, uint64_t k, double *even, double *odd)
{
    uint64_t u = mix(start + (k + 1) * GOLDEN);
    double r = sqrt(2 * minus_log(u >> 24)), sine, cosine;
    turn((uint32_t)u & 0xffffff, &sine, &cosine);
    *even = r * cosine;
    *odd = r * sine;
}

double rng_normal(uint64_t seed, uint64_t index)
{
    double even, odd;
    normal_pair(mix(seed + GOLDEN), index / 2, &even, &odd);
    return index & 1 ? odd : even;
}

void rng_normals(uint64_t seed, uint64_t first, size_t n, double *dst)
{
    uint64_t start = mix(seed + GOLDEN);
    size_t i = 0;
    if (n && (first & 1)) dst[i++] = rng_normal(seed, first);
    for (; i + 2 <= n; i += 2) normal_pair(start, (first + i) / 2, &dst[i], &dst[i + 1]);
    if (i < n) dst[i] = rng_normal(seed, first + i);
}

void rng_fill_normal_f16(uint64_t seed, uint64_t first, size_t n, double mean, double dev, uint16_t *dst)
{
    double v[512];
    for (size_t i = 0; i < n; i += COUNT(v)) {
        size_t m = n - i < COUNT(v) ? n - i : COUNT(v);
        rng_normals(seed, first + i, m, v);
        for (size_t k = 0; k < m; k++) v[k] = mean + dev * v[k];
        f16_from_doubles(v, dst + i, m);
    }
}
