/* test_train.c -- training without a program: the order of samples, rates, the loss scale, and
 * checkpoints, of which every byte is changed once. */
#include "../../train/train.h"
#include "unit.h"

#include <math.h>
#include <unistd.h>

/* ---- order, rates, scale ----------------------------------------------------------------- */

/* Every sample once, another order each epoch, the same one for the same seed. */
static void test_order(void **state)
{
    enum { N = 800 };
    static uint32_t a[N], b[N];
    char seen[N] = { 0 };
    (void)state;
    order_shuffle(7, 0, N, a);
    for (int i = 0; i < N; i++) seen[a[i]]++;
    for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
    order_shuffle(7, 0, N, b);
    assert_memory_equal(a, b, sizeof a);
    order_shuffle(7, 1, N, b);
    assert_memory_not_equal(a, b, sizeof a);
    order_shuffle(7, 0, 1, b);
    assert_int_equal(b[0], 0);
}

static void put(TrainSettings *s, int id, const char *text)
{
    assert_true(settings_put(s, id, text));
}

static void test_rates(void **state)
{
    TrainSettings s;
    (void)state;
    settings_init(&s);
    put(&s, SET_lr, "1");
    put(&s, SET_warmup, "10");
    assert_float_equal(schedule_lr(&s, 0, 110), .1, 1e-12);
    assert_float_equal(schedule_lr(&s, 9, 110), 1, 1e-12);
    assert_float_equal(schedule_lr(&s, 10, 110), 1, 1e-12);
    assert_float_equal(schedule_lr(&s, 60, 110), .55, 1e-12);
    assert_float_equal(schedule_lr(&s, 110, 110), .1, 1e-12);
    put(&s, SET_min_lr, "0");
    put(&s, SET_schedule, "linear");
    assert_float_equal(schedule_lr(&s, 35, 110), .75, 1e-12);
    put(&s, SET_schedule, "constant");
    assert_float_equal(schedule_lr(&s, 100, 110), 1, 1e-12);
    settings_init(&s);
    put(&s, SET_optimizer, "sgd");
    assert_float_equal(schedule_lr(&s, 99, 100), 1e-3, 1e-12);
}

static void test_settings(void **state)
{
    TrainSettings s;
    (void)state;
    settings_init(&s);
    assert_false(settings_put(&s, SET_steps, "-1"));
    assert_false(settings_put(&s, SET_steps, "1.5"));
    assert_false(settings_put(&s, SET_lr, "fast"));
    assert_false(settings_put(&s, SET_lr, "1e999"));
    assert_false(settings_put(&s, SET_schedule, "lin"));
    assert_true(settings_put(&s, SET_schedule, "linear"));
    assert_true(settings_put(&s, SET_decay_all, "yes"));
}

static void test_scale(void **state)
{
    Diag d = { 0 };
    TrainScale s;
    (void)state;
    assert_true(scale_open(&s, &d, NULL, false) && !s.on);
    assert_true(scale_open(&s, &d, NULL, true) && s.dynamic);
    assert_float_equal(s.value, 1024, 0);
    assert_true(scale_after(&s, false, false));
    assert_float_equal(s.value, 512, 0);
    for (int i = 0; i < 2000; i++) assert_true(scale_after(&s, true, false));
    assert_float_equal(s.value, 512, 0);
    assert_true(scale_after(&s, true, true));
    assert_float_equal(s.value, 1024, 0);
    for (int i = 0; i < 999; i++) assert_true(scale_after(&s, true, true));
    assert_float_equal(s.value, 1024, 0);
    for (int i = 0; i < 100000; i++) scale_after(&s, true, true);
    assert_float_equal(s.value, 16384, 0);
    for (int i = 0; i < 19; i++) assert_true(scale_after(&s, false, false));
    assert_false(scale_after(&s, false, false));
    assert_float_equal(s.value, 1, 0);
    assert_int_equal(s.skipped, 21);
    assert_true(scale_open(&s, &d, "512", true) && !s.dynamic && s.on);
    assert_false(scale_after(&s, false, false));
    assert_false(scale_open(&s, &d, "big", true));
    expect_said(
        &d, "error: --loss-scale takes dynamic, off, or a number from 1 to 65504, where "
            "fp16 ends, not 'big'\n");
}

