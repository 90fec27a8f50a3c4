/* k_code.h -- weights that are kept compressed become floats: codes of a few bits that are scaled or
 * looked up in a table, and the numbers that a mask spreads over a row. */

/* How a code becomes a number: by a scale for all, or one for each; by a table that is one vector,
 * or any other. And what becomes of it: it is stored, or a product with it is added. */
typedef enum {
    CODE_SCALED,
    CODE_EACH,
    CODE_AMONG,
    CODE_AMONG_4, /* vectors */
    CODE_AMONG_16,
    CODE_LOOKED
} CodeKind;

/* How codes lie in bytes. */
typedef enum { CODE_BYTES, CODE_NIBBLES, CODE_BITS } CodeForm;

#if !defined(VEC_TABLES)
#define VEC_TABLES 1
#endif

/* What a loop has at hand beside the codes. */
typedef struct {
    V table[VEC_TABLES];
    const float *scale, *offset, *look;
    VI pick, shift, mask; /* of v_codes */
    size_t bits;
} CodeHand;

/* Where each of 16 codes of so many bits begins: its byte and the next, as _mm256_shuffle_epi8
 * takes them, and the bit in it. */
#define CODE_PICK(bits, i) \
    (int32_t)(0x80800000u | ((i) * (bits) / 8 + 1) << 8 | (i) * (bits) / 8)
#define CODE_SHIFT(bits, i) (i) * (bits) % 8
#define CODE_ROW(f, bits) \
    { \
        f(bits, 0), f(bits, 1), f(bits, 2), f(bits, 3), f(bits, 4), f(bits, 5), \
            f(bits, 6), f(bits, 7), f(bits, 8), f(bits, 9), f(bits, 10), f(bits, 11), \
            f(bits, 12), f(bits, 13), f(bits, 14), f(bits, 15) \
    }
static const int32_t code_picks[8][16] = {
    CODE_ROW(CODE_PICK, 0), CODE_ROW(CODE_PICK, 1), CODE_ROW(CODE_PICK, 2),
    CODE_ROW(CODE_PICK, 3), CODE_ROW(CODE_PICK, 4), CODE_ROW(CODE_PICK, 5),
    CODE_ROW(CODE_PICK, 6), CODE_ROW(CODE_PICK, 7),
};
static const int32_t code_shifts[8][16] = {
    CODE_ROW(CODE_SHIFT, 0), CODE_ROW(CODE_SHIFT, 1), CODE_ROW(CODE_SHIFT, 2),
    CODE_ROW(CODE_SHIFT, 3), CODE_ROW(CODE_SHIFT, 4), CODE_ROW(CODE_SHIFT, 5),
    CODE_ROW(CODE_SHIFT, 6), CODE_ROW(CODE_SHIFT, 7),
};
#undef CODE_ROW
#undef CODE_SHIFT
#undef CODE_PICK

