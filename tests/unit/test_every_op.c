/* test_every_op.c -- what becomes of each op for each chip and in each opset: the examples of
 * the op table, and the calls of perturbed.def, as programs, with more and with less of them
 * known. What the whole pipeline makes of them, or why it does not, and their gradients, is held against
 * every_op.txt: of a call as it is a line for all targets that agree, of the others the sum of
 * such lines. `make golden` writes that anew. */
#include "op_program.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

static const OpVariant variants[] = {
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

enum { MOST_ANSWERS = 32 };

typedef struct {
    Arena arena;
    const char *text; /* of the program */
    struct {
        const char *of, *text;
    } answer[MOST_ANSWERS];
    int n;
} Made;

static Module *read_text(Arena *a, Diag *d, const char *text)
{
    Source *src = NEW(a, Source);
    *src = (Source){ .name = "op.mil", .text = text, .len = strlen(text) };
    return mil_read(d, src, NULL);
}

/* ---- what becomes of them ------------------------------------------------------------------ */

static bool put_name(void *ctx, Op *op)
{
    if (op->kind != OP_const) buf_printf(ctx, " %s", op_name(op));
    return true;
}

static void put_ops(Buf *b, Module *m)
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
        put_ops(&b, m);
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

/* The ops of its gradients, or why it has none. */
static void differentiate(Made *p)
{
    Diag d = { .quiet = true };
    Buf b = { 0 };
    Module *m = read_text(&p->arena, &d, p->text);
    if (!m || !module_verify(m, &d, NULL)) fail_msg("%s\n%s", d.text.s, p->text);
    if (autodiff_module(m, &(GradOptions){ .only = true }, &d)) put_ops(&b, m);
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

static void one_variant(Buf *out, const OpSeed *s, const OpVariant *how)
{
    Made p = { .n = 0 };
    uint64_t sum = UINT64_C(14695981039346656037);
    p.text = op_program(&p.arena, s, how);
    if (p.text) compile_for_targets(&p, how == variants);
    for (int i = OPSET_IOS15; p.text && i <= OPSET_IOS18; i += how == variants ? 1 : 2)
        compile(&p, &(PassOptions){ .target = target_find("host"), .opset = (Opset)i },
                opset_text((Opset)i));
    if (p.text && !how->unknown) differentiate(&p);
    for (int i = 0; i < p.n; i++)
        if (how == variants)
            buf_printf(out, "  %s:%s\n", p.answer[i].of, p.answer[i].text);
        else sum = sum_of(sum_of(sum, p.answer[i].of), p.answer[i].text);
    if (how != variants && p.text)
        buf_printf(out, "  %s: %d answers, %016llx\n", how->says, p.n,
                   (unsigned long long)sum);
    arena_free(&p.arena);
}

static void one_seed(Buf *out, const OpSeed *s)
{
    buf_printf(out, "%s<ios%d>(%.100s\n", s->op, s->opset, s->args);
    for (size_t i = 0; i < COUNT(variants); i++) one_variant(out, s, &variants[i]);
}

static void each_op_becomes_what_it_became(void **state)
{
    Rewritten r = { .path = "tests/unit/every_op.txt" };
    (void)state;
    for (int i = 0; i < op_seed_count(false); i++) {
        const OpSeed s = op_seed_at(i);
        one_seed(&r.text, &s);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        each_op_becomes_what_it_became) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