/* At the end of fp16, which is where an engine may hold what is larger. */
static void test_saturated(void **state)
{
    float g[2][3] = { { 65503, -65503, 70000 }, { 0, 0, -65504 } };
    TrainParam p[2];
    (void)state;
    for (int i = 0; i < 2; i++) p[i] = (TrainParam){ .count = 3, .grad = g[i] };
    assert_null(scale_saturated(p, 1));
    assert_ptr_equal(scale_saturated(p, 2), &p[1]);
    p[1].frozen = true;
    assert_null(scale_saturated(p, 2));
}

/* Small: a weight whose elements are below 2^-8 in the mean square, unless all of them are 0. */
static void test_small(void **state)
{
    float g[3][4] = { { 1, 1, 1, 1 }, { 0 }, { 0x1p-7f, 0, 0, 0 } };
    TrainParam p[3];
    (void)state;
    for (int i = 0; i < 3; i++) p[i] = (TrainParam){ .count = 4, .grad = g[i] };
    assert_false(scale_small(p, 3));
    g[2][0] = 0x1.fep-8f;
    assert_true(scale_small(p, 3));
    assert_false(scale_small(p, 2));
}

/* ---- checkpoints ------------------------------------------------------------------------- */

typedef struct {
    float number[3][10];
    TrainParam param[2];
    TrainState state;
} Case;

static void make_case(Case *c)
{
    *c = (Case){ .state = { .step = 12,
                            .best_loss = .25,
                            .loss = 1 / 3.,
                            .settings = "{}",
                            .options = "[]",
                            .data_sha256 = "d",
                            .backend = "cpu",
                            .io = "fp32",
                            .chip = "host",
                            .why = "",
                            .anec_version = "0.1",
                            .model_path = "m.anedsl",
                            .model_sha256 = "0123456789abcdef",
                            .model = "model \"m\"\n",
                            .states = 1 } };
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 10; i++) c->number[k][i] = (float)(10 * k + i);
    c->param[0] =
        (TrainParam){ .path = "a.w", .rank = 2, .shape = { 2, 5 }, .count = 10 };
    c->param[0].master = c->number[0];
    c->param[0].state[0] = c->number[1];
    c->param[1] = (TrainParam){ .path = "b", .rank = 0, .count = 1 };
    c->param[1].master = c->number[2];
    c->param[1].state[0] = c->number[2] + 5;
}

/* A checkpoint about to be written, in a folder of the test's own. */
typedef struct {
    Arena arena;
    Diag diag;
    char *dir, *path;
    Case from;
} SavedRun;

static int saved_begin(void **state)
{
    SavedRun *t = *state = calloc(1, sizeof *t);
    assert_non_null(t);
    t->dir = make_folder(&t->arena);
    t->path = arena_printf(&t->arena, "%s/c.safetensors", t->dir);
    make_case(&t->from);
    return 0;
}

static int saved_end(void **state)
{
    SavedRun *t = *state;
    remove_folder(t->dir);
    diag_free(&t->diag);
    arena_free(&t->arena);
    free(t);
    return 0;
}

static void test_whole(void **state)
{
    SavedRun *t = *state;
    TrainCheckpoint c;
    Case to;
    int left;
    make_case(&to);
    memset(to.number, 0, sizeof to.number);
    assert_true(checkpoint_write(&t->diag, t->path, &t->from.state, t->from.param, 2));
    assert_true(checkpoint_open(&c, &t->diag, t->path));
    assert_int_equal(c.state.step, 12);
    assert_true(c.state.loss == t->from.state.loss);
    assert_string_equal(c.state.model, t->from.state.model);
    assert_true(checkpoint_fill(&c, &t->diag, to.param, 2, "0"));
    assert_memory_equal(to.number[0], t->from.number[0], sizeof to.number[0]);
    assert_memory_equal(to.number[1], t->from.number[1], sizeof to.number[1]);
    assert_true(to.number[2][0] == 20 && to.number[2][5] == 25);
    to.param[0].shape[0] = 5;
    to.param[0].shape[1] = 2;
    assert_false(checkpoint_fill(&c, &t->diag, to.param, 2, "fedcba9876543210"));
    expect_says(
        &t->diag,
        "is of another model (sha256 0123456789ab, here fedcba987654): a.w is [2, 5], "
        "here it is [5, 2]");
    to.param[0].path = "a.v";
    assert_false(checkpoint_fill(&c, &t->diag, to.param, 2, "0"));
    expect_says(&t->diag, "which has no weight a.w");
    assert_false(weights_fill(&t->diag, t->path, to.param, 2, false, &left));
    expect_says(&t->diag, "a.v is not there, the weight is [5, 2]");
    assert_true(weights_fill(&t->diag, t->path, t->from.param, 2, false, &left));
    checkpoint_close(&c);
}

