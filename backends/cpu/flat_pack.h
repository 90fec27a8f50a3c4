/* flat_pack.h -- packs operands in the order in which kernels read them: matrices, and the
 * inputs of windows. */
#ifndef ANEC_FLAT_PACK_H
#define ANEC_FLAT_PACK_H

#include "../../ir/ops/geometry.h"
#include "flat.h"

/* ---- matrices (flat_pack.c) -------------------------------------------------------------- */

/* The rows of the left matrix are packed in panels of mr, the columns of the right one in
 * panels of nr. A panel has, for each value of the summed index, the elements of its rows
 * (columns) side by side, padded with zeros: the order that GemmTile needs. */

/* A matrix in memory: element (i, j) is data[i * rows + j * cols], fp32 or fp16. */
typedef struct {
    const void *data;
    DType dtype;
    int64_t rows, cols; /* distances */
} Matrix;

static inline Matrix matrix_at(Matrix m, int64_t i, int64_t j)
{
    const int64_t at = i * m.rows + j * m.cols;
    m.data = (const char *)m.data + at * (m.dtype == DT_FP16 ? 2 : 4);
    return m;
}

/* Rows [0, n) by depth of a as one panel of `width` columns; fp32. */
void pack_panel(const Kernels *k, Matrix a, int64_t n, int64_t depth, int width,
                float *to);
/* the same, kept as fp16 */
void pack_panel_half(Matrix a, int64_t n, int64_t depth, int width, uint16_t *to);
/* Whether the left side's rows are read as they lie, where there are so many and their
 * elements lie `cols` apart, and there are more than a few. */
static inline bool pack_is_straight(int64_t m, int64_t cols)
{
    return cols == 1 && m > THIN_ROWS;
}
/* Whether rows so far apart would drive each other out of a cache while a tile reads them. */
bool pack_crowds(const Kernels *k, int64_t apart);
/* How far apart copies of rows of n elements are to lie. */
int64_t pack_apart(const Kernels *k, int64_t n);
/* Rows [0, n) by depth of a as they are, `apart` apart; fp32. */
void pack_rows(const Kernels *k, Matrix a, int64_t n, int64_t depth, int64_t apart,
               float *to);
/* A matrix of weights that stays compressed (flat_codes.c). */
typedef struct Codes Codes;
/* Elements of a row. */
typedef struct {
    int64_t row, first, n;
} CodesPart;
/* NULL: the slot is none, or of a kind that is decoded when the program is loaded. */
const Codes *codes_of(const FlatLower *l, int slot);
size_t codes_bytes(const Codes *c);
void codes_row(const Codes *c, const Kernels *k, CodesPart p, float *to);
/* to += by * the part; and the sum of its products with x. */
void codes_add(const Codes *c, const Kernels *k, CodesPart p, float by, float *to);
float codes_dot(const Codes *c, const Kernels *k, CodesPart p, const float *x);

/* A product with at most GEMM_FEW rows on the left (flat_few.c): of columns of a right side that is
 * packed, or that is read where it lies if its columns lie side by side. Sums are formed in the
 * same order in all cases. `add`: they are added to c; `back`: see ThinProduct. */
enum { GEMM_FEW = THIN_ROWS };
typedef struct {
    Matrix a, b;
    const void
        *packed; /* in place of b: panels of all of depth, where the columns begin */
    bool half, add, back;
    int64_t rows, depth, cols;
    float *c; /* whole panels are written */
    int64_t ldc;
    float *room; /* few_room floats */
} FewProduct;
void few_run(const Kernels *k, const FewProduct *p);
size_t few_room(const Kernels *k, int64_t rows, int64_t depth);

/* A product of matrices as a step (flat_gemm.c). */
typedef struct {
    int64_t batch, m, n, k;
    int64_t
        summed; /* batches that are added up, of which batch counts none; 1: there are none */
    int a_slot, b_slot;   /* of what a run makes; -1: known */
    Matrix a, b;          /* data of what is known; else of the slot */
    int64_t *a_at, *b_at; /* by batch: elements from there */
    const void *packed; /* b in panels of all of k; NULL: it is packed by who needs it */
    const Codes *codes; /* b as it is compressed; NULL: it is not */
    bool turned;        /* and its rows are columns of b */
    bool whole;         /* b is read in the order of the file, columns as rows */
    bool half;
    bool straight;         /* rows of a are read as they lie, */
    bool copied;           /* once they are floats at good distances */
    int64_t depth;         /* of the summed index at a time */
    int64_t rows, columns; /* of a part */
    int64_t mparts, nparts;
} Gemm;
/* Cuts g, which lives as long as the plan, into parts, and has the step compute it. */
void gemm_step(FlatStep *s, Gemm *g, const Kernels *k);
/* NULL: the step is none, or one whose sides are swapped. */
const Gemm *gemm_of(const FlatStep *s);
/* A sum over all batches of a product, which nothing else reads; false: it is none. */
bool lower_summed(FlatLower *l, FlatStep *s, int x_slot, int64_t batches);
/* The step that makes all of a slot, which one op alone reads; NULL: there is none. */
const FlatStep *flat_made_for_one(const FlatPlan *p, int slot);
/* The product g as the end of an attention, where its left side is the softmax of products
 * (flat_attended.c); false: it is not. */
