/* padded_dims.c -- which flexible dimensions of a function's inputs are one.
 *
 * Each is its own at first. The function is padded (padded.c) with all of one size, so that
 * nothing is wrong with its types; where an op adds two of them place by place, sums over both
 * or has them as one batch, they have to be equal in every run: they are one, and the function
 * is padded again. An op that cannot be followed ends this: whoever pads to a bucket says it. */
#include "padded.h"

#include <string.h>

static int dims_number(const Func *f, PadDims *dims)
{
    int n = 0;
    for (int i = 0; i < f->body->nparam; i++) {
        const Type *t = f->body->param[i]->type;
        for (int k = 0; k < MAX_RANK; k++) {
            const bool any = t->kind == TY_TENSOR && k < t->shape.rank
                          && t->shape.dim[k] == DIM_ANY;
            dims->of[i * MAX_RANK + k] = any ? n++ : -1;
        }
    }
    return n;
}

/* Two that an op takes for one. False: there are none. */
static bool dims_find(const Func *f, const PadDims *dims, const int64_t *size, int *a,
                      int *b)
{
    Diag quiet = { .quiet = true };
    Module *own = func_extract(f);
    Padder p = { .func = module_main(own), .d = &quiet, .dims = dims, .size = size };
    const bool found = !pad_all(&p) && p.meets >= 0;
    *a = p.now;
    *b = p.meets;
    pad_end(&p);
    module_free(own);
    diag_free(&quiet);
    return found;
}

void pad_dims_join(PadDims *dims, int places, int a, int b)
{
    const int to = a < b ? a : b, gone = a < b ? b : a;
    for (int i = 0; i < places; i++) {
        if (dims->of[i] == gone) dims->of[i] = to;
        else if (dims->of[i] > gone) dims->of[i]--;
    }
    dims->count--;
}

/* Those of one name are one. */
static void dims_by_name(const Func *f, PadDims *dims)
{
    Arena a = { 0 };
    const int places = f->body->nparam * MAX_RANK;
    const char **name = NEW_ARRAY(&a, places + 1, const char *);
    for (int i = 0; i < places; i++) {
        if (dims->of[i] < 0) continue;
        name[i] = dim_name(f, f->body->param[i / MAX_RANK], i % MAX_RANK, &a);
        for (int k = 0; name[i] && k < i; k++)
            if (name[k] && dims->of[k] != dims->of[i] && !strcmp(name[k], name[i]))
                pad_dims_join(dims, places, dims->of[k], dims->of[i]);
    }
    arena_free(&a);
}

void func_pad_dims(const Func *f, int64_t size, Arena *a, PadDims *out)
{
    const int places = f->body->nparam * MAX_RANK;
    int one, other;
    out->of = NEW_ARRAY(a, places + 1, int);
    out->count = dims_number(f, out);
    dims_by_name(f, out);
    int64_t *sizes = NEW_ARRAY(a, out->count + 1, int64_t);
    for (int i = 0; i < out->count; i++) sizes[i] = size;
    while (out->count > 1 && dims_find(f, out, sizes, &one, &other))
        pad_dims_join(out, places, one, other);
}
