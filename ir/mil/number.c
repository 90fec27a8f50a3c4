/* number.c -- numbers of MIL text: digits to bits with one rounding, and bits to the shortest
 * digits. */
#include "mil_text.h"

#include <string.h>

/* ---- float formats ----------------------------------------------------------------------- */

typedef struct {
    int mant, exp; /* bits of fraction and of exponent */
} Format;

static const Format formats[DT_COUNT] = {
    [DT_FP16] = { .mant = 10, .exp = 5 },
    [DT_BF16] = { .mant = 7, .exp = 8 },
    [DT_FP32] = { .mant = 23, .exp = 8 },
    [DT_FP64] = { .mant = 52, .exp = 11 },
};

static uint64_t infinity_bits(const Format *f)
{
    return ((UINT64_C(1) << f->exp) - 1) << f->mant;
}

/* A value above zero: m * 2^e, and a little more (less than one unit of m) when `more`. */
typedef struct {
    uint64_t m;
    int64_t e;
    bool more;
} Exact;

/* The nearest bits of the format without sign; infinity_bits when too large. */
static uint64_t round_to(const Format *f, Exact x)
{
    if (!x.m) return 0;
    while (!(x.m >> 56)) x.m <<= 8, x.e -= 8;
    while (!(x.m >> 63)) x.m <<= 1, x.e -= 1;
    const int64_t top = x.e + 63, min = 2 - (INT64_C(1) << (f->exp - 1));
    int64_t keep = f->mant + 1;
    if (top > -min + 1) return infinity_bits(f);
    if (top < min) keep -= min - top;
    if (keep < 0) return 0;
    uint64_t q = keep ? x.m >> (64 - keep) : 0;
    const uint64_t rest = x.m << keep, half = UINT64_C(1) << 63;
    if (rest > half || (rest == half && (x.more || (q & 1)))) q++;
    /* A carry out of the fraction moves into the exponent, up to infinity. */
    if (top >= min) q += (uint64_t)(top - min) << f->mant;
    return q;
}

/* ---- decimal digits, exactly ------------------------------------------------------------- */

enum {
    MAX_DIGITS = 800, /* more than any halfway point between two doubles has */
    LIMBS = 300
};

typedef struct {
    uint32_t v[LIMBS]; /* least significant first */
    int n;
} Big;

static void big_mul_add(Big *b, uint32_t by, uint32_t plus)
{
    uint64_t carry = plus;
    for (int i = 0; i < b->n; i++) {
        carry += (uint64_t)b->v[i] * by;
        b->v[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) b->v[b->n++] = (uint32_t)carry;
}

static void big_power_of_ten(Big *b, int64_t e)
{
    for (; e >= 9; e -= 9) big_mul_add(b, 1000000000, 0);
    for (; e > 0; e--) big_mul_add(b, 10, 0);
}

static int big_bits(const Big *b)
{
    int n = 32 * b->n;
    for (uint32_t top = b->v[b->n - 1]; !(top >> 31); top <<= 1) n--;
    return n;
}

static void big_shift(Big *b, int bits)
{
    for (; bits >= 16; bits -= 16) big_mul_add(b, UINT32_C(1) << 16, 0);
    big_mul_add(b, UINT32_C(1) << bits, 0);
}

static bool big_less(const Big *a, const Big *b)
{
    if (a->n != b->n) return a->n < b->n;
    for (int i = a->n; i-- > 0;)
        if (a->v[i] != b->v[i]) return a->v[i] < b->v[i];
    return false;
}

static void big_subtract(Big *a, const Big *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        uint64_t d = (uint64_t)a->v[i] - (i < b->n ? b->v[i] : 0) - borrow;
        a->v[i] = (uint32_t)d;
        borrow = d >> 63;
    }
    while (a->n && !a->v[a->n - 1]) a->n--;
}

/* num / den as 64 bits and a rest: both are brought to one length, then it is long division. */
static Exact big_divide(Big *num, Big *den)
{
    Exact x = { 0 };
    const int shift = big_bits(num) - big_bits(den);
    if (shift < 0) big_shift(num, -shift);
    else big_shift(den, shift);
    x.e = shift - 63;
    for (int i = 0; i < 64; i++) {
        const bool one = !big_less(num, den);
        if (one) big_subtract(num, den);
        x.m = x.m << 1 | one;
        if (num->n) big_mul_add(num, 2, 0);
    }
    x.more = num->n > 0;
    return x;
}

