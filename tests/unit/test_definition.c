/* test_definition.c -- ops as Core ML defines them, opset by opset.
 *
 * The rows of the op table are held against the list of what Core ML defines, where the
 * checkout has that beside it: which opsets have an op and a parameter, its types, whether it
 * is a constant, whether it may be left out and what it is then, and which parameters share a
 * type. What inference accepts and refuses beyond that is in tables of calls: the accepted
 * form, and the refused one beside it.
 *
 * A line of the list is: op, first and last opset, two columns that are not read, and the
 * parameters with `; ` between them: `name: VAR{type,..} [const] [optional] [= default]`. */
#include "calls.h"
#include "unit.h"

#include <stdio.h>

static const char list[] = "../shared/facts/mil-ops.tsv";

/* Where we differ on purpose: the first column names an op, or is NULL for all of them. */
static const struct Deviation {
    const char *op, *param, *what, *why;
} deviations[] = {
    { NULL, "epsilon", "variable",
      "texts up to ios16 give fp32 numbers to fp16 tensors" },
    { "local_response_norm", "alpha", "variable", "as epsilon" },
    { "local_response_norm", "beta", "variable", "as epsilon" },
    { "local_response_norm", "k", "variable", "as epsilon" },
    { "make_list", "elem_shape", "optional",
      "a scalar's shape is a tuple without elements" },
};

typedef struct {
    const char *name, *kind; /* kind: what stands for a type without braces */
    char var[16];
    DTypes types;
    bool constant, optional;
    const char *def;
} Listed;

enum { MOST_LISTED = 20 };

typedef struct {
    Arena arena;
    int wrong, rows;
    const char *op;
    int opset;
    unsigned seen[OP_COUNT]; /* bit n: the list has the op in opset n */
} Compare;

static bool deviates(const char *op, const char *param, const char *what)
{
    for (size_t i = 0; i < COUNT(deviations); i++) {
        const struct Deviation *d = &deviations[i];
        if ((!d->op || !strcmp(d->op, op)) && !strcmp(d->param, param)
            && !strcmp(d->what, what))
            return true;
    }
    return false;
}

static void differs(Compare *c, const char *param, const char *what, const char *listed)
{
    if (deviates(c->op, param, what)) return;
    print_error("%s ios%d, %s: %s differs, the list has: %s\n", c->op, c->opset, param,
                what, listed);
    c->wrong++;
}

/* ---- reading a line ---------------------------------------------------------------------- */

/* Cuts *s at the separator; the part before it. */
static char *part(char **s, const char *sep)
{
    char *start = *s, *end = strstr(start, sep);
    *s = end ? end + strlen(sep) : NULL;
    if (end) *end = 0;
    return start;
}

static DTypes types_of(char *names)
{
    DTypes set = 0;
    while (names) {
        const char *name = part(&names, ",");
        DType t = dtype_find(name, strlen(name));
        if (t == DT_NONE) fail_msg("%s: no type is called %s", list, name);
        set |= 1u << t;
    }
    return set;
}

static void read_listed(char *s, Listed *p)
{
    *p = (Listed){ .name = part(&s, ": ") };
    char *open = strchr(s, '{'), *close = open ? strchr(open, '}') : NULL;
    char *rest = close ? close + 1 : s + strcspn(s, " ");
    if (close) {
        snprintf(p->var, sizeof p->var, "%.*s", (int)(open - s), s);
        *close = 0;
        p->types = types_of(open + 1);
    } else {
        p->kind = s;
    }
    char *def = strstr(rest, " = ");
    if (def) {
        p->def = def + 3;
        *def = 0;
    }
    p->constant = strstr(rest, " const") != NULL;
    p->optional = strstr(rest, " optional") != NULL;
}

/* ---- comparing --------------------------------------------------------------------------- */

/* Defaults that the row leaves to the inference: None, and vectors as long as x has axes. */
static bool computed(const char *def)
{
    return !strcmp(def, "None") || def[0] == '[' || !strncmp(def, "range", 5)
        || !strncmp(def, "list", 4) || !strncmp(def, "np.array", 8);
}

