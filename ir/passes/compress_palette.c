/* compress_palette.c -- a weight as indices into tables of values. */
#include "compress_part.h"

#include <math.h>
#include <string.h>

typedef struct {
    Encoder *e;
    Blocks blocks;   /* what one table is for */
    Blocks channels; /* what one scale is for */
    Shape groups;    /* of the tables */
    size_t ntable;
    int entries;
    double *scale;  /* by channel: what its elements are divided by; NULL: nothing */
    double *values; /* entries of each table, as decoding gives them, but for `scale` */
    double *size;   /* of a table of bytes, by table: what they are multiples of */
    ClusterPoints *points;
    double low, high; /* of the table at hand */
    Tensor to;
    const Blocks *walked;
} Palette;

static int palette_kind(const Encoder *e)
{
    return e->as->kind == KIND_sparse ? e->as->values : e->as->kind;
}

/* ---- scales ------------------------------------------------------------------------------ */

static void take_most(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    double *most = ctx;
    (void)at;
    for (size_t i = 0; i < n; i++)
        if (fabs(v[i]) > most[block]) most[block] = fabs(v[i]);
}

/* A channel's largest element is 1. */
static bool palette_scales(Palette *p)
{
    Encoder *e = p->e;
    const int64_t n = e->shape.dim[e->channel];
    blocks_of_axis(&p->channels, &e->shape, e->channel);
    if (!compression_says(e->as, TOLD_scaled)) return true;
    p->scale = NEW_ARRAY(&e->scratch, n, double);
    if (!encoder_walk(e, &p->channels, take_most, p->scale)) return false;
    for (int64_t i = 0; i < n; i++)
        if (p->scale[i] == 0) p->scale[i] = 1;
    return true;
}

/* ---- tables ------------------------------------------------------------------------------ */

/* A table's block lies in whole channels, or is one: of channels that are parted the elements
 * are in another order than the blocks. */
static void take_points(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    Palette *p = ctx;
    double part[256];
    (void)at;
    for (size_t i = 0; i < n;) {
        size_t k = n - i < COUNT(part) ? n - i : COUNT(part);
        const double scale = p->scale ? p->scale[block] : 1;
        for (size_t j = 0; j < k; j++) {
            part[j] = v[i + j] / scale;
            if (part[j] < p->low) p->low = part[j];
            if (part[j] > p->high) p->high = part[j];
        }
        if (p->points) cluster_add(p->points, part, k);
        i += k;
    }
}

/* The elements of one table, channel by channel: a scale is a channel's. */
static bool palette_read(Palette *p, int64_t table)
{
    Encoder *e = p->e;
    const int64_t each = e->shape.dim[e->channel] / p->groups.dim[e->channel];
    p->low = INFINITY;
    p->high = -INFINITY;
    if (!p->scale) return encoder_walk_block(e, &p->blocks, table, take_points, p);
    bool ok = true;
    for (int64_t i = 0; ok && i < each; i++)
        ok = encoder_walk_block(e, &p->channels, table * each + i, take_points, p);
    return ok;
}

static void palette_bytes(Palette *p, int64_t table, double *value)
{
    double most = 0;
    for (int i = 0; i < p->entries; i++)
        if (fabs(value[i]) > most) most = fabs(value[i]);
    p->size[table] = encoder_scale(p->e, most, 127);
    for (int i = 0; i < p->entries; i++) {
        double k = rint(value[i] / p->size[table]);
        k = k < -127 ? -127 : k > 127 ? 127 : k;
        value[i] = k * p->size[table];
    }
}

static bool palette_table(Palette *p, int64_t table)
{
    Encoder *e = p->e;
    double *value = p->values + table * p->entries;
    const bool even = compression_says(e->as, TOLD_uniform);
    if (!even) p->points = cluster_begin(e->count / p->ntable);
    const bool ok = palette_read(p, table);
    if (ok && even && p->low <= p->high)
        for (int i = 0; i < p->entries; i++)
            value[i] = p->low + (p->high - p->low) * i / (p->entries - 1);
    else if (ok && !even) cluster_values(p->points, p->entries, value);
    if (!even) cluster_end(p->points);
    p->points = NULL;
    if (p->size) palette_bytes(p, table, value);
    else
        for (int i = 0; i < p->entries; i++) value[i] = encoder_rounded(e, value[i]);
    return ok;
}

