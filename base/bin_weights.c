/* bin_weights.c -- reads weights from .bin files of other programs: tiny_train and its successors,
 * llama2.c.
 *
 * The header of each format tells what follows; all of that must be there, and nothing else.
 * Tensors get the names of the weights in the examples. */
#include "base.h"

#include <stdlib.h>

typedef struct {
    Diag *diag;
    Loc loc;
    Arena *arena;
    const char *path;
    const unsigned char *data;
    size_t size, at;
    SafeTensors *out;
    size_t cap;
} Import;

static int32_t int_at(const Import *in, size_t at)
{
    const unsigned char *p = in->data + at;
    return (int32_t)(p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16
                     | (uint32_t)p[3] << 24);
}

/* All of it has been taken, or is it cut off or another's? */
static bool bin_whole(const Import *in, const char *what)
{
    if (in->at == in->size) return true;
    return diag_error(in->diag, in->loc,
                      "%s is cut off, or no %s: it has %zu bytes, by its header %zu",
                      in->path, what, in->size, in->at);
}

static bool bin_unknown(const Import *in)
{
    return diag_error(
        in->diag, in->loc,
        "%s is no file of weights that is understood: .safetensors, and .bin of "
        "llama2.c, tiny_train and BLZT are",
        in->path);
}

/* ---- tensors ----------------------------------------------------------------------------- */

/* The next rows x columns floats (columns 0: a vector); name NULL: they are passed over. */
static void bin_take(Import *in, const char *name, int64_t rows, int64_t columns)
{
    const size_t bytes = 4 * (size_t)rows * (columns ? (size_t)columns : 1);
    if (name && in->at <= in->size) { /* else it is cut off, and only counted */
        ARENA_ROOM(in->arena, in->out->tensor, in->out->count, in->cap);
        SafeTensor *t = &in->out->tensor[in->out->count++];
        *t = (SafeTensor){ .name = name,
                           .dtype = "F32",
                           .data = in->data + in->at,
                           .bytes = bytes,
                           .rank = columns ? 2 : 1 };
        t->shape[0] = rows;
        t->shape[1] = columns;
    }
    in->at += bytes;
}

static const char *in_block(const Import *in, int block, const char *name)
{
    return arena_printf(in->arena, "blocks.%d.%s", block, name);
}

/* ---- tiny_train -------------------------------------------------------------------------- */

/* 64 or 72 bytes: int32 step, float loss, int32 D, H, S, ..; then w1 [H, D], w2 [D, H]. */
static bool is_tiny(const Import *in)
{
    if (in->size < 64) return false;
    const int64_t d = int_at(in, 8), h = int_at(in, 12);
    if (d < 1 || h < 1 || d > 1 << 20 || h > 1 << 20) return false;
    const uint64_t data = 8 * (uint64_t)d * (uint64_t)h;
    return in->size == data + 64 || in->size == data + 72;
}

static void read_tiny(Import *in)
{
    const int64_t d = int_at(in, 8), h = int_at(in, 12);
    in->at = in->size - 8 * (size_t)d * (size_t)h;
    bin_take(in, "w1", h, d);
    bin_take(in, "w2", d, h);
}

/* ---- shapes of a Llama ------------------------------------------------------------------- */

typedef BinLlama Shapes;

static bool bin_sane(const Shapes *s)
{
    const int64_t all[] = { s->dim, s->hidden,     s->layers,    s->heads,
                            s->kv,  s->vocabulary, s->positions, s->q };
    for (size_t i = 0; i < COUNT(all); i++)
        if (all[i] < 1 || all[i] > 1 << 20) return false;
    return s->layers <= 4096 && s->dim % s->heads == 0 && s->heads % s->kv == 0;
}

/* Rows and columns of the weights of a block, as they are called in the examples. */
enum { WQ, WK, WV, WO, W1, W2, W3, G1, G2, PARTS };
static const char *const part_name[PARTS] = { "wq", "wk", "wv", "wo", "w1",
                                              "w2", "w3", "g1", "g2" };

static void part_shape(const Shapes *s, int part, int64_t *rows, int64_t *columns)
{
    const int64_t kv = s->q / s->heads * s->kv;
    const int64_t shape[PARTS][2] = {
        [WQ] = { s->q, s->dim },      [WK] = { kv, s->dim },
        [WV] = { kv, s->dim },        [WO] = { s->dim, s->q },
        [W1] = { s->hidden, s->dim }, [W2] = { s->dim, s->hidden },
        [W3] = { s->hidden, s->dim }, [G1] = { s->dim, 0 },
        [G2] = { s->dim, 0 },
    };
    *rows = shape[part][0];
    *columns = shape[part][1];
}

static void take_part(Import *in, const Shapes *s, int block, int part, bool skip)
{
    int64_t rows, columns;
    part_shape(s, part, &rows, &columns);
    bin_take(in, skip ? NULL : in_block(in, block, part_name[part]), rows, columns);
}

/* ---- BLZT -------------------------------------------------------------------------------- */

enum { BLZT_MAGIC = 0x424c5a54, BLZT_HEADER = 96 };