static bool same_default(const char *ours, const char *listed)
{
    char *end;
    if (!listed || computed(listed)) return !ours;
    if (!ours) return false;
    if (listed[0] == '\'')
        return strlen(ours) + 2 == strlen(listed)
            && !strncmp(ours, listed + 1, strlen(ours));
    if (!strcmp(listed, "True") || !strcmp(listed, "False"))
        return !strcmp(ours, listed[0] == 'T' ? "true" : "false");
    const char *number = strrchr(listed, '('); /* nptype(..)(0.0001) */
    return strtod(ours, NULL) == strtod(number ? number + 1 : listed, &end);
}

static void compare_param(Compare *c, const Listed *l, const Param *p)
{
    unsigned flags = param_flags(p, (Opset)c->opset);
    if (l->types && domain_types(p->dom, (Opset)c->opset) != l->types)
        differs(c, l->name, "types", "others");
    if (l->types && ((flags & P_CONST) != 0) != l->constant)
        differs(c, l->name, "const", l->constant ? "const" : "a value");
    if (((flags & P_OPT) != 0) != l->optional)
        differs(c, l->name, "optional", l->optional ? "optional" : "required");
    if (l->optional && !same_default(param_default(p), l->def))
        differs(c, l->name, "default", l->def ? l->def : "none");
}

/* Two parameters share a type variable in the row just when they do in the list. */
static void compare_variables(Compare *c, const OpInfo *info, const Listed *l, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++) {
            const Param *p = op_param(info, l[i].name), *q = op_param(info, l[k].name);
            if (!p || !q) continue;
            char a = param_var(p, (Opset)c->opset), b = param_var(q, (Opset)c->opset);
            bool listed = l[i].var[0] && !strcmp(l[i].var, l[k].var);
            /* a parameter of one type alone needs no variable */
            bool one = !(l[i].types & (l[i].types - 1));
            if (listed != (a && a == b) && !one
                && !deviates(c->op, l[k].name, "variable"))
                differs(c, l[i].name, "variable", l[k].name);
        }
}

static void compare_row(Compare *c, const OpInfo *info, const Listed *l, int n)
{
    for (int i = 0; i < n; i++) {
        if (l[i].name[0] == '_') continue; /* blocks */
        const Param *p = op_param(info, l[i].name);
        if (!p || !param_in(p, (Opset)c->opset)) differs(c, l[i].name, "presence", "it");
        else compare_param(c, &l[i], p);
    }
    for (const Param *p = info->param; p->id; p++) {
        bool listed = !param_in(p, (Opset)c->opset);
        for (int i = 0; i < n && !listed; i++) listed = !strcmp(l[i].name, param_name(p));
        if (!listed) differs(c, param_name(p), "presence", "nothing");
    }
    compare_variables(c, info, l, n);
    c->rows++;
}

static void compare_line(Compare *c, char *line)
{
    Listed l[MOST_LISTED];
    int n = 0;
    c->op = part(&line, "\t");
    const int since = atoi(line + 3);
    part(&line, "\t");
    const int until = atoi(line + 3);
    part(&line, "\t");
    /* the heading, dialects, literals */
    if (!since || c->op[0] == '_' || !strcmp(c->op, "const")) return;
    const int op = op_find(c->op);
    if (op == OP_NONE) fail_msg("no row for %s", c->op);
    part(&line, "\t");
    part(&line, "\t");
    while (line && n < MOST_LISTED) read_listed(part(&line, "; "), &l[n++]);
    for (c->opset = since > 15 ? since : 15; c->opset <= until; c->opset++) {
        if ((int)ops[op].since > c->opset) differs(c, "(op)", "presence", "it");
        c->seen[op] |= 1u << c->opset;
        compare_row(c, &ops[op], l, n);
    }
}

/* No row begins before the list does; the ops that it lacks are of other dialects. */
static void compare_begins(Compare *c)
{
    for (int i = 0; i < OP_COUNT; i++) {
        c->op = ops[i].name;
        for (c->opset = (int)ops[i].since; c->seen[i] && c->opset <= 18; c->opset++)
            if (!(c->seen[i] >> c->opset & 1)) differs(c, "(op)", "presence", "nothing");
    }
}