/* What is frozen has no states in the file, and is there all the same; where it is learned from
 * then on, its states begin as they are. */
static void test_frozen(void **state)
{
    SavedRun *t = *state;
    TrainCheckpoint c;
    Case to;
    int left;
    make_case(&to);
    t->from.param[0].frozen = true;
    t->from.param[0].state[0] = NULL;
    assert_true(checkpoint_write(&t->diag, t->path, &t->from.state, t->from.param, 2));
    assert_true(checkpoint_open(&c, &t->diag, t->path));
    for (size_t i = 0; i < c.tensors.count; i++)
        assert_string_not_equal(c.tensors.tensor[i].name, "opt.0.a.w");
    memset(to.number, 0, sizeof to.number);
    assert_true(checkpoint_fill(&c, &t->diag, to.param, 2, "0"));
    assert_memory_equal(to.number[0], t->from.number[0], sizeof to.number[0]);
    assert_true(to.number[1][3] == 0 && to.number[2][5] == 25);
    to.param[0].frozen = true;
    to.param[1].path = "new";
    assert_true(weights_fill(&t->diag, t->path, to.param, 2, true, &left));
    assert_int_equal(left, 1);
    to.param[0].path = "old";
    assert_false(weights_fill(&t->diag, t->path, to.param, 2, true, &left));
    expect_says(&t->diag, "old is not there, the weight is [2, 5]");
    checkpoint_close(&c);
}

/* Each byte changed in two ways, and the file cut there: an error each time, and nothing else. */
static void test_every_byte(void **state)
{
    SavedRun *t = *state;
    Mapped whole;
    TrainCheckpoint c;
    assert_true(checkpoint_write(&t->diag, t->path, &t->from.state, t->from.param, 2));
    assert_true(file_read(&t->diag, t->path, &whole));
    unsigned char *copy = arena_alloc(&t->arena, whole.size + 1);
    for (size_t i = 0; i < whole.size; i++)
        for (int how = 0; how < 3; how++) {
            FILE *f = fopen(t->path, "wb");
            memcpy(copy, whole.data, whole.size);
            copy[i] ^= how ? 0x20 : 1;
            assert_int_equal(fwrite(copy, 1, how < 2 ? whole.size : i, f),
                             how < 2 ? whole.size : i);
            fclose(f);
            if (checkpoint_open(&c, &t->diag, t->path))
                fail_msg("byte %zu, change %d", i, how);
            assert_int_equal(t->diag.errors, 1);
            buf_free(&t->diag.text);
            t->diag = (Diag){ 0 };
        }
    file_unmap(&whole);
}

/* A checkpoint whose header was written by somebody else, with the right sum. */
static void wrong_header(const char *path, const char *old, const char *new)
{
    static const char start[] = "{\"__metadata__\":{\"header\":\"";
    Diag d = { 0 };
    Mapped m;
    assert_true(file_read(&d, path, &m));
    Buf b = { 0 };
    const char *text = (const char *)m.data, *at = NULL;
    const size_t n = strlen(old), length = m.data[0] | (size_t)m.data[1] << 8;
    for (size_t i = 8; !at && i + n <= m.size; i++)
        if (!memcmp(text + i, old, n)) at = text + i;
    assert_non_null(at);
    buf_add(&b, text, (size_t)(at - text));
    buf_puts(&b, new);
    buf_add(&b, at + n, m.size - (size_t)(at - text) - n);
    const size_t now_is = length + strlen(new) - n;
    b.s[0] = (char)(now_is & 255);
    b.s[1] = (char)(now_is >> 8);
    memcpy(b.s + 8 + strlen(start), "00000000", 8);
    char sum[16];
    snprintf(sum, sizeof sum, "%08x", crc32c(0, b.s, 8 + now_is));
    memcpy(b.s + 8 + strlen(start), sum, 8);
    file_unmap(&m);
    assert_true(file_write_all(&d, path, b.s, b.len));
    buf_free(&b);
}

