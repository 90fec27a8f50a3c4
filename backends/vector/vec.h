/* vec.h -- the vector layer that kernels are written over, once for all processors.
 *
 * A file that includes it has defined VEC_LANES, the number of floats in a vector, and one of
 * VEC_AVX512, VEC_AVX2 and VEC_NEON if it is compiled for such a processor. Without one of
 * them everything is plain C, which runs on any processor.
 *
 *   V       VEC_LANES floats; C's + - * / and comparisons work on them, lane by lane
 *   VI      as many int32_t; a comparison of two V gives -1 in a lane where it holds, else 0
 *   VU      as many uint32_t
 *   VM      says of each lane whether it is loaded (v_inside, v_load_some)
 *
 * All functions begin with v_. Loads and stores need no alignment; those without a count read
 * or write VEC_LANES elements. Names that end in 16 are about floats of 16 bits. */
#ifndef ANEC_VEC_H
#define ANEC_VEC_H

#include <stddef.h>
#include <stdint.h>

#include "../../base/base.h"

#if defined(VEC_AVX512) || defined(VEC_AVX2)
#include <immintrin.h>
#elif defined(VEC_NEON)
#include <arm_neon.h>
#endif

typedef float V __attribute__((vector_size(VEC_LANES * 4)));
typedef int32_t VI __attribute__((vector_size(VEC_LANES * 4)));
typedef uint32_t VU __attribute__((vector_size(VEC_LANES * 4)));
/* Floats in memory, at any address that a float may have. */
typedef float VLoose __attribute__((vector_size(VEC_LANES * 4), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline, unused))

INLINE V v_load(const float *p) { return *(const VLoose *)p; }
INLINE void v_store(float *p, V v) { *(VLoose *)p = v; }
INLINE V v_set(float f) { return f - (V){ 0 }; }
INLINE VI v_ints(int32_t i) { return i - (VI){ 0 }; }
INLINE V v_from_bits(VI i) { return (V)i; }
INLINE VI v_bits(V v) { return (VI)v; }

/* ---- what C has no operator for ---------------------------------------------------------- */

#if defined(VEC_AVX512)

INLINE V v_fma(V a, V b, V c)
{
    return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
INLINE V v_sqrt(V a) { return (V)_mm512_sqrt_ps((__m512)a); }
INLINE V v_nearest(V a) { return (V)_mm512_roundscale_ps((__m512)a, 8); }
INLINE V v_floor(V a) { return (V)_mm512_roundscale_ps((__m512)a, 9); }
INLINE V v_ceil(V a) { return (V)_mm512_roundscale_ps((__m512)a, 10); }
INLINE V v_pick(VI mask, V yes, V no)
{
    const __mmask16 m = _mm512_movepi32_mask((__m512i)mask);
    return (V)_mm512_mask_blend_ps(m, (__m512)no, (__m512)yes);
}
INLINE V v_load16(const uint16_t *p)
{
    return (V)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
INLINE void v_store16(uint16_t *p, V v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtps_ph((__m512)v, 8));
}
INLINE V v_round16(V v) { return (V)_mm512_cvtph_ps(_mm512_cvtps_ph((__m512)v, 8)); }
INLINE VI v_to_ints(V v) { return (VI)_mm512_cvtps_epi32((__m512)v); }
INLINE V v_of_ints(VI v) { return (V)_mm512_cvtepi32_ps((__m512i)v); }
INLINE VI v_bytes(const uint8_t *p)
{
    return (VI)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
INLINE VI v_nibbles(const uint8_t *p)
{
    const __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)p);
    const __m128i half = _mm_set1_epi8(15), low = _mm_and_si128(b, half);
    const __m128i high = _mm_and_si128(_mm_srli_epi16(b, 4), half);
    return (VI)_mm512_cvtepu8_epi32(_mm_unpacklo_epi8(low, high));
}
INLINE V v_look(const float *table, VI at)
{
    return (V)_mm512_i32gather_ps((__m512i)at, table, 4);
}
INLINE V v_among(V table, VI at)
{
    return (V)_mm512_permutexvar_ps((__m512i)at, (__m512)table);
}
/* The elements of `vectors` vectors, 4 or 16, at some places. */
#define VEC_TABLES 16
INLINE V v_among_many(const V *table, int vectors, VI at)
{
    __m512 got[VEC_TABLES / 2];
#pragma GCC unroll 8
    for (int i = 0; i < vectors / 2; i++)
        got[i] = _mm512_permutex2var_ps((__m512)table[2 * i], (__m512i)at,
                                        (__m512)table[2 * i + 1]);
    int bit = 2 * VEC_LANES;
#pragma GCC unroll 3
    for (int n = vectors / 4; n; n /= 2, bit *= 2) {
        const __mmask16 upper = _mm512_test_epi32_mask((__m512i)at,
                                                       _mm512_set1_epi32(bit));
#pragma GCC unroll 4
        for (int i = 0; i < n; i++)
            got[i] = _mm512_mask_blend_ps(upper, got[2 * i], got[2 * i + 1]);
    }
    return (V)got[0];
}
INLINE VI v_codes(const uint8_t *p, VI pick, VI shift, VI mask)
{
    const __m256i b = _mm256_broadcastsi128_si256(
        _mm_loadu_si128((const __m128i *)(const void *)p));
    const __m512i k = (__m512i)pick;
    const __m256i low = _mm256_shuffle_epi8(b, _mm512_castsi512_si256(k));
    const __m256i high = _mm256_shuffle_epi8(b, _mm512_extracti64x4_epi64(k, 1));
    const __m512i all = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    return (VI)_mm512_srlv_epi32(all, (__m512i)shift) & mask;
}
INLINE V v_expand(unsigned bits, V v)
{
    return (V)_mm512_maskz_expand_ps((__mmask16)bits, (__m512)v);
}