static void test_rows(void **state)
{
    (void)state;
    Compare c = { .wrong = 0 };
    Buf text = { 0 };
    FILE *f = fopen(list, "r");
    if (!f) {
        printf("%s is not here: rows are not compared\n", list);
        skip();
    }
    for (int ch; (ch = getc(f)) != EOF;) {
        if (ch != '\n') {
            buf_putc(&text, (char)ch);
            continue;
        }
        compare_line(&c, arena_strndup(&c.arena, text.s ? text.s : "", text.len));
        text.len = 0;
    }
    fclose(f);
    buf_free(&text);
    compare_begins(&c);
    arena_free(&c.arena);
    printf("%d rows compared\n", c.rows);
    assert_int_equal(c.wrong, 0);
    assert_true(c.rows > 600);
}

/* ---- scalars ----------------------------------------------------------------------------- */

/* Each parameter that is a scalar, and each opset that has it: one of two elements is
 * refused. */
static void test_scalars(void **state)
{
    (void)state;
    Arena a = { 0 };
    int tried = 0;
    for (int o = 15; o <= 18; o++)
        for (int i = 0; i < OP_COUNT; i++)
            for (const Param *p = ops[i].param; p->id; p++) {
                if (!(p->flags & P_SCALAR) || !param_in(p, (Opset)o)
                    || (int)ops[i].since > o)
                    continue;
                Diag d = { .max_errors = 0 };
                Call *c = NEW(&a, Call);
                DType t = DT_NONE;
                for (int k = 1; k < DT_COUNT && t == DT_NONE; k++)
                    if (domain_types(p->dom, (Opset)o) >> k & 1) t = (DType)k;
                call_init(c, &ops[i], (Opset)o, &a, &d, (Loc){ 0 });
                /* what is checked before it */
                for (const Param *q = ops[i].param; q->id; q++) {
                    CallArg *v = NEW(&a, CallArg);
                    *v = (CallArg){ .type = type_tensor(
                                        &a, t, q == p ? SHAPE(2) : (Shape){ .rank = 0 }),
                                    .constant = true };
                    for (int k = 1;
                         k < DT_COUNT
                         && !(domain_types(q->dom, (Opset)o) >> v->type->dtype & 1);
                         k++)
                        v->type = type_tensor(&a, (DType)k, v->type->shape);
                    if (param_in(q, (Opset)o))
                        assert_true(call_set(c, param_name(q), 1, v));
                }
                assert_false(call_check(c));
                const char *want = arena_printf(&a, "%s must be a scalar, not [2]",
                                                param_name(p));
                if (!strstr(d.text.s, want))
                    fail_msg("%s ios%d: %s", ops[i].name, o, d.text.s);
                diag_free(&d);
                tried++;
            }
    printf("%d scalars tried\n", tried);
    assert_true(tried > 500);
    arena_free(&a);
}

/* ---- windows ----------------------------------------------------------------------------- */

#define DILATED(w) "x=fp32[1,1,6] 1 2 3 4 5 6; weight=" w "; dilations=int32[1] 2"
#define CEILED(k, s, more) \
    "x=fp32[1,1,2] 3 5; kernel_sizes=int32[1] " k "; strides=int32[1] " s \
    "; ceil_mode=bool[] 1; pad_type=string[] " more

