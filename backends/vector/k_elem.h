/* k_elem.h -- the functions of elements that elem.def lists, each as a loop over vectors, and
 * the conversions between floats of 16 and of 32 bits. */

/* 0.5 x (1 + tanh u) equals x sigmoid(2 u). The second form keeps its digits where x is far
 * below 0, and 1 + tanh u has lost them. */
INLINE V gelu_tanh(V x)
{
    const V u = 1.59576912f * v_fma(0.044715f * x * x, x, x);
    return v_by_sigmoid(x, u);
}

/* There is a loop for each number of operands: an operand that the function lacks is not read.
 * A function of one is there for a vector as well. */
#define ELEM_LOOP_1(name, value) \
    INLINE V elem_of_##name(V x, float a, float b) \
    { \
        (void)a, (void)b; \
        return value; \
    } \
    static void elem_##name(float *zp, const float *xp, const float *yp, \
                            const float *wp, float a, float b, size_t n) \
    { \
        (void)yp, (void)wp; \
        for (size_t i = 0; i < n; i += VEC_LANES) \
            v_store(zp + i, elem_of_##name(v_load(xp + i), a, b)); \
    }
#define ELEM_LOOP_2(name, value) \
    static void elem_##name(float *zp, const float *xp, const float *yp, \
                            const float *wp, float a, float b, size_t n) \
    { \
        (void)wp, (void)a, (void)b; \
        for (size_t i = 0; i < n; i += VEC_LANES) { \
            const V x = v_load(xp + i), y = v_load(yp + i); \
            v_store(zp + i, value); \
        } \
    }
#define ELEM_LOOP_3(name, value) \
    static void elem_##name(float *zp, const float *xp, const float *yp, \
                            const float *wp, float a, float b, size_t n) \
    { \
        (void)a, (void)b; \
        for (size_t i = 0; i < n; i += VEC_LANES) { \
            const V x = v_load(xp + i), y = v_load(yp + i), w = v_load(wp + i); \
            v_store(zp + i, value); \
        } \
    }
#define ELEM(name, args, value) ELEM_LOOP_##args(name, value)
#include "elem.def"

static ElemFn *const elem_loops[ELEM_COUNT] = {
#define ELEM(name, args, value) [ELEM_##name] = elem_##name,
#include "elem.def"
};

static void widen(float *dst, const uint16_t *src, size_t n)
{
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) v_store(dst + i, v_load16(src + i));
    if (i < n) {
        uint16_t rest[VEC_LANES] = { 0 };
        for (size_t k = i; k < n; k++) rest[k - i] = src[k];
        v_store_part(dst + i, v_load16(rest), n - i);
    }
}

static void narrow(uint16_t *dst, const float *src, size_t n)
{
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) v_store16(dst + i, v_load(src + i));
    if (i < n) {
        uint16_t rest[VEC_LANES];
        v_store16(rest, v_load_part(src + i, n - i, 0));
        for (size_t k = i; k < n; k++) dst[k] = rest[k - i];
    }
}

/* Writes up to the next multiple of ELEM_PAD elements. */
static void fill(float *dst, float v, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES) v_store(dst + i, v_set(v));
}
