/* test_place.c -- what runs on the engine and what on the processor: all on the engine where it takes
 * all; else what is cheapest of all ways to cut, on both sides of where a dispatch begins to pay. */
#include "places.h"
#include "unit.h"

#include "../../frontend/frontend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <math.h>

typedef struct {
    Arena arena;
    Buf text;
    Source source;
    DslWeights weights;
    Module *module;
    RuleSet rules;
    Placement at;
} PlaceBench;

static const Target *place_target(const char *name)
{
    for (int i = 0; i < target_count; i++)
        if (!strcmp(targets[i].name, name)) return &targets[i];
    fail_msg("no %s", name);
    return NULL;
}

/* The program of a template, of size n, as it is compiled for the chip. */
static void place_program(PlaceBench *b, const char *text, long n, const char *chip)
{
    Diag d = { .quiet = true };
    *b = (PlaceBench){ .text = places_text(text, n) };
    b->source = (Source){ .name = "place.anedsl", .text = b->text.s, .len = b->text.len };
    const Target *t = place_target(chip);
    ruleset_init(&b->rules, t, NULL);
    const bool mil = !strncmp(b->text.s, "program", 7);
    b->module = mil ? mil_read(&d, &b->source, ".")
                    : dsl_compile(&d, &b->source,
                                  &(DslOptions){ .opset = target_opset(t),
                                                 .weights = &b->weights });
    const PassOptions o = { .target = t, .rules = &b->rules };
    if (!b->module || !module_verify(b->module, &d, NULL)
        || (!mil && !passes_run(b->module, &o, &d)))
        fail_msg("%s: %s", b->text.s, d.text.s);
    func_place(module_main(b->module), &b->rules, &b->arena, &d, &b->at);
    diag_free(&d);
}

static void place_close(PlaceBench *b)
{
    module_free(b->module);
    arena_free(&b->arena);
    buf_free(&b->text);
}

/* Parts and reasons as words: "engine: conv relu; processor: resample(rule)". */
static const char *place_words(PlaceBench *b)
{
    static const char *const words[] = { "",       "(aside)", "(rule)",
                                         "(cost)", "(uncut)", "(states)" };
    Buf out = { 0 };
    for (int i = 0; i < b->at.npart; i++) {
        const PlacedPart *p = &b->at.part[i];
        buf_printf(&out, "%s%s:", i ? "; " : "", p->engine ? "engine" : "processor");
        for (int k = p->from; k < p->to; k++)
            if (!b->at.op[k].free)
                buf_printf(&out, " %s%s", op_name(b->at.op[k].op),
                           words[b->at.op[k].reason]);
    }
    const char *s = arena_strndup(&b->arena, out.s, out.len);
    buf_free(&out);
    return s;
}

/* ---- the cheapest, by trying all --------------------------------------------------------- */

/* The ops that run, and between each and the one before the cheapest place for a cut (INFINITY: none). */
typedef struct {
    const PlacedOp *op[16];
    double bytes[16];
    int n;
} PlaceTry;

static PlaceTry place_try(PlaceBench *b)
{
    PlaceTry t = { .n = 0 };
    CutPlaces at;
    assert_true(func_cut_places(module_main(b->module), &b->rules, &b->arena, &at));
    double least = INFINITY;
    for (int i = 0; i < b->at.nop; i++) {
        if (at.open[i]) least = fmin(least, at.bytes[i]);
        if (b->at.op[i].free) continue;
        assert_true(t.n < 16);
        t.op[t.n] = &b->at.op[i];
        t.bytes[t.n++] = least;
        least = INFINITY;
    }
    return t;
}

static double place_try_cost(const PlaceTry *t, unsigned sides, const Target *target)
{
    double us = 0;
    for (int i = 0; i < t->n; i++) {
        const bool engine = sides >> i & 1, was = i && (sides >> (i - 1) & 1);
        if (engine && t->op[i]->rule) return INFINITY;
        if (i && engine != was)
            us += isinf(t->bytes[i]) ? INFINITY : cost_copy(target, t->bytes[i]).middle;
        if (engine && !was) us += cost_dispatch(target).middle;
        us += t->op[i]->us[engine].middle;
    }
    return us;
}

static void check_cheapest(PlaceBench *b)
{
    const PlaceTry t = place_try(b);
    double best = INFINITY;
    for (unsigned sides = 0; sides < 1u << t.n; sides++)
        best = fmin(best, place_try_cost(&t, sides, b->rules.target));
    if (fabs(best - b->at.us.middle) > 1e-6 * best)
        fail_msg("%s: %.17g, but it can be done for %.17g", place_words(b),
                 b->at.us.middle, best);
}