/* ---- reading ----------------------------------------------------------------------------- */

typedef struct {
    const char *digits,
        *end;      /* from the first digit that is not 0; may have a point inside */
    uint64_t m;    /* the first 19 digits */
    int64_t count; /* digits from there on */
    int64_t e;     /* value = digits as a whole number * 10^e */
} Decimal;

static int64_t read_exponent(const char *s, const char *end)
{
    const bool neg = s < end && *s == '-';
    int64_t e = 0;
    for (s += s < end && (*s == '-' || *s == '+'); s < end; s++)
        if (e < 1000000) e = e * 10 + (*s - '0');
    return neg ? -e : e;
}

static Decimal scan_decimal(const char *s, const char *end)
{
    Decimal d = { .digits = s };
    bool point = false;
    for (; s < end && *s != 'e' && *s != 'E'; s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        if (d.count || *s != '0') {
            if (!d.count) d.digits = s;
            if (d.count++ < 19) d.m = d.m * 10 + (uint64_t)(*s - '0');
        }
        d.e -= point;
    }
    d.end = s;
    if (s < end) d.e += read_exponent(s + 1, end);
    return d;
}

__extension__ typedef unsigned __int128 Wide;

/* m * 10^e through one product or quotient of 64-bit numbers: 10^e is 5^e * 2^e, and 5^27
 * fits. */
static Exact quick_decimal(uint64_t m, int64_t e)
{
    uint64_t five = 1;
    int64_t shift = 0;
    for (int64_t i = e < 0 ? -e : e; i > 0; i--) five *= 5;
    while (!(m >> 63)) m <<= 1, shift--;
    if (e < 0) {
        while (!(five >> 63)) five <<= 1, shift++;
        const Wide num = (Wide)m << 63;
        return (Exact){ .m = (uint64_t)(num / five),
                        .e = e + shift - 63,
                        .more = num % five != 0 };
    }
    while (!(five >> 63)) five <<= 1, shift--;
    const Wide full = (Wide)m * five;
    return (Exact){ .m = (uint64_t)(full >> 64),
                    .e = e + shift + 64,
                    .more = (uint64_t)full != 0 };
}

static Exact slow_decimal(const Decimal *d)
{
    Big num = { .n = 0 }, den = { .v = { 1 }, .n = 1 };
    int64_t taken = 0, e = d->e + (d->count > MAX_DIGITS ? d->count - MAX_DIGITS : 0);
    bool more = false;
    for (const char *s = d->digits; s < d->end; s++) {
        if (*s == '.') continue;
        if (taken++ < MAX_DIGITS) big_mul_add(&num, 10, (uint32_t)(*s - '0'));
        else more |= *s != '0';
    }
    big_power_of_ten(e < 0 ? &den : &num, e < 0 ? -e : e);
    Exact x = big_divide(&num, &den);
    x.more |= more;
    return x;
}

static Exact exact_decimal(const char *s, const char *end)
{
    const Exact zero = { 0 }, huge = { .m = 1, .e = 100000 };
    const Decimal d = scan_decimal(s, end);
    if (!d.count || d.count + d.e < -400) return zero;
    if (d.count + d.e > 400) return huge;
    if (d.count <= 19 && d.e == 0) return (Exact){ .m = d.m };
    if (d.count <= 19 && d.e >= -27 && d.e <= 27) return quick_decimal(d.m, d.e);
    return slow_decimal(&d);
}

static int hex_digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

static Exact exact_hex(const char *s, const char *end)
{
    Exact x = { 0 };
    bool point = false;
    for (; s < end && *s != 'p' && *s != 'P'; s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        const int v = hex_digit(*s);
        if (x.m >> 60) {
            x.more |= v != 0;
            x.e += point ? 0 : 4;
        } else {
            x.m = x.m << 4 | (uint64_t)v;
            x.e -= point ? 4 : 0;
        }
    }
    if (s < end) x.e += read_exponent(s + 1, end);
    return x;
}

