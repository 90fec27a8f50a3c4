/* diff_model.c -- finds the first difference between two programs. */
#include "../ir/ops/ops.h"
#include "views.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Buf *out;
    Diag *diag;
    const DiffSide *a, *b;
    bool ignore_names, failed;
    ValueTable pairs; /* of a's values: the one of b that stands where it stands */
    Arena arena;
} Diff;

/* ---- saying it --------------------------------------------------------------------------- */

static void put_place(Buf *out, const DiffSide *s, Loc loc)
{
    buf_escape(out, s->path, strlen(s->path));
    if (!loc.src) return;
    int line, col;
    loc_line_col(loc, &line, &col);
    buf_printf(out, ":%d:%d", line, col);
}

/* "A:3:9 and B:4:9: ..": always false. */
static bool diff_model_differ(Diff *d, Loc a, Loc b, const char *fmt, ...) PRINTF(4, 5);
static bool diff_model_differ(Diff *d, Loc a, Loc b, const char *fmt, ...)
{
    va_list ap;
    put_place(d->out, d->a, a);
    buf_puts(d->out, " and ");
    put_place(d->out, d->b, b);
    buf_puts(d->out, ": ");
    va_start(ap, fmt);
    buf_vmessage(d->out, fmt, ap);
    va_end(ap);
    buf_putc(d->out, '\n');
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* ---- literals ---------------------------------------------------------------------------- */

/* What a comparison is of: "weight of y". */
typedef struct {
    Loc a, b;
    const char *what;
} At;

static bool diff_model_absent(const Const *c)
{
    return c->kind == CONST_BLOB && (!c->file || c->file->absent);
}

static bool same_rule(const Const *a, const Const *b)
{
    return a->kind == CONST_INIT && b->kind == CONST_INIT && const_equal(a, b);
}

/* By their bits: 0 and -0 differ, NaN equals itself. */
static bool same_element(const Tensor *a, const Tensor *b, size_t i)
{
    const size_t size = (size_t)dtypes[a->dtype].bits / 8;
    if (!size) return tensor_int(a, i) == tensor_int(b, i);
    return !memcmp((const char *)a->data + i * size, (const char *)b->data + i * size,
                   size);
}

static void put_exact(Buf *out, const Tensor *t, size_t i)
{
    if (dtype_is_float(t->dtype)) buf_printf(out, "%.9g", tensor_float(t, i));
    else report_element(out, t, i);
}

/* Element i of these runs, the one numbered `at_all` of all. */
static bool differ_in(Diff *d, const At *at, const Tensor *a, const Tensor *b, size_t i,
                      size_t at_all, size_t count)
{
    Buf text = { 0 };
    put_exact(&text, a, i);
    buf_puts(&text, " against ");
    put_exact(&text, b, i);
    if (count == 1) diff_model_differ(d, at->a, at->b, "%s: %s", at->what, text.s);
    else
        diff_model_differ(d, at->a, at->b, "%s: element %zu of %zu is %s", at->what,
                          at_all, count, text.s);
    buf_free(&text);
    return false;
}

/* Runs of elements of both, so that memory does not grow with weights. Types are equal. */
static bool same_elements(Diff *d, const At *at, const Const *a, const Const *b,
                          size_t count)
{
    enum { RUN = 1 << 16 }; /* elements; a whole number of bytes in every type */
    const DType t = a->type->dtype;
    const size_t size = (size_t)dtypes[t].bits * RUN / 8;
    char *x = mem_alloc(2 * size), *y = x + size;
    if (!x) mem_out(2 * size);
    bool same = true;
    for (size_t i = 0; same && i < count; i += RUN) {
        const size_t n = count - i < RUN ? count - i : RUN;
        memset(x, 0, 2 * size);
        d->failed = !const_read(a, d->diag, i, n, x) || !const_read(b, d->diag, i, n, y);
        if (d->failed || !memcmp(x, y, size)) {
            same = !d->failed;
            continue;
        }
        const Shape s = shape_of(1, (int64_t[]){ (int64_t)n });
        const Tensor tx = tensor_view(t, &s, x), ty = tensor_view(t, &s, y);
        for (size_t k = 0; same && k < n; k++)
            if (!same_element(&tx, &ty, k))
                same = differ_in(d, at, &tx, &ty, k, i + k, count);
    }
    mem_free(x);
    return same;
}

static bool same_strings(Diff *d, const At *at, const Const *a, const Const *b,
                         size_t count)
{
    const char *const *x = a->data, *const *y = b->data;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(x[i], y[i])) continue;
        Buf q = { 0 };
        buf_quote(&q, x[i]);
        buf_puts(&q, " against ");
        buf_quote(&q, y[i]);
        diff_model_differ(d, at->a, at->b, "%s: %s", at->what, q.s);
        buf_free(&q);
        return false;
    }
    return true;
}