/* Each weight of a block and then its two moments, a kind behind the other. */
static bool read_blzt(Import *in)
{
    const int32_t version = int_at(in, 4);
    Shapes s = { .layers = int_at(in, 16),
                 .vocabulary = int_at(in, 20),
                 .dim = int_at(in, 24),
                 .hidden = int_at(in, 28),
                 .heads = int_at(in, 32),
                 .positions = int_at(in, 36) };
    s.kv = version >= 4 ? int_at(in, 84) : s.heads;
    s.q = version >= 4 ? int_at(in, 92) : s.dim;
    if (version < 2 || version > 4)
        return diag_error(in->diag, in->loc,
                          "%s is BLZT of version %d: 2, 3 and 4 are understood", in->path,
                          version);
    if (!bin_sane(&s)) return bin_unknown(in);
    in->at = BLZT_HEADER;
    for (int i = 0; i < s.layers; i++)
        for (int round = 0; round < 3; round++)
            for (int part = 0; part < PARTS; part++)
                take_part(in, &s, i, part, round > 0);
    for (int round = 0; round < 3; round++) bin_take(in, round ? NULL : "g", s.dim, 0);
    for (int round = 0; round < 3; round++)
        bin_take(in, round ? NULL : "embedding", s.vocabulary, s.dim);
    return bin_whole(in, "BLZT");
}

/* ---- llama2.c ---------------------------------------------------------------------------- */

enum { AK42 = 0x616b3432, AK42_HEADER = 256, OLD_HEADER = 28 };

static Shapes bin_shapes(const Import *in, size_t at)
{
    Shapes s = { .dim = int_at(in, at),
                 .hidden = int_at(in, at + 4),
                 .layers = int_at(in, at + 8),
                 .heads = int_at(in, at + 12),
                 .kv = int_at(in, at + 16),
                 .vocabulary = int_at(in, at + 20),
                 .positions = int_at(in, at + 24),
                 .shared = true };
    s.q = s.dim;
    return s;
}

static Shapes bin_old_shapes(const Import *in)
{
    Shapes s = bin_shapes(in, 0);
    s.shared = s.vocabulary > 0;
    s.vocabulary = s.vocabulary < 0 && s.vocabulary > INT32_MIN ? -s.vocabulary
                                                                : s.vocabulary;
    return s;
}

static bool bin_is_ak42(const Import *in)
{
    return in->size >= AK42_HEADER && int_at(in, 0) == AK42;
}

static Shapes bin_new_shapes(const Import *in)
{
    Shapes s = bin_shapes(in, 8);
    s.shared = in->data[36] != 0;
    return s;
}

static void take_kind(Import *in, const Shapes *s, int part)
{
    for (int i = 0; i < s->layers; i++) take_part(in, s, i, part, false);
}

/* A kind of weight behind the other, the layers of each together. */
static bool read_llama(Import *in)
{
    static const int order[] = { G1, WQ, WK, WV, WO, G2, W1, W2, W3 };
    const Shapes s = bin_old_shapes(in);
    if (!bin_sane(&s)) return bin_unknown(in);
    in->at = OLD_HEADER;
    bin_take(in, "embedding", s.vocabulary, s.dim);
    for (size_t i = 0; i < COUNT(order); i++) take_kind(in, &s, order[i]);
    bin_take(in, "g", s.dim, 0);
    bin_take(in, NULL, s.positions, s.dim / s.heads); /* two tables of angles */
    if (!s.shared) bin_take(in, "classifier", s.vocabulary, s.dim);
    return bin_whole(in, "model of llama2.c");
}

static bool read_ak42(Import *in)
{
    static const int order[] = { WQ, WK, WV, WO, W1, W2, W3 };
    const Shapes s = bin_new_shapes(in);
    if (int_at(in, 4) != 1)
        return diag_error(in->diag, in->loc,
                          "%s is llama2.c's version %d: 0 and 1, which have floats, are "
                          "understood",
                          in->path, int_at(in, 4));
    if (!bin_sane(&s)) return bin_unknown(in);
    in->at = AK42_HEADER;
    take_kind(in, &s, G1);
    take_kind(in, &s, G2);
    bin_take(in, "g", s.dim, 0);
    bin_take(in, "embedding", s.vocabulary, s.dim);
    for (size_t i = 0; i < COUNT(order); i++) take_kind(in, &s, order[i]);
    if (!s.shared) bin_take(in, "classifier", s.vocabulary, s.dim);
    return bin_whole(in, "model of llama2.c");
}

/* ---- whichever it is --------------------------------------------------------------------- */

bool bin_weights_named(const char *path) { return file_has_suffix(path, ".bin"); }

bool bin_weights_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                       SafeTensors *out)
{
    *out = (SafeTensors){ .path = path };
    Import in = { .diag = d,
                  .loc = loc,
                  .arena = a,
                  .path = path,
                  .data = file->data,
                  .size = file->size,
                  .out = out };
    if (in.size < OLD_HEADER) return bin_unknown(&in);
    if (in.size >= BLZT_HEADER && int_at(&in, 0) == BLZT_MAGIC) return read_blzt(&in);
    if (bin_is_ak42(&in)) return read_ak42(&in);
    if (!is_tiny(&in)) return read_llama(&in);
    read_tiny(&in);
    return true;
}

bool bin_llama(Diag *d, const char *path, const Mapped *file, BinLlama *out)
{
    Arena a = { 0 };
    SafeTensors all;
    const bool whole = bin_weights_parse(&a, d, (Loc){ 0 }, path, file, &all);
    const Import in = { .diag = d, .path = path, .data = file->data, .size = file->size };
    arena_free(&a);
    if (!whole) return false;
    if (int_at(&in, 0) == BLZT_MAGIC || (!bin_is_ak42(&in) && is_tiny(&in)))
        return diag_error(d, (Loc){ 0 },
                          "%s holds weights of a program that it does not tell: a model "
                          "is the .bin of llama2.c",
                          path);
    *out = bin_is_ak42(&in) ? bin_new_shapes(&in) : bin_old_shapes(&in);
    if (out->dim / out->heads % 2 == 0) return true;
    return diag_error(d, (Loc){ 0 },
                      "%s has heads of %lld numbers, which are no pairs to be turned",
                      path, (long long)(out->dim / out->heads));
}
