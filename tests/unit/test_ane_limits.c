/* test_ane_limits.c -- what a request of the engine holds: rules at the bound and one beyond it
 * on every chip, the stand-in's own refusals, and programs of more functions than fit into
 * one. */
#include "../../backends/ane/engine.h"
#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/targets/rules.h"
#include "standin.h"

static char *top;
static Arena arena;

/* ---- programs ---------------------------------------------------------------------------- */

#define T "tensor<fp16, [1, 2, 1, 3]>"

/* `n` functions with `in` inputs and `out` results each; result k of function i is
 * a0 + a(last) + i + k, on each element. */
static char *program_text(int n, int in, int out)
{
    Buf b = { 0 };
    buf_puts(&b,
             "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>("
             "{{\"coremlc-version\", \"3505.4.1\"}})]\n{\n");
    for (int i = 0; i < n; i++) {
        buf_printf(&b, i ? "    func f%d<ios16>(" : "    func main<ios16>(", i);
        for (int k = 0; k < in; k++) buf_printf(&b, "%s" T " a%d", k ? ", " : "", k);
        buf_puts(&b, ") {\n");
        if (in)
            buf_printf(&b,
                       "        " T
                       " s = add(x = a0, y = a%d)[name = tensor<string, []>(\"s\")];\n",
                       in - 1);
        else
            buf_puts(&b, "        " T
                         " c = const()[name = tensor<string, []>(\"c\"), val = " T
                         "([[[[1, 1, 1]], [[1, 1, 1]]]])];\n        " T
                         " s = add(x = c, y = c)[name = tensor<string, []>(\"s\")];\n");
        for (int k = 0; k < out; k++)
            buf_printf(&b,
                       "        " T " r%d = add(x = s, y = tensor<fp16, []>(%d))"
                       "[name = tensor<string, []>(\"r%d\")];\n",
                       k, i + k, k);
        buf_puts(&b, "    } -> (");
        for (int k = 0; k < out; k++) buf_printf(&b, "%sr%d", k ? ", " : "", k);
        buf_puts(&b, ");\n");
    }
    buf_puts(&b, "}\n");
    char *text = arena_strdup(&arena, b.s);
    buf_free(&b);
    return text;
}

typedef struct {
    Source src;
    Module *m;
    Diag d;
} Given;

static void read_given(Given *g, int n, int in, int out)
{
    *g = (Given){ .src = { .name = "t.mil", .text = program_text(n, in, out) } };
    g->src.len = strlen(g->src.text);
    g->m = mil_read(&g->d, &g->src, ".");
    if (!g->m || !module_verify(g->m, &g->d, NULL)) fail_msg("%s", g->d.text.s);
}

static void give_back(Given *g)
{
    module_free(g->m);
    diag_free(&g->d);
}

/* ---- rules ------------------------------------------------------------------------------- */

static void count_break(void *ctx, const RuleBreak *b)
{
    int *broken = ctx;
    broken[b->rule - rules] += b->standing >= STAND_REPORTED;
}

/* What no reader lets through: a function of which nothing comes out. */
static void test_no_result(void **state)
{
    (void)state;
    for (int c = 0; c < generation_count(); c++) {
        Given g;
        RuleSet rs;
        int broken[RULE_COUNT] = { 0 };
        read_given(&g, 1, 1, 1);
        ruleset_init(&rs, generation_at(c), NULL);
        rs.doubts = true;
        func_drop_results(module_main(g.m), 0);
        assert_true(rules_check(g.m, &rs, &g.d, count_break, broken) >= 0);
        assert_int_equal(broken[RULE_no_input], 1);
        assert_true(rules_check(g.m, &rs, &g.d, NULL, NULL) >= 0);
        assert_non_null(strstr(g.d.text.s, "function main has no result ["));
        fputs(g.d.text.s, stdout);
        give_back(&g);
    }
    Diag d = { 0 };
    Source src = { .name = "t.mil", .text = program_text(1, 1, 0) };
    src.len = strlen(src.text);
    Module *m = mil_read(&d, &src, ".");
    assert_false(m && module_verify(m, &d, NULL));
    assert_non_null(d.text.s);
    fputs(d.text.s, stdout);
    if (m) module_free(m);
    diag_free(&d);
}