#elif defined(VEC_AVX2)

INLINE V v_fma(V a, V b, V c)
{
    return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
INLINE V v_sqrt(V a) { return (V)_mm256_sqrt_ps((__m256)a); }
INLINE V v_nearest(V a) { return (V)_mm256_round_ps((__m256)a, 8); }
INLINE V v_floor(V a) { return (V)_mm256_round_ps((__m256)a, 9); }
INLINE V v_ceil(V a) { return (V)_mm256_round_ps((__m256)a, 10); }
INLINE V v_pick(VI mask, V yes, V no)
{
    return (V)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)mask);
}
INLINE V v_load16(const uint16_t *p)
{
    return (V)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
INLINE void v_store16(uint16_t *p, V v)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_cvtps_ph((__m256)v, 0));
}
INLINE V v_round16(V v) { return (V)_mm256_cvtph_ps(_mm256_cvtps_ph((__m256)v, 0)); }
INLINE VI v_to_ints(V v) { return (VI)_mm256_cvtps_epi32((__m256)v); }
INLINE V v_of_ints(VI v) { return (V)_mm256_cvtepi32_ps((__m256i)v); }
INLINE VI v_bytes(const uint8_t *p)
{
    return (VI)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}
INLINE VI v_nibbles(const uint8_t *p)
{
    int32_t four;
    __builtin_memcpy(&four, p, sizeof four);
    const __m128i b = _mm_cvtsi32_si128(four);
    const __m128i half = _mm_set1_epi8(15), low = _mm_and_si128(b, half);
    const __m128i high = _mm_and_si128(_mm_srli_epi16(b, 4), half);
    return (VI)_mm256_cvtepu8_epi32(_mm_unpacklo_epi8(low, high));
}
INLINE V v_look(const float *table, VI at)
{
    return (V)_mm256_i32gather_ps(table, (__m256i)at, 4);
}
INLINE V v_among(V table, VI at)
{
    return (V)_mm256_permutevar8x32_ps((__m256)table, (__m256i)at);
}
INLINE VI v_codes(const uint8_t *p, VI pick, VI shift, VI mask)
{
    const __m256i b = _mm256_broadcastsi128_si256(
        _mm_loadu_si128((const __m128i *)(const void *)p));
    return (VI)_mm256_srlv_epi32(_mm256_shuffle_epi8(b, (__m256i)pick), (__m256i)shift)
         & mask;
}
INLINE V v_expand(unsigned bits, V v)
{
    const uint64_t lanes = _pdep_u64(bits, 0x0101010101010101) * 0xff;
    const uint64_t from = _pdep_u64(0x0706050403020100, lanes);
    const __m256i at = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)from));
    const VI there = (VI)_mm256_cvtepi8_epi32(_mm_cvtsi64_si128((int64_t)lanes));
    return (V)((VI)_mm256_permutevar8x32_ps((__m256)v, at) & there);
}

