/* test_vector.c -- functions of vectors against C's and SLEEF's in double precision, by each kind of
 * kernels that this processor has: how many units in the last place of an fp32 they are
 * off, over all magnitudes and both signs, and what infinities and NaN give; tiles against
 * their definition. */
#include "unit.h"

#include "../../backends/vector/kernels.h"

#include <math.h>

#ifdef ANEC_SLEEF
#include <sleef.h>
#endif

/* ---- what they should give --------------------------------------------------------------- */

/* Two libraries that were written apart. */
typedef struct {
    double (*exp)(double), (*exp2)(double), (*expm1)(double), (*log)(double);
    double (*log1p)(double), (*tanh)(double), (*erf)(double), (*erfc)(double);
    double (*pow)(double, double);
} Oracle;

static const Oracle libm = { exp, exp2, expm1, log, log1p, tanh, erf, erfc, pow };
#ifdef ANEC_SLEEF
/* SLEEF's are declared to return `const double`, which is another type to clang. */
#define FROM_SLEEF(name, from) \
    static double sleef_##name(double x) { return from(x); }
FROM_SLEEF(exp, Sleef_exp_u10)
FROM_SLEEF(exp2, Sleef_exp2_u10)
FROM_SLEEF(expm1, Sleef_expm1_u10)
FROM_SLEEF(log, Sleef_log_u10)
FROM_SLEEF(log1p, Sleef_log1p_u10)
FROM_SLEEF(tanh, Sleef_tanh_u10)
FROM_SLEEF(erf, Sleef_erf_u10)
FROM_SLEEF(erfc, Sleef_erfc_u15)
#undef FROM_SLEEF
static double sleef_pow(double x, double y) { return Sleef_pow_u10(x, y); }

static const Oracle sleef = { sleef_exp,  sleef_exp2, sleef_expm1, sleef_log, sleef_log1p,
                              sleef_tanh, sleef_erf,  sleef_erfc,  sleef_pow };
#endif
static const Oracle *oracle = &libm;

static double exactly_exp(double x) { return oracle->exp(x); }
static double exactly_exp2(double x) { return oracle->exp2(x); }
static double exactly_log(double x) { return oracle->log(x); }
static double exactly_tanh(double x) { return oracle->tanh(x); }
static double exactly_erf(double x) { return oracle->erf(x); }
static double exactly_square(double x) { return x * x; }
static double exactly_sigmoid(double x) { return 1 / (1 + oracle->exp(-x)); }
static double exactly_silu(double x) { return x / (1 + oracle->exp(-x)); }
static double exactly_gelu(double x) { return 0.5 * x * oracle->erfc(-x / sqrt(2)); }
static double exactly_softplus(double x)
{
    return x > 0 ? x + oracle->log1p(oracle->exp(-x)) : oracle->log1p(oracle->exp(x));
}
static double exactly_softsign(double x) { return x / (1 + fabs(x)); }
static double exactly_inverse(double x) { return 1 / x; }
static double exactly_rsqrt(double x) { return 1 / sqrt(x); }
static double exactly_root(double x) { return oracle->pow(x, 0.5); }
static double exactly_over_root(double x) { return oracle->pow(x, -0.5); }
static double exactly_elu(double x) { return x < 0 ? oracle->expm1(x) : x; }

static double exactly_gelu_tanh(double x)
{
    return exactly_sigmoid(2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)) * x;
}

/* Off by at most `ulps` units of the result, or of `floor`, where a smaller one counts as
 * that. 1 + erf(x / sqrt 2) loses digits below 0, and exp makes the error of gelu_tanh's
 * argument large. at_inf: what -inf and inf give; NaN gives NaN. */
