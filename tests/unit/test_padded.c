/* test_padded.c -- calls of ops on inputs that are padded to a bucket: each dimension of each
 * input is flexible in turn, those of one size in all inputs at once, and any two of these
 * together, which may have buckets of different sizes. What comes out is what
 * comes of the inputs as they are, or the op is refused. What the padded programs are, and why
 * others are refused, is held against padded.txt, which `make golden` writes anew;
 * ANEC_NEAR=softmax before the program's name prints each program of softmax. */
#include "micro.h"
#include "near.h"
#include "op_program.h"
#include "rewritten.h"
#include "unit.h"

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

enum { MOST_INPUTS = 16, MOST_PLACES = 32 };

static const OpVariant variants[] = {
    { "one input", 1, false, 0, NULL, 0 },
    { "values", MAX_PARAM, true, 0, NULL, 18 },
    { "fp16", MAX_PARAM, false, 0, "fp16", 18 },
    { "int32", MAX_PARAM, false, 0, "int32", 18 },
};

typedef struct {
    Arena *arena;
    const char *op;
    int opset;
    int64_t size[MOST_PLACES], most; /* of what is flexible, in the order of inputs */
    uint64_t sum;
    int programs, equal, refused;
} Padded;

/* ---- running ----------------------------------------------------------------------------- */

static void give_numbers(Tensor *x, uint32_t seed)
{
    uint32_t r = 88172645u + seed;
    for (size_t i = 0; i < x->count; i++) {
        r ^= r << 13;
        r ^= r >> 17;
        r ^= r << 5;
        if (dtype_is_float(x->dtype))
            tensor_set_float(x, i, (double)(r % 32) / 4 - 5.125);
        else tensor_set_int(x, i, r % 2);
    }
}

static bool bind_sized(Padded *p, Binding *in, const Func *f)
{
    int n = 0;
    if (f->body->nparam > MOST_INPUTS) return false;
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        if (v->type->kind != TY_TENSOR || v->type->dtype == DT_STRING) return false;
        Shape s = v->type->shape;
        for (int k = 0; k < s.rank; k++)
            if (s.dim[k] == DIM_ANY) s.dim[k] = p->size[n++];
        const Type *t = type_tensor(p->arena, v->type->dtype, s);
        in[i] = (Binding){ .name = v->name };
        in[i].value = tensor_view(t->dtype, &s, arena_alloc(p->arena, type_bytes(t) + 8));
        give_numbers(&in[i].value, (uint32_t)i);
    }
    return true;
}

static Program *run_sized(Padded *p, Module *m, const char *backend, Diag *d)
{
    Binding in[MOST_INPUTS];
    const Func *f = module_main(m);
    if (!bind_sized(p, in, f)) return NULL;
    Program *made = program_new(backend_find(backend), m, f, d);
    if (made && program_run(made, d, in, f->body->nparam, &(RunOptions){ 0 }))
        return made;
    program_free(made);
    return NULL;
}

static bool is_same(const Tensor *a, const Tensor *b)
{
    if (a->dtype != b->dtype || !shape_equal(&a->shape, &b->shape)) return false;
    const double near = a->dtype == DT_FP16 ? 4e-3 : 1e-5;
    for (size_t i = 0; i < a->count; i++) {
        const double x = tensor_float(a, i), y = tensor_float(b, i);
        if (!dtype_is_float(a->dtype) && tensor_int(a, i) != tensor_int(b, i))
            return false;
        if (x == y || (isnan(x) && isnan(y))) continue;
        if (!(fabs(x - y) <= near * fmax(1, fabs(x)))) return false;
    }
    return true;
}

static bool are_same(const Program *exact, const Program *padded)
{
    const Binding *a, *b;
    const int n = program_results((Program *)(uintptr_t)exact, &a);
    if (n != program_results((Program *)(uintptr_t)padded, &b)) return false;
    for (int i = 0; i < n; i++)
        if (!is_same(&a[i].value, &b[i].value)) return false;
    return true;
}

/* ---- one program ------------------------------------------------------------------------- */

