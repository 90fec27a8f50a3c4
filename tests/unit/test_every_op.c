/* test_every_op.c -- what becomes of each op for each chip and in each opset: the examples of
 * the op table, and the calls of perturbed.def, as programs, with more and with less of them
 * known. What the whole pipeline makes of them, or why it does not, and their gradients, is held against
 * every_op.txt: of a call as it is a line for all targets that agree, of the others the sum of
 * such lines. `make golden` writes that anew. */
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

/* How a call is asked for: what is known of it. */
typedef struct {
    const char *says;
    int inputs;       /* so many tensors of numbers at most */
    bool values;      /* what need not be a constant is none */
    int unknown;      /* so many first extents of inputs are */
    const char *type; /* in place of fp32 */
    int opset;        /* 0: its own */
} Variant;

static const Variant variants[] = {
    { "as it is", MAX_PARAM, false, 0, NULL, 0 },
    { "one input", 1, false, 0, NULL, 0 },
    { "no input", 0, false, 0, NULL, 0 },
    { "in ios18", MAX_PARAM, false, 0, NULL, 18 },
    { "fp16", MAX_PARAM, false, 0, "fp16", 0 },
    { "int32", MAX_PARAM, false, 0, "int32", 0 },
    { "fp16 in ios18", 1, false, 0, "fp16", 18 },
    { "values", MAX_PARAM, true, 0, NULL, 18 },
    { "values in fp16", MAX_PARAM, true, 0, "fp16", 18 },
    { "one extent unknown", MAX_PARAM, false, 1, NULL, 0 },
    { "all extents unknown", 1, false, MAX_RANK, "fp16", 0 },
};

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

static const char *with_type(Arena *a, const char *text, const char *type)
{
    char *s = arena_strdup(a, text);
    for (char *at = s; type && strlen(type) <= 5 && (at = strstr(at, "fp32")); at += 4) {
        char *more = arena_printf(a, "%.*s%s%s", (int)(at - s), s, type, at + 4);
        at = more + (at - s);
        s = more;
    }
    return s;
}

typedef struct {
    Arena *arena;
    Buf inputs, call;
    int ninput;
    const Variant *how;
} Text;

static void put_lit(Buf *b, const Const *c)
{
    Buf text = { 0 };
    mil_print_const(c, true, &text);
    buf_puts(b, text.s);
    buf_free(&text);
}

static bool is_input(const Text *t, const Param *p, const Value *v, Opset o)
{
    if (v->type->kind != TY_TENSOR || param_flags(p, o) & P_CONST) return false;
    if (v->type->dtype == DT_STRING) return false;
    return t->how->values
        || (v->type->shape.rank && dtype_is_float(v->type->dtype)
            && t->ninput < t->how->inputs);
}

static void put_value(Text *t, const Param *p, const Value *v, Opset o)
{
    Shape s = v->type->shape;
    if (!value_lit(v)) {
        buf_puts(&t->call, v->name);
    } else if (!is_input(t, p, v, o)) {
        put_lit(&t->call, value_lit(v));
    } else {
        for (int i = 0; i < s.rank && i < t->how->unknown; i++) s.dim[i] = DIM_ANY;
        buf_printf(&t->inputs, "%s%s a%d", t->ninput ? ", " : "",
                   type_text(t->arena, type_tensor(t->arena, v->type->dtype, s)), t->ninput);
        buf_printf(&t->call, "a%d", t->ninput++);
    }
}

static void put_arguments(Text *t, const Op *op, Opset o)
{
    for (int i = 0; i < op->narg; i++) {
        const Arg *arg = &op->arg[i];
        buf_printf(&t->call, "%s%s = %s", i ? ", " : "", arg_name(arg),
                   arg_count(arg) > 1 ? "(" : "");
        for (int k = 0; k < arg_count(arg); k++) {
            if (k) buf_puts(&t->call, ", ");
            put_value(t, op_param_of(&ops[op->kind], arg->param), arg->val[k], o);
        }
        buf_puts(&t->call, arg_count(arg) > 1 ? ")" : "");
    }
    buf_puts(&t->call, ")[");
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) {
        if (!strcmp(attrs.at[i].name, "name")) continue;
        buf_printf(&t->call, "%s = ", attrs.at[i].name);
        put_lit(&t->call, attrs.at[i].val);
        buf_puts(&t->call, ", ");
    }
}

typedef struct {
    const OpInfo *info;
    int opset;
    const char *before, *inputs, *call; /* call: `arguments)[attributes` */
} Parts;

static const char *whole_text(Arena *a, const Parts *p, const char *results, const char *names)
{
    return arena_printf(a,
                        "program(1.0)\n{\nfunc main<ios%d>(%s) {\n%s %s = %s(%sname = "
                        "string(\"y0\")];\n} -> (%s);\n}\n",
                        p->opset, p->inputs, p->before, results, p->info->name, p->call, names);
}

/* Its types and names, as inference says; false: it does not take the call, or gives other
 * things than tensors. */
