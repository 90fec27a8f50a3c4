/* key.c -- what tells one program from another: a sum over its text and the bytes of its
 * weights. */
#include "model.h"

#include "../../ir/mil/mil.h"
#include "cache.h"

#include <string.h>

typedef struct {
    const Cache *cache;
    Diag *diag;
    Sha256 sha;
    const WeightFile *seen[256];
    int nseen;
    bool ok; /* so far every weight lies in a file that is there */
} Key;

static void add_file(Key *k, const WeightFile *w)
{
    char hex[65];
    for (int i = 0; i < k->nseen; i++)
        if (k->seen[i] == w) return;
    k->ok = k->ok && w && !w->absent && w->real && k->nseen < (int)COUNT(k->seen);
    if (!k->ok) return;
    k->seen[k->nseen++] = w;
    sum_file(k->cache, w->real, false, &w->map, hex);
    sha256_add(&k->sha, w->path, strlen(w->path) + 1);
    sha256_add(&k->sha, hex, sizeof hex);
}

static void add_const(Key *k, const Const *c)
{
    if (c->kind == CONST_BLOB) add_file(k, c->file);
    for (int64_t i = 0; c->kind == CONST_GROUP && i < c->nelem; i++) add_const(k, c->elem[i]);
}

static bool add_op(void *ctx, const Op *op)
{
    Key *k = ctx;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) add_const(k, attrs.at[i].val);
    for (int i = 0; i < op->narg; i++)
        for (int v = 0; v < arg_count(&op->arg[i]); v++)
            if (value_lit(op->arg[i].val[v])) add_const(k, value_lit(op->arg[i].val[v]));
    for (int i = 0; i < op->nout; i++)
        if (value_lit(op->out[i])) add_const(k, value_lit(op->out[i]));
    return k->ok;
}

bool ane_key(const Cache *c, const Module *m, char hex[65])
{
    Diag quiet = { .quiet = true };
    Buf text = { 0 };
    Key k = {
        .cache = c, .diag = &quiet, .sha = sha256_start(), .ok = !mil_needs_weights(m, true)
    };
    for (const Func *f = m->first; k.ok && f; f = f->next) {
        for (int i = 0; i < f->attrs.count; i++) add_const(&k, f->attrs.at[i].val);
        func_read(f, add_op, &k);
    }
    if (k.ok) mil_print(m, &text);
    sha256_add(&k.sha, text.s ? text.s : "", text.len);
    sha256_end(&k.sha, hex);
    buf_free(&text);
    diag_free(&quiet);
    return k.ok;
}
