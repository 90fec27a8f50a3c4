/* search.c -- finds the numbers of limits.def by programs of growing size (probe/limits). */
#include "probe.h"

#include "limits_texts.h"

#include <string.h>

/* ---- programs that grow ------------------------------------------------------------------ */

/* t with the size where PLACE stands; itself where it does not. */
static const Type *sized_type(Arena *a, const Type *t, int64_t n)
{
    if (t->kind != TY_TENSOR) return t;
    Shape s = t->shape;
    bool found = false;
    for (int i = 0; i < s.rank; i++) {
        if (s.dim[i] != PLACE) continue;
        s.dim[i] = n;
        found = true;
    }
    return found ? type_tensor(a, t->dtype, s) : t;
}

/* The same for a literal: its type, and the elements of one of a few int32. */
static const Const *sized_const(Arena *a, const Const *c, int64_t n)
{
    const Type *t = sized_type(a, c->type, n);
    if (t != c->type) {
        Const *k = NEW(a, Const);
        *k = *c;
        k->type = t;
        return k;
    }
    if (c->kind != CONST_DATA || t->kind != TY_TENSOR || t->dtype != DT_INT32) return c;
    int64_t v[MAX_RANK * 2];
    const Literal probe = const_literal(c);
    const int count = t->shape.rank == 1 ? value_ints(&probe.v, v) : -1;
    bool found = false;
    for (int i = 0; i < count; i++) {
        if (v[i] != PLACE) continue;
        v[i] = n;
        found = true;
    }
    return found ? const_ints(a, DT_INT32, count, v) : c;
}

static void size_value(Arena *a, Value *v, int64_t n)
{
    v->type = sized_type(a, v->type, n);
    if (!value_lit(v)) return;
    value_set_lit(v, sized_const(a, value_lit(v), n));
    v->type = value_lit(v)->type;
}

static bool stretch_dim(Func *f, int64_t n, Diag *d)
{
    Arena *a = &f->module->arena;
    for (int i = 0; i < f->body->nparam; i++) size_value(a, f->body->param[i], n);
    for (Op *op = f->body->first; op; op = op->next) {
        Attr one;
        const Attrs attrs = op_attrs(op, &one);
        for (int i = 0; i < attrs.count; i++)
            op_set_attr(f->module, op, attrs.at[i].name,
                        sized_const(a, attrs.at[i].val, n));
        for (int i = 0; i < op->narg; i++)
            for (int k = 0; k < arg_count(&op->arg[i]); k++)
                size_value(a, op->arg[i].val[k], n);
        for (int i = 0; i < op->nout; i++) size_value(a, op->out[i], n);
    }
    return func_infer(f, d, true);
}

/* Axes of 1 before those that the inputs have. */
static bool stretch_axes(Func *f, int64_t n, Diag *d)
{
    for (int i = 0; i < f->body->nparam; i++) {
        Value *v = f->body->param[i];
        const Shape *old = &v->type->shape;
        if (n < old->rank || n > MAX_RANK)
            bug("%lld axes from %d", (long long)n, old->rank);
        Shape s = { .rank = (int)n };
        for (int k = 0; k < s.rank; k++) {
            const int from = k - (s.rank - old->rank);
            s.dim[k] = from < 0 ? 1 : old->dim[from];
        }
        v->type = type_tensor(&f->module->arena, v->type->dtype, s);
    }
    return func_infer(f, d, true);
}

static bool stretch_inputs(Func *f, int64_t n, Diag *d)
{
    (void)d;
    Value *first = f->body->param[0];
    for (int64_t i = 1; i < n; i++)
        block_param(f->body, func_unique_name(f, first->name), first->type,
                    value_loc(first));
    return true;
}