static bool same_const(Diff *d, const At *at, const Const *a, const Const *b)
{
    size_t count;
    if (!type_equal(a->type, b->type))
        return diff_model_differ(d, at->a, at->b, "%s: %s against %s", at->what,
                                 type_text(&d->arena, a->type),
                                 type_text(&d->arena, b->type));
    if (a->kind == CONST_GROUP || b->kind == CONST_GROUP) {
        if (a->kind != b->kind || a->nelem != b->nelem)
            return diff_model_differ(d, at->a, at->b, "%s: %lld against %lld elements",
                                     at->what, (long long)a->nelem, (long long)b->nelem);
        for (int64_t i = 0; i < a->nelem; i++)
            if (!same_const(d, at, a->elem[i], b->elem[i])) return false;
        return true;
    }
    if (diff_model_absent(a) || diff_model_absent(b)) {
        if (a->kind == b->kind && a->offset == b->offset && same_text(a->path, b->path))
            return true;
        return diff_model_differ(
            d, at->a, at->b, "%s: the weight file is absent, and the references differ",
            at->what);
    }
    if (same_rule(a, b) || a->type->kind != TY_TENSOR
        || !shape_count(&a->type->shape, &count))
        return true;
    if (a->type->dtype == DT_STRING) return same_strings(d, at, a, b, count);
    return same_elements(d, at, a, b, count);
}

/* ---- attributes -------------------------------------------------------------------------- */

static bool same_attrs(Diff *d, Loc la, Loc lb, const char *of, const Attrs *a,
                       const Attrs *b, bool skip_name)
{
    for (int i = 0; i < a->count; i++) {
        const Const *other = attr_get(b, a->at[i].name);
        const char *what = arena_printf(&d->arena, "attribute %s of %s", a->at[i].name,
                                        of);
        if (skip_name && !strcmp(a->at[i].name, "name")) continue;
        if (!other) return diff_model_differ(d, la, lb, "%s: the second lacks it", what);
        if (!same_const(d, &(At){ la, lb, what }, a->at[i].val, other)) return false;
    }
    for (int i = 0; i < b->count; i++)
        if (!attr_get(a, b->at[i].name) && !(skip_name && !strcmp(b->at[i].name, "name")))
            return diff_model_differ(d, la, lb, "attribute %s of %s: the first lacks it",
                                     b->at[i].name, of);
    return true;
}

/* With the name. */
static Attrs all_attrs(Diff *d, const Op *op)
{
    Attr one;
    const Attrs own = op_attrs(op, &one);
    Attrs all = { .at = NEW_ARRAY(&d->arena, own.count + 1, Attr) };
    const char *said = op_said_name(op);
    if (said) all.at[all.count++] = (Attr){ "name", const_string(&d->arena, said) };
    for (int i = 0; i < own.count; i++) all.at[all.count++] = own.at[i];
    return all;
}

/* ---- values ------------------------------------------------------------------------------ */

/* b stands where a stands. */
static bool diff_model_pair(Diff *d, const char *what, const Value *a, Value *b)
{
    values_set(&d->pairs, a, b);
    if (!d->ignore_names && !same_text(a->name, b->name))
        return diff_model_differ(d, value_loc(a), value_loc(b),
                                 "%s is called %s against %s", what, a->name, b->name);
    if (!type_equal(a->type, b->type))
        return diff_model_differ(d, value_loc(a), value_loc(b), "%s %s is %s against %s",
                                 what, a->name, type_text(&d->arena, a->type),
                                 type_text(&d->arena, b->type));
    return true;
}

static bool same_use(Diff *d, Loc la, Loc lb, const char *what, const Value *a,
                     const Value *b)
{
    if (!a->name != !b->name)
        return diff_model_differ(d, la, lb, "%s: %s against %s", what,
                                 a->name ? a->name : "an inline literal",
                                 b->name ? b->name : "an inline literal");
    if (!a->name) return same_const(d, &(At){ la, lb, what }, value_lit(a), value_lit(b));
    return values_get(&d->pairs, a) == b
        || diff_model_differ(d, la, lb, "%s: %s against %s", what, a->name, b->name);
}

static const char *label_of(Diff *d, const Op *op)
{
    return op->nout ? arena_printf(&d->arena, "%s (%s)", op->out[0]->name, op_name(op))
                    : op_name(op);
}

static bool same_args(Diff *d, const Op *a, const Op *b)
{
    for (int i = 0; i < a->narg; i++) {
        const Arg *x = &a->arg[i], *y = op_same_arg(b, x);
        const char *what = arena_printf(&d->arena, "argument %s of %s", arg_name(x),
                                        label_of(d, a));
        if (!y)
            return diff_model_differ(d, op_loc(a), op_loc(b), "%s: the second lacks it",
                                     what);
        if (arg_count(x) != arg_count(y))
            return diff_model_differ(d, op_loc(a), op_loc(b), "%s: %d against %d values",
                                     what, arg_count(x), arg_count(y));
        for (int k = 0; k < arg_count(x); k++)
            if (!same_use(d, op_loc(a), op_loc(b), what, x->val[k], y->val[k]))
                return false;
    }
    for (int i = 0; i < b->narg; i++)
        if (!op_same_arg(a, &b->arg[i]))
            return diff_model_differ(d, op_loc(a), op_loc(b),
                                     "argument %s of %s: the first lacks it",
                                     arg_name(&b->arg[i]), label_of(d, a));
    return true;
}

