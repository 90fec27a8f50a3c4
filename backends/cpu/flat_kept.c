/* flat_kept.c -- weights that are packed for kernels, kept on disk: another process maps them and
 * packs nothing.
 *
 * They are an entry of the cache (cache.h) with one file: a head, a line for each piece, and the
 * pieces, each on a boundary of ALIGN bytes with SLACK behind it. The key is of all that they follow
 * from: the program with its weights, the shapes that the plan is for, the kernels, and the sources
 * that pack (PACK_SUM). A plan asks for its pieces in the order in which another like it did; where
 * one differs all the same, what follows is packed. Only plans of shapes that the program says are
 * kept: those of a run may be many, with the same weights in each.
 *
 * The key takes a sum of all weights, and an entry that of all that was packed: several times what
 * packing does. So the first start only notes, by a guess that reads no weights, that there was
 * one (cache_seen), and neither looks for anything nor keeps it. */
#include "flat_pack.h"

#include "../cache/cache.h"
#include "pack_sum.h"

#include <string.h>

enum { KEPT_LEAST = 1 << 20 }; /* bytes; to pack fewer is as quick as to look for them */

typedef struct {
    char magic[16]; /* KEPT_MAGIC */
    uint64_t n;     /* pieces */
    uint64_t size;  /* of the file */
} KeptHead;

typedef struct {
    uint64_t at, bytes, form;
} KeptLine;

#define KEPT_MAGIC "anec packed 1"

struct FlatKept {
    char key[65];
    Mapped file;    /* a large one; else data is NULL */
    char *copy;     /* of a small one, so that pieces lie on boundaries; or NULL */
    const char *at; /* the bytes of either; NULL: nothing was found */
    size_t size;
    uint64_t n, next; /* pieces, and which of them is asked for next */
    bool differs;     /* the one that was asked for last is another */
    bool first;       /* no program like it was started before */
    const char *word;
};

/* ---- keys -------------------------------------------------------------------------------- */

/* Bytes of the weights that the function has. */
static double kept_weights(const FlatPlan *p)
{
    double bytes = 0;
    for (int i = 0; i < p->plan->nslot; i++) {
        const Const *c = p->plan->slot[i].lit;
        if (c && c->type->kind == TY_TENSOR) bytes += (double)type_bytes(c->type);
    }
    return bytes;
}

/* guess: what cache_seen is asked for, else the key of the entry. */
static bool kept_key(const FlatPlan *p, const Cache *c, const Func *f, bool guess,
                     char hex[65])
{
    char program[65];
    const Kernels *k = p->kernels;
    if (!(guess ? cache_key_guess : cache_key_whole)(c, f->module, program)) return false;
    Sha256 sha = sha256_start();
    const int64_t how[] = { k->mr, k->nr, k->lanes, p->how.exact, f->body->nparam };
    sha256_add(&sha, KEPT_MAGIC PACK_SUM, sizeof KEPT_MAGIC PACK_SUM);
    sha256_add(&sha, program, sizeof program);
    sha256_add(&sha, f->name, strlen(f->name) + 1);
    sha256_add(&sha, k->name, strlen(k->name) + 1);
    sha256_add(&sha, how, sizeof how);
    for (int i = 0; i < f->body->nparam; i++) {
        const Shape *s = &p->in[i];
        sha256_add(&sha, &s->rank, sizeof s->rank);
        sha256_add(&sha, s->dim, (size_t)s->rank * sizeof *s->dim);
    }
    sha256_end(&sha, hex);
    return true;
}

/* ---- what is found ----------------------------------------------------------------------- */

