/* test_every_op.c -- what becomes of each op for each chip and in each opset: the examples of
 * the op table, and the calls of perturbed.def, as programs whose tensors are inputs. What the
 * whole pipeline makes of them, or why it does not, is held against every_op.txt, a line for
 * all targets that agree; `make golden` writes that anew. */
#include "rewritten.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"
#include "../../ir/passes/passes.h"

typedef struct {
    const char *op;
    int opset;
    const char *args; /* as examples of the op table have them */
} Seed;

static const Seed seeds[] = {
#define SEED(op, opset, args) { #op, opset, args },
#include "perturbed.def"
};

enum { MOST_ANSWERS = 32 };

typedef struct {
    Arena arena;
    const char *text; /* of the program */
    struct {
        const char *of, *text;
    } answer[MOST_ANSWERS];
    int n;
} Made;

/* ---- programs ---------------------------------------------------------------------------- */

/* Where the arguments begin, behind statements before them. */
static const char *arguments(const char *s)
{
    const char *start = s;
    int depth = 0;
    for (bool quoted = false; *s; s++) {
        if (*s == '"') quoted = !quoted;
        if (!quoted && strchr("([{<", *s)) depth++;
        if (!quoted && strchr(")]}>", *s)) depth--;
        if (!quoted && !depth && *s == ';') start = s + 1;
    }
    return start;
}

static Module *read_text(Arena *a, Diag *d, const char *text)
{
    Source *src = NEW(a, Source);
    *src = (Source){ .name = "op.mil", .text = text, .len = strlen(text) };
    return mil_read(d, src, NULL);
}

/* With one result whose type is not right yet. */
static Module *untyped(Arena *a, Diag *d, const Seed *s, const OpInfo *info)
{
    const char *args = arguments(s->args);
    const bool attrs = (info->flags & F_CONSTEXPR) && s->opset < OPSET_IOS18;
    return read_text(
        a, d,
        arena_printf(a,
                     "program(1.0)\n{\nfunc main<ios%d>() {\n%.*s tensor<fp32, []> y0 = "
                     "%s(%s)[%s%sname = tensor<string, []>(\"y0\")];\n} -> (y0);\n}\n",
                     s->opset, (int)(args - s->args), s->args, s->op, attrs ? "" : args,
                     attrs ? args : "", attrs ? ", " : ""));
}

typedef struct {
    Arena *arena;
    Buf inputs, call;
    int ninput, most;
} Text;

static void put_lit(Buf *b, const Const *c)
{
    Buf text = { 0 };
    mil_print_const(c, true, &text);
    buf_puts(b, text.s);
    buf_free(&text);
}

/* A tensor of numbers that need not be constant is an input, up to so many. */
static void put_value(Text *t, const Param *p, const Value *v, Opset o)
{
    const bool constant = (param_flags(p, o) & P_CONST) != 0;
    if (!v->lit) {
        buf_puts(&t->call, v->name);
    } else if (constant || t->ninput == t->most || v->type->kind != TY_TENSOR
               || !v->type->shape.rank || !dtype_is_float(v->type->dtype)) {
        put_lit(&t->call, v->lit);
    } else {
        buf_printf(&t->inputs, "%s%s a%d", t->ninput ? ", " : "", type_text(t->arena, v->type),
                   t->ninput);
        buf_printf(&t->call, "a%d", t->ninput++);
    }
}

static void put_arguments(Text *t, const Op *op, Opset o)
{
    for (int i = 0; i < op->narg; i++) {
        const Arg *arg = &op->arg[i];
        buf_printf(&t->call, "%s%s = %s", i ? ", " : "", arg->name, arg->tuple ? "(" : "");
        for (int k = 0; k < arg->count; k++) {
            if (k) buf_puts(&t->call, ", ");
            put_value(t, op_param_of(&ops[op->kind], arg->param), arg->val[k], o);
        }
        buf_puts(&t->call, arg->tuple ? ")" : "");
    }
    buf_puts(&t->call, ")[");
    for (int i = 0; i < op->attrs.count; i++) {
        if (!strcmp(op->attrs.at[i].name, "name")) continue;
        buf_printf(&t->call, "%s = ", op->attrs.at[i].name);
        put_lit(&t->call, op->attrs.at[i].val);
        buf_puts(&t->call, ", ");
    }
}

/* NULL: of what has no tensors as results, or none of numbers. */
static const char *program_text(Arena *a, const Seed *s, const OpInfo *info, int most)
{
    Diag d = { .quiet = true };
    Module *m = untyped(a, &d, s, info);
    if (!m) fail_msg("%s: %s", s->args, d.text.s);
    Op *op = module_main(m)->body->last;
    Builder b = builder_at(op->parent, NULL, &d, op->loc);
    Text t = { .arena = a, .most = most };
    Buf results = { 0 }, names = { 0 };
    bool ok = build_infer(&b, "y", op);
    put_arguments(&t, op, (Opset)s->opset);
    for (int i = 0; i < op->nout; i++) {
        ok = ok && op->out[i]->type->kind == TY_TENSOR;
        if (!ok) break;
        buf_printf(&results, "%s%s y%d", i ? ", " : "", type_text(a, op->out[i]->type), i);
        buf_printf(&names, "%sy%d", i ? ", " : "", i);
    }
    const char *text = !ok ? NULL
                           : arena_printf(a,
                                          "program(1.0)\n{\nfunc main<ios%d>(%s) {\n%.*s %s = "
                                          "%s(%sname = tensor<string, []>(\"y0\")];\n"
                                          "} -> (%s);\n}\n",
                                          s->opset, t.inputs.s ? t.inputs.s : "",
                                          (int)(arguments(s->args) - s->args), s->args,
                                          results.s, s->op, t.call.s, names.s);
    buf_free(&t.inputs);
    buf_free(&t.call);
    buf_free(&results);
    buf_free(&names);
    module_free(m);
    diag_free(&d);
    return text;
}