static void test_rules(void **state)
{
    static const struct {
        int n, in, out, rule;
    } cases[] = {
        { 1, 253, 1, -1 },
        { 1, 254, 1, -1 },
        { 1, 255, 1, RULE_buffers },
        { 1, 1, 253, -1 },
        { 1, 1, 254, -1 },
        { 1, 1, 255, RULE_buffers },
        { 1, 1, 1, -1 },
        { 1, 0, 1, RULE_no_input },
        { 2, 127, 1, -1 },
        { 3, 85, 1, -1 },
        { 2, 128, 1, RULE_symbols },
        { 2, 1, 127, -1 },
        { 3, 1, 85, -1 },
        { 2, 1, 128, RULE_symbols },
        { 128, 1, 1, -1 },
        { 129, 1, 1, -1 },
        { 130, 1, 1, RULE_procedures },
    };
    static const int all[] = { RULE_buffers, RULE_no_input, RULE_symbols,
                               RULE_procedures };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int c = 0; c < generation_count(); c++) {
            Given g;
            RuleSet rs;
            int broken[RULE_COUNT] = { 0 };
            read_given(&g, cases[i].n, cases[i].in, cases[i].out);
            ruleset_init(&rs, generation_at(c), NULL);
            assert_true(rules_check(g.m, &rs, &g.d, count_break, broken) >= 0);
            for (size_t k = 0; k < COUNT(all); k++)
                if ((broken[all[k]] > 0) != (all[k] == cases[i].rule))
                    fail_msg(
                        "%d functions, %d inputs, %d results on %s: %s is broken %d times",
                        cases[i].n, cases[i].in, cases[i].out, generation_at(c)->name,
                        rules[all[k]].name, broken[all[k]]);
            give_back(&g);
        }
}

