/* compress_part.h -- shared by the files compress*.c alone; compress.h is for others. */
#ifndef ANEC_COMPRESS_PART_H
#define ANEC_COMPRESS_PART_H

#include "../ops/geometry.h"
#include "compress.h"
#include "passes.h"

/* ---- the tables -------------------------------------------------------------------------- */

typedef struct {
    int old, now,
        joint; /* the ops that decode it: up to ios17, from ios18 on, sparse too */
} CompressFamilyRow;

typedef struct {
    const char *name;
    CompressFamily family;
    DType stored;
    Opset since;
    int instead, refused;
    ChipFacts streams;
    const char *evidence; /* of that */
    const char *says;
} CompressKind;

typedef struct {
    const char *name;
    bool word;
    int families;
    Opset since;
    double low, high;
    const char *says;
} CompressTold;

extern const CompressFamilyRow compress_families[];
extern const CompressKind compress_kinds[KIND_COUNT];
extern const CompressTold compress_told[TOLD_COUNT];

static inline bool compression_says(const Compression *c, int told)
{
    return c->given >> told & 1;
}
int compression_bits(int kind); /* bits stored for each element */

/* The nearest form to `wish` that the target has, for a weight that `use` takes. *why tells
 * what of the wish was not possible; NULL: all was. */
Compression compression_for(const Compression *wish, const PassOptions *o, Opset opset,
                            const Op *use, Arena *a, const char **why);

/* ---- rules ------------------------------------------------------------------------------- */

/* The properties of a weight that rules can select by. */
typedef struct {
    const char *name, *path; /* path NULL: the name is its path */
    const char *func;
    const Op *use; /* NULL: nothing uses it */
    size_t elements;
    int rank;
} CompressSubject;

/* The form of the first rule that selects the weight; NULL: none does. */
const Compression *compress_rules_ask(CompressRules *r, const CompressSubject *s);
/* Warns about rules that selected no weight, with the nearest name that there is. */
void compress_rules_idle(const CompressRules *r, Diag *d, const char *const *names,
                         size_t n);

/* ---- encoding ---------------------------------------------------------------------------- */

/* The parts of a compressed weight; NULL: its form lacks the part. */
typedef struct {
    const Const *data;  /* quantised elements, indices, or the elements that stay */
    const Const *mask;  /* uint1, of the weight's shape */
    const Const *table; /* in the shape that ios18 has for it */
    const Const *scale; /* one for each block, of the weight's rank */
    const Const *offset;
} Coded;

typedef struct {
    Module *m;
    Diag *diag;
    const char *name;
    const Const *from; /* of fp16 or fp32 */
    Shape shape;
    size_t count;
    int channel, input; /* axes; input -1: there is none */
    const Compression *as;
    Arena scratch;
    const uint8_t *mask; /* a bit for each element: it stays; NULL: all do */
    size_t kept;         /* how many stay */
    const char *why;     /* what its dimensions did not allow, or NULL */
    Coded to;
} Encoder;

/* Encodes e->from into e->to. The caller sets from, m, diag, name, as, channel and input.
 * False: an error was reported. */
bool compress_encode(Encoder *e);

/* Takes elements that stay, in order, a run at a time: v[0..n) lie in one block, and the
 * first is the element with the index `at` among those that stay. */
typedef void RunTaker(void *ctx, int64_t block, const double *v, size_t n, size_t at);
bool encoder_walk(Encoder *e, const Blocks *b, RunTaker *take, void *ctx);
/* The same for one block; `at` is not set. */
bool encoder_walk_block(Encoder *e, const Blocks *b, int64_t block, RunTaker *take,
                        void *ctx);
/* A literal for the caller to fill through *view; it lives as long as the module. */
Const *encoder_room(Encoder *e, DType t, Shape s, Tensor *view);
/* The scale for integers up to `reach` that stand for numbers up to `most`; `reach` times it is
 * finite in the weight's type. */
double encoder_scale(const Encoder *e, double most, double reach);
/* v rounded to the weight's type. */
double encoder_rounded(const Encoder *e, double v);
/* The number of groups of an axis where each is to have `each` elements; 1: the axis cannot be
 * divided so, which e->why then tells by `what`. */
int64_t encoder_groups(Encoder *e, int axis, double each, const char *what);

/* Builds, in front of `at`, the ops that decode the parts; returns what replaces the
 * weight v. */
Value *compress_form(Module *m, Op *at, const Value *v, const Encoder *e, Diag *d);

bool encode_sparse(Encoder *e); /* sets mask and kept */
bool encode_quantised(Encoder *e);
bool encode_palette(Encoder *e);
bool encode_vectors(Encoder *e);

/* ---- tables of values: k-means on a line (compress_cluster.c) ---------------------------- */

typedef struct ClusterPoints ClusterPoints;
ClusterPoints *cluster_begin(size_t n); /* n: how many numbers will be added in all */
void cluster_add(ClusterPoints *p, const double *v, size_t n);
/* Computes k values, ascending, for which the sum of squared distances of all numbers to
 * their nearest value is small. Where there are at most k different numbers it returns
 * these, the last one repeated. */
void cluster_values(ClusterPoints *p, int k, double *value);
void cluster_end(ClusterPoints *p);

#endif