static void test_windows(void **state)
{
    CHECK(
        { "conv", 15, DILATED("fp32[1,1,2] 1 10"), "fp32[1,1,4] 31 42 53 64" },
        { "conv", 15, DILATED("fp32[1,1,2] .."), "fp32[1,1,4]" },
        { "conv", 15, DILATED("fp32[1,1,2]"),
          "error: dilations has 2 and weight is no constant; a weight that is computed goes with "
          "dilations of 1 alone" },
        { "conv", 18, DILATED("fp16[1,1,2]"),
          "error: dilations has 2 and weight is no constant" },
        { "conv", 15, "x=fp32[1,1,6]; weight=fp32[1,1,2]; dilations=int32[1] 1",
          "fp32[1,1,5]" },
        { "conv_transpose", 17, "x=fp32[1,1,6]; weight=fp32[1,1,2]; dilations=int32[1] 2",
          "fp32[1,1,8]" },
        { "conv", 16, "x=fp32[1,1,5]; weight=fp32[1,1,2]; pad_type=string[] same_lower",
          "fp32[1,1,5]" },
        { "conv", 15, "x=fp32[1,1,5]; weight=fp32[1,1,2]; pad_type=string[] same_lower",
          "error: pad_type \"same_lower\" needs ios16" },
        { "conv_transpose", 18,
          "x=fp32[1,1,5]; weight=fp32[1,1,2]; pad_type=string[] same_lower",
          "error: pad_type \"same_lower\" goes with conv and the pools alone" },
        { "conv", 15, "x=fp32[1,1,5]; weight=fp32[1,1,2]; pad_type=string[] SAME",
          "error: pad_type is \"SAME\"; it must be \"valid\", \"same\", \"same_lower\" or \"custom\"" },
        { "avg_pool", 15,
          "x=fp32[1,1,5]; kernel_sizes=int32[1] 2; pad_type=string[] SAME",
          "fp32[1,1,5]" },
        /* rounded up, a window may reach beyond the end by less than its stride */
        { "max_pool", 15, CEILED("3", "2", "valid"), "fp32[1,1,1] 5" },
        { "avg_pool", 15, CEILED("3", "2", "valid"), "fp32[1,1,1] 4" },
        { "max_pool", 15, CEILED("3", "1", "valid"),
          "error: is shorter than the kernel" },
        { "max_pool", 15, CEILED("4", "2", "valid"),
          "error: is shorter than the kernel" },
        { "max_pool", 15,
          "x=fp32[1,1,2]; kernel_sizes=int32[1] 3; strides=int32[1] 2; pad_type=string[] valid",
          "error: is shorter than the kernel" },
        /* pad counts whether or not it is used */
        { "max_pool", 15, CEILED("1", "1", "valid; pad=int32[2] 0 0"),
          "fp32[1,1,2] 3 5" },
        { "max_pool", 15, CEILED("1", "1", "valid; pad=int32[2] 0 1"),
          "error: ceil_mode needs the same padding at both ends; pad has 0 and 1" });
}

/* ---- elementwise ------------------------------------------------------------------------- */

#define CLIP(low, high) "x=fp32[3] -2 0 2; alpha=fp32[] " low "; beta=fp32[] " high

static void test_elements(void **state)
{
    CHECK({ "clip", 16, CLIP("1", "1"), "fp32[3] 1 1 1" },
          { "clip", 15, CLIP("1", "-1"), "fp32[3] -1 -1 -1" },
          { "clip", 17, CLIP("-1", "1"), "fp32[3] -1 0 1" },
          { "clip", 17, CLIP("1", "1"),
            "error: alpha is 1 and beta is 1; from ios17 on alpha must be below beta" },
          { "clip", 18, CLIP("1", "-1"),
            "error: alpha is 1 and beta is -1; from ios17 on" },
          { "cast", 17, "x=fp32[] -3.7; dtype=string[] uint8", "uint8[] 0" },
          { "cast", 16, "x=fp32[] 3; dtype=string[] int16",
            "error: dtype \"int16\" exists from ios17 on" },
          { "cast", 18, "x=fp32[] 3; dtype=string[] bf16",
            "error: dtype \"bf16\" is none that can be cast to" },
          { "softplus_parametric", 15, "x=fp32[1,2,1]; alpha=fp32[2] 1; beta=fp32[2] 1",
            "fp32[1,2,1]" },
          { "softplus_parametric", 15, "x=fp32[1,2]; alpha=fp32[2] 1; beta=fp32[2] 1",
            "error: x is [1, 2]; it must be of rank 3 or more" });
}

/* ---- moves ------------------------------------------------------------------------------- */

#define SLICE(b, e, s) \
    "x=fp32[4] 1 2 3 4; begin=int32[1] " b "; end=int32[1] " e "; stride=int32[1] " s