#elif defined(VEC_NEON)

INLINE V v_fma(V a, V b, V c)
{
    return (V)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
INLINE V v_sqrt(V a) { return (V)vsqrtq_f32((float32x4_t)a); }
INLINE V v_nearest(V a) { return (V)vrndnq_f32((float32x4_t)a); }
INLINE V v_floor(V a) { return (V)vrndmq_f32((float32x4_t)a); }
INLINE V v_ceil(V a) { return (V)vrndpq_f32((float32x4_t)a); }
INLINE V v_pick(VI mask, V yes, V no)
{
    return (V)vbslq_f32((uint32x4_t)mask, (float32x4_t)yes, (float32x4_t)no);
}
INLINE V v_load16(const uint16_t *p)
{
    return (V)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
INLINE void v_store16(uint16_t *p, V v)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)v)));
}
INLINE V v_round16(V v) { return (V)vcvt_f32_f16(vcvt_f16_f32((float32x4_t)v)); }
INLINE VI v_to_ints(V v) { return (VI)vcvtnq_s32_f32((float32x4_t)v); }
INLINE V v_of_ints(VI v) { return (V)vcvtq_f32_s32((int32x4_t)v); }

#else

/* It rounds twice: the processor may have no instruction that does both and rounds once. */
INLINE V v_fma(V a, V b, V c) { return a * b + c; }

/* A function of C applied to each lane. */
#define BY_LANE(name, f) \
    INLINE V name(V a) \
    { \
        for (int i = 0; i < VEC_LANES; i++) a[i] = f(a[i]); \
        return a; \
    }
BY_LANE(v_sqrt, __builtin_sqrtf)
BY_LANE(v_nearest, __builtin_rintf)
BY_LANE(v_floor, __builtin_floorf)
BY_LANE(v_ceil, __builtin_ceilf)
#undef BY_LANE

INLINE V v_pick(VI mask, V yes, V no) { return (V)((mask & (VI)yes) | (~mask & (VI)no)); }
INLINE V v_load16(const uint16_t *p)
{
    V v;
    f16_to_floats(p, (float *)&v, VEC_LANES);
    return v;
}
INLINE void v_store16(uint16_t *p, V v)
{
    f16_from_floats((const float *)&v, p, VEC_LANES);
}
INLINE V v_round16(V v)
{
    uint16_t h[VEC_LANES];
    v_store16(h, v);
    return v_load16(h);
}
INLINE VI v_to_ints(V v)
{
    VI n;
    for (int i = 0; i < VEC_LANES; i++) n[i] = (int32_t)__builtin_rintf(v[i]);
    return n;
}
INLINE V v_of_ints(VI v)
{
    V f;
    for (int i = 0; i < VEC_LANES; i++) f[i] = (float)v[i];
    return f;
}

#endif

/* v_bytes and v_nibbles give VEC_LANES numbers of 8 and of 4 bits, the lower half of a byte
 * first; v_look the elements of a table at some places, and v_among those of a vector. v_codes gives
 * numbers of fewer than 8 bits out of 16 bytes: of each lane the byte where it begins, in the low
 * byte of `pick`, and the next; how far it is shifted there; and its bits. v_expand puts the first
 * elements of a vector where bits are set, in this order, and 0 elsewhere. */