/* The program as padded, or why it is refused. */
static void note_form(Padded *p, const Source *src, bool engine)
{
    Diag d = { .quiet = true };
    Module *m = near_read(&d, src);
    Buf text = { 0 };
    if (m && module_main(m)->body->nresult <= MOST_INPUTS) {
        int cut[MOST_INPUTS * MAX_RANK], kept[MOST_PLACES];
        int64_t sizes[MOST_PLACES];
        PadDims dims;
        const Padding pad = { cut, kept };
        for (int i = 0; i < MOST_PLACES; i++) sizes[i] = p->most + 2 + i;
        for (int i = 0; i < MOST_INPUTS * MAX_RANK; i++) cut[i] = -1;
        func_pad_dims(module_main(m), p->most + 2, p->arena, &dims);
        if (func_pad(module_main(m), &dims, sizes, engine, &pad, &d)) mil_print(m, &text);
        else {
            const char *said = strstr(d.text.s, "error: ");
            buf_printf(&text, "%.*s", (int)strcspn(said, "\n"), said);
        }
        for (int i = 0; i < module_main(m)->body->nresult; i++) {
            unsigned axes = 0;
            for (int k = 0; k < MAX_RANK; k++)
                axes |= (unsigned)(cut[i * MAX_RANK + k] >= 0) << k;
            buf_printf(&text, " %x", axes);
        }
        p->sum = near_sum(p->sum, text.s);
    }
    const char *shown = getenv("ANEC_NEAR");
    if (shown && !strcmp(shown, p->op)) fprintf(stderr, "%s\n", text.s ? text.s : "");
    buf_free(&text);
    module_free(m);
    diag_free(&d);
}

static void run_padded(Padded *p, const Source *src, const Program *exact, int64_t size,
                       const char *backend)
{
    const int64_t sizes[] = { p->size[0] + size - p->most, size };
    const bool two = sizes[0] < size;
    Diag d = { .quiet = true };
    Module *m = near_read(&d, src);
    if (!m) fail_msg("%s: %s", d.text.s, src->text);
    const BucketSizes of_all = { .size = two ? sizes : &size, .n = two ? 2 : 1 };
    m->bucket = &of_all;
    m->nbucket = 1;
    Program *padded = run_sized(p, m, backend, &d);
    if (!padded && !strstr(d.text.s, "padding to a bucket"))
        p->sum = near_sum(p->sum, strstr(d.text.s, "error: "));
    if (padded && !are_same(exact, padded))
        fail_msg("%s: a bucket of %lld gives another result: %s", backend,
                 (long long)size, src->text);
    p->equal += padded != NULL;
    p->refused += padded == NULL;
    program_free(padded);
    module_free(m);
    diag_free(&d);
}

static void check_padded(Padded *p, const char *text)
{
    Diag d = { .quiet = true };
    const char *body = strchr(text, '|'), *results = strrchr(text, '|');
    const char *all = arena_printf(
        p->arena, "program(1.3)\n{\nfunc main<ios%d>(%.*s) {\n%.*s\n} -> (%s);\n}\n",
        p->opset, (int)(body - text), text, (int)(results - body - 1), body + 1,
        results + 1);
    const Source src = { .name = "padded.mil", .text = all, .len = strlen(all) };
    Module *m = near_read(&d, &src);
    Program *exact = m ? run_sized(p, m, "ref", &d) : NULL;
    if (exact) {
        const char *shown = getenv("ANEC_NEAR");
        if (shown && !strcmp(shown, p->op)) fprintf(stderr, "%s\n", all);
        p->programs++;
        note_form(p, &src, false);
        note_form(p, &src, true);
        run_padded(p, &src, exact, p->most, "ref");
        run_padded(p, &src, exact, p->most + 1, "ref");
        run_padded(p, &src, exact, 2 * p->most + 3, "cpu");
    }
    program_free(exact);
    module_free(m);
    diag_free(&d);
}

/* ---- which dimensions -------------------------------------------------------------------- */

typedef struct {
    const char *at[MOST_PLACES];
    int count;
} Places;

/* The numbers within the brackets of the inputs' types. */
static void places_of(const char *text, Places *out)
{
    const char *end = strchr(text, '|');
    for (const char *s = text; s < end; s++) {
        if (!isdigit((unsigned char)*s) || !strchr("[ ", s[-1])) continue;
        const size_t n = strspn(s, "0123456789");
        if (strchr(",]", s[n]) && out->count < MOST_PLACES) out->at[out->count++] = s;
        s += n;
    }
}