/* The last op again for each file more, on its own result and a weight of that file. */
static bool stretch_files(Func *f, int64_t n, Diag *d)
{
    Builder b = builder_at(f->body, NULL, d, f->loc);
    Arena *a = &f->module->arena;
    const Op *last = f->body->last;
    const Const *weight = value_lit(op_value(last, P_y));
    for (int64_t i = 1; i < n; i++) {
        Const *k = NEW(a, Const);
        *k = *weight;
        k->path = arena_printf(a, "@model_path/weights/w%lld.bin", (long long)i);
        k->file = weight_file(f->module, d, k->loc, k->path);
        if (!k->file) return false;
        f->body->result[0] = build_of(&b, "r", last->kind, P_x, f->body->result[0], P_y,
                                      build_const(&b, "w", k), P_NONE);
    }
    return diag_ok(d);
}

typedef enum { GROWS_SIZE, GROWS_AXES, GROWS_INPUTS, GROWS_FILES, GROWS_VALUE } Grows;

static bool (*const stretches[])(Func *f, int64_t n, Diag *d) = {
    [GROWS_SIZE] = stretch_dim,
    [GROWS_AXES] = stretch_axes,
    [GROWS_INPUTS] = stretch_inputs,
    [GROWS_FILES] = stretch_files,
    [GROWS_VALUE] = NULL, /* the fill alone */
};

/* ---- the table --------------------------------------------------------------------------- */

typedef enum { SIDE_LARGEST, SIDE_SMALLEST } LimitSide;

/* Limits of limits.def, each with a program of limits/ at the sizes least .. most,
 * the first tried at `first`. PLACE stands for the size in its types, int literals and
 * fill; `grows`: SIZE sets it there, AXES sets the rank of the inputs, INPUTS their number,
 * FILES the number of weight files, VALUE the fill alone. `side`: the LARGEST or SMALLEST
 * size that runs; the limit is scale * size + more, a scale of 0 being 1. The first
 * sizes fill the largest surface minimum that was reported, where they can.
 *
 * Not here: what costs time alone (reduce-route, working-set, fan-in), what the caller's
 * binding hides (row-alignment), and what no single program shows (loaded-programs, compiles). */
// clang-format off
static const struct {
    int limit;
    Grows grows;
    LimitSide side;
    int64_t first, least, most, scale, more;
    const char *fill, *program;
} table[] = {
    { LIMIT_width, GROWS_SIZE, SIDE_LARGEST, 8192, 1, 131072, .program = limits_width },
    { LIMIT_height, GROWS_SIZE, SIDE_LARGEST, 8192, 1, 131072, .program = limits_height },
    { LIMIT_channels, GROWS_SIZE, SIDE_LARGEST, 8192, 1, 131072, .program = limits_channels },
    { LIMIT_batch, GROWS_SIZE, SIDE_LARGEST, 8192, 1, 131072, .program = limits_batch },
    { LIMIT_rank, GROWS_AXES, SIDE_LARGEST, 4, 1, 8, .program = limits_rank },
    { LIMIT_matmul_rank, GROWS_AXES, SIDE_LARGEST, 3, 2, 8, .fill = "a=0,1", .program = limits_matmul_rank },
    { LIMIT_linear_rank, GROWS_AXES, SIDE_LARGEST, 2, 1, 8, .program = limits_linear_rank },
    { LIMIT_matmul_inner, GROWS_SIZE, SIDE_LARGEST, 8192, 1, 131072, .fill = "a=0,1", .program = limits_matmul_inner },
    { LIMIT_conv_channels, GROWS_SIZE, SIDE_LARGEST, 8192, 1, 131072, .program = limits_conv_channels },
    { LIMIT_kernel_width, GROWS_SIZE, SIDE_LARGEST, 8, 1, 64, .program = limits_kernel_width },
    { LIMIT_kernel_height, GROWS_SIZE, SIDE_LARGEST, 16, 1, 64, .program = limits_kernel_height },
    { LIMIT_pool_window, GROWS_SIZE, SIDE_LARGEST, 16, 1, 64, .program = limits_pool_window },
    { LIMIT_arg_axis, GROWS_SIZE, SIDE_LARGEST, 1024, 1, 16384, .fill = "a=0,0,1", .program = limits_arg_axis },
    { LIMIT_lrn_channels, GROWS_SIZE, SIDE_LARGEST, 8, 1, 256, .program = limits_lrn_channels },
    { LIMIT_weight_files, GROWS_FILES, SIDE_LARGEST, 8, 1, 64, .program = limits_weight_files },
    { LIMIT_weights_total, GROWS_SIZE, SIDE_LARGEST, 16, 1, 1536, .scale = 2097152, .program = limits_weights_total },
    { LIMIT_buffers, GROWS_INPUTS, SIDE_LARGEST, 32, 1, 255, .more = 1, .program = limits_buffers },
    { LIMIT_slice_max, GROWS_VALUE, SIDE_LARGEST, 1024, 1, 65504, .fill = "a=77777", .program = limits_slice_max },
    { LIMIT_surface_min, GROWS_SIZE, SIDE_SMALLEST, 8192, 1, 32768, .scale = 8, .program = limits_surface_min },
};
// clang-format on

