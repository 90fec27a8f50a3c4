/* calls.c -- op calls written as short texts, for unit tests: read, run, results written. */
#include "calls.h"

#include "unit.h"

#include <math.h>

/* ---- reading ----------------------------------------------------------------------------- */

static void blanks(const char **s)
{
    while (**s == ' ') ++*s;
}

static char *word(Arena *a, const char **s, const char *stop)
{
    size_t n = strcspn(*s, stop);
    char *w = arena_strndup(a, *s, n);
    *s += n;
    return w;
}

static const Type *read_type(Arena *a, const char **s)
{
    blanks(s);
    char *name = word(a, s, "[ ;,");
    if (!strcmp(name, "state")) return type_state(a, read_type(a, s));
    Shape shape = { .rank = 0 };
    if (**s != '[') fail_msg("type %s has no dimensions", name);
    for (++*s; **s != ']'; *s += **s == ',')
        shape.dim[shape.rank++] = **s == '?' ? (++*s, DIM_ANY)
                                             : strtoll(*s, (char **)s, 10);
    ++*s;
    if (!strcmp(name, "list")) return type_list(a, read_type(a, s), shape.dim[0]);
    DType t = dtype_find(name, strlen(name));
    if (t == DT_NONE) fail_msg("no element type is called %s", name);
    return type_tensor(a, t, shape);
}

static void set_elem(Arena *a, Tensor *t, size_t i, const char *text)
{
    if (t->dtype == DT_STRING) ((const char **)t->data)[i] = arena_strdup(a, text);
    else if (dtype_is_float(t->dtype)) tensor_set_float(t, i, strtod(text, NULL));
    else if (t->dtype == DT_UINT64)
        tensor_set_int(t, i, (int64_t)strtoull(text, NULL, 10));
    else tensor_set_int(t, i, strtoll(text, NULL, 10));
}

static bool again; /* too few elements are repeated, too many left out */

/* `~` are quarters from -8 to 8, `~n` whole numbers from 0 up to n: the same of a type always. */
static void made_up(Tensor *t, const char **s)
{
    const long below = strtol(*s + 1, (char **)s, 10);
    uint32_t x = 2463534242u ^ (uint32_t)t->count;
    for (size_t i = 0; i < t->count; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        if (below > 0) tensor_set_float(t, i, (double)(x % (uint32_t)below));
        else tensor_set_float(t, i, (double)(x % 64) / 4 - 8);
    }
}

static CallArg read_value(Arena *a, const char **s)
{
    const Type *type = read_type(a, s);
    CallArg v = { .type = type };
    blanks(s);
    if (type->kind != TY_TENSOR || !shape_known(&type->shape)) return v;
    if (!strncmp(*s, "..", 2) && (*s)[2] != '.') {
        *s += 2;
        v.constant = true;
        return v;
    }
    size_t n = 0;
    Tensor *t = NEW(a, Tensor);
    *t = (Tensor){ .dtype = type->dtype, .shape = type->shape };
    if (!shape_count(&type->shape, &t->count)) fail_msg("a tensor of too many elements");
    if ((!**s || **s == ';' || **s == ',') && t->count) return v;
    t->bytes = type_bytes(type);
    t->data = arena_alloc(a, t->bytes + 8);
    if (**s == '~') made_up(t, s);
    for (; **s && **s != ';' && **s != ','; n++) {
        const char *text = word(a, s, t->dtype == DT_STRING ? " ;" : " ;,");
        if (n < t->count) set_elem(a, t, n, text);
        for (size_t i = 1; n == 0 && i < t->count; i++) set_elem(a, t, i, text);
        blanks(s);
    }
    for (size_t i = n; again && n > 1 && i < t->count; i++) {
        const size_t size = (size_t)dtypes[t->dtype].bits / 8;
        if (size)
            memcpy((char *)t->data + i * size, (char *)t->data + i % n * size, size);
    }
    if (!again && n > 1 && n != t->count)
        fail_msg("%zu elements for %s", n, type_text(a, type));
    v.val = t;
    v.constant = true;
    return v;
}

