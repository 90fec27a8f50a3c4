/* compress_part.h -- what the files share that compress weights (compress.h is the door). */
#ifndef ANEC_COMPRESS_PART_H
#define ANEC_COMPRESS_PART_H

#include "../ops/geometry.h"
#include "compress.h"
#include "passes.h"

/* ---- the tables -------------------------------------------------------------------------- */

typedef struct {
    int old, now, joint; /* ops, or OP_NONE */
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
int compression_bits(int kind); /* of what is stored for an element */

/* The nearest form that the target has, and what was left of the wish; NULL: nothing. For a
 * weight that `use` takes as its parameter `param`. */
Compression compression_for(const Compression *wish, const PassOptions *o, Opset opset,
                            const Op *use, Arena *a, const char **why);

/* ---- rules ------------------------------------------------------------------------------- */

/* What rules ask of a weight. */
typedef struct {
    const char *name, *path; /* path NULL: it is the name */
    const char *func;
    const Op *use; /* NULL: nothing uses it */
    size_t elements;
    int rank;
} CompressSubject;

/* The form that the first rule has which takes it; NULL: none does. */
const Compression *compress_rules_ask(CompressRules *r, const CompressSubject *s);
/* Warns about rules that took nothing, with the nearest name that there was. */
void compress_rules_idle(const CompressRules *r, Diag *d, const char *const *names, size_t n);

/* ---- encoding ---------------------------------------------------------------------------- */

/* What a weight becomes; NULL where its form has no such part. */
typedef struct {
    const Const *data;  /* quantised elements, indices, or elements that stay */
    const Const *mask;  /* uint1, of the weight's shape */
    const Const *table; /* ios18's shape */
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
    const uint8_t *mask; /* bits of the elements that stay; NULL: all do */
    size_t kept;
    const char *why; /* what its dimensions did not allow, or NULL */
    Coded to;
} Encoder;

/* from, m, diag, name, as, channel and input are set; False: reported. */
bool compress_encode(Encoder *e);

/* The elements in order, block by block, as far as they stay: v[0..n) of one block, the first
 * of which is number `at` of those that stay. */
typedef void RunTaker(void *ctx, int64_t block, const double *v, size_t n, size_t at);
bool encoder_walk(Encoder *e, const Blocks *b, RunTaker *take, void *ctx);
/* Those of one block alone; `at` says nothing. */
bool encoder_walk_block(Encoder *e, const Blocks *b, int64_t block, RunTaker *take, void *ctx);
/* Room for elements of a type, which lives as long as the module. */
Const *encoder_room(Encoder *e, DType t, Shape s, Tensor *view);
/* A scale whose `reach`-fold is finite and which lets numbers up to `most` be `reach` of it. */
double encoder_scale(const Encoder *e, double most, double reach);
/* The nearest number of the weight's type. */
double encoder_rounded(const Encoder *e, double v);
/* The parts of an axis that a wish for so many elements each allows; 1: it cannot be parted. */
int64_t encoder_groups(Encoder *e, int axis, double each, const char *what);

/* The ops that decode it, in front of `at`: what stands for v, a weight. */
Value *compress_form(Module *m, Op *at, const Value *v, const Encoder *e, Diag *d);

bool encode_sparse(Encoder *e); /* sets mask and kept */
bool encode_quantised(Encoder *e);
bool encode_palette(Encoder *e);
bool encode_vectors(Encoder *e);

/* ---- tables of values (compress_cluster.c) ----------------------------------------------- */

typedef struct ClusterPoints ClusterPoints;
/* For n numbers that will be added. */
ClusterPoints *cluster_begin(size_t n);
void cluster_add(ClusterPoints *p, const double *v, size_t n);
/* k values, ascending, such that the sum of the squared distances to the nearest is small;
 * where there are no more than k different numbers, these, the last one repeated. */
void cluster_values(ClusterPoints *p, int k, double *value);
void cluster_end(ClusterPoints *p);

#endif
