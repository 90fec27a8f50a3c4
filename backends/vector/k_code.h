/* k_code.h -- weights that are kept compressed become floats: codes of a few bits that are scaled or
 * looked up in a table, and the numbers that a mask spreads over a row. */

/* How a code becomes a number: by a scale for all, or one for each; by a table that is one vector,
 * or any other. And what becomes of it: it is stored, or a product with it is added. */
typedef enum { CODE_SCALED, CODE_EACH, CODE_AMONG, CODE_LOOKED } CodeKind;

/* What a loop has at hand beside the codes. */
typedef struct {
    V table;
    const float *scale, *offset, *look;
} CodeHand;

INLINE V code_value(const CodeRun *c, const CodeHand *h, CodeKind kind, VI code, size_t i,
                    size_t n)
{
    if (kind == CODE_AMONG) return v_among(h->table, code);
    if (kind == CODE_LOOKED) return v_look(h->look, code);
    V scale = v_set(*h->scale), offset = v_set(*h->offset);
    if (kind == CODE_EACH && n >= VEC_LANES) {
        scale = v_load(h->scale + i);
        offset = v_load(h->offset + i);
    } else if (kind == CODE_EACH) {
        scale = v_load_part(h->scale + i, n, 0);
        offset = v_load_part(h->offset + i, n, 0);
    }
    const V z = (v_of_ints(code ^ v_ints(c->flip)) - offset) * scale;
    return c->round ? v_round16(z) : z;
}

INLINE VI code_load(const uint8_t *p, bool nibbles)
{
    return nibbles ? v_nibbles(p) : v_bytes(p);
}

/* Up to VEC_LANES numbers, of which there are n. */
INLINE void code_put(const CodeRun *c, CodeUse use, V v, float *to, size_t i, size_t n,
                     V *sum)
{
    if (use == CODE_DOT) {
        const V x = n < VEC_LANES ? v_load_part(c->x + i, n, 0) : v_load(c->x + i);
        *sum = v_fma(v, x, *sum);
        return;
    }
    if (use == CODE_ADD) {
        const V z = n < VEC_LANES ? v_load_part(to + i, n, 0) : v_load(to + i);
        v = v_fma(v_set(*c->x), v, z);
    }
    if (n < VEC_LANES) v_store_part(to + i, v, n);
    else v_store(to + i, v);
}

/* Elements [from, from + n), whose codes begin with a byte. Of the last ones a copy is read, so
 * that nothing behind them is. */
INLINE void code_line(const CodeRun *c, CodeKind kind, CodeUse use, bool nibbles,
                      const CodeHand *h, const uint8_t *p, float *to, size_t n)
{
    const size_t step = nibbles ? VEC_LANES / 2 : VEC_LANES;
    V sum = v_set(0), other = v_set(0);
    if (use == CODE_DOT) sum = v_load(to), other = v_load(to + VEC_LANES);
    size_t i = 0;
    for (; i + 2 * VEC_LANES <= n; i += 2 * VEC_LANES, p += 2 * step) {
        const V a = code_value(c, h, kind, code_load(p, nibbles), i, VEC_LANES);
        const size_t k = i + VEC_LANES;
        const V b = code_value(c, h, kind, code_load(p + step, nibbles), k, VEC_LANES);
        code_put(c, use, a, to, i, VEC_LANES, &sum);
        code_put(c, use, b, to, k, VEC_LANES, &other);
    }
    for (; i < n; i += VEC_LANES, p += step) {
        const size_t left = n - i < VEC_LANES ? n - i : VEC_LANES;
        uint8_t rest[VEC_LANES] = { 0 };
        const size_t bytes = nibbles ? (left + 1) / 2 : left;
        for (size_t k = 0; k < bytes; k++) rest[k] = p[k];
        const V v = code_value(c, h, kind, code_load(rest, nibbles), i, left);
        code_put(c, use, v, to, i, left, &sum);
    }
    if (use == CODE_DOT) v_store(to, sum), v_store(to + VEC_LANES, other);
}

INLINE void code_kinds(const CodeRun *c, CodeUse use, bool nibbles, int64_t number,
                       const uint8_t *p, float *to, size_t n)
{
    CodeHand h = { .table = v_set(0) };
    if (c->table) {
        h.look = c->table + number * c->entries;
        if (c->entries <= VEC_LANES) {
            h.table = v_load_part(h.look, (size_t)c->entries, 0);
            code_line(c, CODE_AMONG, use, nibbles, &h, p, to, n);
        } else code_line(c, CODE_LOOKED, use, nibbles, &h, p, to, n);
        return;
    }
    h.scale = c->scale + number;
    h.offset = c->offset + number;
    if (c->each) code_line(c, CODE_EACH, use, nibbles, &h, p, to, n);
    else code_line(c, CODE_SCALED, use, nibbles, &h, p, to, n);
}

