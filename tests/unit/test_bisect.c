/* test_bisect.c -- parts that simulated engines refuse or get wrong, their rules flipped, found
 * in larger programs. */
#include "micro.h"
#include "unit.h"

#include "../../probe/bisect.h"
#include "../../probe/probe.h"
#include "../../ir/mil/mil.h"
#include "../../ir/targets/rules.h"
#include "../probe/ops_texts.h"

#include <math.h>

/* Ops that every chip runs, around a program that may fail. */
#define T "tensor<fp16, [1, 64, 1, 64]> "
#define NOISE_IN T "noise"
#define S(name, call) T name " = " call "[name = string(\"" name "\")]; "
#define BEFORE \
    S("n1", "add(x = noise, y = noise)") \
    S("n2", "mul(x = n1, y = noise)") S("n3", "add(x = n2, y = n1)")
#define AFTER \
    S("n4", "mul(x = n3, y = n2)") \
    S("n5", "add(x = n4, y = n3)") S("n6", "sub(x = n5, y = n1)")

typedef struct {
    Arena arena;
    Diag diag;
    char *dir;
    Source src;
    Module *m;
    Binding in[200];
    int nin;
    BisectResult found;
} Hunt;

static void hunt_open(Hunt *h)
{
    *h = (Hunt){ .nin = 0 };
    h->dir = make_folder(&h->arena);
}

static void hunt_end(Hunt *h)
{
    bisect_free(&h->found);
    for (int i = 0; i < h->nin; i++) tensor_free(&h->in[i].value);
    h->nin = 0;
    module_free(h->m);
    h->m = NULL;
}

static void hunt_close(Hunt *h)
{
    unsetenv("ANESIM_PROFILE");
    remove_folder(h->dir);
    diag_free(&h->diag);
    arena_free(&h->arena);
}

/* An engine like the chip but for these lines of a profile. */
static void hunt_profile(Hunt *h, const char *chip, const char *lines)
{
    const char *path = arena_printf(&h->arena, "%s/profile", h->dir),
               *text = arena_printf(&h->arena, "anec-profile 1\nchip %s\n%s", chip,
                                    lines);
    assert_true(file_write_all(&h->diag, path, text, strlen(text)));
    assert_int_equal(setenv("ANESIM_PROFILE", path, 1), 0);
}

static bool hunt_read(Hunt *h, const char *micro)
{
    Diag quiet = { .quiet = true };
    const char *text = micro_text(&h->arena, "ios18", micro);
    h->src = (Source){ .name = "hunt.mil", .text = text, .len = strlen(text) };
    h->m = mil_read(&quiet, &h->src, h->dir);
    if (h->m) h->m->missing = 2;
    bool ok = h->m && module_verify(h->m, &quiet, NULL);
    const Block *b = ok ? module_main(h->m)->body : NULL;
    for (int i = 0; ok && i < b->nparam; i++) {
        const Type *t = b->param[i]->type;
        Tensor *to = &h->in[h->nin].value;
        ok = t->kind == TY_TENSOR && shape_known(&t->shape)
          && tensor_alloc(to, &quiet, t->dtype, &t->shape);
        h->in[h->nin++].name = b->param[i]->name;
        for (size_t k = 0; ok && k < to->count; k++) {
            const double x =
                floor(rng_unit(rng_key(1, b->param[i]->name), k) * 2048 - 1024) / 1024;
            if (dtype_is_float(to->dtype)) tensor_set_float(to, k, x);
            else tensor_set_int(to, k, x > 0);
        }
    }
    diag_free(&quiet);
    return ok;
}

static PartVerdict hunt(Hunt *h, const char *chip, const char *micro, int most)
{
    if (!hunt_read(h, micro)) return PART_UNKNOWN;
    const Bisect b = { .engine = backend_find(arena_printf(&h->arena, "sim:%s", chip)),
                       .reference = backend_find("ref"),
                       .diag = &h->diag,
                       .rtol = 1e-2,
                       .atol = 5e-3,
                       .most = most,
                       .max_steps = 1000 };
    assert_non_null(b.engine);
    Diag quiet = { .quiet = true };
    Bisect own = b;
    own.diag = &quiet;
    const bool ok = bisect(&own, module_main(h->m), h->in, h->nin, &h->found);
    diag_free(&quiet);
    return ok ? h->found.verdict : PART_UNKNOWN;
}

static bool part_has(const Hunt *h, const char *name)
{
    for (const Op *op = h->found.module->first->body->first; op; op = op->next)
        if (op->nout && !strcmp(op->out[0]->name, name)) return true;
    return false;
}

static int noise_in_part(const Hunt *h)
{
    static const char *const noise[] = { "n1", "n2", "n3", "n4", "n5", "n6" };
    int n = 0;
    for (size_t i = 0; i < COUNT(noise); i++) n += part_has(h, noise[i]);
    return n;
}

