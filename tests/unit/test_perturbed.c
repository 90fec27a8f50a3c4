/* test_perturbed.c -- calls of each op with one thing of them changed: what is known of an
 * argument, a dimension, a rank, a type, an element, the opset. What inference and kernel
 * answer, a result or the message, is held against perturbed.txt; `make golden` writes that
 * anew. */
#include "op_program.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"

#include <math.h>

typedef struct {
    const char *op;
    int opset;
    const char *args; /* as examples of the op table have them */
} Seed;

static const Seed seeds[] = {
#define SEED(op, opset, args) { #op, opset, args },
#include "perturbed.def"
};

enum { MOST_ANSWERS = 512 };

typedef struct {
    Arena arena;
    const char *title;
    Call *call; /* as it was read */
    struct {
        const char *text;
        Buf by; /* what was changed for it */
    } answer[MOST_ANSWERS];
    int n;
    Buf *out;
} Perturbed;

/* ---- answers ----------------------------------------------------------------------------- */

static void put_tensor(Buf *b, Arena *a, const Tensor *t)
{
    buf_puts(b, type_text(a, type_tensor(a, t->dtype, t->shape)));
    for (size_t i = 0; i < t->count && t->dtype != DT_STRING; i++)
        if (!dtype_is_float(t->dtype))
            buf_printf(b, " %lld", (long long)tensor_int(t, i));
        else if (isnan(tensor_float(t, i))) buf_puts(b, " nan");
        else buf_printf(b, " %.5g", tensor_float(t, i));
}

static bool all_known(const Call *c)
{
    for (int i = 0; c->info->param[i].id; i++)
        for (int k = 0; k < c->p[i].n; k++)
            if (!c->p[i].v[k].val) return false;
    return c->info->eval && !(c->info->flags & F_IMPURE);
}

static void put_answer(Buf *b, Call *c)
{
    Tensor *res = NEW_ARRAY(c->arena, MAX_RESULT, Tensor);
    const bool run = all_known(c);
    if (run ? call_run(c, res, MAX_RESULT) : call_check(c) && c->info->infer(c))
        for (int i = 0; i < c->nout; i++) {
            if (i) buf_puts(b, "; ");
            if (run && !res[i].is_list) put_tensor(b, c->arena, &res[i]);
            else buf_puts(b, type_text(c->arena, c->out[i]));
            tensor_free(&res[i]);
        }
}

static void note(Perturbed *p, const char *text, const char *by)
{
    int i = 0;
    while (i < p->n && strcmp(p->answer[i].text, text) != 0) i++;
    assert_true(i < MOST_ANSWERS);
    if (i == p->n) {
        p->answer[p->n++].text = arena_strdup(&p->arena, text);
        p->answer[i].by = (Buf){ 0 };
    }
    buf_printf(&p->answer[i].by, "%s%s", p->answer[i].by.len ? "; " : "", by);
}

/* Of a message its beginning: what else it says of dimensions is in tests of messages. */
static size_t said_length(const char *said)
{
    enum { MOST = 64 };
    const size_t n = strcspn(said, "\n");
    return n < MOST ? n : MOST;
}

/* The call with argument i or its element k another; i < 0: as it is. */
static void try(Perturbed *p, Opset opset, int i, int k, const CallArg *other,
                bool absent, const char *by)
{
    Diag d = { .quiet = true };
    Buf b = { 0 };
    Call *c = NEW(&p->arena, Call);
    *c = *p->call;
    c->diag = &d;
    c->opset = opset;
    if (i >= 0 && other) {
        c->p[i].v = NEW_ARRAY(&p->arena, (size_t)c->p[i].n, CallArg);
        memcpy(c->p[i].v, p->call->p[i].v, (size_t)c->p[i].n * sizeof(CallArg));
        c->p[i].v[k] = *other;
    }
    if (absent) c->p[i].n = 0;
    put_answer(&b, c);
    const char *said = d.text.s ? strstr(d.text.s, "error: ") : NULL;
    if (said) said = arena_strndup(&p->arena, said, said_length(said));
    note(p, said ? said : b.s ? b.s : "nothing", by);
    buf_free(&b);
    diag_free(&d);
}