/* ---- ops -------------------------------------------------------------------------- */

static bool same_block(Diff *d, Loc la, Loc lb, const char *of, const Block *a,
                       const Block *b);

static bool same_op(Diff *d, Op *a, Op *b)
{
    const char *of = label_of(d, a);
    if (strcmp(op_name(a), op_name(b)) != 0)
        return diff_model_differ(d, op_loc(a), op_loc(b), "%s against %s", of,
                                 label_of(d, b));
    if (a->opset != b->opset)
        return diff_model_differ(d, op_loc(a), op_loc(b), "%s: another opset", of);
    if (a->nout != b->nout)
        return diff_model_differ(d, op_loc(a), op_loc(b), "%s: %d against %d results", of,
                                 a->nout, b->nout);
    for (int i = 0; i < a->nout; i++)
        if (!diff_model_pair(d, "the result", a->out[i], b->out[i])) return false;
    if (!same_args(d, a, b)) return false;
    if (a->kind == OP_const && value_lit(a->out[0]) && value_lit(b->out[0])
        && !same_const(d, &(At){ op_loc(a), op_loc(b), of }, value_lit(a->out[0]),
                       value_lit(b->out[0])))
        return false;
    const Attrs one = all_attrs(d, a), other = all_attrs(d, b);
    if (!same_attrs(d, op_loc(a), op_loc(b), of, &one, &other, d->ignore_names))
        return false;
    if (op_nblock(a) != op_nblock(b))
        bug("%s has %d blocks and %d", op_name(a), op_nblock(a), op_nblock(b));
    for (int i = 0; i < op_nblock(a); i++)
        if (!same_block(d, op_loc(a), op_loc(b),
                        arena_printf(&d->arena, "block %d of %s", i, of), op_block(a, i),
                        op_block(b, i)))
            return false;
    return true;
}

static bool same_block(Diff *d, Loc la, Loc lb, const char *of, const Block *a,
                       const Block *b)
{
    if (!d->ignore_names && !same_text(a->name, b->name))
        return diff_model_differ(d, la, lb, "%s is called %s against %s", of,
                                 a->name ? a->name : "nothing",
                                 b->name ? b->name : "nothing");
    if (a->nparam != b->nparam)
        return diff_model_differ(d, la, lb, "%s: %d against %d parameters", of, a->nparam,
                                 b->nparam);
    for (int i = 0; i < a->nparam; i++)
        if (!diff_model_pair(d, "the parameter", a->param[i], b->param[i])) return false;
    Op *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if (!same_op(d, x, y)) return false;
    if (x || y)
        return diff_model_differ(d, x ? op_loc(x) : la, y ? op_loc(y) : lb,
                                 "%s: the %s ends before %s", of, x ? "second" : "first",
                                 label_of(d, x ? x : y));
    if (a->nresult != b->nresult)
        return diff_model_differ(d, la, lb, "%s: %d against %d results", of, a->nresult,
                                 b->nresult);
    for (int i = 0; i < a->nresult; i++)
        if (!same_use(d, la, lb, arena_printf(&d->arena, "result %d of %s", i, of),
                      a->result[i], b->result[i]))
            return false;
    return true;
}

static bool same_func(Diff *d, const Func *a, const Func *b)
{
    const char *of = arena_printf(&d->arena, "function %s", a->name);
    if (strcmp(a->name, b->name) != 0)
        return diff_model_differ(d, a->loc, b->loc, "function %s against %s", a->name,
                                 b->name);
    if (a->opset != b->opset || !same_text(a->opset_name, b->opset_name))
        return diff_model_differ(d, a->loc, b->loc, "%s: %s against %s", of,
                                 opset_text(a->opset), opset_text(b->opset));
    return same_attrs(d, a->loc, b->loc, of, &a->attrs, &b->attrs, false)
        && same_block(d, a->loc, b->loc, of, a->body, b->body);
}

static bool same_module(Diff *d, const Module *a, const Module *b)
{
    const Loc none = { 0 };
    if (!same_text(a->version, b->version))
        return diff_model_differ(d, none, none, "program(%s) against program(%s)",
                                 a->version, b->version);
    if (!same_attrs(d, none, none, "the program", &a->attrs, &b->attrs, false))
        return false;
    const Func *f = a->first, *g = b->first;
    for (; f && g; f = f->next, g = g->next)
        if (!same_func(d, f, g)) return false;
    if (f || g)
        return diff_model_differ(d, f ? f->loc : none, g ? g->loc : none,
                                 "the %s lacks function %s", f ? "second" : "first",
                                 f ? f->name : g->name);
    return true;
}

DiffVerdict diff_models(Buf *out, Diag *diag, const DiffSide *a, const DiffSide *b,
                        bool ignore_names)
{
    Diff d = { .out = out, .diag = diag, .a = a, .b = b, .ignore_names = ignore_names };
    bool same = same_module(&d, a->module, b->module);
    values_free(&d.pairs);
    arena_free(&d.arena);
    return d.failed ? DIFF_FAILED : same ? DIFF_SAME : DIFF_OTHER;
}