static const char *with_noise(Arena *a, const char *micro)
{
    const char *body = strchr(micro, '|'), *results = strrchr(micro, '|');
    return arena_printf(a, NOISE_IN ", %.*s | " BEFORE "%.*s" AFTER " | %s, n6",
                        (int)(body - micro), micro, (int)(results - body - 1), body + 1,
                        results + 1);
}

/* What the part prints as fails by itself as the whole did. False: it has weights that are
 * in no file here. */
static bool fails_again(Hunt *h, const char *chip, PartVerdict want)
{
    Module *m = h->found.module;
    Buf text = { 0 };
    BisectResult again;
    if (mil_needs_weights(m, false)) return false;
    mil_print(m, &text);
    const Source src = { .name = "part.mil", .text = text.s, .len = text.len };
    Diag quiet = { .quiet = true };
    m = mil_read(&quiet, &src, h->dir);
    diag_free(&quiet);
    if (m) m->missing = 2;
    if (!m || !module_verify(m, &h->diag, NULL)) fail_msg("%s", h->diag.text.s);
    const Bisect b = { .engine = backend_find(arena_printf(&h->arena, "sim:%s", chip)),
                       .reference = backend_find("ref"),
                       .diag = &h->diag,
                       .rtol = 1e-2,
                       .atol = 5e-3,
                       .most = 1,
                       .max_steps = 1000 };
    if (!bisect(&b, m->first, h->found.in, h->found.nin, &again))
        fail_msg("%s%s", h->diag.text.s, text.s);
    if (h->found.spelling ? again.verdict != PART_RUNS : again.verdict != want)
        fail_msg("verdict %d, not %d (%s): %s", again.verdict, want, h->found.said,
                 text.s);
    bisect_free(&again);
    module_free(m);
    buf_free(&text);
    return !h->found.spelling;
}

/* ---- every rule that an op breaks -------------------------------------------------- */

typedef struct {
    int refused, wrong, again;
} Tally;

static void one_rule(int r, const char *breaks, const char *chip, Tally *t)
{
    Hunt h;
    if (r == RULE_matmul_shape || r == RULE_conv_channels || r == RULE_extent)
        return; /* large */
    hunt_open(&h);
    const char *micro = micro_short(&h.arena, breaks);
    if (!micro) fail_msg("%s", breaks);
    hunt_profile(&h, chip, arena_printf(&h.arena, "rule %s holds\n", rules[r].name));
    const PartVerdict alone = hunt(&h, chip, micro, 0);
    const int all = h.found.all;
    hunt_end(&h);
    if (alone == PART_REFUSED || alone == PART_WRONG) {
        const PartVerdict v = hunt(&h, chip, with_noise(&h.arena, micro), 0);
        if (v != alone)
            fail_msg("%s on %s: verdict %d, alone %d", rules[r].name, chip, v, alone);
        if (!h.found.module || h.found.stopped)
            fail_msg("%s on %s: no part", rules[r].name, chip);
        if (noise_in_part(&h) || h.found.nops > all || h.found.nops < 1) {
            Buf b = { 0 };
            mil_print(h.found.module, &b);
            fail_msg("%s on %s: %d ops of %d: %s", rules[r].name, chip, h.found.nops, all,
                     b.s);
        }
        *(alone == PART_WRONG ? &t->wrong : &t->refused) += 1;
        t->again += fails_again(&h, chip, alone);
    }
    hunt_end(&h);
    hunt_close(&h);
}

static void each_rule_is_cut_out(void **state)
{
    (void)state;
    static const char *const chips[] = { "m1", "m5" };
    for (size_t c = 0; c < COUNT(chips); c++) {
        Tally t = { 0 };
        for (int r = 0; r < RULE_COUNT; r++)
            for (const RulePrograms *k = rules[r].programs; k->breaks; k++)
                if (rules[r].on == ON_OP) one_rule(r, k->breaks, chips[c], &t);
        printf("%s: %d refused, %d wrong, of which %d fail again as text\n", chips[c],
               t.refused, t.wrong, t.again);
        assert_true(t.refused >= 15 && t.wrong >= 2 && t.again >= 15);
    }
}

/* ---- operations -------------------------------------------------------------------------- */

static const struct {
    const char *op, *program;
} one_op[] = {
#define ONE_OP(op) { #op, ops_##op },
    ops_TEXTS(ONE_OP)
};

static void an_operation_that_is_refused_is_all_that_is_left(void **state)
{
    (void)state;
    static const char *const chips[] = { "m1", "m4" };
    for (size_t c = 0; c < COUNT(chips); c++)
        for (size_t i = 0; i < COUNT(one_op); i += 3) {
            Hunt h;
            hunt_open(&h);
            hunt_profile(&h, chips[c],
                         arena_printf(&h.arena, "op %s refused\n", one_op[i].op));
            hunt(&h, chips[c], one_op[i].program, 0);
            const int alone = h.found.all; /* with casts of bools, which are no inputs */
            hunt_end(&h);
            const char *micro = with_noise(&h.arena,
                                           micro_short(&h.arena, one_op[i].program));
            const PartVerdict v = hunt(&h, chips[c], micro, 0);
            if (v != PART_REFUSED || noise_in_part(&h) || h.found.nops > alone)
                fail_msg("%s on %s: verdict %d, %d ops", one_op[i].op, chips[c], v,
                         h.found.nops);
            hunt_end(&h);
            hunt_close(&h);
        }
}