static void code_any(const CodeRun *c, bool nibbles, int64_t number, const uint8_t *p,
                     float *to, size_t n)
{
    if (c->use == CODE_STORE) code_kinds(c, CODE_STORE, nibbles, number, p, to, n);
    else if (c->use == CODE_ADD) code_kinds(c, CODE_ADD, nibbles, number, p, to, n);
    else code_kinds(c, CODE_DOT, nibbles, number, p, to, n);
}

/* Code i, of any number of bits; one may lie in two bytes. */
INLINE uint8_t code_at(const CodeRun *c, size_t i)
{
    const size_t at = ((size_t)c->first + i) * (size_t)c->bits;
    const unsigned in = at % 8, bits = (unsigned)c->bits;
    unsigned v = c->code[at / 8] >> in;
    if (in + bits > 8) v |= (unsigned)c->code[at / 8 + 1] << (8 - in);
    return (uint8_t)(v & ((1u << bits) - 1));
}

/* Codes from number i on as bytes; eight of them are a whole number of bytes. */
INLINE void code_unpack(const CodeRun *c, size_t i, size_t n, uint8_t *to)
{
    const size_t bits = (size_t)c->bits, at = ((size_t)c->first + i) * bits;
    size_t k = 0;
    for (const uint8_t *p = c->code + at / 8; at % 8 == 0 && k + 8 <= n;
         k += 8, p += bits) {
        uint64_t v = 0;
        for (size_t b = 0; b < bits; b++) v |= (uint64_t)p[b] << 8 * b;
        for (size_t e = 0; e < 8; e++)
            to[k + e] = (uint8_t)(v >> e * bits & ((1u << bits) - 1));
    }
    for (; k < n; k++) to[k] = code_at(c, i + k);
}

/* n elements from i on, which share a scale or a table, or each have a scale. */
static void code_part(const CodeRun *c, size_t i, int64_t number, float *to, size_t n)
{
    enum { SOME = 128 };
    const size_t first = (size_t)c->first + i;
    CodeRun part = *c;
    if (c->bits == 8 || (c->bits == 4 && first % 2 == 0)) {
        const uint8_t *p = c->code + first * (size_t)c->bits / 8;
        part.x = c->use == CODE_DOT ? c->x + i : c->x;
        code_any(&part, c->bits == 4, number, p, c->use == CODE_DOT ? to : to + i, n);
        return;
    }
    for (size_t k = 0; k < n; k += SOME) {
        uint8_t some[SOME];
        const size_t m = n - k < SOME ? n - k : SOME;
        code_unpack(c, i + k, m, some);
        part.x = c->use == CODE_DOT ? c->x + i + k : c->x;
        code_any(&part, false, number + (c->each ? (int64_t)k : 0), some,
                 c->use == CODE_DOT ? to : to + i + k, m);
    }
}

static void code_run(const CodeRun *c, float *to, size_t n)
{
    if (c->each) {
        code_part(c, 0, 0, to, n);
        return;
    }
    int64_t number = 0;
    for (size_t i = 0, m; i < n; i += m, number++) {
        const size_t run = (size_t)(number ? c->run : c->first_run);
        m = n - i < run ? n - i : run;
        code_part(c, i, number, to, m);
    }
}

/* VEC_LANES bits of the mask, of which n are asked for. */
INLINE unsigned spread_bits(const uint8_t *mask, int64_t at, size_t n)
{
    const size_t in = (size_t)at % 8, bytes = (in + n + 7) / 8;
    unsigned v = 0;
    for (size_t i = 0; i < bytes; i++) v |= (unsigned)mask[at / 8 + (int64_t)i] << 8 * i;
    return v >> in & ((1u << n) - 1);
}

static void code_spread(const SpreadRun *s, float *to, size_t n)
{
    int64_t used = 0;
    const float *full = s->value;
    const uint16_t *half = s->value;
    for (size_t i = 0; i < n; i += VEC_LANES) {
        const size_t m = n - i < VEC_LANES ? n - i : VEC_LANES;
        unsigned bits = spread_bits(s->mask, s->first + (int64_t)i, m);
        const int count = __builtin_popcount(bits);
        float some[VEC_LANES] = { 0 };
        if (s->half) widen(some, half + used, (size_t)count);
        else v_store(some, v_load_part(full + used, (size_t)count, 0));
#if defined(VEC_AVX512)
        const V z = (V)_mm512_maskz_expand_ps((__mmask16)bits, (__m512)v_load(some));
        v_store_part(to + i, z, m);
#else
        float *z = to + i;
        for (size_t k = 0; k < m; k++) z[k] = 0;
        for (int k = 0; k < count; k++, bits &= bits - 1)
            z[__builtin_ctz(bits)] = some[k];
#endif
        used += count;
    }
}
