/* key.c -- the key of a program in the cache: a SHA-256 of its text and its weights. */
#include "../../ir/mil/mil.h"
#include "cache.h"

#include <string.h>

typedef struct {
    const Cache *cache;
    const Module *module;
    Diag *diag;
    Sha256 sha;
    const WeightFile *seen[256];
    int nseen;
    uint64_t ndata; /* literals whose bytes are in the key */
    bool guess; /* of a file what it is in place of its sum, of numbers the first ones */
    bool ok;    /* so far every weight lies in a file that is there */
} Key;

/* The sum of a file; for a guess what the file is, of which nothing is read. */
static void add_sum(Key *k, const char *path, const Mapped *m)
{
    char hex[65];
    const uint64_t is[] = { m->id.device, m->id.inode, m->id.size,
                            (uint64_t)m->id.written, (uint64_t)m->id.changed };
    if (k->guess) {
        sha256_add(&k->sha, is, sizeof is);
        return;
    }
    sum_file(k->cache, path, false, m, hex);
    sha256_add(&k->sha, hex, sizeof hex);
}

static void add_file(Key *k, const WeightFile *w)
{
    for (int i = 0; i < k->nseen; i++)
        if (k->seen[i] == w) return;
    k->ok = k->ok && w && !w->absent && w->real && k->nseen < (int)COUNT(k->seen);
    if (!k->ok) return;
    k->seen[k->nseen++] = w;
    sha256_add(&k->sha, w->path, strlen(w->path) + 1);
    add_sum(k, w->real, &w->map);
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

static Key key_start(const Cache *c, const Module *m, Diag *quiet, bool guess)
{
    Key k = { .cache = c,
              .module = m,
              .diag = quiet,
              .sha = sha256_start(),
              .guess = guess,
              .ok = true };
    for (const Func *f = m->first; k.ok && f; f = f->next) {
        for (int i = 0; i < f->attrs.count; i++) add_const(&k, f->attrs.at[i].val);
        func_read(f, add_op, &k);
    }
    return k;
}

static bool add_text(void *ctx, const void *text, size_t n)
{
    Key *k = ctx;
    sha256_add(&k->sha, text, n);
    return true;
}

bool cache_key(const Cache *c, const Module *m, char hex[65])
{
    Diag quiet = { .quiet = true };
    if (mil_needs_weights(m, true)) return false;
    Key k = key_start(c, m, &quiet, false);
    if (k.ok) mil_print_to(m, add_text, &k);
    sha256_end(&k.sha, hex);
    diag_free(&quiet);
    return k.ok;
}

/* ---- weights that lie in no file of their own -------------------------------------------- */

/* The mapped file that an address lies in; NULL: it is in none of the module's. */
static const Mapped *map_of(const Module *m, const unsigned char *at)
{
    for (; m; m = m->origin)
        for (int i = 0; i < m->nmaps; i++)
            if (m->maps[i].mapped && at >= m->maps[i].data
                && at < m->maps[i].data + m->maps[i].size)
                return &m->maps[i];
    return NULL;
}

/* Of elements of a mapped file: its sum, where they are, and as what they are read. */
static bool add_mapped(Key *k, const Const *c)
{
    const unsigned char *at = c->kind == CONST_FILE ? c->src_data : NULL;
    const Mapped *map = at ? map_of(k->module, at) : NULL;
    if (!map) return false;
    const uint64_t place[] = { (uint64_t)(at - map->data), c->src };
    const char *coded = c->coded ? c->coded->name : "";
    add_sum(k, file_mapped_path(map), map);
    sha256_add(&k->sha, place, sizeof place);
    sha256_add(&k->sha, coded, strlen(coded) + 1);
    return true;
}

static void add_bytes(Key *k, const Const *c, size_t n)
{
    enum { PIECE = 1 << 14, GUESSED = 256 };
    unsigned char room[8 * PIECE];
    const size_t bits = (size_t)dtypes[c->type->dtype].bits;
    const size_t most = k->guess && n > GUESSED ? GUESSED : n;
    for (size_t at = 0; k->ok && at < most; at += PIECE) {
        const size_t some = most - at < PIECE ? most - at : PIECE;
        k->ok = const_read(c, k->diag, at, some, room);
        if (k->ok) sha256_add(&k->sha, room, (some * bits + 7) / 8);
    }
}

/* MilPlaces.find: in the place of a literal's numbers the text names its number, and the key has
 * what it is made of. */
static bool key_place(const void *key, const Const *c, uint64_t *offset)
{
    Key *k = (Key *)(uintptr_t)key;
    size_t n;
    if (c->kind == CONST_BLOB || c->kind == CONST_GROUP || c->type->kind != TY_TENSOR
        || c->type->dtype == DT_STRING || !shape_count(&c->type->shape, &n)
        || n < CONST_FILE_MIN)
        return false;
    *offset = k->ndata++;
    if (!add_mapped(k, c)) add_bytes(k, c, n);
    return true;
}

static bool key_whole(const Cache *c, const Module *m, bool guess, char hex[65])
{
    Diag quiet = { .quiet = true };
    Key k = key_start(c, m, &quiet, guess);
    const MilPlaces places = { .find = key_place, .ctx = &k, .path = "" };
    if (k.ok) mil_print_placed(m, &places, add_text, &k);
    sha256_end(&k.sha, hex);
    diag_free(&quiet);
    return k.ok;
}

bool cache_key_whole(const Cache *c, const Module *m, char hex[65])
{
    return key_whole(c, m, false, hex);
}

bool cache_key_guess(const Cache *c, const Module *m, char hex[65])
{
    return key_whole(c, m, true, hex);
}
