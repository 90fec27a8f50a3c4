/* vec_math.h -- functions for which processors have no vector instruction: exp, log, tanh, erf
 * and what is computed with these. tests/unit/test_vector.c says how far each may be off,
 * mostly 2 units in the last place of an fp32. Infinities and NaN come out as C's functions
 * give them, and a result becomes 0 only if it is below the smallest number above 0. */
#ifndef ANEC_VEC_MATH_H
#define ANEC_VEC_MATH_H

#include "vec.h"

/* x times 2^n, where n is NaN or a whole number from -252 to 254. It is rounded once, below the
 * normal numbers too; where no instruction does this, by two factors. */
#if defined(VEC_AVX512)
INLINE V v_scale_by(V x, V n) { return (V)_mm512_scalef_ps((__m512)x, (__m512)n); }
#else
INLINE V v_scale_by(V x, V n)
{
    const VI whole = v_to_ints(v_pick((VI)(n == n), n, v_set(0))), half = whole >> 1;
    const V a = v_from_bits((half + 127) << 23),
            b = v_from_bits((whole - half + 127) << 23);
    return x * a * b;
}
#endif

/* x, or a number that it is below; NaN stays as it is. */
INLINE V v_at_least(V x, float least)
{
#if defined(VEC_AVX512)
    return (V)_mm512_max_ps((__m512)v_set(least), (__m512)x);
#elif defined(VEC_AVX2)
    return (V)_mm256_max_ps((__m256)v_set(least), (__m256)x);
#else
    return v_pick((VI)(x < least), v_set(least), x);
#endif
}

/* x held between two numbers; NaN stays as it is. */
INLINE V v_held(V x, float least, float most)
{
#if defined(VEC_AVX512)
    const __m512 low = _mm512_max_ps((__m512)v_set(least), (__m512)x);
    return (V)_mm512_min_ps((__m512)v_set(most), low);
#elif defined(VEC_AVX2)
    const __m256 low = _mm256_max_ps((__m256)v_set(least), (__m256)x);
    return (V)_mm256_min_ps((__m256)v_set(most), low);
#else
    const V low = v_pick((VI)(x < least), v_set(least), x);
    return v_pick((VI)(low > most), v_set(most), low);
#endif
}

/* exp(x) is 2^n exp(r), where n is whole and r the rest, in two steps, of half a logarithm of 2. */
INLINE V v_exp_whole(V x) { return v_nearest(x * 1.44269504f); }
INLINE V v_exp_rest(V x, V n)
{
    return v_fma(n, v_set(-1.42860677e-6f), v_fma(n, v_set(-0.693145752f), x));
}
INLINE V v_exp_small(V r, V n)
{
    V p = v_set(1.38203244e-3f);
    p = v_fma(p, r, v_set(8.37312452e-3f));
    p = v_fma(p, r, v_set(4.16695364e-2f));
    p = v_fma(p, r, v_set(1.66664720e-1f));
    p = v_fma(p, r, v_set(4.99999851e-1f));
    p = v_fma(p, r, v_set(1));
    p = v_fma(p, r, v_set(1));
    return v_scale_by(p, n);
}

INLINE V v_exp(V x)
{
    const V in = v_held(x, -104, 89), n = v_exp_whole(in);
    return v_exp_small(v_exp_rest(in, n), n);
}

/* The same for x up to 0. */
INLINE V v_exp_below(V x)
{
    const V in = v_at_least(x, -104), n = v_exp_whole(in);
    return v_exp_small(v_exp_rest(in, n), n);
}

/* exp(x + low), where low is what x lost to rounding. */
INLINE V v_exp_of(V x, V low)
{
    const V in = v_held(x, -104, 89), n = v_exp_whole(in);
    return v_exp_small(v_exp_rest(in, n) + low, n);
}

/* exp(x) - 1, for x up to 0. Near 0, where the difference would lose its digits, it is a
 * polynomial. */
INLINE V v_expm1(V x)
{
    V p = v_set(1.98412698e-4f);
    p = v_fma(p, x, v_set(1.38888889e-3f));
    p = v_fma(p, x, v_set(8.33333333e-3f));
    p = v_fma(p, x, v_set(4.16666667e-2f));
    p = v_fma(p, x, v_set(1.66666667e-1f));
    p = v_fma(p, x, v_set(0.5f));
    return v_pick((VI)(x > v_set(-0.35f)), v_fma(p * x, x, x), v_exp(x) - 1);
}

INLINE V v_exp2(V x)
{
    const V in = v_held(x, -151, 129);
    const V n = v_nearest(in), r = in - n;
    const V e = v_exp_of(r * 0.693147182f,
                         v_fma(r, v_set(0.693147182f), -(r * 0.693147182f))
                             + r * -1.90465421e-9f);
    return v_scale_by(e, n);
}

