/* compress_vectors.c -- a weight as indices into tables of vectors. The elements that a few
 * neighbouring channels have at one position are one vector.
 *
 * The table is found by k-means over a few thousand of the weight's vectors, begun by k-means++
 * with random numbers of base (arrays.h), so equal weights give equal tables everywhere. */
#include "compress_part.h"

#include <math.h>
#include <string.h>

enum {
    LONGEST = 16,     /* a vector; compress.def says so too */
    SAMPLE = 1 << 13, /* vectors that the table is made of */
    STEPS = 25
};

typedef struct {
    Encoder *e;
    int64_t length; /* of a vector */
    int64_t before, after,
        rows; /* places before the channels and behind them; vectors of these */
    int64_t groups, each; /* tables, and vectors of the channels that one is for */
    int entries;
    double *scale;  /* by channel */
    double *values; /* of all tables */
    double *piece;  /* of channels that are a vector, all places behind them */
} Vectors;

/* ---- reading ----------------------------------------------------------------------------- */

static void take_piece(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    double **to = ctx;
    (void)block, (void)at;
    memcpy(*to, v, n * sizeof *v);
    *to += n;
}

/* Vector number `place` of a row is piece[place], piece[place + after], .. */
static bool vectors_read(Vectors *x, int64_t before, int64_t row)
{
    Encoder *e = x->e;
    Blocks b;
    double *to = x->piece;
    const int64_t size = x->length * x->after;
    const int64_t dim[] = { x->before * x->rows, size },
                  groups[] = { x->before * x->rows, 1 };
    blocks_of(&b, 2, dim, groups);
    if (!encoder_walk_block(e, &b, before * x->rows + row, take_piece, &to)) return false;
    for (int64_t i = 0; x->scale && i < size; i++)
        x->piece[i] /= x->scale[row * x->length + i / x->after];
    return true;
}

/* ---- tables ------------------------------------------------------------------------------ */

typedef struct {
    int length, count; /* of vectors at `at` */
    double *at;
} Sample;

/* Every so many vectors of the table's channels. */
static bool vectors_sample(Vectors *x, int64_t group, Sample *s)
{
    const int64_t all = x->before * x->each * x->after;
    const int64_t apart = (all + SAMPLE - 1) / SAMPLE;
    int64_t number = 0;
    s->count = 0;
    for (int64_t i = 0; i < x->before * x->each; i++) {
        const int64_t row = group * x->each + i % x->each, begin = number % apart;
        const int64_t first = begin ? apart - begin : 0;
        number += x->after;
        if (first >= x->after) continue;
        if (!vectors_read(x, i / x->each, row)) return false;
        for (int64_t place = first; place < x->after && s->count < SAMPLE; place += apart)
            for (int64_t k = 0, to = s->length * (int64_t)s->count++; k < x->length; k++)
                s->at[to + k] = x->piece[k * x->after + place];
    }
    return true;
}