static void test_headers(void **state)
{
    static const struct {
        const char *old, *new, *says;
    } rows[] = {
        { "\"step\":\"12\"", "\"sleep\":\"12\"",
          "its metadata has no step: it is no checkpoint of anetrain" },
        { "\"step\":\"12\"", "\"step\":\"-2\"",
          "step is -2 in its metadata: a whole number is needed" },
        { "\"scale\":\"0\"", "\"scale\":\"x\"",
          "scale is x in its metadata: a number is needed" },
        { "\"states\":\"1\"", "\"states\":\"9\"",
          "it has 9 states a weight, 8 are the most" },
        { "\"version\":\"1\"", "\"version\":\"2\"",
          "is anec-train of version 2, this anetrain reads anec-train of version 1" },
        { "[0,40]", "[1,41]",
          "tensor 'a.w' does not begin where the one before it ends" },
    };
    SavedRun *t = *state;
    TrainCheckpoint c;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(
            checkpoint_write(&t->diag, t->path, &t->from.state, t->from.param, 2));
        wrong_header(t->path, rows[i].old, rows[i].new);
        assert_false(checkpoint_open(&c, &t->diag, t->path));
        expect_says(&t->diag, rows[i].says);
    }
    assert_true(checkpoint_write(&t->diag, t->path, &t->from.state, t->from.param, 2));
    FILE *f = fopen(t->path, "ab");
    fputs("more", f);
    fclose(f);
    assert_false(checkpoint_open(&c, &t->diag, t->path));
    expect_says(&t->diag, "its tensors end at byte");
}

static void test_bytes_said(void **state)
{
    static const struct {
        size_t at;
        const char *says;
    } rows[] = {
        { 3, "cut off, or changed: its header has" },
        { 40, "was changed" },
        { 200, "it was changed" },
    };
    SavedRun *t = *state;
    Mapped m;
    TrainCheckpoint c;
    for (size_t i = 0; i <= COUNT(rows); i++) {
        assert_true(
            checkpoint_write(&t->diag, t->path, &t->from.state, t->from.param, 2));
        assert_true(file_read(&t->diag, t->path, &m));
        unsigned char *copy = arena_alloc(&t->arena, m.size);
        memcpy(copy, m.data, m.size);
        copy[i < COUNT(rows) ? rows[i].at : m.size - 70] ^= 4;
        const size_t size = m.size;
        file_unmap(&m);
        assert_true(file_write_all(&t->diag, t->path, copy, size));
        assert_false(checkpoint_open(&c, &t->diag, t->path));
        expect_says(&t->diag, i < COUNT(rows) ? rows[i].says : "its data has the sum");
    }
    assert_true(file_write_all(&t->diag, t->path, "nothing", 7));
    assert_false(checkpoint_open(&c, &t->diag, t->path));
    expect_says(&t->diag, "is no checkpoint of anetrain");
}

/* ---- the folder -------------------------------------------------------------------------- */

static void save(TrainFolder *f, Case *c, uint64_t step, bool best)
{
    c->state.step = step;
    assert_true(folder_save(f, &c->state, c->param, 2, 2, best));
}

static void test_folder(void **state)
{
    SavedRun *t = *state;
    TrainFolder f, other;
    TrainCheckpoint got;
    char *path = arena_printf(&t->arena, "%s/deep/run", t->dir);
    assert_true(folder_open(&f, &t->diag, path));
    assert_false(folder_open(&other, &t->diag, path));
    folder_close(&other);
    expect_says(&t->diag, "another anetrain runs in");
    assert_false(folder_newest(&f, UINT64_MAX, &got));
    expect_says(&t->diag, "there is no checkpoint in");
    for (uint64_t s = 10; s <= 50; s += 10) save(&f, &t->from, s, s == 20);
    assert_false(file_exists(folder_checkpoint(&f, 10)));
    assert_true(file_exists(folder_checkpoint(&f, 20))); /* the best */
    assert_false(file_exists(folder_checkpoint(&f, 30)));
    assert_true(folder_newest(&f, UINT64_MAX, &got));
    assert_int_equal(got.state.step, 50);
    checkpoint_close(&got);
    assert_true(file_write_all(&t->diag, folder_checkpoint(&f, 50), "x", 1));
    assert_true(folder_newest(&f, UINT64_MAX, &got));
    expect_says(&t->diag, "cannot be used, so one before it is looked for");
    assert_int_equal(got.state.step, 40);
    checkpoint_close(&got);
    assert_true(folder_log(&f, 0));
    assert_true(folder_line(&f, "0,a\n") && folder_line(&f, "1,b\n")
                && folder_line(&f, "2,"));
    fclose(f.log);
    assert_true(folder_log(&f, 1));
    const char *log = arena_printf(&t->arena, "%s/log.csv", path);
    Mapped m;
    assert_true(file_read(&t->diag, log, &m));
    assert_non_null(strstr((const char *)m.data, "eval_metric\n0,a\n"));
    assert_null(strstr((const char *)m.data, "1,b"));
    file_unmap(&m);
    fclose(f.log);
    f.log = fopen("/dev/full", "w");
    assert_false(folder_line(&f, "0\n"));
    expect_says(&t->diag, "log.csv: No space left on device");
    folder_close(&f);
}