/* What stays by cost says why: the best cut would not save what it costs. */
static void check_reasons(PlaceBench *b)
{
    for (int i = 0; i < b->at.nop; i++) {
        const PlacedOp *o = &b->at.op[i];
        assert_int_equal(o->reason == PLACED_COST, o->saving != NULL);
        assert_int_equal(o->reason == PLACED_RULE, o->rule != NULL);
        if (!o->saving) continue;
        assert_true(o->saving->ops > 0);
        if (o->saving->saves > o->saving->dispatch + o->saving->copies)
            fail_msg("%s saves %g for %g and %g", op_name(o->op), o->saving->saves,
                     o->saving->dispatch, o->saving->copies);
    }
}

/* ---- both sides of the bound ------------------------------------------------------------- */

#define PLACE_RESAMPLE \
    "b = mil.resample(x = a, coordinates = at, sampling_mode = \"nearest\", padding_mode = " \
    "\"border\", padding_value = 0.0, coordinates_mode = \"unnormalized\", align_corners = " \
    "false)\n"
#define PLACE_HEAD "import \"std\"\nweights init normal(std = 0.04, seed = 1)\n"
#define PLACE_AT "weight at: [1, 1, 64, 2] = uniform(low = 0, high = 63, seed = 3)\n"

static const struct {
    const char *text, *below,
        *above; /* what is said at the last size that does not pay, and the next */
} place_bounds[] = {
    { PLACE_HEAD "model main(x: fp16[1, 128, 1, 64]) -> y {\n"
                 "weight w1: [{N}, 128], w2: [128, {N}]\n" PLACE_AT
                 "a = linear(relu(linear(x, w1)), w2)\n" PLACE_RESAMPLE "y = relu(b) }\n",
      "processor: conv(cost) relu(cost) conv(cost) resample(rule) relu(cost)",
      "engine: conv relu conv; processor: resample(rule) relu(cost)" },
    { PLACE_HEAD "model main(x: fp16[1, 128, 1, 64]) -> y {\n"
                 "weight w1: [{N}, 128], w2: [128, {N}]\n" PLACE_AT
                 "a = relu(x)\n" PLACE_RESAMPLE "y = linear(relu(linear(b, w1)), w2) }\n",
      "processor: relu(cost) resample(rule) conv(cost) relu(cost) conv(cost)",
      "processor: relu(cost) resample(rule); engine: conv relu conv" },
    /* between two that are refused: two copies and a dispatch */
    { PLACE_HEAD "model main(x: fp16[1, 128, 1, 64]) -> y {\n"
                 "weight w1: [{N}, 128], w2: [128, {N}]\n" PLACE_AT
                 "a = x\n" PLACE_RESAMPLE
                 "a = linear(relu(linear(b, w1)), w2)\n" PLACE_RESAMPLE "y = b }\n",
      "processor: resample(rule) conv(cost) relu(cost) conv(cost) resample(rule)",
      "processor: resample(rule); engine: conv relu conv; processor: resample(rule)" },
};

static void test_place_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(place_bounds); i++) {
        long low = 1, high = 4096;
        PlaceBench b;
        while (high - low > 1) {
            const long n = (low + high) / 2;
            place_program(&b, place_bounds[i].text, n, "m1");
            check_cheapest(&b);
            check_reasons(&b);
            if (b.at.engines) high = n;
            else low = n;
            place_close(&b);
        }
        place_program(&b, place_bounds[i].text, low, "m1");
        assert_string_equal(place_words(&b), place_bounds[i].below);
        /* one channel more would do it */
        for (int k = 0; k < b.at.nop; k++) {
            const PlacedSaving *s = b.at.op[k].saving;
            if (s && s->ops == 3) assert_true(s->saves * 1.02 > s->dispatch + s->copies);
        }
        place_close(&b);
        place_program(&b, place_bounds[i].text, high, "m1");
        assert_string_equal(place_words(&b), place_bounds[i].above);
        assert_true(b.at.us.middle < b.at.alone.middle);
        place_close(&b);
    }
}