static const struct {
    ElemOp op;
    const char *name;
    double (*exactly)(double x);
    float least, most; /* what is swept */
    double ulps, floor, at_inf[2];
} functions[] = {
    { ELEM_sqrt, "sqrt", sqrt, 0, INFINITY, 0.5, 0, { NAN, INFINITY } },
    { ELEM_square,
      "square",
      exactly_square,
      -1e19f,
      1e19f,
      0.5,
      0,
      { INFINITY, INFINITY } },
    { ELEM_inverse, "inverse", exactly_inverse, -1e38f, 1e38f, 0.5, 1e-37, { 0, 0 } },
    { ELEM_rsqrt, "rsqrt", exactly_rsqrt, 1e-38f, INFINITY, 1.5, 0, { NAN, 0 } },
    { ELEM_over, "over", exactly_inverse, -1e38f, 1e38f, 0.5, 1e-37, { 0, 0 } },
    { ELEM_root, "root", exactly_root, 0, INFINITY, 0.5, 0, { INFINITY, INFINITY } },
    { ELEM_over_root, "over_root", exactly_over_root, 0, INFINITY, 1.5, 0, { 0, 0 } },
    { ELEM_exp, "exp", exactly_exp, -103, 88.7f, 1.5, 0, { 0, INFINITY } },
    { ELEM_exp2, "exp2", exactly_exp2, -149, 127.9f, 1.5, 0, { 0, INFINITY } },
    { ELEM_log, "log", exactly_log, 0, INFINITY, 1.25, 0, { NAN, INFINITY } },
    { ELEM_tanh, "tanh", exactly_tanh, -INFINITY, INFINITY, 1.5, 0, { -1, 1 } },
    { ELEM_erf, "erf", exactly_erf, -INFINITY, INFINITY, 1.5, 0, { -1, 1 } },
    { ELEM_sigmoid, "sigmoid", exactly_sigmoid, -87, INFINITY, 2.5, 0, { 0, 1 } },
    { ELEM_silu, "silu", exactly_silu, -87, 1e38f, 2.5, 0, { NAN, INFINITY } },
    { ELEM_gelu, "gelu", exactly_gelu, -13, 1e38f, 9, 0, { NAN, INFINITY } },
    { ELEM_gelu_tanh,
      "gelu_tanh",
      exactly_gelu_tanh,
      -12,
      1e38f,
      24,
      1e-6,
      { NAN, INFINITY } },
    { ELEM_softplus, "softplus", exactly_softplus, -87, INFINITY, 2, 0, { 0, INFINITY } },
    { ELEM_softsign, "softsign", exactly_softsign, -1e38f, 1e38f, 2, 0, { NAN, NAN } },
    { ELEM_elu, "elu", exactly_elu, -INFINITY, INFINITY, 2, 0, { -1, INFINITY } },
};

/* ---- how far they are off ---------------------------------------------------------------- */

static double ulp_of(double want)
{
    int e;
    frexp(want, &e);
    return ldexp(1, (e < -125 ? -125 : e) - 24);
}

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Numbers of a block: every 9,973rd float from `bits` on, whatever it is. */
static void block_from(uint32_t bits, float x[ELEM_BLOCK])
{
    for (int i = 0; i < ELEM_BLOCK; i++) x[i] = float_of(bits + (uint32_t)i * 9973);
}

static double worst_of(const Kernels *k, size_t f, float *at)
{
    double worst = 0;
    for (uint64_t bits = 0; bits < UINT32_MAX; bits += (uint64_t)ELEM_BLOCK * 9973) {
        float x[ELEM_BLOCK], z[ELEM_BLOCK];
        block_from((uint32_t)bits, x);
        k->elem[functions[f].op](z, x, NULL, NULL, functions[f].op == ELEM_elu, 0,
                                 ELEM_BLOCK);
        for (int i = 0; i < ELEM_BLOCK; i++) {
            if (!(x[i] >= functions[f].least && x[i] <= functions[f].most)) continue;
            const double want = functions[f].exactly((double)x[i]);
            const bool beyond = isinf((float)want); /* then so is the result */
            const double off = beyond
                                 ? ((double)z[i] == (double)(float)want ? 0 : INFINITY)
                                 : fabs((double)z[i] - want)
                                       / ulp_of(fmax(fabs(want), functions[f].floor));
            if (isfinite(x[i]) && !(off <= worst)) {
                worst = off;
                *at = x[i];
            }
        }
    }
    return worst;
}

static void within_units(const char *of)
{
    const Kernels *k;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (size_t f = 0; f < COUNT(functions); f++) {
            float at = 0;
            const double worst = worst_of(k, f, &at);
            printf("%s %s, %s: %.2f units at %g\n", k->name, functions[f].name, of, worst,
                   (double)at);
            if (!(worst <= functions[f].ulps))
                fail_msg("%s by %s is %.2f units off at %.9g, more than %g",
                         functions[f].name, k->name, worst, (double)at,
                         functions[f].ulps);
        }
}

static void test_within_units(void **state)
{
    (void)state;
    within_units("libm");
}

static void test_within_units_of_sleef(void **state)
{
    (void)state;
#ifdef ANEC_SLEEF
    oracle = &sleef;
    within_units("SLEEF");
    oracle = &libm;
#else
    print_message("SLEEF is not here: libsleef-dev\n");
    skip();
#endif
}

