/* half.c -- conversion of fp16 and bf16: widening is exact, narrowing rounds once. */
#include "base.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* A 16-bit float: 1 sign bit, exponent, mantissa. */
typedef struct {
    int mant;    /* bits */
    int min_exp; /* exponent of the smallest normal number */
    uint16_t inf;
} Narrow;

static const Narrow f16 = { .mant = 10, .min_exp = -14, .inf = 0x7c00 };
static const Narrow bf16 = { .mant = 7, .min_exp = -126, .inf = 0x7f80 };

enum { DOUBLE_MANT = 52, DOUBLE_BIAS = 1023 };
#define DOUBLE_INF 0x7ff0000000000000u

static uint64_t bits_of(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static double double_of(uint64_t u)
{
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static uint64_t shift_nearest_even(uint64_t v, int shift)
{
    uint64_t half = (uint64_t)1 << (shift - 1), rest = v & (half * 2 - 1), q = v >> shift;
    return q + (rest > half || (rest == half && (q & 1)));
}

static inline uint16_t half_narrow(const Narrow *t, double v)
{
    uint64_t u = bits_of(v), abs = u & (UINT64_MAX >> 1);
    uint16_t sign = (uint16_t)(u >> 48 & 0x8000);
    int drop = DOUBLE_MANT - t->mant, exp = (int)(abs >> DOUBLE_MANT) - DOUBLE_BIAS;
    if (abs > DOUBLE_INF) { /* a NaN: quiet, with the payload's upper bits */
        uint64_t quiet = (uint64_t)1 << (t->mant - 1),
                 payload = abs >> drop & (quiet - 1);
        return (uint16_t)(sign | t->inf | quiet | payload);
    }
    uint64_t r;
    if (exp >= t->min_exp) {
        /* Rebias in place: a carry out of the mantissa is the next exponent. */
        uint64_t base = (uint64_t)(DOUBLE_BIAS + t->min_exp - 1) << DOUBLE_MANT;
        r = shift_nearest_even(abs - base, drop);
    } else if (exp < t->min_exp - t->mant - 1) {
        r = 0; /* below half of the smallest subnormal */
    } else {
        uint64_t mant = (abs & (((uint64_t)1 << DOUBLE_MANT) - 1))
                      | (uint64_t)1 << DOUBLE_MANT;
        r = shift_nearest_even(mant, drop + t->min_exp - exp);
    }
    return (uint16_t)(sign | (r < t->inf ? r : t->inf));
}

static inline double half_widen(const Narrow *t, uint16_t h)
{
    uint64_t sign = (uint64_t)(h & 0x8000) << 48, abs = h & 0x7fff;
    int drop = DOUBLE_MANT - t->mant;
    if (abs >= t->inf) { /* infinity, or a NaN: quiet */
        uint64_t nan = abs > t->inf ? (uint64_t)1 << (DOUBLE_MANT - 1) : 0;
        return double_of(sign | DOUBLE_INF | nan | (abs - t->inf) << drop);
    }
    if (!(abs >> t->mant)) { /* zero, subnormal: a whole number of the smallest steps */
        double step = double_of((uint64_t)(DOUBLE_BIAS + t->min_exp - t->mant)
                                << DOUBLE_MANT);
        return double_of(sign | bits_of((double)abs * step));
    }
    return double_of(
        sign
        | ((abs << drop) + ((uint64_t)(DOUBLE_BIAS + t->min_exp - 1) << DOUBLE_MANT)));
}

double f16_to_double(uint16_t h) { return half_widen(&f16, h); }

uint16_t f16_from_double(double v) { return half_narrow(&f16, v); }

double bf16_to_double(uint16_t h) { return half_widen(&bf16, h); }

uint16_t bf16_from_double(double v) { return half_narrow(&bf16, v); }

/* ---- eight bits -------------------------------------------------------------------------- */

uint16_t f8_e4m3_to_f16(uint8_t v)
{
    enum { BIAS = 15 - 7 }; /* between the exponents */
    const uint16_t sign = (uint16_t)((v & 0x80) << 8), abs = v & 0x7f;
    if (abs == 0x7f) return sign | 0x7e00;
    if (abs < 8) return sign | f16_from_double(abs * 0x1p-9); /* subnormal there */
    return (uint16_t)(sign | ((abs << 7) + (BIAS << 10)));
}

uint16_t f8_e5m2_to_f16(uint8_t v) { return (uint16_t)(v << 8); }

uint16_t f8_e8m0_to_bf16(uint8_t v)
{
    if (v == 0xff) return 0x7fc0;
    return v ? (uint16_t)(v << 7) : 0x0040; /* 2^-127 is subnormal */
}

/* ---- many at once ---------------------------------------------------------------------------
 *
 * Each fast function does a whole number of vectors and returns how many elements it did; the
 * portable loop does the rest, so that both are exercised everywhere and agree bit for bit. */

#if defined(__x86_64__)
#define F16C __attribute__((target("avx2,f16c")))

static bool have_f16c(void)
{
#if defined(__AVX2__) && defined(__F16C__)
    return true; /* built for such processors alone, as for macOS 13, which runs on no others */
#elif defined(__clang__) && __clang_major__ < 16
    /* the name "f16c" is not known; AVX2 came after it */
    return __builtin_cpu_supports("avx2");
#else
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
#endif
}

F16C static size_t fast_to_floats(const uint16_t *src, float *dst, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(dst + i,
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(src + i))));
    return i;
}