/* ---- changes ----------------------------------------------------------------------------- */

static void try_shape(Perturbed *p, int i, int k, Shape s, DType t, const char *by)
{
    const CallArg was = p->call->p[i].v[k];
    const CallArg v = { .type = type_tensor(&p->arena, t, s), .constant = was.constant };
    try(p, p->call->opset, i, k, &v, false, by);
}

static void change_shape(Perturbed *p, int i, int k, const char *name)
{
    const Type *t = p->call->p[i].v[k].type;
    Shape s = t->shape;
    for (int n = 0; n < t->shape.rank; n++) {
        const int64_t was = s.dim[n], to[] = { DIM_ANY, 0, 1, was + 1, was * 2 };
        for (size_t w = 0; w < COUNT(to); w++) {
            s.dim[n] = to[w];
            try_shape(p, i, k, s, t->dtype,
                      arena_printf(&p->arena, "%s %s", name, shape_text(&p->arena, &s)));
        }
        s.dim[n] = was;
    }
    if (s.rank > 0) {
        s.rank--;
        try_shape(p, i, k, s, t->dtype, arena_printf(&p->arena, "%s one less", name));
        memmove(s.dim, t->shape.dim + 1, (size_t)s.rank * sizeof *s.dim);
        try_shape(p, i, k, s, t->dtype,
                  arena_printf(&p->arena, "%s without its first", name));
    }
    s = t->shape;
    memmove(s.dim + 1, t->shape.dim, (size_t)s.rank++ * sizeof *s.dim);
    s.dim[0] = 1;
    try_shape(p, i, k, s, t->dtype, arena_printf(&p->arena, "%s one more", name));
}

static void change_type(Perturbed *p, int i, int k, const char *name)
{
    static const DType types[] = {
        DT_BOOL, DT_FP16, DT_FP32, DT_INT32, DT_INT8, DT_UINT16
    };
    for (size_t n = 0; n < COUNT(types); n++)
        try_shape(p, i, k, p->call->p[i].v[k].type->shape, types[n],
                  arena_printf(&p->arena, "%s %s", name, dtypes[types[n]].name));
}

static Tensor *copy_of(Arena *a, const Tensor *t)
{
    Tensor *x = NEW(a, Tensor);
    void *data = arena_alloc(a, t->bytes + 8);
    memcpy(data, t->data, t->bytes);
    *x = tensor_view(t->dtype, &t->shape, data);
    return x;
}

/* Parameters' elements, which say where and how much; of what is computed with, none. */
static void change_elements(Perturbed *p, int i, int k, const char *name)
{
    static const double to[] = { -2, -1, 0, 0.5, 1, 2, 3, 9 };
    CallArg v = p->call->p[i].v[k];
    const Tensor *was = v.val;
    if (was->dtype == DT_STRING) {
        const char *word = "else";
        Tensor t = tensor_view(DT_STRING, &was->shape, &word);
        v.val = &t;
        if (was->count == 1)
            try(p, p->call->opset, i, k, &v, false,
                arena_printf(&p->arena, "%s \"else\"", name));
        return;
    }
    for (size_t e = 0; e < was->count && was->count <= 4 && was->shape.rank < 2; e++)
        for (size_t n = 0; n < COUNT(to); n++) {
            const bool whole = !dtype_is_float(was->dtype);
            if ((whole && to[n] != floor(to[n])) || tensor_float(was, e) == to[n]
                || (was->dtype == DT_BOOL && to[n] != 0 && to[n] != 1))
                continue;
            Tensor *t = copy_of(&p->arena, was);
            tensor_set_float(t, e, to[n]);
            v.val = t;
            try(p, p->call->opset, i, k, &v, false,
                arena_printf(&p->arena, "%s[%zu] = %g", name, e, to[n]));
        }
}

