/* test_numbers.c -- 16-bit floats against a slow reference, and the statistics of random
 * numbers. */
#include "unit.h"

#include "../../ir/ir.h"

#include <math.h>

/* ---- 16-bit floats ----------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int mant, min_exp, max_exp;
    double (*widen)(uint16_t);
    uint16_t (*narrow)(double);
} Format;

static const Format formats[] = {
    { "fp16", 10, -14, 15, f16_to_double, f16_from_double },
    { "bf16", 7, -126, 127, bf16_to_double, bf16_from_double },
};

/* By the definition of the format, with nothing of base/half.c. */
static double slow_value(const Format *f, uint16_t h)
{
    int exp = (h & 0x7fff) >> f->mant, mant = h & ((1 << f->mant) - 1);
    double v = exp > f->max_exp - f->min_exp + 1 ? (mant ? (double)NAN : (double)INFINITY)
             : exp ? ldexp((1 << f->mant) + mant, f->min_exp + exp - 1 - f->mant)
                   : ldexp(mant, f->min_exp - f->mant);
    return h & 0x8000 ? -v : v;
}

static double slow_round(const Format *f, double v)
{
    if (isnan(v) || isinf(v) || v == 0) return v;
    int e = ilogb(v) < f->min_exp ? f->min_exp : ilogb(v);
    double step = ldexp(1, e - f->mant), r = nearbyint(v / step) * step;
    return fabs(r) >= ldexp(1, f->max_exp + 1) ? copysign((double)INFINITY, v) : r;
}

static void check_round(const Format *f, double v)
{
    uint16_t h = f->narrow(v);
    double want = slow_round(f, v), got = slow_value(f, h);
    bool same = isnan(v) ? isnan(got)
                         : want == got && (signbit(v) != 0) == (h >> 15 != 0);
    if (!same) fail_msg("%s: %a becomes %04x = %a, not %a", f->name, v, h, got, want);
}

static void every_bit_pattern_survives(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(formats); k++)
        for (uint32_t h = 0; h < 65536; h++) {
            const Format *f = &formats[k];
            double v = f->widen((uint16_t)h), want = slow_value(f, (uint16_t)h);
            if (isnan(want)) {
                uint16_t quiet = (uint16_t)(h | 1u << (f->mant - 1));
                assert_true(isnan(v));
                assert_int_equal(f->narrow(v), quiet); /* sign and payload stay */
                continue;
            }
            assert_memory_equal(&v, &want, sizeof v);
            assert_int_equal(f->narrow(v), h);
        }
}

static void rounding_is_to_nearest_even_once(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(formats); k++) {
        const Format *f = &formats[k];
        for (uint32_t h = 0; h + 1 < 32768;
             h++) { /* every tie, and both of its neighbours */
            double a = slow_value(f, (uint16_t)h), b = slow_value(f, (uint16_t)(h + 1));
            double tie = isinf(b) ? ldexp(2 - ldexp(1, -f->mant - 1), f->max_exp)
                                  : a / 2 + b / 2;
            if (isnan(tie) || isinf(a)) continue;
            double at[] = { tie, nextafter(tie, 0), nextafter(tie, (double)INFINITY) };
            for (int i = 0; i < 3; i++) {
                check_round(f, at[i]);
                check_round(f, -at[i]);
            }
        }
        for (uint64_t i = 0; i < 1000000; i++) {
            uint64_t u = rng_u64(1, i);
            int exp = (int)(u >> 52) % (f->max_exp - f->min_exp + f->mant + 8)
                    + f->min_exp - f->mant - 4;
            check_round(f, ldexp(rng_unit(2, i) + 1, exp) * (u & 1 ? 1 : -1));
        }
        static const double edge[] = {
            0,       -0.0,      1e308,   4e-320, 65504,  65519.999,        65520,
            0x1p-25, 0x1.8p-25, 0x1p-24, 3.4e38, 3.5e38, (double)INFINITY, (double)NAN
        };
        for (size_t i = 0; i < COUNT(edge); i++) {
            check_round(f, edge[i]);
            check_round(f, -edge[i]);
        }
    }
    /* Through a float this would round twice: 1 + 2^-11 + 2^-36 is above the tie. */
    assert_int_equal(f16_from_double(1 + 0x1p-11 + 0x1p-36), 0x3c01);
}