/* What stands in for a type at a cut may be what is refused: another operation tells then. */
static void what_tries_a_type_may_be_refused_itself(void **state)
{
    (void)state;
    Hunt h;
    hunt_open(&h);
    hunt_profile(&h, "m3", "op relu refused\n");
    const char *micro = T "a | " S("b", "add(x = a, y = a)") S("c", "relu(x = b)")
        S("d", "mul(x = c, y = b)") " | d";
    assert_int_equal(hunt(&h, "m3", micro, 0), PART_REFUSED);
    assert_int_equal(h.found.nops, 1);
    assert_true(part_has(&h, "c"));
    hunt_end(&h);
    hunt_close(&h);
}

/* Two ops that are refused only together stay together: this rule looks at a
 * function. */
static void what_cannot_stand_at_a_cut_is_not_cut(void **state)
{
    (void)state;
    Hunt h;
    hunt_open(&h);
    hunt_profile(&h, "m1",
                 "op logical_not refused\nop greater runs\nop select refused\n");
#define B "tensor<bool, [1, 64, 1, 64]> "
    const char *micro = T "a | " S("b", "add(x = a, y = a)") B
        "c = greater(x = b, y = a)[name = string(\"c\")]; " S(
            "d", "select(a = a, b = b, cond = c)") S("e", "mul(x = d, y = b)") " | e";
    assert_int_equal(hunt(&h, "m1", micro, 0), PART_REFUSED);
    assert_int_equal(h.found.nops, 2); /* a bool is no input */
    assert_true(part_has(&h, "c") && part_has(&h, "d"));
    assert_true(h.found.uncut > 0);
    hunt_end(&h);
    hunt_close(&h);
}

static void what_runs_has_no_part(void **state)
{
    (void)state;
    const Target *chip;
    for (int i = 0; (chip = generation_at(i)); i++) {
        Hunt h;
        hunt_open(&h);
        assert_int_equal(hunt(&h, chip->name, NOISE_IN " | " BEFORE AFTER " | n6", 0),
                         PART_RUNS);
        assert_null(h.found.module);
        assert_int_equal(h.found.compiles, 1);
        hunt_end(&h);
        hunt_close(&h);
    }
}

/* What has been found so far is the result. */
static void it_stops_after_so_many_compilations(void **state)
{
    (void)state;
    Hunt h;
    for (int most = 1; most < 8; most++) {
        hunt_open(&h);
        hunt_profile(&h, "m4", "op sin refused\n");
        const char *micro = NOISE_IN " | " BEFORE S("s", "sin(x = n3)")
            S("n4", "mul(x = s, y = n2)") S("n5", "add(x = n4, y = n3)") " | n5";
        assert_int_equal(hunt(&h, "m4", micro, most), PART_REFUSED);
        assert_true(h.found.compiles <= most + 1 && part_has(&h, "s"));
        assert_true(h.found.stopped || h.found.nops == 1);
        hunt_end(&h);
        hunt_close(&h);
    }
}

/* The part, its inputs bound, fails by itself as the whole did. */
static void the_part_stands_alone(void **state)
{
    (void)state;
    Hunt h;
    hunt_open(&h);
    const char *slice = T "a | " S(
        "b",
        "mul(x = a, y = fp16(8000))") "tensor<fp16, [1, 64, 1, 32]> c = slice_by_size(begin = tensor<int32, [4]>([0, 0, 0, 1]), "
                                      "size = tensor<int32, [4]>([1, 64, 1, 32]), x = b)[name = string(\"c\")]; "
                                      "tensor<fp16, [1, 64, 1, 32]> d = add(x = c, y = c)[name = string(\"d\")]; | d";
    const PartVerdict v = hunt(&h, "m1", slice, 0);
    assert_true(v == PART_WRONG || v == PART_REFUSED);
    assert_int_equal(h.found.nops, 1);
    assert_true(h.found.said[0]);
    assert_int_equal(h.found.nin, 1);
    assert_string_equal(h.found.in[0].name, "b");
    assert_int_equal(h.found.in[0].value.count, 64 * 64);
    hunt_end(&h);
    hunt_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_is_cut_out),
        cmocka_unit_test(an_operation_that_is_refused_is_all_that_is_left),
        cmocka_unit_test(what_tries_a_type_may_be_refused_itself),
        cmocka_unit_test(what_cannot_stand_at_a_cut_is_not_cut),
        cmocka_unit_test(what_runs_has_no_part),
        cmocka_unit_test(it_stops_after_so_many_compilations),
        cmocka_unit_test(the_part_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