/* The texts name what was counted. */
static void test_messages(void **state)
{
    static const struct {
        int n, in, out;
        const char *says;
    } cases[] = {
        { 1, 0, 1, "function main has no input [m4: no-input" },
        { 4, 64, 1,
          "the 4 functions have together 256 inputs, more than 255 [m4: symbol-count" },
        { 4, 1, 64,
          "the 4 functions have together 256 results, more than 255 [m4: symbol-count" },
        { 130, 1, 1,
          "the program has 130 functions, more than 129 [m4: procedure-count" },
        { 1, 255, 1,
          "function main has 256 inputs, states and results, more than 255 [m4: buffer-count, C23" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Given g;
        RuleSet rs;
        read_given(&g, cases[i].n, cases[i].in, cases[i].out);
        ruleset_init(&rs, target_find("m4"), NULL);
        rs.doubts = true;
        assert_true(rules_check(g.m, &rs, &g.d, NULL, NULL) >= 0);
        if (!g.d.text.s || !strstr(g.d.text.s, cases[i].says)) fail_msg("%s", g.d.text.s);
        fputs(g.d.text.s, stdout);
        give_back(&g);
    }
}

/* ---- the stand-in's own limits ----------------------------------------------------------- */

/* Whether the framework takes a request of so many surfaces, whose last input has that
 * symbol. */
static bool takes(Engine *e, int nin, int nout, int last, int procedure)
{
    Port *in = NEW_ARRAY(&arena, nin + 1, Port), *out = NEW_ARRAY(&arena, nout + 1, Port);
    Id *ins = NEW_ARRAY(&arena, nin + 1, Id), *outs = NEW_ARRAY(&arena, nout + 1, Id);
    const Port small = { .batch = 1,
                         .channels = 1,
                         .height = 1,
                         .width = 32,
                         .row = 64,
                         .plane = 64,
                         .bytes = 64,
                         .element = 2 };
    Id surface = engine_surface_new(e, &small);
    for (int i = 0; i < nin; i++) {
        in[i] = (Port){ .symbol = i };
        ins[i] = surface;
    }
    for (int i = 0; i < nout; i++) {
        out[i] = (Port){ .symbol = i };
        outs[i] = surface;
    }
    if (nin) in[nin - 1].symbol = last;
    const Layout l = {
        .in = in, .out = out, .nin = nin, .nout = nout, .procedure = procedure
    };
    Id request = engine_request_new(e, &l, ins, outs);
    const bool ok = request != NULL;
    objc_drop(e->objc, &request);
    objc_drop(e->objc, &surface);
    return ok;
}

static void test_requests(void **state)
{
    (void)state;
    for (int c = 0; c < generation_count(); c++) {
        const char *why = "";
        set_machine(generation_at(c)->name, "");
        Engine *e = engine_open(&arena, &why);
        if (!e) fail_msg("%s", why);
        assert_true(takes(e, 1, 1, 0, 0));
        assert_false(takes(e, 0, 1, 0, 0));
        assert_false(takes(e, 1, 0, 0, 0));
        assert_true(takes(e, 253, 1, 252, 0));
        assert_true(takes(e, 254, 1, 253, 0));
        assert_false(takes(e, 255, 1, 254, 0));
        assert_true(takes(e, 1, 254, 0, 0));
        assert_false(takes(e, 1, 255, 0, 0));
        assert_true(takes(e, 1, 1, 253, 0));
        assert_true(takes(e, 1, 1, 254, 0));
        assert_false(takes(e, 1, 1, 255, 0));
        assert_true(takes(e, 1, 1, 0, 127));
        assert_true(takes(e, 1, 1, 0, 128));
        assert_false(takes(e, 1, 1, 0, 129));
        engine_close(e);
    }
}

/* ---- programs of more functions than fit ------------------------------------------------- */

static const Shape shape = { .rank = 4, .dim = { 1, 2, 1, 3 } };

/* Runs one function on both, and compares what comes out bit by bit. */
static void same_as_ref(const Backend *ane, Module *m, const char *name, int nin, Diag *d)
{
    const Backend *both[2] = { ane, backend_find("ref") };
    Binding *in = NEW_ARRAY(&arena, nin + 1, Binding);
    const Binding *out[2];
    Program *p[2];
    int n = 0;
    for (int i = 0; i < nin; i++) {
        in[i] = (Binding){ .name = arena_printf(&arena, "a%d", i) };
        uint16_t *v = NEW_ARRAY(&arena, 6, uint16_t);
        for (int k = 0; k < 6; k++) v[k] = f16_from_double(i + 0.25 * k);
        in[i].value = tensor_view(DT_FP16, &shape, v);
    }
    for (int k = 0; k < 2; k++) {
        p[k] = program_new(both[k], m, module_func(m, name), d);
        if (!p[k] || !program_run(p[k], d, in, nin, &(RunOptions){ .max_steps = 1 }))
            fail_msg("%s: %s", name, d->text.s);
        n = program_results(p[k], &out[k]);
    }
    for (int i = 0; i < n; i++) {
        assert_string_equal(out[0][i].name, out[1][i].name);
        assert_int_equal(out[0][i].value.bytes, 12);
        assert_memory_equal(out[0][i].value.data, out[1][i].value.data, 12);
    }
    for (int k = 0; k < 2; k++) program_free(p[k]);
}

/* At the bound it stays one program; beyond it there are as many as are needed, each function
 * is found in its own, and a second function of a part is no second compilation. */
static void test_split(void **state)
{
    static const struct {
        int n, in, out, programs;
        const char *func[4];
    } cases[] = {
        { 128, 1, 1, 1, { "main", "f1", "f127" } },
        { 129, 1, 1, 1, { "main", "f1", "f128" } },
        { 130, 1, 1, 2, { "main", "f128", "f129", "f1" } },
        { 259, 1, 1, 3, { "main", "f129", "f258", "f128" } },
        { 2, 127, 1, 1, { "f1", "main" } },
        { 3, 85, 1, 1, { "f2", "main" } },
        { 2, 128, 1, 2, { "f1", "main" } },
        { 2, 1, 127, 1, { "f1", "main" } },
        { 3, 1, 85, 1, { "f2", "main" } },
        { 2, 1, 128, 2, { "f1", "main" } },
        { 5, 64, 2, 2, { "main", "f2", "f3", "f4" } },
        { 5, 1, 64, 2, { "f4", "main", "f2" } },
        { 1, 253, 1, 1, { "main" } },
        { 1, 254, 1, 1, { "main" } },
        { 1, 1, 253, 1, { "main" } },
        { 1, 1, 254, 1, { "main" } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int c = 0; c < generation_count(); c++) {
            if (cases[i].n > 100 && c % 3)
                continue; /* m1 and m4: one order by size, one by name */
            Given g;
            set_machine(generation_at(c)->name, "");
            read_given(&g, cases[i].n, cases[i].in, cases[i].out);
            const char *cache = arena_printf(&arena, "%s/%zu-%s", top, i,
                                             generation_at(c)->name);
            const Backend *b = backend_open(
                "ane", &(BackendOptions){ .cache_dir = cache }, &g.d);
            if (!b) fail_msg("%s", g.d.text.s);
            Program *held = program_new(b, g.m, module_func(g.m, cases[i].func[0]), &g.d);
            if (!held) fail_msg("%s", g.d.text.s);
            for (int k = 0; k < 4 && cases[i].func[k]; k++)
                same_as_ref(b, g.m, cases[i].func[k], cases[i].in, &g.d);
            program_free(held);
            backend_close(b);
            assert_null(g.d.text.s);
            int entries = 0;
            const char *list = arena_printf(&arena, "ls -d '%s'/v1/*.0 | wc -l", cache);
            FILE *said = popen(list, "r");
            assert_int_equal(fscanf(said, "%d", &entries), 1);
            pclose(said);
            assert_int_equal(entries, cases[i].programs);
            give_back(&g);
        }
}

/* What no request can hold is refused on every chip, and nothing else is. */
static void test_refused(void **state)
{
    static const struct {
        int in, out;
        const char *says;
    } cases[] = {
        { 255, 1, "function main has 256 inputs, states and results, more than 255" },
        { 1, 255, "function main has 256 inputs, states and results, more than 255" },
        { 0, 1, "function main has no input" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int c = 0; c < generation_count(); c++) {
            Given g;
            set_machine(generation_at(c)->name, "");
            read_given(&g, 1, cases[i].in, cases[i].out);
            const char *cache = arena_printf(&arena, "%s/refused", top);
            const Backend *b = backend_open(
                "ane", &(BackendOptions){ .cache_dir = cache }, &g.d);
            if (!b) fail_msg("%s", g.d.text.s);
            assert_null(program_new(b, g.m, module_main(g.m), &g.d));
            assert_non_null(strstr(
                g.d.text.s, "the engine takes no form of this program: fp16 refused: "));
            backend_close(b);
            const Backend *simulated = backend_find(
                arena_printf(&arena, "sim:%s", generation_at(c)->name));
            assert_null(program_new(simulated, g.m, module_main(g.m), &g.d));
            if (!strstr(g.d.text.s, cases[i].says)) fail_msg("%s", g.d.text.s);
            give_back(&g);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),     cmocka_unit_test(test_messages),
        cmocka_unit_test(test_no_result), cmocka_unit_test(test_requests),
        cmocka_unit_test(test_split),     cmocka_unit_test(test_refused),
    };
    (void)argc;
    top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