static NumberStatus parse_float(const char *s, const char *end, DType t, bool neg,
                                uint64_t *bits)
{
    const Format *f = &formats[t];
    const uint64_t sign = (uint64_t)neg << (f->mant + f->exp), inf = infinity_bits(f);
    if (*s == 'n') *bits = inf | UINT64_C(1) << (f->mant - 1);
    else if (*s == 'i') *bits = sign | inf;
    else {
        const bool hex = end - s > 1 && (s[1] == 'x' || s[1] == 'X');
        const uint64_t v = round_to(f,
                                    hex ? exact_hex(s + 2, end) : exact_decimal(s, end));
        *bits = sign | v;
        return v == inf ? NUMBER_INFINITE : NUMBER_OK;
    }
    return NUMBER_OK;
}

static NumberStatus parse_int(const char *s, const char *end, DType t, bool neg,
                              uint64_t *bits)
{
    const int width = dtypes[t].bits;
    const bool is_signed = dtypes[t].cls == CLASS_INT;
    const uint64_t all = UINT64_MAX >> (64 - width);
    const uint64_t max = is_signed ? (all >> 1) + neg : neg ? 0 : all;
    uint64_t v = 0;
    for (; s < end; s++) {
        const uint64_t digit = (uint64_t)(*s - '0');
        if (v > (UINT64_MAX - digit) / 10) return NUMBER_RANGE;
        v = v * 10 + digit;
    }
    if (v > max) return NUMBER_RANGE;
    *bits = (neg ? 0 - v : v) & all;
    return NUMBER_OK;
}

bool number_is_whole(const char *s, size_t len)
{
    const size_t first = len > 0 && s[0] == '-';
    for (size_t i = first; i < len; i++)
        if (s[i] < '0' || s[i] > '9') return false;
    return len > first;
}

NumberStatus number_parse(const char *s, size_t len, DType t, uint64_t *bits)
{
    const char *end = s + len;
    const bool neg = len && *s == '-';
    if (dtype_is_float(t)) return parse_float(s + neg, end, t, neg, bits);
    if (!number_is_whole(s, len)) return NUMBER_NOT_WHOLE;
    return parse_int(s + neg, end, t, neg, bits);
}

/* ---- writing ----------------------------------------------------------------------------- */

static char *put_decimal(char *to, uint64_t v)
{
    char digit[20];
    int n = 0;
    do digit[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n) *to++ = digit[--n];
    return to;
}

static char *put_text(char *to, const char *s)
{
    const size_t n = strlen(s);
    memcpy(to, s, n);
    return to + n;
}

static char *put_float(char *to, const Format *f, uint64_t bits)
{
    const uint64_t inf = infinity_bits(f), one = UINT64_C(1) << f->mant;
    const uint64_t size = bits & (inf | (one - 1));
    if (size > inf) return put_text(to, "nan");
    if (bits >> (f->mant + f->exp) & 1) *to++ = '-';
    if (size == inf) return put_text(to, "inf");
    if (size == 0) return put_text(to, "0x0p+0");
    int e = (int)(size >> f->mant) + 1 - (1 << (f->exp - 1));
    uint64_t frac = size & (one - 1);
    if (size < one)
        for (e++; !(frac & one); frac <<= 1) e--;
    frac = (frac & (one - 1)) << (64 - f->mant);
    to = put_text(to, "0x1");
    if (frac) *to++ = '.';
    for (; frac; frac <<= 4) *to++ = "0123456789abcdef"[frac >> 60];
    *to++ = 'p';
    *to++ = e < 0 ? '-' : '+';
    return put_decimal(to, (uint64_t)(e < 0 ? -e : e));
}

size_t number_print(char out[NUMBER_TEXT], DType t, uint64_t bits)
{
    char *to = out;
    if (dtype_is_float(t)) return (size_t)(put_float(to, &formats[t], bits) - out);
    const int spare = 64 - dtypes[t].bits;
    uint64_t v = bits << spare >> spare;
    if (dtypes[t].cls == CLASS_INT && v >> (63 - spare)) {
        *to++ = '-';
        v = (0 - v) << spare >> spare;
    }
    return (size_t)(put_decimal(to, v) - out);
}