/* The least, the middle and the most of all parts are those of the whole. */
static void test_place_sums(void **state)
{
    (void)state;
    PlaceBench b;
    place_program(&b, place_bounds[2].text, 2048, "m4");
    CostUs sum = { 0 };
    for (int i = 0; i < b.at.npart; i++) sum = cost_add(sum, b.at.part[i].us);
    assert_true(fabs(sum.middle - b.at.us.middle) < 1e-9);
    assert_true(b.at.us.least < b.at.us.middle && b.at.us.middle < b.at.us.most);
    place_close(&b);
}

/* A convolution whose channels a rule calls slow is predicted to take longer, where the rule stands;
 * its neighbours, and the same on another chip, are not. */
static void test_place_slower(void **state)
{
    static const struct {
        long channels;
        const char *chip;
        double slower;
    } cases[] = {
        { 4095, "m4", 1 },   { 4096, "m4", 4.7 },    { 4097, "m4", 1 },
        { 5120, "m4", 4.7 }, { 5121, "m4", 1 },      { 8191, "m4", 1 },
        { 8192, "m4", 4.7 }, { 8192, "m4max", 4.7 }, { 4096, "m1", 1 },
        { 4096, "m3", 1 },   { 4096, "m5", 1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        PlaceBench b;
        place_program(&b,
                      PLACE_HEAD "model main(x: fp16[1, 64, 1, 64]) -> y {\n"
                                 "weight w: [{N}, 64]\ny = linear(x, w) }\n",
                      cases[i].channels, cases[i].chip);
        const PlacedOp *o = b.at.op;
        while (o < b.at.op + b.at.nop && o->op->kind != OP_conv) o++;
        assert_true(o < b.at.op + b.at.nop);
        const CostUs plain = cost_engine(b.rules.target, o->work);
        assert_true(plain.most > 0 && plain.middle > 0);
        assert_true(o->us[1].least == plain.least);
        assert_true(fabs(o->us[1].most - cases[i].slower * plain.most) < 1e-9);
        assert_true(fabs(o->us[1].middle - (1 + cases[i].slower) / 2 * plain.middle)
                    < 1e-9);
        place_close(&b);
    }
}

/* ---- whole ------------------------------------------------------------------------------- */

static const struct {
    const char *what, *chip, *text, *words;
    bool slower;
} place_wholes[] = {
    { "what the engine takes stays whole, though the processor would cost less", "m1",
      PLACE_HEAD "model main(x: fp16[1, 32, 1, 64]) -> y { y = relu(x) }\n",
      "engine: relu", true },
    { "nor is a copy at its end cut off", "m1",
      PLACE_HEAD "model main(x: fp16[1, 512, 1, 64]) -> y { weight w: [512, 512]\n"
                 "y = relu(linear(x, w)) * 2 }\n",
      "engine: conv relu mul", false },
    { "token ids are looked up in front", "m1",
      PLACE_HEAD "weight table: [64, 32]\nmodel main(ids: int32[8]) -> y { y = "
                 "relu(gather(table, ids, axis = 0)) }\n",
      "engine: gather(aside) relu", true },
    { "a rule on the whole function is said at each op that has none of its own", "m1",
      "program(1.0)\n{\n    func main<ios16>(tensor<fp16, [1, 64]> x) {\n"
      "        tensor<fp16, [1, 64]> y = relu(x = x)[name = string(\"y\")];\n    } -> (y, x);\n}\n",
      "processor: relu(rule)", false },
};

static void test_place_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(place_wholes); i++) {
        PlaceBench b;
        place_program(&b, place_wholes[i].text, 1, place_wholes[i].chip);
        print_message("%s: %s\n", place_wholes[i].what, place_words(&b));
        assert_string_equal(place_words(&b), place_wholes[i].words);
        assert_int_equal(b.at.slower, place_wholes[i].slower);
        assert_int_equal(b.at.npart, 1);
        place_close(&b);
    }
}

/* The hint is there while the processor costs less than the least that the engine may, and no longer. */
static void test_place_hint(void **state)
{
    (void)state;
    static const char text[] = PLACE_HEAD
        "model main(x: fp16[1, 128, 1, {N}]) -> y { weight w: [128, 128]\n"
        "y = linear(x, w) }\n";
    long low = 1, high = 4096;
    PlaceBench b;
    while (high - low > 1) {
        const long n = (low + high) / 2;
        place_program(&b, text, n, "m1");
        assert_int_equal(b.at.slower, b.at.alone.middle < b.at.us.least);
        if (b.at.slower) low = n;
        else high = n;
        place_close(&b);
    }
    place_program(&b, text, high, "m1");
    /* within the spread of the figures, where nobody knows */
    assert_string_equal(place_words(&b), "engine: conv");
    assert_true(b.at.alone.middle < b.at.us.middle);
    place_close(&b);
}