int search_limit(int row) { return row < (int)COUNT(table) ? table[row].limit : -1; }

bool search_is_smallest(int row) { return table[row].side == SIDE_SMALLEST; }

static int64_t search_scale(int row) { return table[row].scale ? table[row].scale : 1; }

/* A size of one is megabytes. */
bool search_is_heavy(int row) { return search_scale(row) >= 1 << 20; }

/* ---- searching --------------------------------------------------------------------------- */

void search_begin(Search *s, int row) { *s = (Search){ .row = row }; }

static bool in_range(int row, int64_t n)
{
    return !n || (n >= table[row].least && n <= table[row].most);
}

bool search_restore(Search *s, int row, int64_t good, int64_t bad)
{
    search_begin(s, row);
    const bool swapped = table[row].side == SIDE_LARGEST ? good >= bad : good <= bad;
    if (!in_range(row, good) || !in_range(row, bad) || (good && bad && swapped))
        return false;
    s->good = good;
    s->bad = bad;
    return true;
}

/* A size twice or half as large as `from`; 0: there is none. */
static int64_t search_farther(int row, int64_t from, bool up)
{
    const int64_t to = up ? from * 2 : from / 2, least = table[row].least,
                  most = table[row].most;
    if (from == (up ? most : least)) return 0;
    return to > most ? most : to < least ? least : to;
}

int64_t search_next(const Search *s)
{
    const bool largest = table[s->row].side == SIDE_LARGEST;
    if (s->stuck) return 0;
    if (!s->good && !s->bad) return table[s->row].first;
    if (!s->bad) return search_farther(s->row, s->good, largest);
    if (!s->good) return search_farther(s->row, s->bad, !largest);
    const int64_t gap = s->good < s->bad ? s->bad - s->good : s->good - s->bad;
    return gap < 2 ? 0 : (s->good < s->bad ? s->good : s->bad) + gap / 2;
}

bool search_step(Search *s, Prober *p)
{
    const Trial t = { .text = table[s->row].program,
                      .fill = table[s->row].fill,
                      .size = search_next(s),
                      .stretch = stretches[table[s->row].grows] };
    switch (probe_trial(p, &t)) {
    case RAN_SAME:
        s->good = t.size;
        break;
    case RAN_OTHER:
    case RAN_NOT:
        s->bad = t.size;
        break;
    case RAN_UNKNOWN:
        s->stuck = true;
    }
    return !s->stuck;
}

static int search_halvings(int64_t n)
{
    int k = 0;
    while (n > 1) {
        n = (n + 1) / 2;
        k++;
    }
    return k;
}

/* Out to one end, back into a gap of at most the larger half. */
int search_trials(int row)
{
    const int64_t first = table[row].first;
    const int up = search_halvings(table[row].most / first + 1),
              down = search_halvings(first);
    return 2 + (up > down ? up : down) + search_halvings(table[row].most);
}

Found search_result(const Search *s, int64_t *value)
{
    if (!s->good || s->stuck) return FOUND_NOTHING;
    *value = s->good * search_scale(s->row) + table[s->row].more;
    return s->bad ? FOUND_EXACT : FOUND_NO_EDGE;
}