/* The text with a `?` at the places that are chosen. */
static const char *with_unknown(Arena *a, const char *text, const Places *of,
                                uint32_t chosen)
{
    Buf b = { 0 };
    const char *from = text;
    for (int i = 0; i < of->count; i++) {
        if (!(chosen >> i & 1)) continue;
        buf_add(&b, from, (size_t)(of->at[i] - from));
        buf_putc(&b, '?');
        from = of->at[i] + strspn(of->at[i], "0123456789");
    }
    buf_puts(&b, from);
    const char *r = arena_strndup(a, b.s, b.len);
    buf_free(&b);
    return r;
}

/* Of each input the k-th dimension from the front or, for negative k, from the end that is
 * as long as that place. */
static uint32_t as_long(const char *text, const Places *of, int place, bool last)
{
    const long n = strtol(of->at[place], NULL, 10);
    uint32_t chosen = 0;
    for (int i = 0; i < of->count;) {
        int end = i, found = -1;
        while (end < of->count
               && !memchr(of->at[i], ']', (size_t)(of->at[end] - of->at[i])))
            end++;
        for (int k = i; k < end; k++)
            if (strtol(of->at[k], NULL, 10) == n && (last || found < 0)) found = k;
        if (found >= 0) chosen |= 1u << found;
        i = end;
    }
    (void)text;
    return chosen;
}

typedef struct {
    uint32_t way[8 * MOST_PLACES];
    int n;
} Ways;

static void one_way(Padded *p, const char *text, const Places *of, uint32_t way,
                    Ways *seen)
{
    int n = 0;
    p->most = 0;
    for (int i = 0; i < seen->n; i++)
        if (seen->way[i] == way) return;
    for (int i = 0; i < of->count; i++) {
        if (!(way >> i & 1)) continue;
        const int64_t size = strtol(of->at[i], NULL, 10);
        if (size < 1 || size > 64) return;
        if (size > p->most) p->most = size;
        p->size[n++] = size;
    }
    if (seen->n == (int)COUNT(seen->way)) return;
    seen->way[seen->n++] = way;
    check_padded(p, with_unknown(p->arena, text, of, way));
}

static void each_dimension(Padded *p, const char *text)
{
    Places of = { .count = 0 };
    Ways seen = { .n = 0 };
    places_of(text, &of);
    for (int i = 0; i < of.count; i++) {
        const uint32_t ways[] = { 1u << i, as_long(text, &of, i, false),
                                  as_long(text, &of, i, true) };
        for (size_t k = 0; k < COUNT(ways); k++) one_way(p, text, &of, ways[k], &seen);
    }
    const Ways single = seen;
    for (int i = 0; i < single.n; i++)
        for (int k = 0; k < i; k++)
            one_way(p, text, &of, single.way[i] | single.way[k], &seen);
}

static void beside(void *ctx, const char *text, const char *by)
{
    (void)by;
    each_dimension(ctx, text);
}

/* And the programs beside it, where one can be padded. */
static void one_call(Buf *out, const OpSeed *s, const OpVariant *how)
{
    Arena a = { 0 };
    Padded p = { .arena = &a, .op = s->op, .sum = NEAR_START };
    p.opset = how->opset ? how->opset : s->opset;
    const char *text = op_program(&a, s, how),
               *micro = text ? micro_short(&a, text) : NULL;
    if (micro) each_dimension(&p, micro);
    if (p.equal && how == variants) near_each(&a, micro, beside, &p);
    if (p.programs)
        buf_printf(out,
                   "%s, %s: %d programs, %d runs equal, %d refused, %016llx: %.60s\n",
                   s->op, how->says, p.programs, p.equal, p.refused,
                   (unsigned long long)p.sum, s->args);
    arena_free(&a);
}

static void padded_calls_give_what_they_gave(void **state)
{
    Rewritten r = { .path = "tests/unit/padded.txt" };
    (void)state;
    for (int i = 0; i < op_seed_count(true); i++) {
        const OpSeed s = op_seed_at(i);
        for (size_t k = 0; k < COUNT(variants); k++) one_call(&r.text, &s, &variants[k]);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        padded_calls_give_what_they_gave) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
