/* flat_gemm.c -- products of matrices by tiles; flat_matmul.c says which ops are such.
 *
 * The result's rows and columns are cut into parts, which threads take; a part's sums stay in a
 * piece of scratch memory while the summed index goes by in blocks, and then pass through the
 * elementwise program row by row. A constant right matrix is in panels from the start, fp16
 * where it is fp16; a left matrix, and a right one that a run makes, are packed as they are
 * needed. A left matrix whose rows are floats side by side is read as it lies. */
#include "flat_pack.h"

enum { DEEPEST = 512, COLUMNS = 256, CODED = 2048, PANELS = 8 };

/* ---- a part ------------------------------------------------------------------------------ */

typedef struct {
    const FlatStep *s;
    const FlatRun *r;
    const Gemm *g;
    Matrix a, b; /* where they are in this run */
    /* a in panels of all of k, or its rows, and b in panels, when they were packed beforehand */
    const float *left, *right;
} GemmWork;

typedef struct {
    int64_t row, rows, col, cols, batch;
    float *c, *left, *right; /* scratch */
    int64_t ldc;
} GemmPart;

static int64_t gemm_batches(const Gemm *g) { return g->batch * g->summed; }

/* Floats of b of one batch in panels. */
static int64_t right_each(const Gemm *g, const Kernels *k)
{
    return pack_panels(g->n, k->nr) * k->nr * g->k;
}

