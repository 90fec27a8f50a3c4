/* save.c -- writes a Module into a folder: its text, and the weights that the text refers
 * to. */
#include "save.h"

#include <unistd.h>

enum { PIECE = 1 << 16 };
/* more, and not spelled out by anyone, should not go to a terminal */
enum { TEXT_ELEMENTS = 1024 };

/* ---- every literal of a module ----------------------------------------------------------- */

typedef void ConstVisitor(void *ctx, const Func *f, const Const *c);

typedef struct {
    ConstVisitor *fn;
    void *ctx;
} Visit;

static void visit_const(const Visit *v, const Func *f, const Const *c)
{
    v->fn(v->ctx, f, c);
    if (c->kind == CONST_GROUP)
        for (int64_t i = 0; i < c->nelem; i++) visit_const(v, f, c->elem[i]);
}

static bool visit_op(void *ctx, const Op *op)
{
    const Visit *v = ctx;
    const Func *f = op->parent->func;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) visit_const(v, f, attrs.at[i].val);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *val = op->arg[i].val[k];
            if (!val->name && value_lit(val)) visit_const(v, f, value_lit(val));
        }
    return true;
}

static void each_const(const Module *m, ConstVisitor *fn, void *ctx)
{
    Visit v = { .fn = fn, .ctx = ctx };
    for (const Func *f = m->first; f; f = f->next) {
        for (int i = 0; i < f->attrs.count; i++) visit_const(&v, f, f->attrs.at[i].val);
        func_read(f, visit_op, &v);
    }
}

/* ---- which literals belong in a file ----------------------------------------------------- */

typedef struct {
    bool marked, found;
} SaveLook;

/* Small literals that are marked for a file, which a text can hold all the same, count only
 * when asked for. */
static void look_for_weights(void *ctx, const Func *f, const Const *c)
{
    SaveLook *look = ctx;
    Const as_is = *c;
    if (!look->marked) as_is.in_file = false;
    /* of what the user has elsewhere */
    const bool made = c->kind != CONST_DATA && c->kind != CONST_OF;
    look->found |= const_leaves_text(f, &as_is, made ? CONST_FILE_MIN : TEXT_ELEMENTS);
}

bool mil_needs_weights(const Module *m, bool marked)
{
    SaveLook look = { .marked = marked };
    each_const(m, look_for_weights, &look);
    return look.found;
}

static void save_collect(void *ctx, const Func *f, const Const *c)
{
    Save *s = ctx;
    const bool blob = c->kind == CONST_BLOB;
    if (blob ? save_reference_stays(s, c) : !const_leaves_text(f, c, CONST_FILE_MIN))
        return;
    if (!blob || c->file->absent) s->fresh = true;
    ARENA_ROOM(&s->arena, s->place, s->nplace, s->place_cap);
    s->place[s->nplace++] = (SavePlace){ .c = c };
}

/* ---- saving ------------------------------------------------------------------------------ */

static bool write_text(Save *s, const char *rel, OutFile *text)
{
    const MilPlaces places = { .find = save_find_place,
                               .ctx = s,
                               .path = arena_printf(&s->arena, "@model_path/%s",
                                                    rel ? rel : "") };
    if (!out_open(text, s->d, s->path)) return false;
    bool ok = s->write(s->m, s->d, &places, text);
    ok = ok && out_flush(text);
    if (!ok) out_abort(text);
    return ok;
}

/* The sum of what was written, for who asks. */
static bool sum_text(Save *s, OutFile *text, char hex[65])
{
    Sha256 sha = sha256_start();
    unsigned char *piece = arena_alloc(&s->arena, PIECE);
    for (uint64_t at = 0; at < text->written; at += PIECE) {
        const size_t n = text->written - at < PIECE ? (size_t)(text->written - at)
                                                    : PIECE;
        if (!out_read(text, at, piece, n)) return false;
        sha256_add(&sha, piece, n);
    }
    sha256_end(&sha, hex);
    return true;
}

/* Weights of the new text, where no text finds them yet. */
static bool commit_weights(Save *s, BlobWriter *b, SaveRels *made)
{
    const char *last = NULL;
    for (int i = 0; i < s->ncopy; i++) {
        const bool there = file_exists(s->copied[i]);
        if (!out_commit(&s->copy[i])) return false;
        last = s->copied[i];
        if (there) continue;
        ARENA_ROOM(&s->arena, made->at, made->count, made->cap);
        made->at[made->count++] = last;
    }
    if (b) {
        const bool there = file_exists(s->weights);
        if (!blob_commit(b)) return false;
        last = s->weights;
        ARENA_ROOM(&s->arena, made->at, made->count, made->cap);
        if (!there) made->at[made->count++] = last;
    }
    return !last || file_sync_folder(s->d, file_dir(&s->arena, last));
}