INLINE V code_value(const CodeRun *c, const CodeHand *h, CodeKind kind, VI code, size_t i,
                    size_t n)
{
    if (kind == CODE_AMONG) return v_among(h->table[0], code);
#if VEC_TABLES == 16
    if (kind == CODE_AMONG_4) return v_among_many(h->table, 4, code);
    if (kind == CODE_AMONG_16) return v_among_many(h->table, 16, code);
#endif
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

INLINE VI code_load(const CodeHand *h, const uint8_t *p, CodeForm form)
{
    if (form == CODE_BITS) return v_codes(p, h->pick, h->shift, h->mask);
    return form == CODE_NIBBLES ? v_nibbles(p) : v_bytes(p);
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
 * that nothing behind them is: v_codes reads 16 bytes, whatever it needs. */
INLINE void code_line(const CodeRun *c, CodeKind kind, CodeUse use, CodeForm form,
                      const CodeHand *h, const uint8_t *p, float *to, size_t n)
{
    enum { WHOLE = 16 };
    const size_t bits = form == CODE_BITS ? h->bits : form == CODE_NIBBLES ? 4 : 8;
    const size_t step = VEC_LANES * bits / 8;
    const size_t two = form == CODE_BITS ? (step + WHOLE) * 8 / bits + 1 : 2 * VEC_LANES;
    V sum = v_set(0), other = v_set(0);
    if (use == CODE_DOT) sum = v_load(to), other = v_load(to + VEC_LANES);
    size_t i = 0;
    for (; i + two <= n; i += 2 * VEC_LANES, p += 2 * step) {
        const V a = code_value(c, h, kind, code_load(h, p, form), i, VEC_LANES);
        const size_t k = i + VEC_LANES;
        const V b = code_value(c, h, kind, code_load(h, p + step, form), k, VEC_LANES);
        code_put(c, use, a, to, i, VEC_LANES, &sum);
        code_put(c, use, b, to, k, VEC_LANES, &other);
    }
    for (; i < n; i += VEC_LANES, p += step) {
        const size_t left = n - i < VEC_LANES ? n - i : VEC_LANES;
        uint8_t rest[VEC_LANES + WHOLE] = { 0 };
        const size_t bytes = (left * bits + 7) / 8;
        for (size_t k = 0; k < bytes; k++) rest[k] = p[k];
        const V v = code_value(c, h, kind, code_load(h, rest, form), i, left);
        code_put(c, use, v, to, i, left, &sum);
    }
    if (use == CODE_DOT) v_store(to, sum), v_store(to + VEC_LANES, other);
}

INLINE VI code_ints(const int32_t *p)
{
    VI v;
    for (int i = 0; i < VEC_LANES; i++) v[i] = p[i];
    return v;
}

/* Elements of a table. */
INLINE void code_tables(const CodeRun *c, CodeUse use, CodeForm form, CodeHand *h,
                        const uint8_t *p, float *to, size_t n)
{
    const size_t entries = (size_t)c->entries;
    if (form == CODE_BITS) {
        h->bits = (size_t)c->bits;
        h->pick = code_ints(code_picks[c->bits]);
        h->shift = code_ints(code_shifts[c->bits]);
        h->mask = v_ints((1 << c->bits) - 1);
    }
    const size_t vectors = (entries + VEC_LANES - 1) / VEC_LANES;
    for (size_t i = 0; vectors <= VEC_TABLES && i < vectors; i++) {
        const size_t left = entries - i * VEC_LANES;
        h->table[i] = v_load_part(h->look + i * VEC_LANES,
                                  left < VEC_LANES ? left : VEC_LANES, 0);
    }
    if (vectors == 1) code_line(c, CODE_AMONG, use, form, h, p, to, n);
#if VEC_TABLES == 16
    else if (vectors <= 4) {
        for (size_t i = vectors; i < 4; i++) h->table[i] = h->table[0];
        code_line(c, CODE_AMONG_4, use, form, h, p, to, n);
    } else if (vectors == 16) code_line(c, CODE_AMONG_16, use, form, h, p, to, n);
#endif
    else code_line(c, CODE_LOOKED, use, form, h, p, to, n);
}

INLINE void code_kinds(const CodeRun *c, CodeUse use, CodeForm form, int64_t number,
                       const uint8_t *p, float *to, size_t n)
{
    CodeHand h = { .bits = 8 };
    if (c->table) {
        h.look = c->table + number * c->entries;
        if (form == CODE_BITS) code_tables(c, use, CODE_BITS, &h, p, to, n);
        else if (form == CODE_NIBBLES) code_tables(c, use, CODE_NIBBLES, &h, p, to, n);
        else code_tables(c, use, CODE_BYTES, &h, p, to, n);
        return;
    }
    const bool nibbles = form == CODE_NIBBLES;
    h.scale = c->scale + number;
    h.offset = c->offset + number;
    if (c->each && nibbles) code_line(c, CODE_EACH, use, CODE_NIBBLES, &h, p, to, n);
    else if (c->each) code_line(c, CODE_EACH, use, CODE_BYTES, &h, p, to, n);
    else if (nibbles) code_line(c, CODE_SCALED, use, CODE_NIBBLES, &h, p, to, n);
    else code_line(c, CODE_SCALED, use, CODE_BYTES, &h, p, to, n);
}

static void code_any(const CodeRun *c, CodeForm form, int64_t number, const uint8_t *p,
                     float *to, size_t n)
{
    if (c->use == CODE_STORE) code_kinds(c, CODE_STORE, form, number, p, to, n);
    else if (c->use == CODE_ADD) code_kinds(c, CODE_ADD, form, number, p, to, n);
    else code_kinds(c, CODE_DOT, form, number, p, to, n);
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

/* Whether codes from number `first` on are read by vectors as they lie. */
static bool code_lies(const CodeRun *c, size_t first, CodeForm *form)
{
    const size_t bits = (size_t)c->bits;
    *form = bits == 8 ? CODE_BYTES : bits == 4 ? CODE_NIBBLES : CODE_BITS;
    return first * bits % 8 == 0
        && (*form != CODE_BITS || (c->table && VEC_LANES * bits % 8 == 0));
}

/* n elements from i on, which share a scale or a table, or each have a scale. */
static void code_part(const CodeRun *c, size_t i, int64_t number, float *to, size_t n)
{
    enum { SOME = 128 };
    const size_t first = (size_t)c->first + i;
    CodeRun part = *c;
    CodeForm form;
    if (code_lies(c, first, &form)) {
        const uint8_t *p = c->code + first * (size_t)c->bits / 8;
        part.x = c->use == CODE_DOT ? c->x + i : c->x;
        code_any(&part, form, number, p, c->use == CODE_DOT ? to : to + i, n);
        return;
    }
    for (size_t k = 0; k < n; k += SOME) {
        uint8_t some[SOME];
        const size_t m = n - k < SOME ? n - k : SOME;
        code_unpack(c, i + k, m, some);
        part.x = c->use == CODE_DOT ? c->x + i + k : c->x;
        code_any(&part, CODE_BYTES, number + (c->each ? (int64_t)k : 0), some,
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

/* The next VEC_LANES values, or as many as there are. */
INLINE V spread_load(const SpreadRun *s, bool half, int64_t used)
{
    const uint16_t *h = (const uint16_t *)s->value + used;
    const float *f = (const float *)s->value + used;
    const int64_t left = s->left - used;
    if (left >= VEC_LANES) return half ? v_load16(h) : v_load(f);
    if (!half) return v_load_part(f, (size_t)left, 0);
    uint16_t rest[VEC_LANES] = { 0 };
    for (int64_t i = 0; i < left; i++) rest[i] = h[i];
    return v_load16(rest);
}

INLINE void spread_line(const SpreadRun *s, CodeUse use, bool half, float *to, size_t n)
{
    const CodeRun put = { .x = s->x };
    V sum = v_set(0);
    int64_t used = 0;
    if (use == CODE_DOT) sum = v_load(to);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        const size_t m = n - i < VEC_LANES ? n - i : VEC_LANES;
        const unsigned bits = spread_bits(s->mask, s->first + (int64_t)i, m);
        const V z = v_expand(bits, spread_load(s, half, used));
        if (m == VEC_LANES) code_put(&put, use, z, to, i, VEC_LANES, &sum);
        else code_put(&put, use, z, to, i, m, &sum);
        used += __builtin_popcount(bits);
    }
    if (use == CODE_DOT) v_store(to, sum);
}

static void code_spread(const SpreadRun *s, float *to, size_t n)
{
    if (s->use == CODE_STORE && s->half) spread_line(s, CODE_STORE, true, to, n);
    else if (s->use == CODE_STORE) spread_line(s, CODE_STORE, false, to, n);
    else if (s->use == CODE_ADD && s->half) spread_line(s, CODE_ADD, true, to, n);
    else if (s->use == CODE_ADD) spread_line(s, CODE_ADD, false, to, n);
    else if (s->half) spread_line(s, CODE_DOT, true, to, n);
    else spread_line(s, CODE_DOT, false, to, n);
}
