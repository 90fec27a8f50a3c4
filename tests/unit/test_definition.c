/* test_definition.c -- ops as Core ML defines them, opset by opset.
 *
 * The rows of the op table are held against the list of what Core ML defines, where the
 * checkout has that beside it: which opsets have an op and a parameter, its types, whether it
 * is a constant, whether it may be left out and what it is then, and which parameters share a
 * type. What inference accepts and refuses beyond that is in test_definition_calls.c.
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_scalars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