/* A value of a type that no engine takes goes over every place where the cut would be. */
static void test_place_uncut(void **state)
{
    (void)state;
    PlaceBench b;
    place_program(&b,
                  PLACE_HEAD "model main(x: fp16[1, 128, 1, 64]) -> y {\n" PLACE_AT
                             "more = x > 0.5\na = x\n" PLACE_RESAMPLE
                             "y = select(more, b, x) }\n",
                  1, "m1");
    assert_string_equal(place_words(&b),
                        "processor: greater(uncut) resample(rule) select(uncut)");
    place_close(&b);
}

/* One with states is never cut. */
static void test_place_states(void **state)
{
    (void)state;
    PlaceBench b;
    place_program(&b,
                  PLACE_HEAD
                  "model main(x: fp16[1, 512, 1, 64]) -> y {\n"
                  "state s: fp16[1, 512, 1, 64]\nweight w: [4096, 512]\n" PLACE_AT
                  "a = x + read(s)\ns = a\n" PLACE_RESAMPLE "y = linear(b, w) }\n",
                  1, "m1");
    print_message("%s\n", place_words(&b));
    assert_int_equal(b.at.engines, 0);
    assert_non_null(strstr(place_words(&b), "conv(states)"));
    place_close(&b);
}

/* ---- where a cut may be ------------------------------------------------------------------- */

/* Of a program that computes a value of a type, which alone goes over the place behind it: the
 * bytes of what goes over each place, `-` where none may be cut. */
static const struct {
    const char *chip, *ops, *want;
} crossings[] = {
#define CROSSING(type, make) \
    "tensor<" type ", [2, 3]> v = " make "[name = string(\"v\")]; " \
    "tensor<fp16, [2, 3]> r = cast(dtype = string(\"fp16\"), x = v)[name = string(\"r\")]; "
#define TO(type) "cast(dtype = string(\"" type "\"), x = x)"
    { "m1", CROSSING("fp16", "relu(x = x)"), "0 12 12" },
    { "m5", CROSSING("fp16", "relu(x = x)"), "0 12 12" },
    { "m1", CROSSING("fp32", TO("fp32")), "0 - 12" },
    { "m5", CROSSING("fp32", TO("fp32")), "0 24 12" },
    { "host", CROSSING("fp32", TO("fp32")), "0 24 12" },
    { "m1", CROSSING("int32", TO("int32")), "0 - 12" },
    { "host", CROSSING("int32", TO("int32")), "0 - 12" },
    { "host", CROSSING("bool", TO("bool")), "0 - 12" },
    { "host", CROSSING("int8", TO("int8")), "0 - 12" },
};

static void only_what_an_engine_takes_goes_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(crossings); i++) {
        Arena a = { 0 };
        Diag d = { .quiet = true };
        Buf got = { 0 };
        RuleSet rs;
        CutPlaces at;
        const char *text = arena_printf(&a,
                                        "program(1.3)\n{\nfunc main<ios18>(tensor<fp16, "
                                        "[2, 3]> x) {\n%s\n} -> (r);\n}\n",
                                        crossings[i].ops);
        const Source src = { .name = "x.mil", .text = text, .len = strlen(text) };
        Module *m = mil_read(&d, &src, ".");
        if (!m) fail_msg("%s", d.text.s);
        ruleset_init(&rs, place_target(crossings[i].chip), NULL);
        assert_true(func_cut_places(module_main(m), &rs, &a, &at));
        for (int k = 0; k <= at.n; k++)
            if (at.open[k]) buf_printf(&got, "%s%.0f", k ? " " : "", at.bytes[k]);
            else buf_puts(&got, " -");
        if (strcmp(got.s, crossings[i].want))
            fail_msg("%s: %s has %s", crossings[i].chip, crossings[i].ops, got.s);
        module_free(m);
        buf_free(&got);
        diag_free(&d);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_an_engine_takes_goes_over),
        cmocka_unit_test(test_place_bounds),
        cmocka_unit_test(test_place_sums),
        cmocka_unit_test(test_place_whole),
        cmocka_unit_test(test_place_uncut),
        cmocka_unit_test(test_place_states),
        cmocka_unit_test(test_place_hint),
        cmocka_unit_test(test_place_slower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