/* ---- weights in fp16 --------------------------------------------------------------------- */

/* Numbers of fp16, zeros, and what it cannot hold, are rounded as they are everywhere. */
static void test_halves_kept(void **state)
{
    enum { STEPS = 64 };
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float v = (float)f16_to_double((uint16_t)h);
        uint16_t got;
        halves_round("w", h, &v, 1, &got);
        assert_int_equal(got, f16_from_double(v));
    }
    const float far[] = { 65504.5f, -65519, 65520, -1e30f, INFINITY };
    uint16_t got[5], want[5];
    f16_from_floats(far, want, 5);
    for (uint64_t step = 0; step < STEPS; step++) {
        halves_round("w", step, far, 5, got);
        assert_memory_equal(got, want, sizeof got);
    }
}

/* Otherwise to one of the two neighbours, and over N steps as often to the upper one as the
 * distance says, to two steps; also where numbers of fp16 lie 2^-24 apart, and at the end of
 * its range. */
static void test_halves_mean(void **state)
{
    enum { N = 1000 };
    static const float v[] = { 0.0123f, -0.0123f, 1.00001f, -1999.3f, 3e-5f,
                               -7e-8f,  1e-8f,    65490,    0.99999f, 6.1030e-5f };
    enum { COUNT = sizeof v / sizeof *v };
    double sum[COUNT] = { 0 }, unit[COUNT];
    uint16_t h[COUNT], again[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++)
        unit[i] = ldexp(1, (int)fmax(floor(log2(fabs(v[i]))), -14) - 10);
    for (uint64_t step = 0; step < N; step++) {
        halves_round("w", step, v, COUNT, h);
        halves_round("w", step, v, COUNT, again);
        assert_memory_equal(h, again, sizeof h);
        for (int i = 0; i < COUNT; i++) {
            const double now = f16_to_double(h[i]);
            assert_true(fabs(now - v[i]) < unit[i]);
            sum[i] += now;
        }
    }
    for (int i = 0; i < COUNT; i++)
        assert_true(fabs(sum[i] / N - v[i]) <= 2 * unit[i] / N);
}

/* Elements, and weights of other names, go up at other steps. */
static void test_halves_places(void **state)
{
    enum { N = 4096 };
    static float v[N];
    static uint16_t a[N], b[N];
    size_t up = 0, same = 0;
    (void)state;
    for (int i = 0; i < N; i++) v[i] = 1 + 0x1p-11f;
    halves_round("a", 5, v, N, a);
    halves_round("b", 5, v, N, b);
    for (int i = 0; i < N; i++) {
        up += a[i] > 0x3c00;
        same += a[i] == b[i];
    }
    assert_in_range(up, N / 2 - 200, N / 2 + 200);
    assert_in_range(same, N / 2 - 200, N / 2 + 200);
}

int main(void)
{
#define SAVED(fn) cmocka_unit_test_setup_teardown(fn, saved_begin, saved_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_saturated),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_halves_kept),
        cmocka_unit_test(test_halves_mean),
        cmocka_unit_test(test_halves_places),
        SAVED(test_whole),
        SAVED(test_frozen),
        SAVED(test_every_byte),
        SAVED(test_headers),
        SAVED(test_bytes_said),
        SAVED(test_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
