/* test_onednn.c -- products and convolutions by the backend cpu against oneDNN, around the sizes that
 * kernels work in, by each kind of kernels that this processor has.
 *
 * Two sums of K products in fp32 are off from what they stand for by at most K / 384 + 17 units of
 * the sum of the products' sizes each, by blocks of 384; Winograd's method by 32 times as much. */
#include "onednn.h"

#include "../../backends/vector/kernels.h"

#include <math.h>

#ifdef ANEC_DNNL
static const int64_t edges[] = { 1, 7, 8, 15, 16, 17, 31, 33, 255, 257, 385 };

/* Results by the same op of the numbers without signs: what is off is in proportion to these. */
static void same_as_peer(Beside *b, const Tensor *sizes, bool exact, const char *kernels)
{
    const double part = 2 * ((double)b->depth / 384 + 17) * ldexp(1, -24);
    const BesideShape *s = &b->shape;
    beside_ours(b, 2, exact);
    const Tensor *got = beside_result(b);
    const double allowed = !exact && s->side == 3 && s->step == 1 ? 32 * part : part;
    const double most = gen_largest(sizes);
    for (size_t i = 0; i < got->count; i++) {
        const double size = exact ? tensor_float(sizes, i) : most;
        const double off = fabs(tensor_float(got, i) - tensor_float(&b->y, i));
        if (!(off <= allowed * size))
            fail_msg(
                "%s: x [%d, %d, %d, %d], %d of side %d, step %d, %d groups: [%zu] is "
                "%g, not %g",
                kernels, (int)s->n, (int)s->c, (int)s->high, (int)s->wide, (int)s->out,
                (int)s->side, (int)s->step, (int)s->groups, i, tensor_float(got, i),
                tensor_float(&b->y, i));
    }
}

static void against_peer(const BesideShape *s)
{
    const Kernels *k;
    for (int i = 0; (k = kernels_at(i)); i++) {
        Beside b, sizes;
        setenv("ANEC_CPU", k->name, 1);
        beside_new(&b, s, false);
        beside_new(&sizes, s, true);
        beside_peer(&b, true);
        beside_peer(&sizes, true);
        same_as_peer(&b, &sizes.y, true, k->name);
        same_as_peer(&b, &sizes.y, false, k->name);
        beside_free(&b);
        beside_free(&sizes);
    }
    unsetenv("ANEC_CPU");
}

static void products(void)
{
    Gen d = { .seed = 5 };
    for (size_t i = 0; i < COUNT(edges); i++)
        for (size_t k = 0; k < COUNT(edges); k++)
            against_peer(&(BesideShape){
                .n = edges[i], .c = edges[k], .out = edges[gen_draw(&d, COUNT(edges))] });
}

static void convolutions(void)
{
    static const int64_t sides[] = { 1, 3, 3, 5, 7 };
    Gen d = { .seed = 6 };
    for (int i = 0; i < 120; i++) {
        BesideShape s = { .n = 1 + gen_draw(&d, 2),
                          .c = edges[gen_draw(&d, 8)],
                          .out = edges[gen_draw(&d, 8)],
                          .high = 7 + gen_draw(&d, 12),
                          .wide = 7 + gen_draw(&d, 28),
                          .side = sides[gen_draw(&d, COUNT(sides))],
                          .step = 1 + gen_draw(&d, 2),
                          .groups = 1 };
        s.pad = gen_draw(&d, 1 + (int)s.side / 2);
        if (i % 5 == 0) s.groups = s.out = s.c;
        against_peer(&s);
    }
}
#endif

static void against_onednn(void **state)
{
    (void)state;
#ifdef ANEC_DNNL
    products();
    convolutions();
#else
    print_message("oneDNN is not here: libdnnl-dev\n");
    skip();
#endif
}

int main(void)
{
    gen_perturb_memory();
    const struct CMUnitTest tests[] = { cmocka_unit_test(against_onednn) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
