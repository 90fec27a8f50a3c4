/* flat_attention.h -- an attention as a step, of an op (flat_attention.c) or of what is written as
 * products and a softmax (flat_attended.c). */
#ifndef ANEC_FLAT_ATTENTION_H
#define ANEC_FLAT_ATTENTION_H

#include "flat_pack.h"

/* A matrix for each head, in a slot. */
typedef struct {
    int slot;
    Matrix m;
    const int64_t *at; /* by head: elements from the slot's begin on */
} Heads;

typedef struct {
    Heads query, key, value; /* key: turned, a row for each key */
    int mask;                /* slot; -1: none */
    DType mask_type;
    int64_t batch, rows, keys, size, width;
    /* of an attention that is written as ops: what is done to scores before and after the
     * softmax, in place of scale and mask; NULL: it is an op of its own */
    const ElemProgram *scored, *weighed;
    /* where that is no more than a factor and a mask of floats, in one pass with the softmax */
    bool weighs;
    WeighRow weigh;
    const ElemIn *added; /* NULL: nothing */
    int64_t added_row;
    int64_t *mask_at; /* by batch: its first element */
    int64_t mask_row;
    Causal shut; /* end NULL: all keys count */
    float scale;
    int64_t part, parts;         /* rows of a part, parts of a head */
    int64_t key_room, head_room; /* floats of a head's panels */
    /* of the result: by head its first element, and from row to row */
    int64_t *to_at, to_row;
} FlatAttention;

static inline int64_t attention_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Keys and values are read where they lie, as in a product of as many rows. */
static inline bool attention_few(const FlatAttention *g) { return g->rows <= GEMM_FEW; }

/* How the rows are shared out, which the ends of a mask are by. A mask has smaller parts, which have
 * less that only some of their rows need. */
enum { ATTENTION_PANELS = 4, ATTENTION_MASKED = 2 };
static inline void attention_cut(FlatAttention *g, int64_t rows)
{
    g->part = attention_least(rows, g->rows);
    g->parts = (g->rows + g->part - 1) / g->part;
}

/* Has the step compute what is filled in. */
bool attention_finish(FlatLower *l, FlatStep *s, const FlatAttention *made);

#endif