static bool commit_text(Save *s, OutFile *text)
{
    char sum[65];
    const bool ok = !s->beside
                 || (sum_text(s, text, sum) && beside_prepare(s->beside, sum));
    if (ok) return out_commit(text);
    out_abort(text);
    return false;
}

/* Everything is on disk without a name of its own. Weights get theirs first, then what stands
 * beside; the text is what makes both the model's. A signal waits until it is one model or the
 * other. */
static bool save_commit(Save *s, BlobWriter *b, OutFile *text)
{
    SignalHold hold;
    SaveRels made = { 0 }, old = { 0 };
    temp_hold_signals(&hold);
    save_references(s, s->path, &old);
    bool ok = module_stayed(s->m, s->d) && commit_weights(s, b, &made);
    if (ok) {
        ok = commit_text(s, text);
        if (!ok && s->beside) beside_undo(s->beside);
    } else {
        out_abort(text);
    }
    if (ok) {
        ok = file_sync_folder(s->d, s->dir);
        if (s->beside) ok = beside_finish(s->beside) && ok;
        save_remove_unused(s, &old);
    } else {
        for (int i = 0; i < made.count; i++) unlink(made.at[i]);
    }
    temp_let_signals(&hold);
    return ok;
}

static bool write_all(Save *s, BlobWriter **b)
{
    const char *rel = NULL;
    OutFile text;
    bool there = false;
    if (s->nplace && !s->fresh && save_can_copy(s)) {
        if (!save_copy_files(s)) return false;
    } else if (s->nplace) {
        *b = save_write_weights(s);
        rel = *b ? save_pick_name(s, *b, &there) : NULL;
        if (!rel) return false;
        s->weights = save_in_folder(s, rel);
        blob_name(*b, s->weights);
    }
    if (!write_text(s, rel, &text)) return false;
    BlobWriter *own = there ? NULL : *b;
    if (there) blob_abort(*b);
    if (there) *b = NULL;
    if (!save_commit(s, own, &text)) return false;
    if (own && s->aside)
        diag_note(s->d, (Loc){ .src = NULL },
                  "%s belongs to others; the weights are in %s",
                  save_in_folder(s, save_usual), rel);
    return true;
}

static bool save_whole(Save *s)
{
    BlobWriter *b = NULL;
    save_sweep(s);
    each_const(s->m, save_collect, s);
    const bool ok = write_all(s, &b);
    if (b) blob_abort(b);
    for (int i = 0; i < s->ncopy; i++) out_abort(&s->copy[i]);
    if (!ok && s->made) rmdir(s->made);
    return ok;
}

static bool put_piece(void *ctx, const void *text, size_t n)
{
    return out_write(ctx, text, n);
}

static bool print_text(const Module *m, Diag *d, const MilPlaces *places, OutFile *out)
{
    (void)d;
    return mil_print_placed(m, places, put_piece, out);
}

bool mil_save_beside(Module *m, Diag *d, const char *path, Beside *beside)
{
    return mil_free_words(m, d) && mil_save_as(m, d, path, print_text, beside);
}

bool mil_save(Module *m, Diag *d, const char *path)
{
    return mil_save_beside(m, d, path, NULL);
}

bool mil_save_as(Module *m, Diag *d, const char *path, MilWriter *write, Beside *beside)
{
    Save s = { .m = m, .d = d, .path = path, .write = write, .beside = beside };
    s.dir = file_dir(&s.arena, path);
    mil_hoist(m);
    const bool ok = file_is_dir(s.dir)
                      ? save_whole(&s)
                      : diag_fail(d, "cannot write %s: there is no folder %s", path,
                                  s.dir);
    arena_free(&s.arena);
    return ok;
}

/* ---- text alone -------------------------------------------------------------------------- */

bool mil_print_apart(Module *m, Diag *d, MilSink *sink, void *ctx, uint32_t *weights,
                     uint64_t *bytes)
{
    /* from there no reference leads anywhere, as from a folder that is empty */
    Save s = { .m = m, .d = d, .dir = "/dev/null" };
    *weights = 0;
    *bytes = 0;
    bool ok = mil_free_words(m, d);
    if (ok) {
        mil_hoist(m);
        each_const(m, save_collect, &s);
        if (!s.fresh) s.nplace = 0; /* files that are there stay what they are */
        ok = !s.nplace || save_count_weights(&s, weights, bytes);
    }
    if (ok) {
        const MilPlaces places = { .find = save_find_place,
                                   .ctx = &s,
                                   .path = arena_printf(&s.arena, "@model_path/%s",
                                                        save_usual) };
        ok = mil_print_placed(m, &places, sink, ctx);
    }
    arena_free(&s.arena);
    return ok;
}
