/* test_staged.c -- the order in which the backend cpu lays out x for a window (flat_window.c): read
 * from it, every element of every window is the one that the window has there, in every window of
 * small sizes, strides, dilations and paddings. */
#include "unit.h"

#include "../../backends/cpu/flat_pack.h"
#include "../../backends/vector/kernels.h"

enum { REST = -7, WHOLE = 1 << 20 };

/* Element (i0, i1, i2) of x, whose elements count up from 1; REST where it is padding. */
static float element_at(const Window *w, const int64_t *i)
{
    for (int k = 0; k < MAX_SPATIAL; k++)
        if (i[k] < 0 || i[k] >= w->in[k]) return REST;
    return (float)(1 + (i[0] * w->in[1] + i[1]) * w->in[2] + i[2]);
}

/* What tap `tap` of the window of result `at` reads. */
static float read_at(const Window *w, int64_t at, int64_t tap)
{
    int64_t i[MAX_SPATIAL];
    for (int k = MAX_SPATIAL; k-- > 0;) {
        const int64_t out = at % w->out[k], t = tap % w->kernel[k];
        i[k] = out * w->stride[k] + t * w->dilation[k] - w->before[k];
        at /= w->out[k];
        tap /= w->kernel[k];
    }
    return element_at(w, i);
}

/* Positions in pieces of `piece`: each result is there once, in order, and reads what it should. */
static void runs_have_each_result(const Staged *g, const float *x, int64_t piece)
{
    int64_t next = 0;
    StagedRun run;
    for (int64_t first = 0; first < g->span; first += piece) {
        const int64_t end = first + piece < g->span ? first + piece : g->span;
        for (int64_t from = first; stage_run(g, from, end, &run);
             from = run.from + run.n) {
            assert_true(run.from >= from && run.n > 0 && run.from + run.n <= end);
            assert_int_equal(run.at, next);
            for (int64_t i = 0; i < run.n; i++)
                for (int t = 0; t < g->taps; t++)
                    if (x[run.from + i + g->off[t]] != read_at(&g->w, next + i, t))
                        fail_msg("result %d reads another element by tap %d",
                                 (int)(next + i), t);
            next += run.n;
        }
    }
    assert_int_equal(next, g->w.out[0] * g->w.out[1] * g->w.out[2]);
}

/* The same positions, moved together: those that stay are the results', side by side. */
static void valid_ones_are_moved_together(const Staged *g, int64_t piece)
{
    int64_t next = 0;
    float *v = calloc((size_t)piece, sizeof *v), *position = calloc((size_t)g->span, 4);
    StagedRun run;
    for (int64_t from = 0; stage_run(g, from, g->span, &run); from = run.from + run.n)
        for (int64_t i = 0; i < run.n; i++)
            position[run.from + i] = (float)(run.at + i + 1); /* 0: between lines */
    for (int64_t first = 0; first < g->span; first += piece) {
        const int64_t n = piece < g->span - first ? piece : g->span - first;
        int64_t at = -9;
        memcpy(v, position + first, (size_t)n * sizeof *v);
        const int64_t kept = stage_valid(g, first, n, v, &at);
        if (kept) assert_int_equal(at, next);
        for (int64_t i = 0; i < kept; i++) assert_true(v[i] == (float)(next + i + 1));
        next += kept;
    }
    assert_int_equal(next, g->w.out[0] * g->w.out[1] * g->w.out[2]);
    free(v);
    free(position);
}

static void check_window(const Window *w)
{
    static const int64_t pieces[] = { 1, 2, 3, 5, 8, WHOLE };
    const Kernels *k = kernels_at(0);
    Arena a = { 0 };
    Staged g;
    stage_init(&g, w, &a);
    const size_t in = (size_t)(w->in[0] * w->in[1] * w->in[2]);
    const size_t room = (size_t)(g.channel + g.span) + 2 * ELEM_PAD;
    float *x = NEW_ARRAY(&a, in + ELEM_PAD, float), *to = NEW_ARRAY(&a, room, float);
    uint16_t *half = NEW_ARRAY(&a, in + ELEM_PAD, uint16_t);
    float *line = NEW_ARRAY(&a, (size_t)stage_line(&g), float);
    for (size_t i = 0; i < in; i++) {
        x[i] = (float)(i + 1);
        half[i] = f16_from_double((double)x[i]);
    }
    for (int type = 0; type < 2; type++) {
        for (size_t i = 0; i < room; i++) to[i] = -1;
        stage_channel(&g, k, type ? (const void *)half : x, type ? DT_FP16 : DT_FP32,
                      REST, to, line);
        if (g.direct && !type) assert_memory_equal(to, x, in * sizeof *x);
        runs_have_each_result(&g, to, type ? WHOLE : 7);
    }
    for (size_t i = 0; i < COUNT(pieces); i++) {
        runs_have_each_result(&g, to, pieces[i]);
        valid_ones_are_moved_together(&g, pieces[i] < g.span ? pieces[i] : g.span + 1);
    }
    arena_free(&a);
}

/* One dimension of a window; false: the kernel does not fit. */
static bool set_axis(Window *w, int k, int64_t in, int64_t kernel, int64_t stride,
                     int64_t dilation, int64_t before, int64_t after)
{
    const int64_t span = (kernel - 1) * dilation + 1;
    w->in[k] = in, w->kernel[k] = kernel, w->stride[k] = stride;
    w->dilation[k] = dilation, w->before[k] = before, w->after[k] = after;
    w->out[k] = (in + before + after - span) / stride + 1;
    return in + before + after >= span;
}

static Window plain_window(void)
{
    Window w = { .n = MAX_SPATIAL };
    set_axis(&w, 0, 1, 1, 1, 1, 0, 0);
    set_axis(&w, 1, 2, 2, 1, 1, 0, 1);
    set_axis(&w, 2, 3, 2, 1, 1, 1, 0);
    return w;
}

static void each_axis_by_itself(void **state)
{
    (void)state;
    int n = 0;
    for (int axis = 0; axis < MAX_SPATIAL; axis++)
        for (int64_t in = 1; in <= 9; in += in < 4 ? 1 : 2)
            for (int64_t kernel = 1; kernel <= 3; kernel++)
                for (int64_t stride = 1; stride <= 5; stride++)
                    for (int64_t dilation = 1; dilation <= 3; dilation++)
                        for (int64_t pad = 0; pad < 16; pad++) {
                            Window w = plain_window();
                            if (!set_axis(&w, axis, in, kernel, stride, dilation, pad / 4,
                                          pad % 4))
                                continue;
                            check_window(&w);
                            n++;
                        }
    assert_true(n > 4000);
}

static void axes_together(void **state)
{
    (void)state;
    int n = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        Window w = { .n = MAX_SPATIAL };
        bool fits = true;
        for (int k = 0; k < MAX_SPATIAL; k++) {
            int64_t v[6];
            static const int64_t most[] = { 7, 3, 4, 2, 3, 3 };
            for (int j = 0; j < 6; j++)
                v[j] = (int64_t)(rng_u64(i, (uint64_t)(6 * k + j)) % (uint64_t)most[j])
                     + (j < 4);
            fits &= set_axis(&w, k, v[0], v[1], v[2], v[3], v[4], v[5]);
        }
        if (!fits) continue;
        check_window(&w);
        n++;
    }
    assert_true(n > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_axis_by_itself),
        cmocka_unit_test(axes_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