/* log(x + low), where low is what x lost to rounding and small beside it. */
INLINE V v_log_of(V x, V low)
{
    const VI small = (VI)(x < v_set(1.17549435e-38f));
    const V big = v_pick(small, x * 8388608.0f, x);
    const VU bits = (VU)v_bits(big); /* of any x: numbers below 0 end in NaN */
    VI e = (VI)(bits - 0x3f3504f3) >> 23;
    const V m = v_from_bits((VI)(bits - ((VU)e << 23)));
    e = e - (VI)(small & 23);
    const V f = m - 1, s = f / (m + 1), z = s * s;
    V p = v_set(0.24279078f);
    p = v_fma(p, z, v_set(0.28498787f));
    p = v_fma(p, z, v_set(0.40000972f));
    p = v_fma(p, z, v_set(0.66666662f));
    const V half = f * f * 0.5f, n = v_of_ints(e);
    /* log(1 + f) = f - f^2/2 + s (f^2/2 + z p) */
    const V r = v_fma(s, half + z * p, n * 9.05800061e-6f + low / x);
    V y = v_fma(n, v_set(0.693138123f), f - (half - r));
    y = v_pick((VI)(x == v_set(0)), v_set(-__builtin_inff()), y);
    y = v_pick((VI)(x < v_set(0)), v_set(__builtin_nanf("")), y);
    y = v_pick((VI)(x == v_set(__builtin_inff())), x, y);
    return v_pick((VI)(x != x), x, y);
}

INLINE V v_log(V x) { return v_log_of(x, v_set(0)); }

/* log(1 + t), for t from 0 to 1. */
INLINE V v_log1p(V t)
{
    const V u = t + 1;
    const V y = v_log_of(u, t - (u - 1));
    return v_pick((VI)(t < v_set(1e-4f)), t - 0.5f * t * t, y);
}

/* y / (1 + exp(-x)), computed without an exp that could overflow. */
INLINE V v_by_sigmoid(V y, V x)
{
    const V e = v_exp_below(-v_abs(x));
    return v_pick((VI)(x < v_set(0)), y * e, y) / (1 + e);
}

INLINE V v_sigmoid(V x) { return v_by_sigmoid(v_set(1), x); }

INLINE V v_tanh(V x)
{
    const V t = v_abs(x), z = x * x;
    V p = v_set(-5.70498872745e-3f);
    p = v_fma(p, z, v_set(2.06390887954e-2f));
    p = v_fma(p, z, v_set(-5.37397155531e-2f));
    p = v_fma(p, z, v_set(1.33314422036e-1f));
    p = v_fma(p, z, v_set(-3.33332819422e-1f));
    const V near = v_fma(p * z, x, x);
    const V far = v_signed(1 - 2 / (v_exp(t + t) + 1), x);
    return v_pick((VI)(t < v_set(0.625f)) | (VI)(x != x), near, far);
}

/* log(erfc(t)), for t from 0.92 to 4. */
INLINE V v_log_erfc(V t)
{
    const V s = t * t;
    V r = v_fma(v_set(-1.72853470e-5f), t, v_set(3.83197126e-4f));
    const V u = v_fma(v_set(-3.88396438e-3f), t, v_set(2.42546219e-2f));
    r = v_fma(r, s, u);
    r = v_fma(r, t, v_set(-1.06777877e-1f));
    r = v_fma(r, t, v_set(-6.34846687e-1f));
    r = v_fma(r, t, v_set(-1.28717512e-1f));
    return v_fma(r, t, -t);
}

INLINE V v_erf(V x)
{
    const V t = v_abs(x), s = x * x;
    const V far = v_signed(1 - v_exp(v_log_erfc(v_pick((VI)(t > v_set(4)), v_set(4), t))),
                           x);
    V r = v_set(-5.96761703e-4f);
    r = v_fma(r, s, v_set(4.99119423e-3f));
    r = v_fma(r, s, v_set(-2.67681349e-2f));
    r = v_fma(r, s, v_set(1.12819925e-1f));
    r = v_fma(r, s, v_set(-3.76125336e-1f));
    r = v_fma(r, s, v_set(1.28379166e-1f));
    const V near = v_fma(r, x, x);
    return v_pick((VI)(t > v_set(0.927734375f)), far, near);
}

/* Half of erfc(t) / exp(-t^2), for t from 0 to 10, of r = t sqrt 2: a polynomial of 1 / (1 + 0.35 t),
 * which is near 1 / t where t is large. */
INLINE V v_erfc_part(V r)
{
    const V q = 1 / v_fma(r, v_set(2.474873662e-1f), v_set(1));
    V p = v_set(0.5f * 3.868597746e-2f);
    p = v_fma(p, q, v_set(0.5f * -1.605225503e-1f));
    p = v_fma(p, q, v_set(0.5f * 1.853352040e-1f));
    p = v_fma(p, q, v_set(0.5f * -3.306205943e-2f));
    p = v_fma(p, q, v_set(0.5f * 9.165465087e-2f));
    p = v_fma(p, q, v_set(0.5f * 1.434423327e-1f));
    p = v_fma(p, q, v_set(0.5f * 1.521292925e-1f));
    p = v_fma(p, q, v_set(0.5f * 1.876893640e-1f));
    p = v_fma(p, q, v_set(0.5f * 1.971655041e-1f));
    return q * v_fma(p, q, v_set(0.5f * 1.974822879e-1f));
}

/* x times the part of a normal distribution that is below x. With g, the part that is beyond |x|,
 * that is x g or x (1 - g), neither of which loses digits. In exp(-x^2 / 2) x^2 is split into the
 * square of x's leading digits, which is exact, and the rest, since exp would make an error of x^2
 * large. */
INLINE V v_gelu(V x)
{
    const V t = v_abs(x), a = v_min(t, v_set(14));
    const V lead = v_from_bits(v_bits(a) & ~0xfff);
    const V e = v_exp_of(-0.5f * lead * lead, -0.5f * (a - lead) * (a + lead));
    const V some = v_pick((VI)(t == v_set(__builtin_inff())), v_set(0), e);
    const V part = v_erfc_part(a);
    return v_pick((VI)(x < v_set(0)), x * some * part, x * (1 - some * part));
}

#endif
