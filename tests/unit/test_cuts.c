/* test_cuts.c -- where steps of training and deep programs are cut: small nets of the language,
 * with and without their gradients, for each bound on what may be kept, and for each number of
 * layers of attention that a program may have. How many programs and parts there are, what goes
 * over, and the sum of all names and texts, is held against cuts_alike.txt and cuts_deep.txt; `make golden` writes that
 * anew. */
#include "near.h"
#include "rewritten.h"
#include "unit.h"

#include "../../frontend/frontend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/alike.h"

static const struct {
    const char *name, *text;
} nets[] = {
    { "blocks",
      "layer Block(n) { weight a: [n, n] = normal(seed = 1); weight b: [n] = 0\n"
      "  fn (x) = x + relu(linear(x, a, b)) }\n"
      "model main(x: fp32[2, 4]) -> loss { layer blocks: Block(4)[3]\n"
      "  loss = reduce_sum(blocks(x) * blocks(x), keep_dims = false) }\n" },
    { "two kinds",
      "layer A(n) { weight w: [n, n] = normal(seed = 1); fn (x) = tanh(linear(x, w)) }\n"
      "layer B(n) { weight g: [n] = 1; fn (x) = x * g }\n"
      "model main(x: fp32[3, 4]) -> loss, side {\n"
      "  layer first: A(4)[2]; layer second: B(4)[4]; layer last: A(4)\n"
      "  h = first(x); side = second(h)\n"
      "  loss = reduce_mean(exp(last(side)), keep_dims = false) }\n" },
    { "other widths",
      "layer A(n, m) { weight w: [m, n] = normal(seed = 1); fn (x) = relu(linear(x, w)) }\n"
      "model main(x: fp32[2, 4]) -> loss {\n"
      "  layer net: [A(4, 8), A(8, 8), A(8, 8), A(8, 2)]\n"
      "  loss = reduce_sum(net(x), keep_dims = false) }\n" },
    { "attention",
      "layer Att(n) { weight q: [n, n] = normal(seed = 1); weight k: [n, n] = normal(seed = 2)\n"
      "  fn (x) { p = softmax(matmul(linear(x, q), linear(x, k), transpose_y = true), axis = -1)\n"
      "    return matmul(p, x) * 0.5 + x * 0.5 } }\n"
      "model main(x: fp16[1, 4, 32]) -> y, side { layer a: Att(32)[5]\n"
      "  side = relu(x); y = a(x) }\n" },
    { "ids",
      "weight table: [8, 4] = normal(seed = 3)\n"
      "layer Block(n) { weight a: [n, n] = normal(seed = 1); fn (x) = x + gelu(linear(x, a)) }\n"
      "model main(ids: int32[3]) -> loss { layer blocks: Block(4)[3]\n"
      "  h = blocks(gather(table, ids, axis = 0))\n"
      "  loss = reduce_sum(linear(h, table), keep_dims = false) }\n" },
};

/* Weights of main are inputs, and layers are noted, where it is to be trained. */
static Module *net_module(int i, Source *src, bool trained)
{
    Diag d = { .quiet = true };
    *src = (Source){ .name = nets[i].name,
                     .text = nets[i].text,
                     .len = strlen(nets[i].text) };
    DslWeights weights = { 0 };
    const DslOptions o = { .opset = OPSET_IOS18,
                           .promote = trained ? "main" : NULL,
                           .weights = &weights };
    Module *m = dsl_compile(&d, src, &o);
    if (!m) fail_msg("%s: %s", nets[i].name, d.text.s);
    diag_free(&d);
    return m;
}

/* ---- steps of training ----------------------------------------------------------------------- */

static void put_ports(Buf *b, const AlikePort *port, int n)
{
    for (int i = 0; i < n; i++) buf_printf(b, " %s=%s", port[i].port, port[i].value);
    buf_puts(b, ";");
}