static void same(const Kernels *k, size_t f, float x, double want)
{
    float in[ELEM_BLOCK], z[ELEM_BLOCK];
    for (int i = 0; i < ELEM_BLOCK; i++) in[i] = x;
    k->elem[functions[f].op](z, in, NULL, NULL, functions[f].op == ELEM_elu, 0,
                             ELEM_BLOCK);
    if (isnan(want) ? !isnan(z[0]) : (double)z[0] != want)
        fail_msg("%s of %g by %s is %g, not %g", functions[f].name, (double)x, k->name,
                 (double)z[0], want);
}

static void test_infinities(void **state)
{
    const Kernels *k;
    (void)state;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (size_t f = 0; f < COUNT(functions); f++) {
            same(k, f, -INFINITY, functions[f].at_inf[0]);
            same(k, f, INFINITY, functions[f].at_inf[1]);
            same(k, f, NAN, (double)NAN);
            if (functions[f].op == ELEM_over_root) same(k, f, -0.0f, INFINITY);
        }
}

/* ---- fp16 -------------------------------------------------------------------------------- */

/* Every fp16 goes through fp32 and back; between two of them the nearest is taken, the even
 * one in the middle. */
static void test_halves(void **state)
{
    const Kernels *k;
    (void)state;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (uint32_t h = 0; h < 0x7c00; h++) {
            uint16_t in[ELEM_PAD] = { (uint16_t)h, (uint16_t)(h + 1) }, out[ELEM_PAD];
            float x[ELEM_PAD];
            k->widen(x, in, 2);
            assert_true((double)x[0]
                        == ldexp(h < 0x400 ? h : 0x400 | (h & 0x3ff),
                                 (h < 0x400 ? 1 : (int)(h >> 10)) - 25));
            if (h + 1 == 0x7c00)
                x[1] = 65536; /* what follows the largest, were there one */
            x[2] = x[0] + (x[1] - x[0]) / 2;
            x[3] = x[0] + (x[1] - x[0]) / 4;
            k->narrow(out, x, 4);
            assert_int_equal(out[0], h);
            assert_int_equal(out[1], h + 1);
            assert_int_equal(out[2], h % 2 ? h + 1 : h);
            assert_int_equal(out[3], h);
        }
}

/* ---- tiles ------------------------------------------------------------------------------- */

enum { TILE_DEPTH = 37, TILE_RUN = 10, TILE_ROOM = 4096 };

static float tile_number(int i) { return (float)(i * 29 % 23 - 11); }

/* A tile of so many rows from rows that lie in runs, or in panels of these, of whole numbers: what it
 * gives is exact. */
static void check_runs(const Kernels *k, int rows, bool narrow, bool half, bool panel)
{
    enum { RUNS = (TILE_DEPTH + TILE_RUN - 1) / TILE_RUN };
    const int64_t apart = panel ? 1 : TILE_RUN + 3, next = panel ? k->mr : 1;
    static float a[TILE_ROOM], b[TILE_ROOM + 9], from[TILE_ROOM], c[TILE_ROOM];
    static uint16_t small[TILE_ROOM];
    int64_t off[RUNS];
    for (int i = 0; i < TILE_ROOM; i++) {
        a[i] = tile_number(i);
        b[i] = from[i] = tile_number(i + 7);
        c[i] = 0.5f;
    }
    for (int i = TILE_ROOM; i < TILE_ROOM + 9; i++) b[i] = 1;
    k->narrow(small, b, TILE_ROOM);
    for (int r = 0; r < RUNS; r++) off[r] = (RUNS - 1 - r) * 300;
    const int n = narrow ? k->lanes : k->nr;
    const SumsEnd end = { .col = from + 5,
                          .more = b + 9,
                          .bounded = true,
                          .low = -300,
                          .high = 400,
                          .to = c,
                          .apart = k->lanes };
    const RunTile t = { .rows = rows,
                        .half = half,
                        .narrow = narrow,
                        .panel = panel,
                        .runs = RUNS,
                        .run = TILE_RUN,
                        .last = TILE_DEPTH - (RUNS - 1) * TILE_RUN,
                        .a = a,
                        .apart = apart,
                        .off = off,
                        .b = half ? (const void *)small : b,
                        .from = from,
                        .ldf = k->nr,
                        .from_second = k->lanes,
                        .second = TILE_ROOM / 2,
                        .end = &end,
                        .ahead = panel ? from : NULL,
                        .ahead_by = 18 };
    const float *more = b + 9;
    k->runs(&t);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++) {
            float sum = from[i * k->nr + j];
            for (int l = 0; l < TILE_DEPTH; l++)
                sum += a[off[l / TILE_RUN] + i * apart + l % TILE_RUN * next]
                     * b[l * k->nr + j];
            const int at = i * k->lanes + j % k->lanes + j / k->lanes * (TILE_ROOM / 2);
            sum = fminf(fmaxf(sum + from[5 + j] + more[at], -300), 400);
            if (c[at] < sum || c[at] > sum)
                fail_msg("%s, %d rows: column %d of row %d is %g, not %g", k->name, rows,
                         j, i, (double)c[at], (double)sum);
            c[at] = 0.5f;
        }
    for (int i = 0; i < TILE_ROOM; i++)
        assert_true(c[i] == 0.5f); /* and nothing beside it */
}