static double vector_apart(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static int vector_nearest(const double *table, int entries, const double *v, int n,
                          double *least)
{
    int best = 0;
    *least = INFINITY;
    for (int i = 0; i < entries; i++) {
        const double apart = vector_apart(table + i * n, v, n);
        if (apart >= *least) continue;
        *least = apart;
        best = i;
    }
    return best;
}

/* k-means++: each next one is drawn by the square of its distance to those that there are. */
static void vectors_begin(Arena *a, const Sample *s, uint64_t seed, double *table,
                          int entries)
{
    const int n = s->length;
    double *apart = NEW_ARRAY(a, s->count, double);
    size_t next = (size_t)(rng_unit(seed, 0) * s->count);
    for (int k = 0; k < entries; k++) {
        double sum = 0;
        memcpy(table + k * n, s->at + next * (size_t)n, (size_t)n * sizeof *table);
        for (int i = 0; i < s->count; i++) {
            const double d = vector_apart(table + k * n, s->at + i * n, n);
            if (!k || d < apart[i]) apart[i] = d;
            sum += apart[i];
        }
        double left = rng_unit(seed, (uint64_t)k + 1) * sum;
        for (next = 0; next + 1 < (size_t)s->count && left >= apart[next]; next++)
            left -= apart[next];
    }
}

static void vectors_settle(Arena *a, const Sample *s, double *table, int entries)
{
    const int n = s->length;
    double *sum = NEW_ARRAY(a, entries * n, double), least;
    int *count = NEW_ARRAY(a, entries, int);
    for (int step = 0; step < STEPS; step++) {
        memset(sum, 0, (size_t)(entries * n) * sizeof *sum);
        memset(count, 0, (size_t)entries * sizeof *count);
        for (int i = 0; i < s->count; i++) {
            const int best = vector_nearest(table, entries, s->at + i * n, n, &least);
            for (int k = 0; k < n; k++) sum[best * n + k] += s->at[i * n + k];
            count[best]++;
        }
        for (int i = 0; i < entries * n; i++)
            if (count[i / n]) table[i] = sum[i] / count[i / n];
    }
}

static bool vectors_table(Vectors *x, int64_t group)
{
    Encoder *e = x->e;
    Arena scratch = { 0 };
    Sample s = { .length = (int)x->length,
                 .at = NEW_ARRAY(&scratch, SAMPLE * x->length, double) };
    double *table = x->values + group * x->entries * x->length;
    const uint64_t seed = (uint64_t)e->as->told[TOLD_seed] ^ (uint64_t)group << 32;
    const bool ok = vectors_sample(x, group, &s);
    if (ok) {
        vectors_begin(&scratch, &s, seed, table, x->entries);
        vectors_settle(&scratch, &s, table, x->entries);
    }
    for (int64_t i = 0; i < x->entries * x->length; i++)
        table[i] = encoder_rounded(e, table[i]);
    arena_free(&scratch);
    return ok;
}

/* ---- indices ----------------------------------------------------------------------------- */

static bool vectors_put(Vectors *x, DType t)
{
    Encoder *e = x->e;
    Tensor to;
    Shape s = e->shape;
    double v[LONGEST], least;
    size_t at = 0;
    s.dim[e->channel] = x->rows;
    e->to.data = encoder_room(e, t, s, &to);
    for (int64_t i = 0; i < x->before * x->rows; i++) {
        const int64_t row = i % x->rows;
        const double *table = x->values + row / x->each * x->entries * x->length;
        if (!vectors_read(x, i / x->rows, row)) return false;
        for (int64_t place = 0; place < x->after; place++) {
            for (int64_t k = 0; k < x->length; k++) v[k] = x->piece[k * x->after + place];
            tensor_set_int(&to, at++,
                           vector_nearest(table, x->entries, v, (int)x->length, &least));
        }
    }
    return true;
}

static void vectors_put_tables(Vectors *x)
{
    Encoder *e = x->e;
    Tensor table;
    Shape s = { .rank = e->shape.rank };
    for (int i = 0; i < s.rank; i++) s.dim[i] = 1;
    s.dim[e->channel] = x->groups;
    s.dim[s.rank++] = x->entries;
    s.dim[s.rank++] = x->length;
    e->to.table = encoder_room(e, e->from->type->dtype, s, &table);
    tensor_put_floats(&table, 0, table.count, x->values);
}

/* ---- all --------------------------------------------------------------------------------- */

static void vectors_most(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    double *most = ctx;
    (void)at;
    for (size_t i = 0; i < n; i++)
        if (fabs(v[i]) > most[block]) most[block] = fabs(v[i]);
}

static bool vectors_scales(Vectors *x)
{
    Encoder *e = x->e;
    Blocks b;
    Tensor to;
    Shape s = { .rank = e->shape.rank };
    const int64_t n = e->shape.dim[e->channel];
    if (!compression_says(e->as, TOLD_scaled)) return true;
    blocks_of_axis(&b, &e->shape, e->channel);
    x->scale = NEW_ARRAY(&e->scratch, n, double);
    if (!encoder_walk(e, &b, vectors_most, x->scale)) return false;
    for (int64_t i = 0; i < n; i++)
        if (x->scale[i] == 0) x->scale[i] = 1;
    for (int i = 0; i < s.rank; i++) s.dim[i] = i == e->channel ? n : 1;
    e->to.scale = encoder_room(e, e->from->type->dtype, s, &to);
    tensor_put_floats(&to, 0, (size_t)n, x->scale);
    return true;
}

static bool vectors_fit(Encoder *e)
{
    const int64_t n = e->shape.dim[e->channel],
                  length = (int64_t)e->as->told[TOLD_vector];
    if (n % length == 0) return true;
    e->why = arena_printf(&e->m->arena, "no vectors of %lld part an axis of %lld",
                          (long long)length, (long long)n);
    return false;
}

bool encode_vectors(Encoder *e)
{
    const DType t = compress_kinds[e->as->kind].stored;
    Vectors x = {
        .e = e, .length = (int64_t)e->as->told[TOLD_vector], .before = 1, .after = 1
    };
    if (!vectors_fit(e)) return encode_palette(e);
    for (int i = 0; i < e->channel; i++) x.before *= e->shape.dim[i];
    for (int i = e->channel + 1; i < e->shape.rank; i++) x.after *= e->shape.dim[i];
    x.rows = e->shape.dim[e->channel] / x.length;
    x.groups = 1;
    if (compression_says(e->as, TOLD_group)) {
        x.groups = encoder_groups(e, e->channel, e->as->told[TOLD_group], "group");
        if (x.rows % x.groups) x.groups = 1;
    }
    x.each = x.rows / x.groups;
    x.entries = 1 << dtypes[t].bits;
    x.values = NEW_ARRAY(&e->scratch, x.groups * x.entries * x.length, double);
    x.piece = NEW_ARRAY(&e->scratch, x.length * x.after, double);
    if (!vectors_scales(&x)) return false;
    for (int64_t i = 0; i < x.groups; i++)
        if (!vectors_table(&x, i)) return false;
    vectors_put_tables(&x);
    return vectors_put(&x, t);
}