static void put_alike(Buf *out, const Module *m, const AlikeOptions *o)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    Buf all = { 0 };
    AlikeCut cut = { .npart = 0 };
    func_cut_alike(module_main((Module *)(uintptr_t)m), o, &a, &cut, &d);
    for (int i = 0; i < cut.npart; i++) {
        const AlikePart *p = &cut.part[i];
        buf_printf(&all, "%d %s %d %d", p->program, p->layer ? p->layer : "-", p->host,
                   p->again);
        put_ports(&all, p->in, p->nin);
        put_ports(&all, p->out, p->nout);
    }
    for (int i = 0; i < cut.nprogram; i++) {
        mil_print(cut.program[i], &all);
        module_free(cut.program[i]);
    }
    buf_printf(out, "  %s %llu: %d programs, %d parts, %llu bytes, %016llx\n",
               o->engine ? "engine" : "host", (unsigned long long)o->memory, cut.nprogram,
               cut.npart, (unsigned long long)cut.kept,
               (unsigned long long)near_sum(NEAR_START, all.s ? all.s : ""));
    buf_free(&all);
    diag_free(&d);
    arena_free(&a);
}

static void steps_are_cut_where_they_were(void **state)
{
    static const uint64_t memory[] = { 0, 1, 100, 150, 200, 300, 500, 1000, 5000 };
    Rewritten r = { .path = "tests/unit/cuts_alike.txt" };
    (void)state;
    for (int i = 0; i < (int)COUNT(nets); i++)
        for (int back = 0; back < 2; back++) {
            Source src;
            Diag d = { .quiet = true };
            Module *m = net_module(i, &src, true);
            const GradOptions grad = { .declared = true };
            if (back && !autodiff_module(m, &grad, &d)) fail_msg("%s", d.text.s);
            buf_printf(&r.text, "%s%s\n", nets[i].name, back ? ", backwards" : "");
            for (size_t k = 0; k < 2 * COUNT(memory); k++)
                put_alike(&r.text, m,
                          &(AlikeOptions){ .engine = k % 2, .memory = memory[k / 2] });
            module_free(m);
            diag_free(&d);
        }
    rewritten_end(&r);
}

/* ---- deep programs --------------------------------------------------------------------------- */

static void put_parts(Buf *out, const Module *m, const RuleSet *rs)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    Buf all = { 0 };
    Module **part = NULL;
    const int n = func_cut(module_main((Module *)(uintptr_t)m), rs, &a, &part, &d);
    for (int i = 0; i < n; i++) {
        mil_print(part[i], &all);
        RuleSet again = *rs;
        Module **further = NULL;
        const int more = func_cut(module_main(part[i]), &again, &a, &further, &d);
        buf_printf(&all, " %d", more);
        for (int k = 0; k < more; k++) module_free(further[k]);
        module_free(part[i]);
    }
    buf_printf(out, "  %lld layers: %d parts, %016llx %s\n",
               (long long)rs->limit[LIMIT_layers], n,
               (unsigned long long)near_sum(NEAR_START, all.s ? all.s : ""),
               d.text.s ? d.text.s : "");
    buf_free(&all);
    diag_free(&d);
    arena_free(&a);
}

static void deep_programs_are_cut_where_they_were(void **state)
{
    Rewritten r = { .path = "tests/unit/cuts_deep.txt" };
    (void)state;
    for (int i = 0; i < (int)COUNT(nets); i++) {
        Source src;
        Module *m = net_module(i, &src, false);
        buf_printf(&r.text, "%s\n", nets[i].name);
        for (int64_t layers = 0; layers < 7; layers++) {
            RuleSet rs;
            ruleset_init(&rs, generation_at(0), NULL);
            rs.limit[LIMIT_layers] = layers;
            put_parts(&r.text, m, &rs);
        }
        module_free(m);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_cut_where_they_were),
        cmocka_unit_test(deep_programs_are_cut_where_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