/* ---- indices ----------------------------------------------------------------------------- */

/* Values ascend; of two that are as near the first one. */
static int palette_nearest(const double *value, int n, double v)
{
    int low = 0, high = n - 1;
    while (low < high) {
        const int mid = (low + high) / 2;
        if (v - value[mid] <= value[mid + 1] - v) high = mid;
        else low = mid + 1;
    }
    return low;
}

static void put_indices(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    Palette *p = ctx;
    const Encoder *e = p->e;
    const int64_t each = e->shape.dim[e->channel] / p->groups.dim[e->channel];
    const int64_t table = p->walked == &p->channels ? block / each : block;
    const double *value = p->values + table * p->entries,
                 scale = p->scale ? p->scale[block] : 1;
    double index[256];
    for (size_t i = 0; i < n;) {
        const size_t k = n - i < COUNT(index) ? n - i : COUNT(index);
        for (size_t j = 0; j < k; j++)
            index[j] = palette_nearest(value, p->entries, v[i + j] / scale);
        tensor_put_floats(&p->to, at + i, k, index);
        i += k;
    }
}

/* ---- parts ------------------------------------------------------------------------------- */

static void palette_put_table(Palette *p)
{
    Encoder *e = p->e;
    Tensor table;
    Shape s = p->groups;
    const size_t n = p->ntable * (size_t)p->entries;
    s.dim[s.rank++] = p->entries;
    s.dim[s.rank++] = 1;
    e->to.table = encoder_room(e, p->size ? DT_INT8 : e->from->type->dtype, s, &table);
    for (size_t i = 0; i < n; i++)
        if (p->size)
            tensor_set_int(&table, i,
                           (int64_t)rint(p->values[i] / p->size[i / (size_t)p->entries]));
        else tensor_set_float(&table, i, p->values[i]);
}

static void palette_put_scale(Palette *p)
{
    Encoder *e = p->e;
    Tensor scale;
    Shape s = p->groups;
    const int64_t all = e->shape.dim[e->channel];
    if (!p->scale && !p->size) return;
    if (p->scale) s.dim[e->channel] = all;
    const int64_t n = s.dim[e->channel], each = n / p->groups.dim[e->channel];
    e->to.scale = encoder_room(e, e->from->type->dtype, s, &scale);
    for (int64_t i = 0; i < n; i++)
        tensor_set_float(&scale, (size_t)i,
                         (p->scale ? p->scale[i] : 1)
                             * (p->size ? p->size[i / each] : 1));
}

static void palette_blocks(Palette *p)
{
    Encoder *e = p->e;
    p->groups = (Shape){ .rank = e->shape.rank };
    for (int i = 0; i < p->groups.rank; i++) p->groups.dim[i] = 1;
    if (compression_says(e->as, TOLD_group))
        p->groups.dim[e->channel] = encoder_groups(e, e->channel, e->as->told[TOLD_group],
                                                   "group");
    blocks_of(&p->blocks, e->shape.rank, e->shape.dim, p->groups.dim);
    p->ntable = (size_t)p->groups.dim[e->channel];
}

bool encode_palette(Encoder *e)
{
    Palette p = { .e = e };
    const DType t = compress_kinds[palette_kind(e)].stored;
    palette_blocks(&p);
    p.entries = 1 << dtypes[t].bits;
    p.values = NEW_ARRAY(&e->scratch, p.ntable * (size_t)p.entries, double);
    if (compression_says(e->as, TOLD_table8))
        p.size = NEW_ARRAY(&e->scratch, p.ntable, double);
    if (!palette_scales(&p)) return false;
    for (size_t i = 0; i < p.ntable; i++)
        if (!palette_table(&p, (int64_t)i)) return false;
    palette_put_table(&p);
    palette_put_scale(&p);
    e->to.data = encoder_room(e, t, e->mask ? SHAPE((int64_t)e->kept) : e->shape, &p.to);
    p.walked = p.scale ? &p.channels : &p.blocks;
    return encoder_walk(e, p.walked, put_indices, &p);
}
