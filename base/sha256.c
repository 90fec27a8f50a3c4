/* sha256.c -- SHA-256 (FIPS 180-4), for names of what is stored by content. */
#include "base.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_FEATURE_SHA2)
#include <arm_neon.h>
#endif

static const uint32_t rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
    0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
    0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
    0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2,
};

static uint32_t sha256_turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

/* A round: what was h becomes a of the next, and d takes part of it, so that eight rounds with
 * the names turned on move nothing. */
static inline void sha256_round(const uint32_t v[7], uint32_t w, uint32_t *d, uint32_t *h)
{
    const uint32_t a = v[0], b = v[1], c = v[2], e = v[4], f = v[5], g = v[6];
    const uint32_t t = *h + (sha256_turn(e, 6) ^ sha256_turn(e, 11) ^ sha256_turn(e, 25))
                     + (g ^ (e & (f ^ g))) + w;
    *d += t;
    *h = t + (sha256_turn(a, 2) ^ sha256_turn(a, 13) ^ sha256_turn(a, 22))
       + ((a & b) | (c & (a | b)));
}

#define ROUND(a, b, c, d, e, f, g, h, at) \
    sha256_round((const uint32_t[]){ a, b, c, d, e, f, g }, rounds[at] + w[at], &d, &h)

static void block_plainly(uint32_t *v, const unsigned char *p)
{
    uint32_t w[64];
    uint32_t a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6],
             h = v[7];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16
             | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        const uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (sha256_turn(x, 7) ^ sha256_turn(x, 18) ^ x >> 3) + w[i - 7]
             + (sha256_turn(y, 17) ^ sha256_turn(y, 19) ^ y >> 10);
    }
    for (int i = 0; i < 64; i += 8) {
        ROUND(a, b, c, d, e, f, g, h, i);
        ROUND(h, a, b, c, d, e, f, g, i + 1);
        ROUND(g, h, a, b, c, d, e, f, i + 2);
        ROUND(f, g, h, a, b, c, d, e, i + 3);
        ROUND(e, f, g, h, a, b, c, d, i + 4);
        ROUND(d, e, f, g, h, a, b, c, i + 5);
        ROUND(c, d, e, f, g, h, a, b, i + 6);
        ROUND(b, c, d, e, f, g, h, a, i + 7);
    }
    const uint32_t now[8] = { a, b, c, d, e, f, g, h };
    for (int i = 0; i < 8; i++) v[i] += now[i];
}
#undef ROUND

/* ---- by the processor's own instructions ------------------------------------------------- */

/* Four rounds with the words w0, which then become those of sixteen rounds on: w1 to w3 are the
 * words between. */
#if defined(__x86_64__)
/* The state is kept as the instructions want it: a, b, e, f and c, d, g, h, from the high lane
 * down; two rounds make the one from the other. */
#define FOUR(w0, w1, w2, w3, at) \
    k = _mm_add_epi32(w0, _mm_loadu_si128((const __m128i *)(const void *)&rounds[at])); \
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k); \
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0e)); \
    w0 = _mm_sha256msg2_epu32( \
        _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3);

__attribute__((target("sha,sse4.1,ssse3"))) static void block_by_processor(
    uint32_t *v, const unsigned char *p)
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i w[4], k, abef, cdgh, now[2];
    for (int i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(
            _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), order);
    now[0] = abef = _mm_set_epi32((int)v[0], (int)v[1], (int)v[4], (int)v[5]);
    now[1] = cdgh = _mm_set_epi32((int)v[2], (int)v[3], (int)v[6], (int)v[7]);
    for (int i = 0; i < 64; i += 16) {
        FOUR(w[0], w[1], w[2], w[3], i)
        FOUR(w[1], w[2], w[3], w[0], i + 4)
        FOUR(w[2], w[3], w[0], w[1], i + 8)
        FOUR(w[3], w[0], w[1], w[2], i + 12)
    }
    uint32_t out[8];
    _mm_storeu_si128((__m128i *)(void *)out, _mm_add_epi32(abef, now[0]));
    _mm_storeu_si128((__m128i *)(void *)(out + 4), _mm_add_epi32(cdgh, now[1]));
    static const int lane[8] = { 3, 2, 7, 6, 1, 0, 5, 4 };
    for (int i = 0; i < 8; i++) v[i] = out[lane[i]];
}
#undef FOUR