#if !defined(VEC_AVX512) && !defined(VEC_AVX2)
INLINE VI v_bytes(const uint8_t *p)
{
    VI n;
    for (int i = 0; i < VEC_LANES; i++) n[i] = p[i];
    return n;
}
INLINE VI v_nibbles(const uint8_t *p)
{
    VI n;
    for (int i = 0; i < VEC_LANES; i++) n[i] = p[i / 2] >> i % 2 * 4 & 15;
    return n;
}
INLINE V v_look(const float *table, VI at)
{
    V v;
    for (int i = 0; i < VEC_LANES; i++) v[i] = table[at[i]];
    return v;
}
INLINE V v_among(V table, VI at)
{
    V v;
    for (int i = 0; i < VEC_LANES; i++) v[i] = table[at[i]];
    return v;
}
INLINE VI v_codes(const uint8_t *p, VI pick, VI shift, VI mask)
{
    VI n;
    for (int i = 0; i < VEC_LANES; i++) {
        const uint8_t *at = p + (pick[i] & 15);
        n[i] = (at[0] | at[1] << 8) >> shift[i] & mask[i];
    }
    return n;
}
INLINE V v_expand(unsigned bits, V v)
{
    V z = v_set(0);
    for (int i = 0, k = 0; i < VEC_LANES; i++)
        if (bits >> i & 1) z[i] = v[k++];
    return z;
}
#endif