static void test_runs(void **state)
{
    const Kernels *k;
    (void)state;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (int rows = 1; rows <= k->mr; rows++)
            for (int how = 0; how < 8; how++)
                check_runs(k, rows, how & 1, how & 2, how & 4);
}

/* ---- scores ------------------------------------------------------------------------------ */

/* The probabilities of n scores times a number, which are off by 4 units in the last place, 8 of 2^-24 at
 * most, and, for their sum, by n / 16 of these. */
static void check_weigh(const Kernels *k, float by, size_t n)
{
    enum { MOST = 100 };
    float x[MOST + ELEM_PAD];
    const WeighRow row = { .by = by, .scaled = by < 1 || by > 1 };
    double sum = 0, top = -INFINITY;
    for (size_t i = 0; i < n; i++) x[i] = tile_number((int)i);
    for (size_t i = 0; i < n; i++) top = fmax(top, (double)(x[i] * by));
    for (size_t i = 0; i < n; i++) sum += exp((double)(x[i] * by) - top);
    k->weigh(&row, x, n);
    for (size_t i = 0; i < n; i++) {
        const double want = exp((double)(tile_number((int)i) * by) - top) / sum;
        if (!(fabs((double)x[i] - want) <= (8 + (double)n / 16) * 0x1p-24 * want))
            fail_msg("%s, by %g: %zu of %zu is %g, not %g", k->name, (double)by, i, n,
                     (double)x[i], want);
    }
}

static void test_weigh(void **state)
{
    static const float by[] = { 1, 0.125f, 0.1f, -0.5f, 0 };
    const Kernels *k;
    (void)state;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (size_t b = 0; b < COUNT(by); b++)
            for (size_t n = 1; n <= 100; n += n < 40 ? 1 : 13) check_weigh(k, by[b], n);
}

/* ---- few rows ---------------------------------------------------------------------------- */

/* A product of a few rows and some panels, which lie one behind the other or, `across`, side by
 * side, of whole numbers. */
static void check_thin(const Kernels *k, ThinProduct t, bool across)
{
    enum { DEPTH = 530, PANELS = 7, APART = DEPTH + 3, WIDEST = 32 };
    static float a[THIN_ROWS * APART], b[DEPTH * PANELS * WIDEST];
    static float c[THIN_ROWS * PANELS * WIDEST + WIDEST];
    static uint16_t small[DEPTH * PANELS * WIDEST];
    const int64_t wide = t.panels * k->nr;
    const size_t room = COUNT(c);
    for (int i = 0; i < THIN_ROWS * APART; i++) a[i] = tile_number(i);
    for (int i = 0; i < DEPTH * PANELS * WIDEST; i++) b[i] = tile_number(i + 5);
    k->narrow(small, b, DEPTH * PANELS * WIDEST);
    for (size_t i = 0; i < room; i++) c[i] = 0.5f;
    t.a = a;
    t.apart = APART;
    t.b = t.half ? (const void *)small : b;
    t.ldb = across ? wide : k->nr;
    t.panel = across ? k->nr : t.depth * k->nr;
    t.c = c;
    t.ldc = wide;
    k->thin(&t);
    for (int i = 0; i < t.rows; i++)
        for (int64_t j = 0; j < wide; j++) {
            float sum = t.add ? 0.5f : 0;
            for (int64_t l = 0; l < t.depth; l++)
                sum += a[i * APART + l] * b[j / k->nr * t.panel + l * t.ldb + j % k->nr];
            const float got = c[i * wide + j];
            if (got < sum || got > sum)
                fail_msg("%s, %d rows, %d panels: column %d of row %d is %g, not %g",
                         k->name, t.rows, (int)t.panels, (int)j, i, (double)got,
                         (double)sum);
        }
    for (size_t i = (size_t)(t.rows * wide); i < room; i++) assert_true(c[i] == 0.5f);
}