static bool processor_has_sha(void)
{
    enum { SSSE3 = 1 << 9, SSE41 = 1 << 19, SHA = 1 << 29 };
    uint32_t a, b, c, d, wide;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & SSSE3) && (c & SSE41)
        && __get_cpuid_count(7, 0, &a, &wide, &c, &d) && (wide & SHA);
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_SHA2)
#define FOUR(w0, w1, w2, w3, at) \
    k = vaddq_u32(w0, vld1q_u32(&rounds[at])); \
    before = abcd; \
    abcd = vsha256hq_u32(abcd, efgh, k); \
    efgh = vsha256h2q_u32(efgh, before, k); \
    w0 = vsha256su1q_u32(vsha256su0q_u32(w0, w1), w2, w3);

static void block_by_processor(uint32_t *v, const unsigned char *p)
{
    uint32x4_t w[4], k, before, abcd = vld1q_u32(v), efgh = vld1q_u32(v + 4);
    const uint32x4_t now[2] = { abcd, efgh };
    for (int i = 0; i < 4; i++)
        w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16 * i)));
    for (int i = 0; i < 64; i += 16) {
        FOUR(w[0], w[1], w[2], w[3], i)
        FOUR(w[1], w[2], w[3], w[0], i + 4)
        FOUR(w[2], w[3], w[0], w[1], i + 8)
        FOUR(w[3], w[0], w[1], w[2], i + 12)
    }
    vst1q_u32(v, vaddq_u32(abcd, now[0]));
    vst1q_u32(v + 4, vaddq_u32(efgh, now[1]));
}
#undef FOUR

static bool processor_has_sha(void) { return true; } /* built for such processors alone */
#else
#define block_by_processor block_plainly
static bool processor_has_sha(void) { return false; }
#endif

void sha256_settle(Sha256 *s) { s->how = processor_has_sha() ? SHA_QUICK : SHA_PLAIN; }

static void sha256_blocks(Sha256 *s, const unsigned char *p, size_t n)
{
    /* To ask takes 40 us in a virtual machine, as long as some KB take plainly. */
    enum { MANY = 512 };
    if (s->how == SHA_ASK && n >= MANY) sha256_settle(s);
    void (*block)(uint32_t *, const unsigned char *) = s->how == SHA_QUICK
                                                         ? block_by_processor
                                                         : block_plainly;
    for (; n; n--, p += 64) block(s->state, p);
}

Sha256 sha256_start(void)
{
    return (Sha256){ .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void sha256_add(Sha256 *s, const void *p, size_t n)
{
    const unsigned char *at = p;
    size_t have = (size_t)(s->bytes % 64);
    s->bytes += n;
    if (have && have + n >= 64) {
        memcpy(s->part + have, at, 64 - have);
        sha256_blocks(s, s->part, 1);
        at += 64 - have;
        n -= 64 - have;
        have = 0;
    }
    if (!have && n >= 64) {
        sha256_blocks(s, at, n / 64);
        at += n / 64 * 64;
        n %= 64;
    }
    if (n) memcpy(s->part + have, at, n);
}

void sha256_end(Sha256 *s, char hex[65])
{
    unsigned char tail[72] = { 0x80 };
    const uint64_t bits = s->bytes * 8;
    size_t pad = (size_t)(119 - s->bytes % 64) % 64
               + 1; /* so that 8 bytes more fill a block */
    for (int i = 0; i < 8; i++)
        tail[pad + (size_t)i] = (unsigned char)(bits >> (56 - 8 * i));
    sha256_add(s, tail, pad + 8);
    for (int i = 0; i < 8; i++) snprintf(hex + 8 * i, 9, "%08x", s->state[i]);
}