static bool results_of(Arena *a, Diag *d, const Parts *p, Buf *types, Buf *names)
{
    Module *m = read_text(a, d, whole_text(a, p, "tensor<fp32, []> y0", "y0"));
    if (!m) return false;
    Op *op = module_main(m)->body->last;
    Builder b = builder_at(op->parent, NULL, d, op_loc(op));
    bool ok = build_infer(&b, "y", op);
    for (int i = 0; ok && i < op->nout; i++) {
        ok = op->out[i]->type->kind == TY_TENSOR;
        buf_printf(types, "%s%s y%d", i ? ", " : "", type_text(a, op->out[i]->type), i);
        buf_printf(names, "%sy%d", i ? ", " : "", i);
    }
    module_free(m);
    return ok;
}

static bool is_valid(Arena *a, Diag *d, const char *text)
{
    Module *m = read_text(a, d, text);
    const bool ok = m && module_verify(m, d, NULL);
    module_free(m);
    return ok;
}

/* NULL: it is no program in this way. */
static const char *program_text(Arena *a, const Seed *s, const OpInfo *info, const Variant *how)
{
    Diag d = { .quiet = true };
    Text t = { .arena = a, .how = how };
    Buf results = { 0 }, names = { 0 };
    const int opset = how->opset ? how->opset : s->opset;
    const char *all = with_type(a, s->args, how->type), *args = arguments(all), *text = NULL;
    const bool attrs = (info->flags & F_CONSTEXPR) && s->opset < OPSET_IOS18;
    Parts p = { info, s->opset, arena_strndup(a, all, (size_t)(args - all)), "", NULL };
    p.call = attrs ? arena_printf(a, ")[%s, ", args) : arena_printf(a, "%s)[", args);
    Module *m = read_text(a, &d, whole_text(a, &p, "tensor<fp32, []> y0", "y0"));
    if (m) {
        put_arguments(&t, module_main(m)->body->last, (Opset)opset);
        p.opset = opset;
        p.call = t.call.s;
        p.inputs = t.inputs.s ? t.inputs.s : "";
        if (results_of(a, &d, &p, &results, &names))
            text = whole_text(a, &p, results.s, names.s);
        if (text && !is_valid(a, &d, text)) text = NULL;
    }
    module_free(m);
    buf_free(&t.inputs);
    buf_free(&t.call);
    buf_free(&results);
    buf_free(&names);
    diag_free(&d);
    return text;
}

/* ---- what becomes of them ------------------------------------------------------------------ */

static bool put_name(void *ctx, Op *op)
{
    if (op->kind != OP_const) buf_printf(ctx, " %s", op_name(op));
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

static uint64_t sum_of(uint64_t h, const char *s)
{
    for (; *s; s++) h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
    return h;
}

/* The statements of its gradients, or why it has none. */
static void differentiate(Made *p)
{
    Diag d = { .quiet = true };
    Buf b = { 0 };
    Module *m = read_text(&p->arena, &d, p->text);
    if (!m || !module_verify(m, &d, NULL)) fail_msg("%s\n%s", d.text.s, p->text);
    if (autodiff_module(m, &(GradOptions){ .only = true }, &d)) put_statements(&b, m);
    put_said(&b, d.text.s ? strstr(d.text.s, "error: ") : NULL);
    note(p, "gradient", b.s ? b.s : "");
    module_free(m);
    buf_free(&b);
    diag_free(&d);
}

/* Each second one of the chips that have an engine of their own. */
static bool is_apart(const Target *t)
{
    for (int i = 0; i < generation_count(); i += 2)
        if (generation_at(i) == t) return true;
    return false;
}

static void compile_for_targets(Made *p, bool all)
{
    for (int i = 0; i < target_count; i++) {
        const Target *t = &targets[i];
        if (all ? i == TARGET_generic || t->arch : is_apart(t))
            compile(p, &(PassOptions){ .target = t }, t->name);
    }
    const Target *host = &targets[TARGET_host];
    if (all) compile(p, &(PassOptions){ .target = host }, host->name);
}

static void one_variant(Buf *out, const Seed *s, const OpInfo *info, const Variant *how)
{
    Made p = { .n = 0 };
    uint64_t sum = UINT64_C(14695981039346656037);
    p.text = program_text(&p.arena, s, info, how);
    if (p.text) compile_for_targets(&p, how == variants);
    for (int i = OPSET_IOS15; p.text && i <= OPSET_IOS18; i += how == variants ? 1 : 2)
        compile(&p, &(PassOptions){ .target = target_find("host"), .opset = (Opset)i },
                opset_text((Opset)i));
    if (p.text && !how->unknown) differentiate(&p);
    for (int i = 0; i < p.n; i++)
        if (how == variants) buf_printf(out, "  %s:%s\n", p.answer[i].of, p.answer[i].text);
        else sum = sum_of(sum_of(sum, p.answer[i].of), p.answer[i].text);
    if (how != variants && p.text)
        buf_printf(out, "  %s: %d answers, %016llx\n", how->says, p.n, (unsigned long long)sum);
    arena_free(&p.arena);
}

static void one_seed(Buf *out, const Seed *s)
{
    const OpInfo *info = &ops[op_find(s->op)];
    if (info->flags & F_BLOCKS || !info->infer) return;
    buf_printf(out, "%s<ios%d>(%.100s\n", s->op, s->opset, s->args);
    for (size_t i = 0; i < COUNT(variants); i++) one_variant(out, s, info, &variants[i]);
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