static void change_argument(Perturbed *p, int i, int k)
{
    CallArg v = p->call->p[i].v[k];
    const char *name = param_name(&p->call->info->param[i]);
    if (p->call->p[i].n > 1) name = arena_printf(&p->arena, "%s.%d", name, k);
    if (v.type->kind != TY_TENSOR) return;
    if (v.val) {
        change_elements(p, i, k, name);
        v.val = NULL;
        try(p, p->call->opset, i, k, &v, false,
            arena_printf(&p->arena, "%s not at hand", name));
        v.constant = false;
        try(p, p->call->opset, i, k, &v, false,
            arena_printf(&p->arena, "%s not known", name));
    }
    change_shape(p, i, k, name);
    change_type(p, i, k, name);
}

static void change_all(Perturbed *p)
{
    try(p, p->call->opset, -1, 0, NULL, false, "as it is");
    for (int o = OPSET_IOS15; o <= OPSET_IOS18; o++)
        if (o != (int)p->call->opset)
            try(p, (Opset)o, -1, 0, NULL, false, opset_text((Opset)o));
    for (int i = 0; p->call->info->param[i].id; i++) {
        for (int k = 0; k < p->call->p[i].n; k++) change_argument(p, i, k);
        if (p->call->p[i].n)
            try(p, p->call->opset, i, 0, NULL, true,
                arena_printf(&p->arena, "no %s", param_name(&p->call->info->param[i])));
    }
}

/* ---- programs ---------------------------------------------------------------------------- */

static Module *program(Buf *b, Source *src, Diag *d, const Seed *s, const OpInfo *info)
{
    const char *args = op_seed_arguments(s->args);
    const bool attrs = (info->flags & F_CONSTEXPR) && s->opset < OPSET_IOS18;
    buf_printf(b, "program(1.0)\n{\n    func main<ios%d>() {\n        %.*s\n", s->opset,
               (int)(args - s->args), s->args);
    buf_printf(
        b,
        attrs
            ? "        tensor<fp32, []> y0 = %s()[%s, name = tensor<string, []>(\"y0\")];\n"
            : "        tensor<fp32, []> y0 = %s(%s)[name = tensor<string, []>(\"y0\")];\n",
        s->op, args);
    buf_puts(b, "    } -> (y0);\n}\n");
    *src = (Source){ .name = s->op, .text = b->s, .len = b->len };
    return mil_read(d, src, NULL);
}

static void one_seed(Buf *out, const Seed *s)
{
    static Perturbed p;
    const OpInfo *info = &ops[op_find(s->op)];
    Diag d = { .quiet = true };
    Buf text = { 0 };
    Source src;
    p = (Perturbed){ .out = out, .call = NULL };
    if (info->flags & F_BLOCKS || !info->infer) return;
    Module *m = program(&text, &src, &d, s, info);
    if (!m) fail_msg("%s: %s", text.s, d.text.s);
    p.call = NEW(&p.arena, Call);
    if (!call_of_op(p.call, module_main(m)->body->last, &p.arena, &d))
        fail_msg("%s: %s", text.s, d.text.s ? d.text.s : "");
    change_all(&p);
    buf_printf(out, "%s<ios%d>(%s)\n", s->op, s->opset, s->args);
    for (int i = 0; i < p.n; i++) {
        buf_printf(out, "  %s\n    %s\n", p.answer[i].text, p.answer[i].by.s);
        buf_free(&p.answer[i].by);
    }
    module_free(m);
    arena_free(&p.arena);
    buf_free(&text);
    diag_free(&d);
}

static void test_perturbed(void **state)
{
    Rewritten r = { .path = "tests/unit/perturbed.txt" };
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_perturbed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