static bool read_args(Arena *a, Call *c, const char *s)
{
    while (*s) {
        blanks(&s);
        char *name = word(a, &s, "=");
        enum { MOST = 16 };
        CallArg *v = NEW_ARRAY(a, MOST, CallArg);
        int n = 0;
        do {
            if (n == MOST) fail_msg("more than %d values", MOST);
            v[n++] = read_value(a, (++s, &s));
        } while (*s == ',');
        if (!call_set(c, name, n, v)) return false;
        if (*s == ';') s++;
    }
    return true;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void write_type(Buf *b, const Type *t)
{
    if (t->kind == TY_LIST) buf_printf(b, "list[%lld] ", (long long)t->length);
    if (t->kind == TY_LIST || t->kind == TY_STATE) {
        write_type(b, t->sub[0]);
        return;
    }
    buf_printf(b, "%s[", dtypes[t->dtype].name);
    for (int i = 0; i < t->shape.rank; i++) {
        if (i) buf_putc(b, ',');
        if (t->shape.dim[i] == DIM_ANY) buf_putc(b, '?');
        else buf_printf(b, "%lld", (long long)t->shape.dim[i]);
    }
    buf_putc(b, ']');
}

static void write_tensor(Buf *b, Arena *a, const Tensor *t)
{
    write_type(b, type_tensor(a, t->dtype, t->shape));
    for (size_t i = 0; i < t->count; i++)
        if (t->dtype == DT_STRING)
            buf_printf(b, " %s", ((const char *const *)t->data)[i]);
        else if (t->dtype == DT_UINT64)
            buf_printf(b, " %llu", (unsigned long long)tensor_int(t, i));
        else if (!dtype_is_float(t->dtype))
            buf_printf(b, " %lld", (long long)tensor_int(t, i));
        else if (isnan(tensor_float(t, i)))
            buf_puts(b, " nan"); /* its sign is the processor's */
        else buf_printf(b, " %g", tensor_float(t, i));
}

/* ---- running ----------------------------------------------------------------------------- */

static bool all_known(const Call *c)
{
    for (int i = 0; c->info->param[i].id; i++)
        for (int k = 0; k < c->p[i].n; k++)
            if (!c->p[i].v[k].val) return false;
    return c->info->eval != NULL;
}

static void run_case(Call *c, Arena *a, Buf *out)
{
    Tensor *res = NEW_ARRAY(a, MAX_RESULT, Tensor);
    if (all_known(c)) {
        if (!call_run(c, res, MAX_RESULT)) return;
        for (int i = 0; i < c->nout; i++) {
            if (i) buf_puts(out, "; ");
            if (res[i].is_list) write_type(out, c->out[i]);
            else write_tensor(out, a, &res[i]);
            tensor_free(&res[i]);
        }
    } else if (call_check(c) && c->info->infer(c)) {
        for (int i = 0; i < c->nout; i++) {
            if (i) buf_puts(out, "; ");
            write_type(out, c->out[i]);
        }
    }
}

static void check_case(const CallCase *k)
{
    Arena a = { 0 };
    Diag d = { .max_errors = 0 };
    Buf out = { 0 };
    Call *c = NEW(&a, Call);
    int op = op_find(k->op);
    if (op == OP_NONE) fail_msg("no op is called %s", k->op);
    call_init(c, &ops[op], (Opset)k->opset, &a, &d, (Loc){ 0 });
    const bool doubt = !strncmp(k->expect, "doubt: ", 7);
    if (read_args(&a, c, k->args)) run_case(c, &a, &out);
    if (doubt && !d.text.s) call_doubt(c);
    const char *got = out.s ? out.s : "", *wrong = d.text.s ? d.text.s : "";
    bool error = !strncmp(k->expect, "error: ", 7);
    fputs(wrong, stdout); /* tests/messages.py reads which messages a test gives */
    const bool says = error || (doubt && strcmp(k->expect + 7, "none") != 0);
    bool right = says  ? *wrong && strstr(wrong, k->expect + 7) != NULL
               : doubt ? !*wrong
                       : !*wrong && !strcmp(got, k->expect);
    if (!right)
        fail_msg("%s(%s)\n  gives    %s%s\n  expected %s", k->op, k->args, got, wrong,
                 k->expect);
    buf_free(&out);
    diag_free(&d);
    arena_free(&a);
}

void call_answer(Arena *a, const char *op, int opset, const char *args, Buf *out)
{
    Diag d = { .quiet = true };
    Call *c = NEW(a, Call);
    const char *said = NULL;
    call_init(c, &ops[op_find(op)], (Opset)opset, a, &d, (Loc){ 0 });
    again = true;
    if (read_args(a, c, args)) run_case(c, a, out);
    again = false;
    if (d.text.s) said = strstr(d.text.s, "error: ");
    if (said) buf_add(out, said, strcspn(said, "\n"));
    diag_free(&d);
}

void check_calls(const CallCase *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) check_case(&cases[i]);
}