static void test_moves(void **state)
{
    CHECK(
        { "slice_by_index", 15, SLICE("2", "2", "1"), "fp32[0]" },
        { "slice_by_index", 15, SLICE("3", "1", "1"),
          "error: begin 3, end 1 and stride 1 go the wrong way at axis 0" },
        { "slice_by_index", 17, SLICE("-3", "-1", "-1"),
          "error: begin -3, end -1 and stride -1 go the wrong way at axis 0" },
        { "slice_by_index", 15, SLICE("-1", "1", "1"), "fp32[0]" }, /* known when x is */
        { "slice_by_index", 15, SLICE("1", "3", "-1"), "fp32[0]" },
        { "slice_by_index", 15, SLICE("3", "1", "1") "; end_mask=bool[1] 1",
          "fp32[1] 4" },
        { "slice_by_index", 15, SLICE("3", "1", "1") "; begin_mask=bool[1] 1",
          "fp32[1] 1" },
        { "slice_by_index", 15, SLICE("3", "1", "1") "; squeeze_mask=bool[1] 1",
          "fp32[] 4" },
        { "slice_by_index", 15, "x=fp32[4]; begin=int32[1] 3; end=int32[1]", "fp32[?]" },
        { "slice_update", 18,
          "x=fp32[4]; update=fp32[0]; begin=int32[1] 3; end=int32[1] 1",
          "error: begin 3, end 1 and stride 1 go the wrong way at axis 0" },
        { "reshape_like", 16,
          "x=fp32[2]; ref_tensors=int32[2,3]; begins=int32[] 0; ends=int32[] 1; "
          "end_masks=bool[] 0",
          "fp32[2]" },
        { "reshape_like", 18,
          "x=fp32[2]; ref_tensors=int32[2,3]; begins=int32[1] 0; ends=int32[] 1; "
          "end_masks=bool[] 0",
          "error: begins[0] is tensor<int32, [1]>; it must be a known constant, a scalar of int32" },
        { "reshape_like", 16,
          "x=fp32[2]; ref_tensors=int32[2,3]; begins=int32[] 0; ends=int32[]; "
          "end_masks=bool[] 0",
          "error: ends[0] is int32; it must be a known constant, a scalar of int32" },
        { "reshape_like", 17,
          "x=fp32[2]; ref_tensors=int32[2,3]; begins=int32[] 0; ends=int32[] 1; "
          "end_masks=int32[] 0",
          "error: end_masks[0] is int32; it must be a known constant, a scalar of bool" },
        { "non_zero", 15, "x=int32[2,2] 1 0 0 7", "int32[2,2] 0 0 1 1" },
        { "non_zero", 15, "x=int32[2,2]", "int32[?,2]" },
        { "tile", 15, "x=fp32[1] 3; reps=int32[1] 2", "fp32[2] 3 3" },
        { "tile", 15, "x=fp32[] 3; reps=int32[0]",
          "error: x is a scalar; it has no axis to repeat" });
}

/* ---- places that indices name ------------------------------------------------------------ */

static void test_indices(void **state)
{
    CHECK(
        { "gather", 16, "x=fp32[3] 1 2 3; indices=int32[1] -1", "fp32[1] 3" },
        { "gather", 17, "x=fp32[3] 1 2 3; indices=int32[1] -1", "fp32[1] 3" },
        { "gather", 17, "x=fp32[3] 1 2 3; indices=int32[1] 2; validate_indices=bool[] 1",
          "fp32[1] 3" },
        { "gather", 17, "x=fp32[3]; indices=int32[2] 0 -1; validate_indices=bool[] 1",
          "error: indices[1] is -1; validate_indices is true, and axis 0 has 3 entries" },
        { "gather", 18, "x=fp32[3]; indices=int32[1] 3; validate_indices=bool[] 1",
          "error: indices[0] is 3; validate_indices is true, and axis 0 has 3 entries" },
        { "gather", 18, "x=fp32[3]; indices=int32[1]; validate_indices=bool[] 1",
          "fp32[1]" },
        { "gather_along_axis", 17,
          "x=fp32[2,3]; indices=int32[2,1] 0 3; axis=int32[] 1; validate_indices=bool[] 1",
          "error: indices[1] is 3; validate_indices is true, and axis 1 has 3 entries" },
        { "gather_nd", 17,
          "x=fp32[2,3]; indices=int32[1,2] 1 3; validate_indices=bool[] 1",
          "error: indices[1] is 3; validate_indices is true, and axis 1 has 3 entries" },
        { "scatter", 17,
          "data=fp32[3]; indices=int32[1] -1; updates=fp32[1]; validate_indices=bool[] 1",
          "error: indices[0] is -1; validate_indices is true" },
        { "scatter_nd", 17,
          "data=fp32[3] 1; indices=int32[1,1] 2; updates=fp32[1] 5; validate_indices=bool[] 1",
          "fp32[3] 1 1 6" },
        { "scatter_along_axis", 18,
          "data=fp32[2]; indices=int32[1] 2; updates=fp32[1]; validate_indices=bool[] 1",
          "error: indices[0] is 2; validate_indices is true" });
}

/* ---- the rest ---------------------------------------------------------------------------- */