/* Lengths around the vectors', from unaligned places: the same as one at a time. */
static void bulk_is_the_same_as_single(void **state)
{
    (void)state;
    enum { N = 66000 };
    uint16_t *h = calloc(N, sizeof *h), *back = calloc(N, sizeof *back);
    double *d = calloc(N, sizeof *d);
    float *s = calloc(N, sizeof *s);
    for (size_t i = 0; i < N; i++) h[i] = (uint16_t)i;
    for (size_t n = 0; n < N; n = n < 40 ? n + 1 : n * 2) {
        f16_to_doubles(h + 3, d + 1, n);
        f16_to_floats(h + 3, s + 1, n);
        for (size_t i = 0; i < n; i++) {
            double v = f16_to_double(h[3 + i]), got = d[1 + i];
            assert_memory_equal(&v, &got, sizeof v);
            float fv = (float)v;
            assert_true(isnan(v) ? isnan(s[1 + i]) : fv == s[1 + i]);
        }
    }
    for (size_t i = 0; i < N; i++) {
        uint64_t u = rng_u64(7, i);
        d[i] = i % 97 == 0 ? (double)NAN
                           : ldexp(rng_unit(8, i) - 0.5, (int)(u % 50) - 30);
        /* near ties */
        if (i % 5 == 0)
            d[i] = f16_to_double((uint16_t)u) * (1 + ldexp((double)(u >> 16 & 3), -11));
        if (i % 7 == 0) d[i] = ldexp(d[i], (int)(u >> 20) % 2000 - 1000);
        s[i] = (float)d[i];
    }
    for (size_t n = 0; n < N; n = n < 40 ? n + 1 : n * 2) {
        f16_from_doubles(d + 1, back + 3, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(back[3 + i], f16_from_double(d[1 + i]));
        f16_from_floats(s + 1, back + 3, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(back[3 + i], f16_from_double((double)s[1 + i]));
    }
    free(h), free(back), free(d), free(s);
}

/* ---- random numbers ---------------------------------------------------------------------- */

/* The numbers that docs/runtime.md promises, for good. */
static void streams_never_change(void **state)
{
    (void)state;
    assert_true(rng_u64(0, 0) == 0xa706dd2f4d197e6fu);
    assert_true(rng_u64(1, 2) == 0x0b95f66d327e8d78u);
    assert_true(rng_u64(UINT64_MAX, UINT64_MAX) == 0x445018e305810b78u);
    assert_true(rng_key(0, "x") == 0x076f9de58aa6915eu);
    assert_true(rng_key(1, "input") == 0xdb14caaa65fa509cu);
    assert_true(rng_unit(3, 4) == 0x1.97dd17209d9d5p-1);
    assert_true(rng_normal(5, 6) == 0x1.9b934da7b4c5ep-2);
    assert_true(rng_normal(5, 7) == 0x1.2ab9a27817d84p-1);
}

static void uniform_numbers_are_uniform(void **state)
{
    (void)state;
    enum { N = 1 << 20, BINS = 256 };
    for (uint64_t seed = 0; seed < 3; seed++) {
        int bin[BINS] = { 0 };
        double sum = 0, product = 0, before = 0.5;
        for (uint64_t i = 0; i < N; i++) {
            double u = rng_unit(seed, i);
            assert_true(u >= 0 && u < 1);
            bin[(int)(u * BINS)]++;
            sum += u;
            product += (u - 0.5) * (before - 0.5);
            before = u;
        }
        double chi = 0;
        for (int i = 0; i < BINS; i++) chi += pow(bin[i] - N / BINS, 2) / (N / BINS);
        assert_true(chi > 150 && chi < 370); /* 255 degrees of freedom */
        assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
        /* neighbours are unrelated */
        assert_true(fabs(product / N) < 5 * (1.0 / 12) / sqrt(N));
    }
}

static void normal_numbers_are_normal(void **state)
{
    (void)state;
    enum { N = 1 << 21, BINS = 64 };
    double *z = calloc(N, sizeof *z), m1 = 0, m2 = 0, m3 = 0, m4 = 0, pair = 0, chi = 0;
    int bin[BINS] = { 0 };
    rng_normals(11, 0, N, z);
    for (int i = 0; i < N; i++) {
        m1 += z[i], m2 += z[i] * z[i], m3 += pow(z[i], 3), m4 += pow(z[i], 4);
        int b = (int)(0.5 * erfc(-z[i] / sqrt(2)) * BINS);
        bin[b < BINS ? b : BINS - 1]++;
        if (i & 1) pair += z[i] * z[i - 1];
    }
    for (int i = 0; i < BINS; i++) chi += pow(bin[i] - N / BINS, 2) / (N / BINS);
    assert_true(fabs(m1 / N) < 5 / sqrt(N));
    assert_true(fabs(m2 / N - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(m3 / N) < 5 * sqrt(15.0 / N));
    assert_true(fabs(m4 / N - 3) < 5 * sqrt(96.0 / N));
    assert_true(fabs(pair / (N / 2)) < 5 / sqrt(N / 2));
    assert_true(chi > 25 && chi < 125); /* 63 degrees of freedom */
    free(z);
}

/* Against the formula with the library's functions: an independent reading of rng.c's head. */
static void normals_follow_box_and_muller(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 200000; k++) {
        uint64_t u = rng_u64(21, k);
        double r = sqrt(-2 * log(((double)(u >> 24) + 0.5) * 0x1p-40));
        double t = 8 * atan(1) * (double)(u & 0xffffff) * 0x1p-24;
        assert_true(fabs(rng_normal(21, 2 * k) - r * cos(t)) < 1e-12);
        assert_true(fabs(rng_normal(21, 2 * k + 1) - r * sin(t)) < 1e-12);
    }
}

static void any_run_of_normals_is_the_same_stream(void **state)
{
    (void)state;
    double v[700];
    static const size_t runs[][2] = { { 0, 0 },     { 0, 1 },   { 1, 1 },
                                      { 0, 700 },   { 3, 700 }, { 127, 129 },
                                      { 128, 256 }, { 1, 255 }, { 1ull << 40, 300 } };
    for (size_t r = 0; r < COUNT(runs); r++) {
        rng_normals(9, runs[r][0], runs[r][1], v);
        for (size_t i = 0; i < runs[r][1]; i++) {
            double one = rng_normal(9, runs[r][0] + i);
            assert_memory_equal(&one, &v[i], sizeof one);
        }
    }
}

static void keys_tell_names_and_seeds_apart(void **state)
{
    (void)state;
    static const char *const names[] = {
        "", "a", "b", "ab", "ba", "x", "input", "inputs"
    };
    for (size_t i = 0; i < 2 * COUNT(names); i++)
        for (size_t j = 0; j < i; j++)
            assert_true(rng_key(i % 2, names[i / 2]) != rng_key(j % 2, names[j / 2]));
}

/* ---- SHA-256 ----------------------------------------------------------------------------- */

/* The examples of FIPS 180-2, and texts on either side of a block's end; in one piece and byte
 * by byte; by the processor's instructions, where it has some, and without. */
static void test_sha256(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int times;
        const char *hex;
    } cases[] = {
        { "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "a", 1000000,
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
        { "a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
        { "a", 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a" },
        { "a", 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34" },
        { "a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
        { "a", 65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0" },
        { "a", 119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb" },
        { "a", 120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c" },
        { "a", 128, "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int plain = 0; plain < 2; plain++)
            for (int single = 0; single < 2; single++) {
                const size_t n = single ? 1 : strlen(cases[i].text);
                const size_t all = strlen(cases[i].text) * (size_t)cases[i].times;
                char hex[65];
                Sha256 s = sha256_start();
                if (plain) s.how = SHA_PLAIN;
                else sha256_settle(&s);
                for (size_t k = 0; k < all; k += n)
                    sha256_add(&s, cases[i].text + k % strlen(cases[i].text), n);
                sha256_end(&s, hex);
                assert_string_equal(hex, cases[i].hex);
            }
}

/* Random bytes, cut anywhere: the instructions of the processor give what the definition does. */
static void test_sha256_of_pieces(void **state)
{
    (void)state;
    unsigned char bytes[1000];
    for (uint64_t i = 0; i < COUNT(bytes); i++) bytes[i] = (unsigned char)rng_u64(3, i);
    for (uint64_t run = 0; run < 400; run++) {
        char hex[2][65];
        for (int plain = 0; plain < 2; plain++) {
            Sha256 s = sha256_start();
            if (plain) s.how = SHA_PLAIN;
            else sha256_settle(&s);
            for (size_t at = 0, turn = 0, n; at < COUNT(bytes); at += n, turn++) {
                n = rng_u64(run, turn) % 300;
                if (n > COUNT(bytes) - at) n = COUNT(bytes) - at;
                sha256_add(&s, bytes + at, n);
            }
            sha256_end(&s, hex[plain]);
        }
        assert_string_equal(hex[0], hex[1]);
    }
}

/* ---- elements below a byte --------------------------------------------------------------- */

/* Each element is written into a run whose neighbours, which may share its bytes, stay as they
 * were. */
static void elements_below_a_byte_keep_their_neighbours(void **state)
{
    static const DType types[] = { DT_INT4,  DT_UINT4, DT_UINT6,
                                   DT_UINT3, DT_UINT2, DT_UINT1 };
    enum { N = 40 };
    (void)state;
    for (size_t k = 0; k < COUNT(types); k++) {
        const int bits = dtypes[types[k]].bits;
        const bool below = dtypes[types[k]].cls == CLASS_INT;
        const int64_t most = below ? ((int64_t)1 << (bits - 1)) - 1
                                   : ((int64_t)1 << bits) - 1;
        for (int at = 0; at < N; at++)
            for (int other = 0; other < 2; other++) {
                uint8_t bytes[N + 1];
                const Shape s = SHAPE(N);
                memset(bytes, other ? 0xff : 0, sizeof bytes);
                Tensor t = tensor_view(types[k], &s, bytes);
                const int64_t around = tensor_int(&t, 0), put = other ? 0 : most;
                tensor_set_int(&t, (size_t)at, put);
                for (int i = 0; i < N; i++)
                    assert_int_equal(tensor_int(&t, (size_t)i), i == at ? put : around);
                assert_int_equal(bytes[N], other ? 0xff : 0);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_sha256_of_pieces),
        cmocka_unit_test(every_bit_pattern_survives),
        cmocka_unit_test(rounding_is_to_nearest_even_once),
        cmocka_unit_test(bulk_is_the_same_as_single),
        cmocka_unit_test(streams_never_change),
        cmocka_unit_test(uniform_numbers_are_uniform),
        cmocka_unit_test(normal_numbers_are_normal),
        cmocka_unit_test(normals_follow_box_and_muller),
        cmocka_unit_test(any_run_of_normals_is_the_same_stream),
        cmocka_unit_test(keys_tell_names_and_seeds_apart),
        cmocka_unit_test(elements_below_a_byte_keep_their_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
