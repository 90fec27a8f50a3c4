/* kernels.h -- loops over floats, compiled for each kind of processor, and threads to run them.
 * This folder knows nothing of programs and tensors.
 *
 *   const Kernels *k = kernels_here(NULL, d);          // the best that this machine has
 *   k->tile(&t);                                       // a tile of a product of matrices
 *   k->elem[ELEM_add](z, x, y, NULL, 0, 0, n);
 *
 * On one kind of processor sums are formed in the same order whatever the number of threads;
 * between kinds they may differ in the last digits. No function allocates, fails or keeps
 * state. */
#ifndef ANEC_KERNELS_H
#define ANEC_KERNELS_H

#include "../../base/base.h"

/* ---- element by element ------------------------------------------------------------------ */

/* ELEM_BLOCK is the size of the blocks in which callers compute. Functions may read and
 * write up to the next multiple of ELEM_PAD elements. */
enum { ELEM_BLOCK = 256, ELEM_PAD = 16 };

typedef enum {
#define ELEM(name, args, value) ELEM_##name,
#include "elem.def"
    ELEM_COUNT
} ElemOp;

/* z[i] = op(x[i], y[i], w[i]; a, b); operands that the op does not have may be NULL. */
typedef void ElemFn(float *z, const float *x, const float *y, const float *w, float a,
                    float b, size_t n);
/* The number of operands of each op, of x, y and w. */
extern const unsigned char elem_args[ELEM_COUNT];

/* ---- products of matrices ---------------------------------------------------------------- */

/* A tile of a product: c[i][j] becomes the sum over l < depth of a[l * mr + i] * b(l)[j], for
 * i < rows and j < nr; with `add` the sum is added to c. Row b(l) begins at b + off[l], or at
 * b + l * ldb where off is NULL, counted in elements. All nr columns are read and written. */
typedef struct {
    int64_t depth;
    int rows;
    bool half;   /* b is fp16 */
    bool narrow; /* j < nr / 2; b is fp32, by ldb */
    bool add;
    const float *a;
    const void *b;
    const int64_t *off;
    int64_t ldb;
    float *c;
    int64_t ldc;
} GemmTile;

/* Functions of elem.def, which have no numbers of their own, that an end takes of each element. */
#define END_ACTS(ACT) ACT(silu) ACT(gelu) ACT(gelu_tanh) ACT(sigmoid) ACT(tanh)
typedef enum {
    END_BY_NONE,
#define ACT(name) END_BY_##name,
    END_ACTS(ACT)
#undef ACT
} EndAct;

/* The end of a product, which turns sums c[i][j] into results: rounds to fp16; multiplies by a number
 * for each column, and adds one for each row or column; rounds; takes a function of that; rounds; adds
 * an element of another matrix, or multiplies by it; rounds; clamps between two numbers. The result
 * and the other matrix have rows that are `apart` elements apart. */
enum { END_SUM, END_TABLE, END_ACT, END_MORE, END_ROUNDS };
typedef struct {
    bool round[END_ROUNDS];
    /* of these two, other kernels than Kernels.end know nothing */
    EndAct act;
    const float *scale;      /* NULL: none */
    const float *row, *col;  /* NULL: none */
    const void *more;        /* NULL: none */
    bool times;              /* it is multiplied by */
    bool more_half, to_half; /* it is fp16 */
    bool bounded;
    float low, high;
    void *to;
    int64_t apart;
} SumsEnd;

/* Whether all kernels can do it. */
static inline bool sums_end_plain(const SumsEnd *e) { return !e->act && !e->scale; }

/* z, a copy of e, is brought to a part of the result that begins `at` elements and `col` columns further
 * on than e's. What has not changed is not copied again, which would wait for all stores of sums
 * before it. */
