/* fuzz_pipeline.c -- any bytes as MIL text, through all that a compiler does with a program:
 * read, run, rewritten for a target (the length of the text says which), checked against its
 * rules, printed, read again and run again. Errors end it at any step; what a step lets through
 * the next must take. */
#include "../../lib/tensor_io.h"
#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a program may take, so that an execution is a matter of milliseconds. */
enum { MAX_BYTES = 1 << 18, MAX_MACS = 1 << 20, MAX_STEPS = 20, MAX_OPS = 300 };

typedef struct {
    size_t bytes;
    int ops;
} Cost;

static bool add_cost(void *ctx, Op *op)
{
    Cost *c = ctx;
    for (int i = 0; i < op->nout; i++) {
        const size_t n = type_bytes(op->out[i]->type);
        if (n > MAX_BYTES || (c->bytes += n) > MAX_BYTES) return false;
    }
    return ++c->ops <= MAX_OPS;
}

/* The tensor for a parameter; an unknown dimension is 2. */
static bool make_input(Diag *d, const Value *v, Tensor *t)
{
    if (v->type->kind != TY_TENSOR || type_bytes(v->type) > MAX_BYTES) return false;
    Shape s = v->type->shape;
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] == DIM_ANY) s.dim[i] = 2;
    return tensor_random(t, d, 1, v->name, v->type->dtype, &s);
}

static void run(Module *m)
{
    Func *f = module_main(m);
    Diag d = { .quiet = true };
    Arena a = { 0 };
    Cost cost = { 0 };
    if (f && func_walk(f, add_cost, &cost) && func_macs(f, NULL).count <= MAX_MACS) {
        Binding *in = NEW_ARRAY(&a, f->body->nparam + 1, Binding);
        int nin = 0;
        bool ok = true;
        for (int i = 0; ok && i < f->body->nparam; i++) {
            if (param_is_state(f->body->param[i])) continue;
            in[nin].name = f->body->param[i]->name;
            ok = make_input(&d, f->body->param[i], &in[nin++].value);
        }
        Program *p = ok ? program_new(backend_find("ref"), m, f, &d) : NULL;
        if (p && !program_run(p, &d, in, nin, &(RunOptions){ .max_steps = MAX_STEPS })
            && diag_ok(&d))
            bug("a run failed without a word");
        program_free(p);
        for (int i = 0; i < nin; i++) tensor_free(&in[i].value);
    }
    arena_free(&a);
    diag_free(&d);
}

static Module *read_text(Diag *d, const Source *src)
{
    Module *m = mil_read(d, src, NULL);
    if (m && module_verify(m, d, NULL)) return m;
    if (diag_ok(d)) bug("refused without a word");
    module_free(m);
    return NULL;
}

/* What was rewritten is printed, and its print is a program too. */
static void print_again(Module *m)
{
    Buf text = { 0 };
    Diag d = { 0 };
    if (!mil_needs_weights(m, true)) {
        mil_print(m, &text);
        const Source src = { .name = "x.mil", .text = text.s, .len = text.len };
        Module *again = read_text(&d, &src);
        if (!again)
            bug("the print of what was rewritten is refused:\n%s\n%s", d.text.s, text.s);
        run(again);
        module_free(again);
    }
    diag_free(&d);
    buf_free(&text);
}

static void rewrite(Module *m, const Target *target)
{
    Diag d = { .quiet = true };
    RuleSet set;
    ruleset_init(&set, target, NULL);
    const PassOptions o = { .target = target, .rules = &set };
    if (passes_run(m, &o, &d)) {
        if (!module_verify(m, &d, NULL))
            bug("what was rewritten does not verify:\n%s", d.text.s);
        rules_check(m, &set, &d, NULL, NULL);
        print_again(m);
    } else if (diag_ok(&d)) bug("not rewritten, without a word");
    diag_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Buf copy = { 0 };
    Diag d = { 0 };
    buf_add(&copy, data, size); /* a NUL follows, as in a mapped file */
    const Source src = { .name = "x.mil", .text = copy.s, .len = copy.len };
    Module *m = read_text(&d, &src);
    if (m) {
        run(m);
        rewrite(m, &targets[size % (size_t)target_count]);
    }
    module_free(m);
    diag_free(&d);
    buf_free(&copy);
    return 0;
}
