/* test_einsum.c -- einsum against its definition, for random equations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../ir/ops/eval.h"
#include "calls.h"

enum { NAMES = 5, TERMS = 4 };

typedef struct {
    int n, rank[TERMS + 1], name[TERMS + 1][4]; /* the last term is the result */
    int64_t dim[NAMES];
    Tensor t[TERMS];
} Sum;

static int pick(uint64_t *at, int n) { return (int)(rng_u64(7, (*at)++) % (uint64_t)n); }

static size_t place(const Sum *s, int term, const int64_t *index)
{
    size_t at = 0;
    for (int i = 0; i < s->rank[term]; i++)
        at = at * (size_t)s->dim[s->name[term][i]] + (size_t)index[s->name[term][i]];
    return at;
}

/* Random terms over five names, each of size 1 to 3; the result has some names of the
 * terms. */
static void draw(Sum *s, uint64_t *at, Arena *a)
{
    bool used[NAMES] = { false };
    *s = (Sum){ .n = 1 + pick(at, TERMS) };
    for (int i = 0; i < NAMES; i++) s->dim[i] = 1 + pick(at, 3);
    for (int t = 0; t < s->n; t++) {
        Shape shape = { .rank = s->rank[t] = pick(at, 4) };
        for (int i = 0; i < shape.rank; i++) {
            int name = s->name[t][i] = pick(at, NAMES);
            used[name] = true;
            shape.dim[i] = s->dim[name];
        }
        size_t count;
        assert_true(shape_count(&shape, &count));
        int32_t *v = NEW_ARRAY(a, count, int32_t);
        for (size_t i = 0; i < count; i++) v[i] = pick(at, 19) - 9;
        s->t[t] = tensor_view(DT_INT32, &shape, v);
    }
    for (int i = 0, shift = pick(at, NAMES); i < NAMES; i++) {
        int name = (i * 3 + shift) % NAMES;
        if (used[name] && s->rank[s->n] < 4 && pick(at, 2))
            s->name[s->n][s->rank[s->n]++] = name;
    }
}

static void put_equation(Buf *b, const Sum *s)
{
    for (int t = 0; t <= s->n; t++) {
        if (t) buf_puts(b, t < s->n ? "," : "->");
        for (int i = 0; i < s->rank[t]; i++) buf_putc(b, (char)('a' + s->name[t][i]));
    }
    buf_puts(b, "");
}

/* Every combination of indices adds one product. */
static void by_definition(const Sum *s, int64_t *out)
{
    int64_t index[NAMES] = { 0 };
    bool used[NAMES] = { false };
    for (int t = 0; t < s->n; t++)
        for (int i = 0; i < s->rank[t]; i++) used[s->name[t][i]] = true;
    for (int d = 0; d >= 0;) {
        int64_t product = 1;
        for (int t = 0; t < s->n; t++)
            product *= tensor_int(&s->t[t], place(s, t, index));
        out[place(s, s->n, index)] += product;
        for (d = NAMES - 1; d >= 0; d--) {
            if (used[d] && ++index[d] < s->dim[d]) break;
            index[d] = 0;
        }
    }
}

static void check_sum(const Sum *s, Arena *a)
{
    Diag d = { .max_errors = 0 };
    Buf text = { 0 };
    Call *c = NEW(a, Call);
    CallArg v[TERMS], equation;
    int64_t want[81] = { 0 };
    Shape scalar = { .rank = 0 };
    put_equation(&text, s);
    const char *chars = text.s;
    Tensor et = tensor_view(DT_STRING, &scalar, &chars), out[1] = { { .count = 0 } };
    equation = (CallArg){ type_scalar(DT_STRING), &et, true };
    for (int t = 0; t < s->n; t++)
        v[t] = (CallArg){ type_tensor(a, DT_INT32, s->t[t].shape), &s->t[t], false };
    call_init(c, &ops[OP_einsum], OPSET_IOS15, a, &d, (Loc){ 0 });
    call_set(c, "values", s->n, v);
    call_set(c, "equation", 1, &equation);
    if (!call_run(c, out, 1)) fail_msg("%s: %s", text.s, d.text.s);
    by_definition(s, want);
    for (size_t i = 0; i < out[0].count; i++)
        if (tensor_int(&out[0], i) != want[i]) fail_msg("%s: element %zu", text.s, i);
    tensor_free(&out[0]);
    diag_free(&d);
    buf_free(&text);
}

static void test_einsum_definition(void **state)
{
    uint64_t at = 0;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        Arena a = { 0 };
        Sum s;
        draw(&s, &at, &a);
        check_sum(&s, &a);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_einsum_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