bool lower_attended(FlatLower *l, FlatStep *s, const Gemm *g);

static inline int64_t pack_panels(int64_t n, int width)
{
    return (n + width - 1) / width;
}

/* ---- windows (flat_window.c) ------------------------------------------------------------- */

/* x is laid out so that a window's tap is x from another place on.
 *
 * A channel is copied with its padding and split by what the strides leave over, one plane for
 * each: then every tap of a window reads, for result positions side by side, elements side by
 * side. Positions count along the planes' lines, which are longer than the result's: what falls
 * between is computed and left out. */

typedef struct {
    Window w;
    int64_t phases
        [MAX_SPATIAL]; /* planes: what is left over by the stride, where it matters */
    int64_t size[MAX_SPATIAL]; /* of a plane */
    int64_t plane, channel;    /* elements */
    int64_t span;              /* positions that are computed */
    int64_t *off;              /* by tap */
    int taps;
    bool direct; /* x itself is laid out so */
} Staged;

void stage_init(Staged *g, const Window *w, Arena *a);
/* One channel of x, `rest` where it is padding, to `to`: g->channel floats. */
void stage_channel(const Staged *g, const Kernels *k, const void *x, DType t, float rest,
                   float *to, float *line);
/* In room of a line and a bit: of the longest line of x. */
int64_t stage_line(const Staged *g);
/* Positions that are kept, side by side in the result too: n from `from` on, result `at` on. */
typedef struct {
    int64_t from, n, at;
} StagedRun;
/* The first such run of positions [first, end); false: there is none. */
bool stage_run(const Staged *g, int64_t first, int64_t end, StagedRun *run);
/* Leaves out of positions [first, first + n) of v those between lines; how many stay. *at: the
 * first one's number among the results of a channel. */
int64_t stage_valid(const Staged *g, int64_t first, int64_t n, float *v, int64_t *at);

/* ---- scores of an attention (flat_scores.c) ---------------------------------------------- */

/* What a program does to scores before the softmax: it multiplies them, and adds a mask. */
typedef struct {
    /* each once at most, and either all results are rounded to fp16 (`round`) or none */
    bool plain, scaled, round;
    float by; /* what they are multiplied by, if plain */
    float factor,
        most; /* the size of all factors, and the largest on the way; 1 at least */
    const ElemIn *mask; /* NULL: there is none */
} Scores;
/* false: it does something else. */
bool scores_of(const ElemProgram *e, Scores *z);
/* Whether a row of the mask lies side by side, */
bool scores_mask_lies(const Scores *z, int64_t keys);
/* and where that of the row of scores begins that begins at element `first`. */
int64_t scores_mask(const ElemIn *mask, int64_t first);

/* Of so many heads, rows of each, which are `parts` parts of `part` rows, and keys. */
typedef struct {
    int64_t batch, rows, keys, part, parts;
} CausalShape;
typedef struct {
    const int64_t *end; /* by part: keys that count */
    float gap;          /* the others are so far below the largest in their row */
    /* what a score is multiplied by before the mask is added, and the most on the way */
    float factor, most;
} Causal;
/* Whether a known mask is added to scores that shuts keys out. */
bool causal_of(const FlatLower *l, const Scores *z, const CausalShape *s, Causal *c);
/* The size of the largest of n elements; infinite where one is none. */
float causal_size(const Kernels *k, const float *x, size_t n);
/* Whether the softmax of what is shut out is 0, where no product is larger than `score`; half:
 * it is rounded to fp16, which holds no more than so much. */
bool causal_holds(const Causal *c, float score, bool half);

/* Convolutions of few positions (flat_narrow.c). */
bool narrow_suits(const FlatLower *l, const Conv *v);
bool lower_narrow(FlatLower *l, FlatStep *s, const Conv *v, const Tensor *weight);

/* ---- values whose channels lie in blocks (flat_layout.c) --------------------------------- */

/* A value [batch, channels, high, wide] may have a twin: the same numbers as [batch, blocks,
 * high, wide, lanes], with as many channels side by side as a vector has lanes, and anything
 * where there are no channels. Its slot is the value's own, Plan.nslot on. Convolutions make
 * twins, and so do elementwise steps of twins; what reads a value otherwise has it
 * brought into its order by a step of its own, when it is first wanted. */

/* An op by its twins where it can be; false: nothing was done. */
bool layout_call(Make *m, FlatLower *l);
/* What s reads lies in its order from here on. */
void layout_args(Make *m, const Step *s);
/* The value of a slot does, once the op at work has run (after) or before. */
void layout_plain(Make *m, int slot, bool after);
/* Whether there is a twin. */
bool layout_twin(const FlatPlan *p, int slot);

