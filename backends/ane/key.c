/* key.c -- the key of a program in the cache: a SHA-256 of its text and its weights; and
 * remembered sums of large files. */
#include "ane_model.h"

#include "../../ir/mil/mil.h"
#include "cache.h"

#include <string.h>
#include <time.h>

#define SETTLED ((int64_t)2000000000) /* file systems keep times to 2 s at worst */

/* ---- sums of large files ----------------------------------------------------------------- */

/* What the file is, as text; NULL: it is too small or too new to be remembered. */
static const char *sums_identity(Arena *a, const FileId *id, bool own)
{
    const int64_t now = (int64_t)time(NULL) * 1000000000;
    const bool settled = now - id->written > SETTLED && now - id->changed > SETTLED;
    if (id->size < SUM_LARGE || (!own && !settled)) return NULL;
    return arena_printf(a, "%llu %llu %llu %lld %lld", (unsigned long long)id->device,
                        (unsigned long long)id->inode, (unsigned long long)id->size,
                        (long long)id->written, own ? 0 : (long long)id->changed);
}

static const char *key_of(Arena *a, const char *path)
{
    char *hex = arena_alloc(a, 65);
    Sha256 sha = sha256_start();
    sha256_add(&sha, "sum", 4);
    sha256_add(&sha, path, strlen(path) + 1);
    sha256_end(&sha, hex);
    return hex;
}

/* A note: a line of what the file is, and the sum. */
static bool sums_known(const Cache *c, Arena *a, const char *path, const char *is,
                       char hex[65])
{
    const char *note = cache_note(c, a, key_of(a, path)),
               *sum = note ? strchr(note, '\n') : NULL;
    if (!sum || (size_t)(sum - note) != strlen(is) || strncmp(note, is, strlen(is)) != 0)
        return false;
    if (strspn(++sum, "0123456789abcdef") != 64 || strcmp(sum + 64, "\n") != 0)
        return false;
    memcpy(hex, sum, 64);
    hex[64] = 0;
    return true;
}

void sum_remember(const Cache *c, const char *path, const FileId *id, bool own,
                  const char *hex)
{
    Arena a = { 0 };
    const char *is = sums_identity(&a, id, own);
    if (is) cache_set_note(c, key_of(&a, path), arena_printf(&a, "%s\n%s\n", is, hex));
    arena_free(&a);
}

void sum_file(const Cache *c, const char *path, bool own, const Mapped *m, char hex[65])
{
    Arena a = { 0 };
    const char *is = sums_identity(&a, &m->id, own);
    if (!is || !sums_known(c, &a, path, is, hex)) {
        Sha256 sha = sha256_start();
        sha256_add(&sha, m->data, m->size);
        sha256_end(&sha, hex);
        sum_remember(c, path, &m->id, own, hex);
    }
    arena_free(&a);
}

/* ---- keys -------------------------------------------------------------------------------- */

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
    for (int64_t i = 0; c->kind == CONST_GROUP && i < c->nelem; i++)
        add_const(k, c->elem[i]);
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
    Key k = { .cache = c,
              .diag = &quiet,
              .sha = sha256_start(),
              .ok = !mil_needs_weights(m, true) };
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
