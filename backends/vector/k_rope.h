/* k_rope.h -- pairs of numbers are turned by angles, whose cosines and sines are given
 * (RopeRows). Products are rounded where they are fp16, as the ops that this stands for do. */

typedef struct {
    V first, second;
} RopePair;

INLINE RopePair rope_turned(V a, V b, V cosine, V sine, const bool half)
{
    V ac = a * cosine, bs = b * sine, as = a * sine, bc = b * cosine;
    if (half) {
        ac = v_round16(ac);
        bs = v_round16(bs);
        as = v_round16(as);
        bc = v_round16(bc);
    }
    return (RopePair){ ac - bs, as + bc };
}

/* n elements from number j on, VEC_LANES at most. */
INLINE void rope_some(const RopeRows *r, const int64_t *at, int64_t to, int64_t j,
                      size_t n, const bool half)
{
    V x[ROPE_SIDES];
    _Pragma("GCC unroll 4") for (int i = 0; i < ROPE_SIDES; i++)
        x[i] = end_load(end_at(r->x[i], half, at[i] + j), half, n);
    const RopePair p = rope_turned(x[0], x[1], x[2], x[3], half);
    end_store((void *)(uintptr_t)end_at(r->to[0], half, to + j), half, n, p.first);
    end_store((void *)(uintptr_t)end_at(r->to[1], half, to + j), half, n, p.second);
}

/* The last vector of a row begins so early that it is a whole one, where the row has so many. */
INLINE void rope_rows(const RopeRows *r, const bool half)
{
    for (int64_t i = 0; i < r->rows; i++) {
        const int64_t at[ROPE_SIDES] = { i * r->apart[0], i * r->apart[1],
                                         i * r->apart[2], i * r->apart[3] };
        const int64_t to = i * r->to_apart;
        int64_t j = 0;
        for (; j + VEC_LANES <= r->n; j += VEC_LANES)
            rope_some(r, at, to, j, VEC_LANES, half);
        if (j < r->n && r->n >= VEC_LANES)
            rope_some(r, at, to, r->n - VEC_LANES, VEC_LANES, half);
        else if (j < r->n) rope_some(r, at, to, j, (size_t)(r->n - j), half);
    }
}

static void rope(const RopeRows *r)
{
    if (r->half) rope_rows(r, true);
    else rope_rows(r, false);
}