static inline int64_t layout_blocks(int64_t channels, int lanes)
{
    return (channels + lanes - 1) / lanes;
}

/* Sums of n positions of a block from element `first` on, side by side, become results. */
void layout_end(const FlatStep *s, const FlatRun *r, int64_t first, int64_t n, float *c);

/* x as convolutions by blocks read it: `blocks` times `high` lines of `broad` positions of
 * `side` channels, with their padding (flat_lines.c). */
typedef struct {
    Window w;
    int x_slot;
    bool twin, padded;
    bool staged; /* it is laid out in room first; else it lies so */
    DType type;
    int64_t cin, side, blocks, high, broad;
} BlockLines;

void block_lines_of(const FlatLower *l, const Conv *v, BlockLines *b);
/* Bytes of room, where it is staged, and of each lane's. */
size_t block_lines_room(const BlockLines *b);
size_t block_lines_lane(const BlockLines *b);
/* Lines [first, first + count) of all blocks, positions [at, at + wide) of each, laid out
 * at `to`: by the threads, or, where room is what a lane needs, by the caller alone. */
typedef struct {
    int64_t image, first, count, at, wide;
    float *to, *room;
} BlockPart;
void block_lines_lay(const BlockLines *b, const FlatRun *r, BlockPart p);
/* Where the lines of an image are. */
const float *block_lines(const BlockLines *b, const FlatRun *r, int64_t image);

/* A convolution by tiles (flat_direct.c). */
typedef struct {
    BlockLines x;
    int64_t batch, cout;
    int64_t runs, run, last; /* of what is summed */
    const int64_t *off;      /* by run: elements */
    int64_t chunk;           /* runs at a time */
    const void *weight;      /* panels of nr channels of the result */
    bool half;
    int64_t depth, panels, group; /* group: panels of a part */
    int64_t out_high,
        out_wide;        /* of the result, all of it one line where nothing is between */
    int64_t lines, cols; /* of a part */
    int64_t downs, acrosses; /* parts of a result's plane */
} Direct;

/* NULL: the step is none, or one of a chain. */
const Direct *direct_of(const FlatStep *s);

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Direct *c;
    const float *x; /* of this image */
    int64_t image;
} DirectWork;

typedef struct {
    int64_t panel, y, lines, x, cols;
    const float *at; /* what the first position reads */
    float *sums;     /* of two blocks, one after the other */
    int64_t plane;   /* elements of one, */
    int64_t second;  /* and from one to the other in the result */
} DirectPart;

/* A panel has two blocks, the last one maybe one. */
static inline bool direct_narrow(const Direct *c, int64_t panel, const Kernels *k)
{
    return c->cout - panel * k->nr <= k->lanes;
}
/* The sums of a part of a panel; end: what becomes of them; NULL: they stay. */
void direct_sums(const Kernels *k, const Direct *c, const DirectPart *p,
                 const SumsEnd *end);
/* And as results of the step. */
void direct_panel(const DirectWork *w, const DirectPart *p);

/* A window over each channel by itself, of a convolution or a pool (flat_depth.c). */
typedef struct {
    int x_slot;
    DType type;
    Window w;
    int64_t batch, channels, blocks;
    /* by block and place of the window, a vector of channels; NULL: a pool */
    const float *weight;
} Depth;

/* NULL: the step is none, or one of a chain. */
const Depth *depth_of(const FlatStep *s);
/* What its lines of a plane have in common: of a block of an image. */
DepthLine depth_plane_of(const Depth *c, const FlatRun *r, int64_t plane);
typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Depth *c;
} DepthWork;

/* Line y of the plane as results of the step; room: of a line. */
void depth_put_line(const DepthWork *w, const DepthLine *d, int64_t plane, int64_t y,
                    float *room);

/* Convolutions one after the other, a few lines at a time (flat_chain.c). */
typedef struct Chain Chain;
/* The window c takes over the step that makes its x; the convolution c takes over the step with
 * a window that makes its x, and has its geometry set, so that runs and parts can be found. NULL:
 * it is not to be. */
Chain *chain_window(const FlatLower *l, const Depth *c);
Chain *chain_narrow(const FlatLower *l, const Conv *v, Direct *c);
/* The op becomes the chain's step; and of a chain that ends in the convolution c. */
void chain_finish(const FlatLower *l, FlatStep *s, Chain *h);
void chain_end(const FlatLower *l, FlatStep *s, Chain *h, const Direct *c);

/* As LowerFns, of an op whose result is a twin (flat_direct.c, flat_wino.c, flat_depth.c),
 * and which of them suits. */
LowerFn lower_direct, lower_depth, lower_depth_pool, lower_wino;
bool direct_suits(const FlatLower *l, const Conv *v);
bool wino_suits(const FlatLower *l, const Conv *v);
bool depth_blocks(const FlatLower *l, const Conv *v);
bool pool_blocks(const FlatLower *l);

#endif