static size_t kept_round(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

static size_t kept_head(uint64_t n)
{
    return kept_round(sizeof(KeptHead) + (size_t)n * sizeof(KeptLine));
}

static KeptHead head_of(uint64_t n, size_t size)
{
    KeptHead h = { .n = n, .size = size };
    memcpy(h.magic, KEPT_MAGIC, sizeof KEPT_MAGIC);
    return h;
}

/* Whether the file is what kept_put writes. The cache has its sum; this is for what another
 * program may have put under the key. */
static bool kept_whole(FlatKept *k)
{
    KeptHead h;
    const size_t size = k->size;
    if (size < sizeof h) return false;
    memcpy(&h, k->at, sizeof h);
    const KeptHead want = head_of(h.n, size);
    if (memcmp(&h, &want, sizeof h) || h.n > size / sizeof(KeptLine)
        || kept_head(h.n) > size)
        return false;
    k->n = h.n;
    for (uint64_t i = 0; i < h.n; i++) {
        KeptLine l;
        memcpy(&l, k->at + sizeof h + i * sizeof l, sizeof l);
        if (l.at % ALIGN || l.at < kept_head(h.n) || l.at > size || l.bytes > size - l.at
            || SLACK > size - l.at - l.bytes)
            return false;
    }
    return true;
}

static void kept_map(FlatPlan *p)
{
    FlatKept *k = p->kept;
    k->size = k->file.size;
    if (k->file.mapped) {
        mem_follow(p->owner, k->file.data);
        k->at = (const char *)k->file.data;
        file_bring(k->at, k->at + k->size);
        return;
    }
    k->copy = mem_alloc(k->size + ALIGN);
    if (!k->copy) mem_out(k->size);
    mem_follow(p->owner, k->copy);
    char *to = k->copy + (ALIGN - (uintptr_t)k->copy % ALIGN) % ALIGN;
    if (k->size) memcpy(to, k->file.data, k->size);
    k->at = to;
    file_unmap(&k->file);
}

/* A folder that cannot be written is looked into each time: it may be a copy of another, whose
 * programs were started elsewhere. */
static bool kept_first(const FlatPlan *p, const Cache *c, const Func *f)
{
    char guess[65];
    return !c->fixed && kept_key(p, c, f, true, guess) && !cache_seen(c, guess);
}

void kept_find(FlatPlan *p, const FlatKeeping *how, const Func *f)
{
    GuardTask held;
    Arena a = { 0 };
    Cache c;
    if (!how || !p->how.fused || kept_weights(p) < KEPT_LEAST) return;
    FlatKept *k = p->kept = NEW(&p->arena, FlatKept);
    guard_lock(&held, how->lock);
    phase_begin(&how->phase, "read cache");
    cache_open(&c, &a, how->dir);
    cache_tell(&c, how->diag);
    const bool there = !c.off || c.fixed;
    k->first = there && kept_first(p, &c, f);
    if (there && !k->first && kept_key(p, &c, f, false, k->key)
        && cache_find(&c, k->key, &k->file))
        kept_map(p);
    if (!k->at || !kept_whole(k)) k->n = 0;
    phase_end(&how->phase, "read cache");
    guard_unlock(&held, how->lock);
    arena_free(&a);
}

void *kept_next(FlatPlan *p, size_t bytes, PackForm form)
{
    KeptLine l;
    FlatKept *k = p->kept;
    if (!k || k->differs || k->next == k->n) return NULL;
    memcpy(&l, k->at + sizeof(KeptHead) + k->next++ * sizeof l, sizeof l);
    k->differs = l.bytes != bytes || l.form != (uint64_t)form;
    return k->differs ? NULL : (char *)(uintptr_t)k->at + l.at;
}

/* ---- what is kept ------------------------------------------------------------------------ */

/* Head, lines, and then each piece and what is between it and the next. */
static bool kept_write(FlatPlan *p, Cache *c, Arena *a)
{
    const uint64_t n = (uint64_t)p->nbig;
    size_t at = kept_head(n);
    char *head = NEW_ARRAY(a, at, char);
    static const char zeros[2 * ALIGN + SLACK];
    CachePart *part = NEW_ARRAY(a, 2 * n + 1, CachePart);
    part[0] = (CachePart){ head, at };
    for (uint64_t i = 0; i < n; i++) {
        const FlatPacked *b = &p->big[i];
        const KeptLine l = { at, b->bytes, b->form };
        const size_t room = kept_round(b->bytes + SLACK);
        memcpy(head + sizeof(KeptHead) + i * sizeof l, &l, sizeof l);
        part[2 * i + 1] = (CachePart){ b->at, b->bytes };
        part[2 * i + 2] = (CachePart){ zeros, room - b->bytes };
        at += room;
    }
    const KeptHead h = head_of(n, at);
    memcpy(head, &h, sizeof h);
    return cache_keep(c, p->kept->key, part, (int)(2 * n + 1), p->kept->at);
}

/* What came of looking for it. */
static const char *kept_end(FlatPlan *p, const FlatKeeping *how, Cache *c, Arena *a)
{
    const FlatKept *k = p->kept;
    if (k->at && k->n && !k->differs && k->next == k->n) return "hit";
    if (p->packed < KEPT_LEAST) return NULL;
    if (k->first) return "first";
    if (!*k->key || c->off) return "off";
    phase_begin(&how->phase, "write cache");
    const bool kept = kept_write(p, c, a);
    phase_end(&how->phase, "write cache");
    return kept ? "miss" : "off";
}

void kept_put(FlatPlan *p, const FlatKeeping *how)
{
    GuardTask held;
    Arena a = { 0 };
    Cache c;
    FlatKept *k = p->kept;
    if (!k) return;
    guard_lock(&held, how->lock);
    cache_open(&c, &a, how->dir);
    k->word = kept_end(p, how, &c, &a);
    if (k->word) cache_count_one(&c, k->first ? "miss" : k->word);
    guard_unlock(&held, how->lock);
    arena_free(&a);
}

const char *kept_word(const FlatPlan *p) { return p->kept ? p->kept->word : NULL; }

bool kept_stayed(const FlatPlan *p, Diag *d)
{
    return !p->kept || !p->kept->file.mapped || file_stayed(d, &p->kept->file);
}

void kept_free(FlatPlan *p)
{
    if (!p->kept) return;
    if (p->kept->file.data) file_unmap(&p->kept->file);
    mem_free(p->kept->copy);
}