static inline void sums_end_move(SumsEnd *z, const SumsEnd *e, int64_t at, int64_t col)
{
    z->to = (char *)e->to + at * (e->to_half ? 2 : 4);
    if (e->more) z->more = (const char *)e->more + at * (e->more_half ? 2 : 4);
    if (e->scale) z->scale = e->scale + col;
    if (e->col) z->col = e->col + col;
}

static inline SumsEnd sums_end_at(const SumsEnd *e, int64_t at, int64_t col)
{
    SumsEnd z = *e;
    sums_end_move(&z, e, at, col);
    return z;
}

/* A tile of a product whose left side need not be packed: c[i][j] becomes from[i][j] + the sum over l
 * of a(i, l) * b[l][j], for i < rows and j < nr, where b is a panel of nr columns. A row of the
 * left side consists of runs: run g begins off[g] behind a and has `run` elements, the last one
 * `last`; each row lies `apart` elements behind the row before it. */
typedef struct {
    int rows;
    bool half;   /* b is fp16 */
    bool narrow; /* j < nr / 2 */
    bool panel;  /* elements of a row lie mr apart, as in a GemmTile; else side by side */
    int64_t runs, run, last;
    const float *a;
    int64_t apart;
    const int64_t *off; /* NULL: there is one run, at a */
    const void *b;
    const float *from;        /* NULL: nothing */
    int64_t ldf, from_second; /* second: from column 0 to column nr / 2 */
    float *c;
    int64_t ldc, second;
    const SumsEnd *end; /* in place of c, rows its own distance apart; NULL: none */
    /* what is read after this tile: each product of a sum asks for what is `ahead_by` bytes further
     * on; NULL: nothing */
    const void *ahead;
    int64_t ahead_by;
} RunTile;

/* A product with few rows on the left, which are read where they lie, as is the right side: c[i][j]
 * becomes the sum over l < depth of a[i * apart + l] * b(l)[j], for i < rows; with `add` the sum is
 * added to c. The right side has panels of nr columns; row l of panel p begins p * panel + l * ldb
 * elements behind b. `back`: the last panels come first, so that who multiplies by the same ones
 * again and again, to and fro, finds some in a cache that is smaller than all. */
enum { THIN_ROWS = 4 };
typedef struct {
    int rows;  /* THIN_ROWS at most */
    bool half; /* b is fp16 */
    bool add, back;
    int64_t depth, panels;
    const float *a;
    int64_t apart;
    const void *b;
    int64_t ldb, panel;
    float *c;
    int64_t ldc;
} ThinProduct;

/* The same of a right side whose columns are rows in memory: c[i][j] becomes the sum over l <
 * depth of a[i * apart + l] * b[j * ldb + l], for i < rows, THIN_ROWS at most, and j < cols. */
typedef struct {
    int rows;
    bool half; /* b is fp16 */
    int64_t depth, cols;
    const float *a;
    int64_t apart;
    const void *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
} DotProduct;

/* A plane of high x wide elements, over which a window of side x side weights slides: for the
 * result at (y, x) it begins at (step y - top, step x - left) of the plane. */
typedef struct {
    const float *x, *weight;
    int64_t high, wide, out_high, out_wide, top, left;
    int side, step; /* 3 or 5; 1 or 2 */
} DepthPlane;

/* The last transform of Winograd's method: 36 vectors, `step` elements apart, become 4 lines of
 * 4 vectors. */
typedef struct {
    const float *m;
    int64_t step;
    float *to;
    int64_t line;
    const SumsEnd *end; /* in place of to, lines its own distance apart; NULL: none */
} WinoTile;

/* A line of windows over a plane whose elements are vectors of channels, with side x side
 * vectors of weights; the rest is as in DepthPlane. */
typedef struct {
    const void *x;
    bool half; /* x is fp16 */
    const float *weight;
    int64_t high, wide, out_wide, top, left;
    int side, step;
    bool largest; /* the largest of the positions instead; there are no weights */
} DepthLine;

/* ---- weights that are kept compressed ---------------------------------------------------- */