/* v_even and v_odd give every second lane of a and then of b, from the first or the second lane
 * on. v_turns_low and v_turns_high give lanes of a and of b by turns, from the first or the
 * second half of each. */
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#if VEC_LANES == 16
INLINE V v_even(V a, V b)
{
    return SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
INLINE V v_odd(V a, V b)
{
    return SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
INLINE V v_turns_low(V a, V b)
{
    return SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
INLINE V v_turns_high(V a, V b)
{
    return SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#elif VEC_LANES == 8
INLINE V v_even(V a, V b) { return SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
INLINE V v_odd(V a, V b) { return SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
INLINE V v_turns_low(V a, V b) { return SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
INLINE V v_turns_high(V a, V b) { return SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#else
INLINE V v_even(V a, V b) { return SHUFFLE(a, b, 0, 2, 4, 6); }
INLINE V v_odd(V a, V b) { return SHUFFLE(a, b, 1, 3, 5, 7); }
INLINE V v_turns_low(V a, V b) { return SHUFFLE(a, b, 0, 4, 1, 5); }
INLINE V v_turns_high(V a, V b) { return SHUFFLE(a, b, 2, 6, 3, 7); }
#endif
#undef SHUFFLE

/* ---- made of those ----------------------------------------------------------------------- */

INLINE V v_abs(V a) { return (V)((VI)a & 0x7fffffff); }
/* The absolute value of one number with the sign of another. */
INLINE V v_signed(V size, V sign)
{
    return (V)(((VI)size & 0x7fffffff) | ((VI)sign & (VI)v_set(-0.0f)));
}
/* The larger or the smaller of two numbers, and NaN when either is NaN. Intel's instructions
 * give their second operand where one is NaN, and where both are 0. */
#if defined(VEC_AVX512)
INLINE V v_nan_of(V a, V m)
{
    const __mmask16 nan = _mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_UNORD_Q);
    return (V)_mm512_mask_mov_ps((__m512)m, nan, (__m512)a);
}
INLINE V v_max(V a, V b) { return v_nan_of(a, (V)_mm512_max_ps((__m512)a, (__m512)b)); }
INLINE V v_min(V a, V b) { return v_nan_of(a, (V)_mm512_min_ps((__m512)a, (__m512)b)); }
#elif defined(VEC_AVX2)
INLINE V v_max(V a, V b)
{
    return v_pick((VI)(a != a), a, (V)_mm256_max_ps((__m256)a, (__m256)b));
}
INLINE V v_min(V a, V b)
{
    return v_pick((VI)(a != a), a, (V)_mm256_min_ps((__m256)a, (__m256)b));
}
#else
INLINE V v_max(V a, V b) { return v_pick((VI)(a > b) | (VI)(a != a), a, b); }
INLINE V v_min(V a, V b) { return v_pick((VI)(a < b) | (VI)(a != a), a, b); }
#endif
/* The larger of two numbers, and b where a is NaN. */
#if defined(VEC_AVX512)
INLINE V v_larger(V a, V b) { return (V)_mm512_max_ps((__m512)a, (__m512)b); }
#elif defined(VEC_AVX2)
INLINE V v_larger(V a, V b) { return (V)_mm256_max_ps((__m256)a, (__m256)b); }
#else
INLINE V v_larger(V a, V b) { return v_pick((VI)(a > b), a, b); }
#endif
/* 1 where a comparison holds, else 0. */
INLINE V v_truth(VI mask) { return (V)(mask & (VI)v_set(1)); }

/* The sum and the largest of the lanes. Processors whose vectors have as many lanes add them in
 * the same order, so that their sums are the same. */
#if VEC_LANES == 16
#define TURNED(a, n) \
    __builtin_shufflevector(a, a, (n), (n) + 1, (n) + 2, (n) + 3, (n) + 4, (n) + 5, \
                            (n) + 6, (n) + 7, (n) + 8, (n) + 9, (n) + 10, (n) + 11, \
                            (n) + 12, (n) + 13, (n) + 14, (n) + 15)
#elif VEC_LANES == 8
#define TURNED(a, n) \
    __builtin_shufflevector(a, a, (n), (n) + 1, (n) + 2, (n) + 3, (n) + 4, (n) + 5, \
                            (n) + 6, (n) + 7)
#else
#define TURNED(a, n) __builtin_shufflevector(a, a, (n), (n) + 1, (n) + 2, (n) + 3)
#endif
INLINE float v_sum(V a)
{
#if VEC_LANES == 16
    a += TURNED(a, 8);
#endif
#if VEC_LANES >= 8
    a += TURNED(a, 4);
#endif
    a += TURNED(a, 2);
    a += TURNED(a, 1);
    return a[0];
}
INLINE float v_most(V a)
{
#if VEC_LANES == 16
    a = v_max(a, TURNED(a, 8));
#endif
#if VEC_LANES >= 8
    a = v_max(a, TURNED(a, 4));
#endif
    a = v_max(a, TURNED(a, 2));
    a = v_max(a, TURNED(a, 1));
    return a[0];
}
#undef TURNED

#if defined(VEC_AVX512)
/* A mask of the first n lanes. */
INLINE __mmask16 v_first(size_t n) { return (__mmask16)((1u << n) - 1); }
/* Loads the first n lanes; the others are `rest`. */
INLINE V v_load_part(const float *p, size_t n, float rest)
{
    return (V)_mm512_mask_loadu_ps((__m512)v_set(rest), v_first(n), p);
}
INLINE void v_store_part(float *p, V v, size_t n)
{
    _mm512_mask_storeu_ps(p, v_first(n), (__m512)v);
}
/* v_inside says which of the elements at, at + 1, .. lie in a row of n elements; v_load_some
 * loads those alone, and 0 in the other lanes. */
typedef __mmask16 VM;
INLINE VM v_inside(int64_t at, int64_t n)
{
    if (at >= n || at + VEC_LANES <= 0) return 0;
    const int64_t end = n - at < VEC_LANES ? n - at : VEC_LANES;
    return v_first((size_t)end) & (VM)~v_first((size_t)(at < 0 ? -at : 0));
}
INLINE V v_load_some(const float *p, VM there)
{
    return (V)_mm512_maskz_loadu_ps(there, p);
}
#else
INLINE V v_load_part(const float *p, size_t n, float rest)
{
    float t[VEC_LANES];
    for (size_t i = 0; i < VEC_LANES; i++) t[i] = i < n ? p[i] : rest;
    return v_load(t);
}
INLINE void v_store_part(float *p, V v, size_t n)
{
    float t[VEC_LANES];
    v_store(t, v);
    for (size_t i = 0; i < n; i++) p[i] = t[i];
}
typedef VI VM;
#if defined(VEC_AVX2)
INLINE V v_load_some(const float *p, VM there)
{
    return (V)_mm256_maskload_ps(p, (__m256i)there);
}
#else
INLINE V v_load_some(const float *p, VM there)
{
    V v = v_set(0);
    for (int i = 0; i < VEC_LANES; i++)
        if (there[i]) v[i] = p[i];
    return v;
}
#endif
INLINE VM v_inside(int64_t at, int64_t n)
{
    VM there;
    for (int i = 0; i < VEC_LANES; i++) there[i] = at + i >= 0 && at + i < n ? -1 : 0;
    return there;
}
#endif

#endif