/* ---- what becomes of them ------------------------------------------------------------------ */

static bool put_name(void *ctx, Op *op)
{
    if (op->kind != OP_const) buf_printf(ctx, " %s", op->name);
    return true;
}

static void put_statements(Buf *b, Module *m)
{
    uint64_t h = UINT64_C(14695981039346656037);
    Buf text = { 0 };
    func_walk(module_main(m), put_name, b);
    mil_print(m, &text);
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (uint8_t)text.s[i]) * UINT64_C(1099511628211);
    buf_printf(b, " %08llx", (unsigned long long)(h >> 32));
    buf_free(&text);
}

static void note(Made *p, const char *of, const char *text)
{
    for (int i = 0; i < p->n; i++)
        if (!strcmp(p->answer[i].text, text)) {
            p->answer[i].of = arena_printf(&p->arena, "%s %s", p->answer[i].of, of);
            return;
        }
    assert_true(p->n < MOST_ANSWERS);
    p->answer[p->n].of = of;
    p->answer[p->n++].text = arena_strdup(&p->arena, text);
}

/* The first line, but for the target's name before the rule's. */
static void put_said(Buf *b, const char *said)
{
    const char *end = said ? said + strcspn(said, "\n") : NULL;
    const char *rule = said ? strstr(said, " [") : NULL,
               *name = rule ? strchr(rule, ':') : NULL;
    if (!said) return;
    buf_printf(b, ", %.*s", (int)((name && name < end ? rule : end) - said), said);
    if (name && name < end) buf_printf(b, " [%.*s", (int)(end - name - 2), name + 2);
}

static void compile(Made *p, const PassOptions *o, const char *of)
{
    Diag d = { .quiet = true };
    Buf b = { 0 };
    Module *m = read_text(&p->arena, &d, p->text);
    if (!m || !module_verify(m, &d, NULL)) fail_msg("%s\n%s", d.text.s, p->text);
    if (passes_run(m, o, &d)) {
        RuleSet rs;
        ruleset_init(&rs, o->target, NULL);
        const int broken = rules_check(m, &rs, &d, NULL, NULL);
        put_statements(&b, m);
        if (broken) buf_printf(&b, ", %d rules broken", broken);
    }
    put_said(&b, d.text.s ? strstr(d.text.s, "error: ") : NULL);
    note(p, of, b.s ? b.s : "");
    module_free(m);
    buf_free(&b);
    diag_free(&d);
}

static bool is_valid(Made *p)
{
    Diag d = { .quiet = true };
    Module *m = read_text(&p->arena, &d, p->text);
    const bool ok = m && module_verify(m, &d, NULL);
    module_free(m);
    diag_free(&d);
    return ok;
}

/* With as many inputs as the op takes: a weight that has dilations is a constant. */
static void one_seed(Buf *out, const Seed *s)
{
    const OpInfo *info = &ops[op_find(s->op)];
    Made p = { .n = 0 };
    if (info->flags & F_BLOCKS || !info->infer) return;
    p.text = program_text(&p.arena, s, info, MAX_PARAM);
    if (p.text && !is_valid(&p)) p.text = program_text(&p.arena, s, info, 1);
    for (int i = 0; p.text && i < TARGET_COUNT; i++)
        if (!targets[i].base[0])
            compile(&p, &(PassOptions){ .target = &targets[i] }, targets[i].name);
    for (int i = OPSET_IOS15; p.text && i <= OPSET_IOS18; i++)
        compile(&p, &(PassOptions){ .target = target_find("host"), .opset = (Opset)i },
                opset_text((Opset)i));
    if (p.text) buf_printf(out, "%s<ios%d>(%.100s\n", s->op, s->opset, s->args);
    for (int i = 0; i < p.n; i++)
        buf_printf(out, "  %s:%s\n", p.answer[i].of, p.answer[i].text);
    arena_free(&p.arena);
}

static void each_op_becomes_what_it_became(void **state)
{
    Rewritten r = { .path = "tests/unit/every_op.txt" };
    (void)state;
    for (int i = 0; i < OP_COUNT; i++)
        if (ops[i].example)
            one_seed(&r.text,
                     &(Seed){ ops[i].name, (int)ops[i].example_opset, ops[i].example });
    for (size_t i = 0; i < COUNT(seeds); i++) one_seed(&r.text, &seeds[i]);
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_op_becomes_what_it_became) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