/* What becomes of the numbers: they are stored; `*x` times each is added to what is there; or
 * their products with those at x are added to `to`, which is two vectors of sums. */
typedef enum { CODE_STORE, CODE_ADD, CODE_DOT } CodeUse;

/* Codes of 1 to 8 bits, the lower bits of a byte first, from number `first` on. A run of them
 * shares a table of `entries` floats, a code being a place in it, or, where table is NULL, a
 * scale and an offset: each becomes scale * ((code ^ flip) - offset), rounded to fp16 where that
 * is asked for. Tables, scales and offsets of the runs follow each other. The first run may be
 * shorter. `each`: there is a scale and an offset for each code. */
typedef struct {
    const uint8_t *code;
    int64_t first, first_run, run;
    int bits, flip, entries;
    const float *table, *scale, *offset;
    bool each, round;
    CodeUse use;
    const float *x;
} CodeRun;

/* Bits of a mask from number `first` on; `value` has those elements that its bits name, and the
 * others are 0. */
typedef struct {
    const uint8_t *mask;
    int64_t first;
    const void *value;
    int64_t left; /* values from there to the end */
    bool half;    /* they are fp16 */
    CodeUse use;
    const float *x; /* as in CodeRun */
} SpreadRun;

/* ---- rows -------------------------------------------------------------------------------- */

/* ROUNDED and HALVED: sums of squares that are rounded first, to fp32 or to fp16, as those are that
 * an op has made. */
typedef enum {
    ROW_SUM,
    ROW_SQUARES,
    ROW_ABS,
    ROW_MAX,
    ROW_MIN,
    ROW_ROUNDED,
    ROW_HALVED,
    ROW_COUNT
} RowOp;

/* What is done to all elements of a row with one number. */
typedef enum { BY_MUL, BY_DIV, BY_SUB } RowBy;

/* Scores of an attention: they are multiplied by a number, and others are added; `round`: what is
 * made of each, and its probability, is rounded to fp16, as are the scores. */
typedef struct {
    float by;
    bool scaled, round;
    const float *add; /* NULL: nothing */
} WeighRow;

/* ---- pairs that are turned --------------------------------------------------------------- */

/* Rows of n pairs a, b and of cosines and sines: to[0] becomes a cos - b sin, to[1] a sin + b cos.
 * Row i of a side begins i * apart elements behind the first; no side is where a result is. */
enum { ROPE_SIDES = 4 };
typedef struct {
    bool half; /* all are fp16, and products are rounded */
    int64_t rows, n;
    const void *x[ROPE_SIDES];
    int64_t apart[ROPE_SIDES];
    void *to[2];
    int64_t to_apart;
} RopeRows;