static int64_t gemm_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* A row of sums: whole panels, and whole blocks of the elementwise program. */
static int64_t line_of(const Gemm *g, const Kernels *k)
{
    const int64_t n = pack_panels(g->columns, k->nr) * k->nr;
    return (n + ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
}

/* What a part's rows of a block take. */
static int64_t left_room(const Gemm *g, const Kernels *k)
{
    if (g->m <= GEMM_FEW) return 0;
    if (g->straight) return g->copied ? g->rows * pack_apart(k, g->depth) : 0;
    return pack_panels(g->rows, k->mr) * k->mr * g->depth;
}

static GemmPart part_of(const GemmWork *w, int64_t part, int lane)
{
    const Gemm *g = w->g;
    const Kernels *k = w->r->k;
    GemmPart p = { .batch = part / (g->mparts * g->nparts) };
    part %= g->mparts * g->nparts;
    p.row = part % g->mparts * g->rows;
    p.col = part / g->mparts * g->columns;
    p.rows = gemm_least(g->rows, g->m - p.row);
    p.cols = gemm_least(g->columns, g->n - p.col);
    p.ldc = line_of(g, k);
    p.c = flat_lane(w->r, lane);
    p.left = p.c + (pack_panels(g->rows, k->mr) * k->mr) * p.ldc;
    p.right = p.left + left_room(g, k);
    return p;
}

/* Rows of compressed weights that become a panel lie so far apart. */
static int64_t coded_apart(const Gemm *g, const Kernels *k)
{
    return pack_apart(k, g->depth);
}

/* A few rows are multiplied by weights as they are decoded. */
static bool gemm_few_coded(const Gemm *g) { return g->codes && g->m <= GEMM_FEW; }

/* Of what is packed or decoded of b, and the rows of a that are multiplied by columns. */
static int64_t right_room(const Gemm *g, const Kernels *k)
{
    if (gemm_few_coded(g)) return (g->m + 1) * pack_apart(k, g->k) + CODED;
    if (g->m <= GEMM_FEW) return (int64_t)few_room(k, g->m, g->k);
    const int64_t coded = g->codes ? k->nr * coded_apart(g, k) : 0;
    return g->packed ? 0 : k->nr * g->depth + coded;
}

static size_t part_bytes(const Gemm *g, const Kernels *k)
{
    const int64_t rows = pack_panels(g->rows, k->mr) * k->mr;
    const int64_t cols = line_of(g, k);
    return (size_t)(rows * cols + left_room(g, k) + right_room(g, k) + ELEM_PAD)
         * sizeof(float);
}

/* Of a compressed b: its rows, or its columns, as floats, and those as a panel. */
static const float *coded_panel(const GemmWork *w, const GemmPart *p, int64_t j,
                                int64_t l, int64_t depth)
{
    const Gemm *g = w->g;
    const Kernels *k = w->r->k;
    const int64_t nr = k->nr, n = gemm_least(nr, p->cols - j), col = p->col + j;
    const int64_t apart = coded_apart(g, k);
    float *rows = p->right + nr * g->depth;
    if (!g->turned)
        for (int64_t i = 0; i < depth; i++) {
            float *to = p->right + i * nr;
            codes_row(g->codes, k, (CodesPart){ l + i, col, n }, to);
            for (int64_t x = n; x < nr; x++) to[x] = 0;
        }
    else {
        for (int64_t i = 0; i < n; i++)
            codes_row(g->codes, k, (CodesPart){ col + i, l, depth }, rows + i * apart);
        const Matrix turned = { rows, DT_FP32, apart, 1 };
        pack_panel(k, turned, n, depth, k->nr, p->right);
    }
    return p->right;
}

/* Where row l of the panel of columns [j, j + nr) of packed weights is. */
static const void *packed_at(const GemmWork *w, const GemmPart *p, int64_t j, int64_t l)
{
    const Gemm *g = w->g;
    const int nr = w->r->k->nr;
    const int64_t at = ((p->col + j) / nr * g->k + l) * nr;
    return (const char *)g->packed + at * (g->half ? 2 : 4);
}

/* b of the part's batch, from row l and the part's column j on. */
static Matrix part_columns(const GemmWork *w, const GemmPart *p, int64_t j, int64_t l)
{
    Matrix b = matrix_at(w->b, l, p->col + j);
    b.data = (const char *)b.data + w->g->b_at[p->batch] * (b.dtype == DT_FP16 ? 2 : 4);
    return b;
}

/* Columns [j, j + nr) of rows [l, l + depth) of b as a panel. */
static const void *right_of(const GemmWork *w, const GemmPart *p, int64_t j, int64_t l,
                            int64_t depth)
{
    const Gemm *g = w->g;
    const int nr = w->r->k->nr;
    if (g->packed) return packed_at(w, p, j, l);
    if (w->right)
        return w->right + p->batch * right_each(g, w->r->k)
             + ((p->col + j) / nr * g->k + l) * nr;
    if (g->codes) return coded_panel(w, p, j, l, depth);
    const Matrix b = part_columns(w, p, j, l);
    /* a panel of columns is a panel of rows of the turned matrix */
    const Matrix turned = { b.data, b.dtype, b.cols, b.rows };
    pack_panel(w->r->k, turned, gemm_least(nr, p->cols - j), depth, nr, p->right);
    return p->right;
}

/* Rows of the part, and columns of a from l on. */
static Matrix part_rows(const GemmWork *w, const GemmPart *p, int64_t l)
{
    Matrix a = matrix_at(w->a, p->row, l);
    a.data = (const char *)a.data + w->g->a_at[p->batch] * (a.dtype == DT_FP16 ? 2 : 4);
    return a;
}

/* ---- a part of more rows than a few ------------------------------------------------------ */

/* The left rows of a part as tiles read them: row i begins i * row elements behind data. In panels
 * (RunTile) that is true of their first rows. */
typedef struct {
    const float *data;
    int64_t row;
    bool panels;
} GemmLeft;

/* Rows of [l, l + depth) as they lie, or as copies. */
static GemmLeft left_rows(const GemmWork *w, const GemmPart *p, int64_t l, int64_t depth)
{
    const Gemm *g = w->g;
    const Kernels *k = w->r->k;
    const Matrix a = part_rows(w, p, l);
    if (!g->copied) return (GemmLeft){ a.data, a.rows, false };
    const int64_t all = pack_apart(k, g->k), some = pack_apart(k, g->depth);
    if (w->left) return (GemmLeft){ w->left + p->row * all + l, all, false };
    pack_rows(k, a, p->rows, depth, some, p->left);
    return (GemmLeft){ p->left, some, false };
}

static GemmLeft left_panels(const GemmWork *w, const GemmPart *p, int64_t l,
                            int64_t depth)
{
    const Kernels *k = w->r->k;
    if (w->left)
        return (GemmLeft){ w->left + p->row * w->g->k + l * k->mr, w->g->k, true };
    const Matrix a = part_rows(w, p, l);
    for (int64_t i = 0; i < p->rows; i += k->mr)
        pack_panel(k, matrix_at(a, i, 0), gemm_least(k->mr, p->rows - i), depth, k->mr,
                   p->left + i * depth);
    return (GemmLeft){ p->left, depth, true };
}

/* What tiles read after the panel of columns from j on, of the block from l on: where it is in memory
 * already, and the part has one more. */
static const char *panel_ahead(const GemmWork *w, const GemmPart *p, int64_t j, int64_t l)
{
    const Gemm *g = w->g;
    const int64_t next = j + w->r->k->nr;
    if (!g->packed && !w->right) return NULL;
    if (next < p->cols) return right_of(w, p, next, l, 0);
    return l + g->depth < g->k ? right_of(w, p, 0, l + g->depth, 0) : NULL;
}

/* The products of a block of the depth from l on are added to the sums, if there are some (more). end:
 * what becomes of the sums, on their way from the registers or, a panel at a time, from scratch
 * memory; NULL: they stay. */
static void add_block(const GemmWork *w, const GemmPart *p, int64_t l, bool more,
                      const SumsEnd *end)
{
    enum { LINE = 64 };
    const Kernels *k = w->r->k;
    const int64_t depth = gemm_least(w->g->depth, w->g->k - l);
    const GemmLeft a = (w->g->straight ? left_rows : left_panels)(w, p, l, depth);
    const int64_t tiles = pack_panels(p->rows, k->mr),
                  each = a.panels ? k->mr : pack_panels(p->rows, (int)tiles);
    RunTile t = { .runs = 1,
                  .last = depth,
                  .panel = a.panels,
                  .apart = a.panels ? 1 : a.row,
                  .ldf = p->ldc,
                  .ldc = p->ldc,
                  .second = k->lanes,
                  .from_second = k->lanes };
    SumsEnd here = end ? *end : (SumsEnd){ 0 };
    t.ahead_by = gemm_least(LINE, k->nr * (w->g->half ? 2 : 4) / tiles);
    for (int64_t j = 0; j < p->cols; j += k->nr) {
        const int64_t cols = gemm_least(k->nr, p->cols - j);
        const bool inside = end && sums_end_plain(end) && cols == k->nr;
        t.b = right_of(w, p, j, l, depth);
        t.half = w->g->half;
        t.narrow = !t.half && p->cols - j <= k->lanes;
        const char *ahead = panel_ahead(w, p, j, l);
        for (int64_t i = 0, tile = 0; i < p->rows; i += each, tile++) {
            float *sums = p->c + i * p->ldc + j;
            t.rows = (int)gemm_least(each, p->rows - i);
            t.a = a.data + i * a.row;
            t.from = more ? sums : NULL;
            if (inside) sums_end_move(&here, end, i * end->apart + j, j);
            t.end = inside ? &here : NULL;
            t.c = sums;
            t.ahead = ahead ? ahead + tile * depth * t.ahead_by : NULL;
            k->runs(&t);
        }
        if (!end || inside) continue;
        sums_end_move(&here, end, j, j);
        k->end(&here, p->c + j, p->ldc, p->rows, cols);
    }
}

static void many_part(const GemmWork *w, GemmPart *p, const ElemBlock *b)
{
    const Gemm *g = w->g;
    EndRoom room;
    SumsEnd e;
    const bool ends = elem_end_any(w->s->elem, w->r, *b, &room, &e) && !e.row;
    for (int64_t i = 0; i < g->summed; i++, p->batch++)
        for (int64_t l = 0; l < g->k; l += g->depth) {
            const bool last = i + 1 == g->summed && l + g->depth >= g->k;
            add_block(w, p, l, i || l, ends && last ? &e : NULL);
        }
    if (!ends) elem_run_block(w->s->elem, w->r, *b, p->c, p->ldc);
}

/* ---- a few rows and compressed weights ---------------------------------------------------- */

/* Columns of the product are rows of the weights. */
static void coded_columns(const GemmWork *w, const GemmPart *p, const float *left,
                          int64_t apart, float *room)
{
    const Gemm *g = w->g;
    const Kernels *k = w->r->k;
    for (int64_t j = 0; j < p->cols; j++) {
        const CodesPart part = { p->col + j, 0, g->k };
        if (p->rows == 1) {
            p->c[j] = codes_dot(g->codes, k, part, left);
            continue;
        }
        codes_row(g->codes, k, part, room);
        for (int64_t i = 0; i < p->rows; i++)
            p->c[i * p->ldc + j] = k->dot(left + i * apart, room, (size_t)g->k);
    }
}

static void coded_rows(const GemmWork *w, const GemmPart *p, const float *left,
                       int64_t apart)
{
    const Gemm *g = w->g;
    for (int64_t i = 0; i < p->rows; i++)
        w->r->k->fill(p->c + i * p->ldc, 0, (size_t)p->cols);
    for (int64_t l = 0; l < g->k; l++)
        for (int64_t i = 0; i < p->rows; i++)
            codes_add(g->codes, w->r->k, (CodesPart){ l, p->col, p->cols },
                      left[i * apart + l], p->c + i * p->ldc);
}

static void coded_part(const GemmWork *w, const GemmPart *p)
{
    const Gemm *g = w->g;
    const int64_t apart = pack_apart(w->r->k, g->k);
    float *left = p->right;
    pack_rows(w->r->k, part_rows(w, p, 0), p->rows, g->k, apart, left);
    if (g->turned) coded_columns(w, p, left, apart, left + g->m * apart);
    else coded_rows(w, p, left, apart);
}

/* ---- a few rows -------------------------------------------------------------------------- */

/* Columns of the product are rows of weights in the order of the file. */
static void whole_part(const GemmWork *w, const GemmPart *p)
{
    const Gemm *g = w->g;
    const Kernels *k = w->r->k;
    const Matrix a = part_rows(w, p, 0), b = part_columns(w, p, 0, 0);
    const bool lies = a.cols == 1 && a.dtype == DT_FP32;
    const int64_t apart = lies ? a.rows : pack_apart(k, g->k);
    if (!lies) pack_rows(k, a, p->rows, g->k, apart, p->right);
    const DotProduct d = { .rows = (int)p->rows,
                           .half = b.dtype == DT_FP16,
                           .depth = g->k,
                           .cols = p->cols,
                           .a = lies ? a.data : p->right,
                           .apart = apart,
                           .b = b.data,
                           .ldb = b.cols,
                           .c = p->c,
                           .ldc = p->ldc };
    k->dots(&d);
}

static void few_part(const GemmWork *w, const GemmPart *p)
{
    const Gemm *g = w->g;
    FewProduct few = { .a = part_rows(w, p, 0),
                       .half = g->half,
                       .rows = p->rows,
                       .depth = g->k,
                       .cols = p->cols,
                       .c = p->c,
                       .ldc = p->ldc,
                       .room = p->right };
    if (g->packed) few.packed = packed_at(w, p, 0, 0);
    else few.b = part_columns(w, p, 0, 0);
    few_run(w->r->k, &few);
}

/* ---- all parts --------------------------------------------------------------------------- */

static void gemm_part(void *ctx, int64_t part, int lane)
{
    const GemmWork *w = ctx;
    const Gemm *g = w->g;
    GemmPart p = part_of(w, part, lane);
    const ElemBlock b = { .first = (p.batch * g->m + p.row) * g->n + p.col,
                          .apart = g->n,
                          .rows = p.rows,
                          .cols = p.cols };
    if (g->m > GEMM_FEW) {
        many_part(w, &p, &b);
        return;
    }
    if (gemm_few_coded(g)) coded_part(w, &p);
    else (g->whole ? whole_part : few_part)(w, &p);
    elem_run_block(w->s->elem, w->r, b, p.c, p.ldc);
}

static void pack_left(void *ctx, int64_t part, int lane)
{
    const GemmWork *w = ctx;
    const Gemm *g = w->g;
    const Kernels *k = w->r->k;
    const int64_t row = part * k->mr, n = gemm_least(k->mr, g->m - row);
    const Matrix a = matrix_at(w->a, row, 0);
    const int64_t apart = g->straight ? pack_apart(k, g->k) : g->k;
    float *to = (float *)(uintptr_t)w->left + row * apart;
    (void)lane;
    if (g->straight) pack_rows(k, a, n, g->k, apart, to);
    else pack_panel(k, a, n, g->k, k->mr, to);
}

static void pack_right_part(void *ctx, int64_t part, int lane)
{
    const GemmWork *w = ctx;
    const Gemm *g = w->g;
    const Kernels *k = w->r->k;
    const int64_t panels = pack_panels(g->n, k->nr), j = part % panels * k->nr;
    const GemmPart all = { .batch = part / panels };
    const Matrix b = part_columns(w, &all, j, 0),
                 turned = { b.data, b.dtype, b.cols, b.rows };
    float *to = (float *)(uintptr_t)w->right + all.batch * right_each(g, k);
    (void)lane;
    pack_panel(k, turned, gemm_least(k->nr, g->n - j), g->k, k->nr, to + j * g->k);
}

/* Floats of a as it is packed beforehand, and of b: where several parts read it. */
static int64_t left_whole(const Gemm *g, const Kernels *k)
{
    if (gemm_batches(g) > 1 || g->nparts < 2 || g->m <= GEMM_FEW
        || (g->straight && !g->copied))
        return 0;
    return pack_panels(g->m, k->mr) * k->mr * (g->straight ? pack_apart(k, g->k) : g->k);
}

static int64_t right_whole(const Gemm *g, const Kernels *k)
{
    enum {
        MOST = 1 << 23
    }; /* of several batches, which could be packed by parts as well */
    const int64_t batches = gemm_batches(g), all = batches * right_each(g, k);
    return g->packed || g->codes || g->mparts < 2 || (batches > 1 && all > MOST) ? 0
                                                                                 : all;
}

static void gemm_run(const FlatStep *s, FlatRun *r)
{
    const Gemm *g = s->data;
    GemmWork w = { .s = s, .r = r, .g = g, .a = g->a, .b = g->b };
    if (g->a_slot >= 0) w.a.data = flat_at(r, g->a_slot);
    if (g->b_slot >= 0) w.b.data = flat_at(r, g->b_slot);
    const int64_t left = left_whole(g, r->k), right = right_whole(g, r->k);
    if (left) {
        w.left = (const float *)(void *)r->room;
        w.a.data = (const char *)w.a.data + g->a_at[0] * (w.a.dtype == DT_FP16 ? 2 : 4);
        team_run(r->team, pack_left, &w, pack_panels(g->m, r->k->mr));
    }
    if (right) {
        w.right = (const float *)(void *)r->room + left;
        team_run(r->team, pack_right_part, &w,
                 gemm_batches(g) * pack_panels(g->n, r->k->nr));
    }
    team_run(r->team, gemm_part, &w, g->batch * g->mparts * g->nparts);
}

const Gemm *gemm_of(const FlatStep *s) { return s->run == gemm_run ? s->data : NULL; }

/* ---- a product as a step ----------------------------------------------------------------- */

/* One row or column of many is not worth a part of its own. */
static void gemm_cut(Gemm *g, const Kernels *k)
{
    /* compressed weights are decoded by each part: it has more rows, and fewer columns */
    const bool many = g->codes && g->m > GEMM_FEW;
    const int64_t panels = many ? 8 * PANELS : PANELS;
    const int64_t half = pack_panels((g->n + 1) / 2, k->nr) * k->nr;
    const int64_t columns = many         ? COLUMNS / 4
                          : !g->codes    ? COLUMNS
                          : half < CODED ? half
                                         : CODED;
    g->rows = g->m < panels * k->mr ? g->m : panels * k->mr;
    g->columns = g->n < columns ? g->n : columns;
    g->mparts = (g->m + g->rows - 1) / g->rows;
    g->nparts = (g->n + g->columns - 1) / g->columns;
    g->straight = pack_is_straight(g->m, g->a.cols);
    g->copied = g->a.dtype == DT_FP16 || pack_crowds(k, g->a.rows);
    const int64_t blocks = pack_panels(g->k, DEEPEST);
    g->depth = (g->k + blocks - 1) / blocks;
    if (g->straight) g->rows = pack_panels(g->m, (int)g->mparts); /* panels are whole */
}

void gemm_step(FlatStep *s, Gemm *g, const Kernels *k)
{
    if (!g->summed) g->summed = 1;
    gemm_cut(g, k);
    s->data = g;
    s->run = gemm_run;
    s->lane_room = part_bytes(g, k);
    s->room = (size_t)(left_whole(g, k) + right_whole(g, k)) * sizeof(float);
}