F16C static size_t fast_from_floats(const float *src, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128(
            (__m128i_u *)(dst + i),
            _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}

F16C static size_t fast_to_doubles(const uint16_t *src, double *dst, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m128 f = _mm_cvtph_ps(_mm_loadl_epi64((const __m128i_u *)(src + i)));
        _mm256_storeu_pd(dst + i, _mm256_cvtps_pd(f));
    }
    return i;
}

/* Rounding twice would be wrong at ties, so the first step rounds to odd: the bits that a float
 * lacks are cut off, and any of them that was set sets the last bit that stays. */
F16C static size_t fast_from_doubles(const double *src, uint16_t *dst, size_t n)
{
    const __m256i low = _mm256_set1_epi64x((1 << 29) - 1),
                  last = _mm256_set1_epi64x(1 << 29);
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m256i u = _mm256_castpd_si256(_mm256_loadu_pd(src + i));
        __m256i exact = _mm256_cmpeq_epi64(_mm256_and_si256(u, low),
                                           _mm256_setzero_si256());
        u = _mm256_or_si256(_mm256_andnot_si256(low, u),
                            _mm256_andnot_si256(exact, last));
        __m128 f = _mm256_cvtpd_ps(_mm256_castsi256_pd(u));
        _mm_storel_epi64((__m128i_u *)(dst + i),
                         _mm_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT));
    }
    return i;
}
#define FAST(fn) (have_f16c() ? fn(src, dst, n) : 0)
#elif defined(__aarch64__)
static size_t fast_to_floats(const uint16_t *src, float *dst, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(dst + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(src + i))));
    return i;
}

static size_t fast_from_floats(const float *src, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1_u16(dst + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(src + i))));
    return i;
}

static size_t fast_to_doubles(const uint16_t *src, double *dst, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t f = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(src + i)));
        vst1q_f64(dst + i, vcvt_f64_f32(vget_low_f32(f)));
        vst1q_f64(dst + i + 2, vcvt_high_f64_f32(f));
    }
    return i;
}

/* The first step rounds to odd, which this processor has an instruction for. */
static size_t fast_from_doubles(const double *src, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t f = vcvtx_high_f32_f64(vcvtx_f32_f64(vld1q_f64(src + i)),
                                           vld1q_f64(src + i + 2));
        vst1_u16(dst + i, vreinterpret_u16_f16(vcvt_f16_f32(f)));
    }
    return i;
}
#define FAST(fn) fn(src, dst, n)
#else
#define FAST(fn) 0
#endif

void f16_to_doubles(const uint16_t *src, double *dst, size_t n)
{
    for (size_t i = FAST(fast_to_doubles); i < n; i++) dst[i] = half_widen(&f16, src[i]);
}

void f16_from_doubles(const double *src, uint16_t *dst, size_t n)
{
    for (size_t i = FAST(fast_from_doubles); i < n; i++)
        dst[i] = half_narrow(&f16, src[i]);
}

void f16_to_floats(const uint16_t *src, float *dst, size_t n)
{
    for (size_t i = FAST(fast_to_floats); i < n; i++)
        dst[i] = (float)half_widen(&f16, src[i]);
}

void f16_from_floats(const float *src, uint16_t *dst, size_t n)
{
    for (size_t i = FAST(fast_from_floats); i < n; i++)
        dst[i] = half_narrow(&f16, (double)src[i]);
}