static void test_thin(void **state)
{
    const Kernels *k;
    (void)state;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (int n = 0; n < 4 * 7 * 3 * 8; n++)
            check_thin(k,
                       (ThinProduct){ .rows = 1 + n % 4,
                                      .panels = 1 + n / 4 % 7,
                                      .depth = (int64_t[]){ 1, 512, 530 }[n / 28 % 3],
                                      .half = n / 84 & 1,
                                      .add = n / 84 & 2,
                                      .back = n % 5 < 2 },
                       n / 84 & 4);
}

/* Rows times rows of weights, of whole numbers. */
static void check_dots(const Kernels *k, int rows, int64_t depth, bool half)
{
    enum { COLS = 5, LONG = 133 };
    static float a[THIN_ROWS * LONG], b[COLS * LONG + 32], c[THIN_ROWS * COLS + 1];
    static uint16_t small[COLS * LONG + 32];
    for (int i = 0; i < THIN_ROWS * LONG; i++) a[i] = tile_number(i);
    for (size_t i = 0; i < COUNT(b); i++) b[i] = tile_number((int)i + 3);
    k->narrow(small, b, COUNT(b));
    for (size_t i = 0; i < COUNT(c); i++) c[i] = 0.5f;
    k->dots(&(DotProduct){ .rows = rows,
                           .half = half,
                           .depth = depth,
                           .cols = COLS,
                           .a = a,
                           .apart = LONG,
                           .b = half ? (const void *)small : b,
                           .ldb = LONG,
                           .c = c,
                           .ldc = COLS });
    for (int i = 0; i < rows * COLS; i++) {
        float sum = 0;
        for (int64_t l = 0; l < depth; l++)
            sum += a[i / COLS * LONG + l] * b[i % COLS * LONG + l];
        if (c[i] < sum || c[i] > sum)
            fail_msg("%s, %d rows of %d: %g, not %g", k->name, rows, (int)depth,
                     (double)c[i], (double)sum);
    }
    assert_true(c[rows * COLS] == 0.5f);
}

static void test_dots(void **state)
{
    const Kernels *k;
    (void)state;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (int64_t depth = 1; depth <= 133; depth += depth < 34 ? 1 : 9)
            for (int rows = 1; rows <= THIN_ROWS; rows++) {
                check_dots(k, rows, depth, false);
                check_dots(k, rows, depth, true);
            }
}

static void test_turn(void **state)
{
    enum { MOST = 40, APART = 50, WIDTH = 45 };
    static float x[MOST * APART], to[MOST * WIDTH];
    const Kernels *k;
    (void)state;
    for (int i = 0; i < MOST * APART; i++) x[i] = (float)i;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (int rows = 1; rows <= MOST; rows++)
            for (int n = 1; n <= MOST; n++) {
                for (int j = 0; j < MOST * WIDTH; j++) to[j] = -1;
                k->turn(to, WIDTH, x, APART, rows, (size_t)n);
                for (int j = 0; j < MOST * WIDTH; j++) {
                    const int l = j / WIDTH, r = j % WIDTH;
                    assert_true(to[j] == (r < rows && l < n ? x[r * APART + l] : -1));
                }
            }
}

/* ---- rows ------------------------------------------------------------------------------- */

/* Squares of these are infinite, or 0, while the row's result is neither. */
static void test_rows_of_any_size(void **state)
{
    enum { N = 37 };
    static const float sizes[] = { 1e-38f, 1e-30f, 1e-17f, 1, 1e18f, 1e25f, 1e36f };
    const Kernels *k;
    (void)state;
    for (int i = 0; (k = kernels_at(i)); i++)
        for (size_t s = 0; s < COUNT(sizes); s++) {
            float x[N + ELEM_PAD];
            double mean = 0, squares = 0, want[N];
            for (int j = 0; j < N; j++) {
                x[j] = sizes[s] * tile_number(j);
                mean += (double)x[j] / N;
            }
            for (int j = 0; j < N; j++) {
                want[j] = (double)x[j] - mean;
                squares += want[j] * want[j] / N;
            }
            k->standardise(x, N, 0);
            for (int j = 0; j < N; j++)
                if (!(fabs((double)x[j] - want[j] / sqrt(squares)) < 1e-6))
                    fail_msg("%s, %g: [%d] is %g, not %g", k->name, (double)sizes[s], j,
                             (double)x[j], want[j] / sqrt(squares));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_units), cmocka_unit_test(test_within_units_of_sleef),
        cmocka_unit_test(test_infinities),   cmocka_unit_test(test_rows_of_any_size),
        cmocka_unit_test(test_halves),       cmocka_unit_test(test_runs),
        cmocka_unit_test(test_weigh),        cmocka_unit_test(test_thin),
        cmocka_unit_test(test_dots),         cmocka_unit_test(test_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
