/* rule_weight.c -- rules about weights: where their bytes are, how many, in which form. */
#include "rules.h"

#include <string.h>

/* ---- every literal of a function --------------------------------------------------------- */

typedef struct {
    void (*fn)(void *ctx, const Const *c);
    void *ctx;
} EachConst;

static bool rule_weight_visit(void *ctx, const Op *op)
{
    const EachConst *e = ctx;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) e->fn(e->ctx, attrs.at[i].val);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (!op->arg[i].val[k]->name && value_lit(op->arg[i].val[k]))
                e->fn(e->ctx, value_lit(op->arg[i].val[k]));
    return true;
}

typedef struct {
    const Func *func;
    const char **file;
    int nfile, most;
    bool absent; /* one of the files is not there */
    double bytes;
} RuleWeights;

static void add_weight(void *ctx, const Const *c)
{
    RuleWeights *w = ctx;
    if (!const_in_file(w->func, c)) return;
    w->bytes += (double)type_bytes(c->type);
    /* "": the file that will be written */
    const char *path = c->kind == CONST_BLOB ? c->path : "";
    w->absent |= c->kind == CONST_BLOB && (!c->file || c->file->absent);
    for (int i = 0; i < w->nfile; i++)
        if (!strcmp(w->file[i], path)) return;
    if (w->nfile < w->most) w->file[w->nfile++] = path;
}

double func_weight_bytes(const Func *f)
{
    RuleWeights w = { .func = f };
    EachConst e = { add_weight, &w };
    func_read(f, rule_weight_visit, &e);
    return w.bytes;
}

static RuleWeights weights_of(RuleCheck *c)
{
    enum { MOST = 4096 };
    RuleWeights w = { .func = c->func,
                      .file = NEW_ARRAY(c->scratch, MOST, const char *),
                      .most = MOST };
    EachConst e = { add_weight, &w };
    func_read(c->func, rule_weight_visit, &e);
    return w;
}

void rule_weights_total(RuleCheck *c)
{
    const int64_t most = rule_limit(c->rules, LIMIT_weights_total);
    const RuleWeights w = weights_of(c);
    if (most >= 0 && w.bytes > (double)most)
        rule_broken(c, c->func->loc,
                    "function %s has %.0f bytes of weights, more than %lld",
                    c->func->name, w.bytes, (long long)most);
}

static const char absent_file[] = "a file of them is absent";

void rule_weight_files(RuleCheck *c)
{
    const int64_t most = rule_limit(c->rules, LIMIT_weight_files);
    const RuleWeights w = weights_of(c);
    if (most < 0 || w.nfile <= most) return;
    c->left = w.absent ? absent_file : NULL;
    rule_broken(c, c->func->loc,
                "the weights of function %s lie in %d files, more than %lld",
                c->func->name, w.nfile, (long long)most);
    c->left = NULL;
}

void rule_one_weight_file(RuleCheck *c)
{
    const RuleWeights w = weights_of(c);
    if (w.nfile < 2) return;
    c->left = w.absent ? absent_file : NULL;
    rule_broken(c, c->func->loc, "the weights of function %s lie in %d files",
                c->func->name, w.nfile);
    c->left = NULL;
}

/* ---- records ----------------------------------------------------------------------------- */

/* What is wrong with a record is the reader's to say; here only that something is. */
static void check_record(RuleCheck *c, const Const *k)
{
    size_t n;
    Diag aside = { .quiet = true };
    if (k->kind != CONST_BLOB || !k->file || k->file->absent
        || !shape_count(&k->type->shape, &n))
        return;
    if (!weight_data(k->file, &aside, k->loc, k->offset, k->type->dtype, n)) {
        const char *text = aside.text.s ? strstr(aside.text.s, "error: ") : NULL;
        const char *said = text ? text + strlen("error: ") : "the record cannot be read";
        rule_broken(c, op_loc(c->op), "%.*s", (int)strcspn(said, "\n"), said);
    }
    diag_free(&aside);
}

void rule_weight_record(RuleCheck *c)
{
    Attr one;
    const Attrs attrs = op_attrs(c->op, &one);
    for (int i = 0; i < attrs.count; i++) check_record(c, attrs.at[i].val);
    for (int i = 0; i < c->op->narg; i++)
        for (int k = 0; k < arg_count(&c->op->arg[i]); k++) {
            const Value *v = c->op->arg[i].val[k];
            if (!v->name && value_lit(v)) check_record(c, value_lit(v));
        }
}

/* ---- compressed -------------------------------------------------------------------------- */

/* Rules about an operation as such: that it is there breaks them. */
void rule_present(RuleCheck *c) { rule_broken(c, op_loc(c->op), "%s", op_name(c->op)); }

/* The same of what decodes a weight, which may stand there itself. */
void rule_decoded(RuleCheck *c)
{
    c->left = c->op->nout && value_at_hand(c->op->out[0]) ? NULL : rule_absent_bytes;
    rule_broken(c, op_loc(c->op), "%s", op_name(c->op));
    c->left = NULL;
}

/* Blockwise folds on both chips without a stream for it, int8 on the one without a stream for
 * int8. */
void rule_stream(RuleCheck *c)
{
    rule_broken(c, op_loc(c->op), "%s is expanded to fp16 before it is read",
                op_name(c->op));
}

/* One palette a group: the tables of ios16 are single ones. */
static bool is_grouped(const Value *lut)
{
    const Shape *s = rule_tensor_shape(lut);
    for (int i = 0; s && i < s->rank - 2; i++)
        if (s->dim[i] > 1) return true;
    return false;
}

static bool palettes_are_grouped(const Op *op)
{
    const Value *w = op->kind == OP_conv || op->kind == OP_conv_transpose
                       ? op_value(op, P_weight)
                       : NULL;
    if (w && w->def && w->def->kind == OP_constexpr_blockwise_shift_scale)
        w = op_value(w->def, P_data); /* scaled behind the table */
    return w && w->def && w->def->kind == OP_constexpr_lut_to_dense
        && is_grouped(op_value(w->def, P_lut));
}

void rule_grouped_palettes(RuleCheck *c)
{
    if (!palettes_are_grouped(c->op)) return;
    const Value *w = op_value(c->op, P_weight);
    c->left = value_at_hand(w) ? NULL : rule_absent_bytes;
    rule_broken(c, op_loc(c->op), "%s: the weight %s has a palette a group",
                op_name(c->op), w->name);
    c->left = NULL;
}

void rule_lut_rows(RuleCheck *c)
{
    enum { ROWS = 64 };
    const Value *lut = op_value(c->op, P_lut);
    const Shape *s = rule_tensor_shape(lut);
    const Shape *out = c->op->nout ? rule_tensor_shape(c->op->out[0]) : NULL;
    if (!s || !out || s->rank != out->rank + 2 || !out->rank || s->dim[0] <= 0) return;
    int64_t rows = out->dim[0] / s->dim[0];
    if (s->dim[0] > 1 && rows < ROWS)
        rule_broken(c, op_loc(c->op), "one palette for %lld rows, fewer than %d",
                    (long long)rows, ROWS);
}
