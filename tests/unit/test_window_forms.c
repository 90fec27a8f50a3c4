/* test_window_forms.c -- windows of every size, step, hole and padding around the limits of a chip, which
 * are made small: pools and convolutions in pieces, and products with a constant on either side, give
 * what they gave, to the rounding of fp16. What they become, by number of ops, is held against
 * window_forms.txt, which `make golden` writes anew. */
#include "micro.h"
#include "near.h"
#include "ref_run.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <stdio.h>

enum { LIMIT = 4, LONG = 13 };

typedef struct {
    const Target *chip;
    RefRange range; /* of inputs */
    int limit;      /* that is LIMIT */
    int valid, changed;
    uint64_t sum;
} Sweep;

static bool count_op(void *ctx, Op *op)
{
    *(int *)ctx += op->kind != OP_const;
    return true;
}

static int ops_of(Module *m)
{
    int n = 0;
    func_walk(module_main(m), count_op, &n);
    return n;
}

/* One program: whether it is one. */
static bool sweep_check(Sweep *w, const char *said)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    RefRun was, is;
    RuleSet rs;
    const char *text = micro_text(&a, "ios18", said);
    const Source src = { .name = "window.mil", .text = text, .len = strlen(text) };
    Module *m = near_read(&d, &src), *other = m ? near_read(&d, &src) : NULL;
    ruleset_init(&rs, w->chip, NULL);
    rs.limit[w->limit] = LIMIT;
    const PassOptions o = { .target = w->chip, .rules = &rs, .io = IO_FP16 };
    const bool valid = other && passes_run(other, &o, &d);
    if (valid) {
        const int n = ops_of(other);
        ref_run(&was, m, ref_draw, &w->range, said);
        ref_run(&is, other, ref_draw, &w->range, said);
        ref_compare(&was, &is, 4e-3, 1, said);
        ref_free(&was);
        ref_free(&is);
        w->sum = near_sum(w->sum, arena_printf(&a, "%d ", n));
        w->changed += n > 1;
        w->valid++;
    }
    module_free(m);
    module_free(other);
    diag_free(&d);
    arena_free(&a);
    return valid;
}

static void put_sweep(Buf *out, const char *title, const Sweep *w)
{
    buf_printf(out, "%s on %s: %d programs, %d in pieces, %016llx\n", title,
               w->chip->name, w->valid, w->changed, (unsigned long long)w->sum);
}

/* ---- pools ------------------------------------------------------------------------------- */

static void pool_pads(Sweep *w, const char *op, int kernel, int stride, const char *more)
{
    const int pads[][2] = { { 0, 0 },          { 1, 0 },
                            { 0, 2 },          { kernel - 1, 1 },
                            { 2, kernel - 1 }, { kernel / 2, kernel / 2 } };
    for (size_t i = 0; i < COUNT(pads); i++) {
        Arena a = { 0 };
        if (pads[i][0] < kernel && pads[i][1] < kernel)
            sweep_check(
                w, arena_printf(
                       &a,
                       "tensor<fp16, [1, 2, %d]> x | tensor<fp16, [1]> r = %s(x = x, "
                       "kernel_sizes = tensor<int32, [1]>([%d]), strides = tensor<int32, "
                       "[1]>([%d]), pad_type = string(\"custom\"), pad = tensor<int32, "
                       "[2]>([%d, %d])%s)[name = string(\"r\")]; | r",
                       LONG, op, kernel, stride, pads[i][0], pads[i][1], more));
        arena_free(&a);
    }
}

static void pools_give_what_they_gave(Buf *out)
{
    static const struct {
        const char *op, *more;
    } way[] = {
        { "max_pool", "" },
        { "max_pool", ", ceil_mode = bool(true)" },
        { "l2_pool", "" },
        { "avg_pool", ", exclude_padding_from_average = bool(false)" },
        { "avg_pool", ", exclude_padding_from_average = bool(true)" },
        { "avg_pool",
          ", exclude_padding_from_average = bool(true), ceil_mode = bool(true)" },
    };
    for (size_t k = 0; k < COUNT(way); k++) {
        Sweep w = { .chip = generation_at((int)k % generation_count()),
                    .range = { -2, 2 },
                    .limit = LIMIT_pool_window,
                    .sum = NEAR_START };
        for (int kernel = 1; kernel <= LONG; kernel++)
            for (int stride = 1; stride <= 5; stride++)
                pool_pads(&w, way[k].op, kernel, stride, way[k].more);
        put_sweep(out, way[k].op, &w);
    }
}

/* ---- convolutions ------------------------------------------------------------------------ */

static const char *conv_weight(Arena *a, int kernel)
{
    Buf b = { 0 };
    buf_printf(&b, "tensor<fp16, [2, 2, 1, %d]>([", kernel);
    for (int i = 0; i < 4; i++) {
        buf_printf(&b, "%s[[", i == 2 ? "], [" : i ? ", " : "[");
        for (int k = 0; k < kernel; k++)
            buf_printf(&b, "%s%g", k ? ", " : "", ((i * kernel + k) * 7 % 11 - 5) / 8.0);
        buf_puts(&b, "]]");
    }
    buf_puts(&b, "]])");
    const char *r = arena_strndup(a, b.s, b.len);
    buf_free(&b);
    return r;
}