typedef struct Kernels {
    const char *name;
    int lanes;
    int mr, nr; /* of a GemmTile: the most rows, and the columns */
    void (*tile)(const GemmTile *t);
    void (*runs)(const RunTile *t);
    void (*thin)(const ThinProduct *t);
    void (*dots)(const DotProduct *d);
    /* to[l * width + i] = x[i * apart + l] of i < rows and l < n */
    void (*turn)(float *to, int64_t width, const float *x, int64_t apart, int64_t rows,
                 size_t n);
    /* c is read in whole vectors */
    void (*end)(const SumsEnd *e, const float *c, int64_t ldc, int64_t rows,
                int64_t cols);
    ElemFn *const *elem;
    /* rows x + off[l] of nr columns, side by side */
    void (*gather)(float *to, const float *x, const int64_t *off, int64_t depth);
    void (*fill)(float *dst, float v, size_t n); /* up to the next multiple of ELEM_PAD */
    void (*widen)(float *dst, const uint16_t *src, size_t n); /* fp16 to fp32 */
    void (*narrow)(uint16_t *dst, const float *src,
                   size_t n); /* rounded to nearest even */
    /* n elements of compressed weights as floats */
    void (*decode)(const CodeRun *c, float *to, size_t n);
    void (*spread)(const SpreadRun *s, float *to, size_t n);
    float (*row[ROW_COUNT])(const float *x, size_t n);
    void (*softmax)(float *x, size_t n); /* in place */
    /* scores become the softmax of what is made of them */
    void (*weigh)(const WeighRow *w, float *x, size_t n);
    /* acc[i] op= x[i] for reductions over what is not the last axis */
    void (*fold[ROW_COUNT])(float *acc, const float *x, size_t n);
    /* (x - mean) / sqrt(variance + eps), in place */
    void (*standardise)(float *x, size_t n, float eps);
    float (*dot)(const float *x, const float *y, size_t n);
    void (*rope)(const RopeRows *r);
    void (*by)(RowBy how, float *z, const float *x, float y, size_t n);
    /* z[i] = the sum of w[t] * x[off[t] + i] over t < taps, or the largest x[off[t] + i]; reads
     * and writes up to the next multiple of ELEM_PAD */
    void (*window_sum)(float *z, const float *x, const float *w, const int64_t *off,
                       int taps, size_t n);
    void (*window_max)(float *z, const float *x, const int64_t *off, int taps, size_t n);
    /* the sums of all positions, of which the results' rows are one row of e */
    void (*depth)(const DepthPlane *d, const SumsEnd *e);
    void (*depth_line)(const DepthLine *d, int64_t y, const SumsEnd *e);
    /* to[p * plane + i] = x[by * i + p] of i < n and p < by, which is 2 or 4 */
    void (*split)(float *to, int64_t plane, const float *x, int by, size_t n);
    /* Winograd's transforms, of vectors: of 6 lines of 6, 36 numbers `step` apart; and
     * back, false where some sum was not finite */
    void (*wino_in)(float *to, int64_t step, const float *x, int64_t line);
    bool (*wino_out)(const WinoTile *t);
    /* of 9 vectors of weights, side by side, their 36 numbers */
    void (*wino_weight)(float *to, int64_t step, const float *g);
} Kernels;

/* The kernels of a kind of processor ("avx2"); name NULL: of ANEC_CPU in the environment,
 * else the best for this machine. NULL: there is no such kind, or this machine cannot run
 * it, which is reported with a list of those that it can. */
const Kernels *kernels_here(const char *name, Diag *d);
/* The i-th kind that this machine can run, the best first; NULL: there are no more. */
const Kernels *kernels_at(int i);

/* ---- what a core can do (machine.c) ------------------------------------------------------ */

typedef struct {
    double flops; /* a second: operations of products, two for each multiply-add; */
    double near_bytes, far_bytes; /* bytes of little and of much memory that is read */
} CoreSpeed;

/* Takes some milliseconds. room: MACHINE_ROOM floats, which are written to. */
enum { MACHINE_ROOM = 8 << 20 };
CoreSpeed machine_measure(const Kernels *k, float *room);
/* Seconds that so much work takes at least. */
double machine_least(const CoreSpeed *m, double flop, double bytes);

/* ---- threads ----------------------------------------------------------------------------- */

/* team_run runs the parts 0 .. count - 1 of some work, each once, on any of the threads, and
 * returns when all are done. The result of a part must not depend on the thread. `lane`,
 * below team_lanes, differs between parts that run at the same time; it chooses their
 * scratch memory. */
typedef struct Team Team;
typedef void TeamWork(void *ctx, int64_t part, int lane);

enum { TEAM_MOST = 64 };
/* A team of `threads` lanes, the caller's thread included; fewer where the system gives no
 * more. */
Team *team_new(int threads);
void team_free(Team *t); /* NULL is allowed; ends its threads */
int team_lanes(const Team *t);
/* t NULL: runs all parts in the caller's thread. */
void team_run(Team *t, TeamWork *work, void *ctx, int64_t count);
int team_processors(void); /* how many processors this process may use */

#endif