#define COORDINATES(type) \
    "x=fp32[1,1,1,1] 1; coordinates=" type \
    "[1,1,1,2] 0; sampling_mode=string[] bilinear; " \
    "padding_mode=string[] border; padding_value=fp32[] 0; coordinates_mode=string[] " \
    "unnormalized; align_corners=bool[] 1"
#define QKV "query=fp32[1,2,2]; key=fp32[1,3,2]; value=fp32[1,3,2]; attn_mask="
#define RNN(name) \
    "x=fp32[1,1,1] 1; initial_h=fp32[1,1] 0; weight_ih=fp32[1,1] 1; weight_hh=fp32[1,1] 0; " \
    "activation=string[] " name

static void test_others(void **state)
{
    CHECK(
        { "resample", 15, COORDINATES("fp32"), "fp32[1,1,1,1] 1" },
        { "resample", 15, COORDINATES("fp16"), "error: ios15 takes fp32, int32 here" },
        { "resample", 16, COORDINATES("fp16"), "fp32[1,1,1,1] 1" },
        { "resample", 16, COORDINATES("int8"),
          "error: ios16 takes fp16, fp32, int32 here" },
        { "resample", 17, COORDINATES("int8"), "fp32[1,1,1,1] 1" },
        { "resize_bilinear", 15, "x=fp32[1,2,2]; sampling_mode=string[] default",
          "error: sampling_mode is \"default\"; it must be" },
        { "scaled_dot_product_attention", 18, QKV "bool[3]", "fp32[1,2,2]" },
        { "scaled_dot_product_attention", 18, QKV "bool[]",
          "error: attn_mask is a scalar; it must be at least a vector, as long as key" },
        { "reduce_argmax", 17, "x=fp32[2] 1 2; output_dtype=string[] UINT16",
          "uint16[] 1" },
        { "rnn", 15, RNN("hard_sigmoid"), "fp32[1,1,1] 0.7; fp32[1,1] 0.7" },
        { "rnn", 15, RNN("sigmoid_hard"), "fp32[1,1,1] 0.7; fp32[1,1] 0.7" },
        /* 1 broadcasts in what the operands share, but not in what is summed */
        { "einsum", 15, "values=fp32[2,1,3],fp32[3,4,2]; equation=string[] abc,cbd->abd",
          "fp32[2,4,2]" },
        { "einsum", 15, "values=fp32[2,4,1],fp32[3,4,2]; equation=string[] abc,cbd->abd",
          "error: equation \"abc,cbd->abd\": inner sizes differ, 1 and 3: the operands are [2, 4, 1], [3, 4, 2]" },
        { "einsum", 18,
          "values=fp32[1,2,4,?],fp32[2,3,4,2]; equation=string[] nchw,nwhu->nchu",
          "fp32[2,2,4,2]" },
        { "make_list", 15, "dtype=string[] fp16", "list[1] fp16[]" },
        { "make_list", 15, "dtype=string[] int8",
          "error: dtype \"int8\" is none of bool, fp16, fp32 and int32" },
        { "constexpr_affine_dequantize", 16,
          "quantized_data=int8[2] 1; zero_point=uint8[] 1; scale=fp32[] 1; "
          "axis=int32[] -1",
          "fp32[2] 0 0" },
        { "constexpr_affine_dequantize", 18,
          "quantized_data=int8[2] 1; zero_point=uint8[] 1; scale=fp32[] 1; "
          "axis=int32[] 1",
          "error: axis 1 is outside a tensor of rank 1" },
        { "constexpr_lut_to_dense", 17,
          "indices=uint4[1] 1; lut=fp16[2] 1; shape=uint32[1] 1",
          "error: ios17 takes uint8 here" },
        { "constexpr_sparse_to_dense", 16,
          "nonzero_data=fp16[2] 5; mask=uint8[1] 5; shape=uint32[1] 3", "fp16[3] 5 0 5" },
        { "constexpr_sparse_to_dense", 16,
          "nonzero_data=fp16[2] 5; mask=uint8[1] 13; shape=uint32[1] 3",
          "error: mask: the last byte is 13; of its bits the first 3 are elements, and the others must be 0" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_windows), cmocka_unit_test(test_elements),
        cmocka_unit_test(test_moves),   cmocka_unit_test(test_indices),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