static void convs_of(Sweep *w, int kernel, bool given)
{
    for (int way = 0; way < 3 * 3 * 5; way++) {
        Arena a = { 0 };
        const int stride = way % 3 + 1, hole = way / 3 % 3 + 1, before = way / 9,
                  after = way % 4;
        const char *weight = given ? "k" : conv_weight(&a, kernel);
        const char *in = given
                           ? arena_printf(&a, ", tensor<fp16, [2, 2, 1, %d]> k", kernel)
                           : "";
        sweep_check(
            w, arena_printf(
                   &a,
                   "tensor<fp16, [1, 2, 1, %d]> x%s | tensor<fp16, [1]> r = conv(x = x, "
                   "weight = %s, strides = tensor<int32, [2]>([1, %d]), dilations = "
                   "tensor<int32, [2]>([1, %d]), pad_type = string(\"custom\"), pad = "
                   "tensor<int32, [4]>([0, 0, %d, %d]), groups = int32(1))[name = "
                   "string(\"r\")]; | r",
                   LONG, in, weight, stride, hole, before, after));
        arena_free(&a);
    }
}

static void convolutions_give_what_they_gave(Buf *out)
{
    for (int given = 0; given < 2; given++)
        for (int i = 0; i < generation_count(); i += 2) {
            Sweep w = { .chip = generation_at(i),
                        .range = { -1, 1 },
                        .limit = LIMIT_kernel_width,
                        .sum = NEAR_START };
            for (int kernel = 1; kernel <= 9; kernel++) convs_of(&w, kernel, given);
            put_sweep(out, given ? "conv by an input" : "conv", &w);
        }
}

/* ---- products ---------------------------------------------------------------------------- */

/* The shape of a side of so many axes, whose last two are these. */
static const char *side_shape(Arena *a, int rank, bool turned, int rows, int cols)
{
    if (rank == 1) return arena_printf(a, "%d", turned ? rows : cols);
    return arena_printf(a, "%s%d, %d",
                        rank == 4   ? "2, 1, "
                        : rank == 3 ? "2, "
                                    : "",
                        turned ? cols : rows, turned ? rows : cols);
}

static const char *side_const(Arena *a, const char *shape)
{
    int dim[4], n = sscanf(shape, "%d, %d, %d, %d", &dim[0], &dim[1], &dim[2], &dim[3]);
    int count = 1;
    Buf b = { 0 };
    for (int i = 0; i < n; i++) count *= dim[i];
    buf_printf(&b, "tensor<fp16, [%s]>(", shape);
    for (int k = 0; k < count; k++) {
        int opens = 0, per = 1;
        for (int i = n; i-- > 0;) per *= dim[i], opens += k % per == 0;
        if (k) buf_puts(&b, ", ");
        for (int i = 0; i < opens; i++) buf_putc(&b, '[');
        buf_printf(&b, "%g", (k * 5 % 13 - 6) / 8.0);
        per = 1;
        for (int i = n; i-- > 0;) {
            per *= dim[i];
            if ((k + 1) % per == 0) buf_putc(&b, ']');
        }
    }
    buf_putc(&b, ')');
    const char *r = arena_strndup(a, b.s, b.len);
    buf_free(&b);
    return r;
}

static void products_of(Sweep *w, int rx, int ry, int way)
{
    Arena a = { 0 };
    const bool tx = way & 1, ty = way & 2;
    const int known = way >> 2; /* 1: x, 2: y */
    const char *sx = side_shape(&a, rx, tx, 3, 6),
               *sy = side_shape(&a, ry, ry == 1 ? true : ty, 6, 5);
    const char *x = known == 1 ? side_const(&a, sx) : "x",
               *y = known == 2 ? side_const(&a, sy) : "y";
    const char *in = known == 1 ? arena_printf(&a, "tensor<fp16, [%s]> y", sy)
                   : known == 2
                       ? arena_printf(&a, "tensor<fp16, [%s]> x", sx)
                       : arena_printf(&a, "tensor<fp16, [%s]> x, tensor<fp16, [%s]> y",
                                      sx, sy);
    sweep_check(w, arena_printf(&a,
                                "%s | tensor<fp16, [1]> r = matmul(x = %s, y = %s, "
                                "transpose_x = bool(%s), transpose_y = bool(%s))[name = "
                                "string(\"r\")]; | r",
                                in, x, y, tx ? "true" : "false", ty ? "true" : "false"));
    arena_free(&a);
}

static void products_give_what_they_gave(Buf *out)
{
    static const int limits_of[] = { LIMIT_matmul_inner, LIMIT_pool_window };
    for (size_t k = 0; k < COUNT(limits_of); k++)
        for (int i = 0; i < generation_count(); i++) {
            Sweep w = { .chip = generation_at(i),
                        .range = { -1, 1 },
                        .limit = limits_of[k],
                        .sum = NEAR_START };
            for (int rx = 1; rx <= 4; rx++)
                for (int ry = 1; ry <= 4; ry++)
                    for (int way = 0; way < 12; way++) products_of(&w, rx, ry, way);
            put_sweep(out, k ? "matmul" : "matmul in pieces", &w);
        }
}

static void windows_give_what_they_gave(void **state)
{
    Rewritten r = { .path = "tests/unit/window_forms.txt" };
    (void)state;
    pools_give_what_they_gave(&r.text);
    convolutions_give_what_they_gave(&r.text);
    products_give_what_they_gave(&r.text);
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(windows_give_what_they_gave) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
