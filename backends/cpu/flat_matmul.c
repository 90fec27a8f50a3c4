/* flat_matmul.c -- matmul and linear as products of matrices (flat_gemm.c): where the sides lie,
 * which of them is packed when the program is loaded, and which batches are one product. */
#include "flat_pack.h"

#include "../../ir/ops/geometry.h"

/* ---- a product --------------------------------------------------------------------------- */

static void pack_right(FlatPlan *p, Gemm *g)
{
    const int nr = p->kernels->nr;
    const int64_t panels = pack_panels(g->n, nr), each = g->k * nr;
    g->half = g->b.dtype == DT_FP16;
    bool there;
    char *to = flat_big(p, (size_t)(panels * each) * (g->half ? 2 : 4), PACK_COLUMNS,
                        &there);
    for (int64_t i = 0; !there && i < panels; i++) {
        const Matrix b = matrix_at(g->b, 0, i * nr),
                     turned = { b.data, b.dtype, b.cols, b.rows };
        const int64_t rest = g->n - i * nr, n = rest < nr ? rest : nr;
        if (g->half)
            pack_panel_half(turned, n, g->k, nr, (uint16_t *)(void *)to + i * each);
        else pack_panel(p->kernels, turned, n, g->k, nr, (float *)(void *)to + i * each);
    }
    g->packed = to;
}

static void swap_sides(Gemm *g)
{
    const Gemm was = *g;
    g->m = was.n;
    g->n = was.m;
    g->a_slot = was.b_slot;
    g->b_slot = was.a_slot;
    g->a = (Matrix){ was.b.data, was.b.dtype, was.b.cols, was.b.rows };
    g->b = (Matrix){ was.a.data, was.a.dtype, was.a.cols, was.a.rows };
    g->a_at = was.b_at;
    g->b_at = was.a_at;
}

/* Large weights that a few rows are multiplied by are read once a run. Where their rows are columns,
 * that is nearly as fast in the order of the file, and nothing is copied when the program is
 * loaded. */
static void keep_right(Gemm *g)
{
    enum { LARGE = 1 << 18 };
    const Matrix *b = &g->b;
    if (g->b_slot >= 0 || g->batch != 1 || g->m > GEMM_FEW || g->n * g->k < LARGE) return;
    if (b->rows != 1 || b->cols != g->k || g->n == 1) return;
    g->whole = true;
}

static const char *const gemm_how[4][2] = {
    { "gemm", "gemm" },
    { "gemm, packed weights", "gemv, packed weights" },
    { "gemm, compressed weights", "gemv, compressed weights" },
    { "gemm", "gemv, weights of the file" },
};

static bool gemm_finish(FlatLower *l, FlatStep *s, Gemm *g)
{
    FlatPlan *p = l->p;
    if (!g->m || !g->n || !g->k || !g->batch) return false;
    if (g->codes && (g->n == 1 || g->batch != 1)) {
        if (!g->b.data) return false; /* not before it is decoded */
        g->codes = NULL;
    }
    if (g->n == 1) swap_sides(g); /* a column is a row */
    else if (!g->codes) keep_right(g);
    if (g->b_slot < 0 && g->batch == 1 && !g->codes && !g->whole) pack_right(p, g);
    Gemm *kept = NEW(&p->arena, Gemm);
    *kept = *g;
    gemm_step(s, kept, p->kernels);
    if (g->codes) s->weights = codes_bytes(g->codes);
    if (g->whole) s->weights = (size_t)(g->n * g->k) * (g->b.dtype == DT_FP16 ? 2 : 4);
    s->how = gemm_how[g->packed ? 1 : g->whole ? 3 : g->codes ? 2 : 0][g->m <= GEMM_FEW];
    s->read = NEW_ARRAY(&p->arena, 2, int);
    if (g->a_slot >= 0) s->read[s->nread++] = g->a_slot;
    if (g->b_slot >= 0) s->read[s->nread++] = g->b_slot;
    return true;
}

/* ---- ops --------------------------------------------------------------------------------- */

/* A slot as an operand; false: it is of no type that kernels know. */
static bool gemm_operand(const FlatLower *l, ParamId p, int *slot, Matrix *m)
{
    const int at = lower_slot(l, p);
    const Tensor *known = at < 0 ? NULL : l->p->slot[at].known;
    if (at < 0 || !dtype_fast(l->p->slot[at].type->dtype)) return false;
    *slot = known ? -1 : at;
    m->data = known ? known->data : NULL;
    m->dtype = l->p->slot[at].type->dtype;
    return true;
}

/* The right operand may be compressed; `turned`: its rows are columns. */
static bool gemm_right(const FlatLower *l, ParamId p, bool turned, Gemm *g)
{
    const int slot = lower_slot(l, p);
    const FlatSlot *f = slot < 0 ? NULL : &l->p->slot[slot];
    if (!gemm_operand(l, p, &g->b_slot, &g->b)) return false;
    if (!f->coded) return true;
    g->codes = codes_of(l, slot);
    g->turned = turned;
    if (g->codes) g->b_slot = -1;
    return g->codes || f->known;
}

bool lower_linear(FlatLower *l, FlatStep *s)
{
    const Shape *x = call_shape(l->c, P_x), *w = call_shape(l->c, P_weight);
    Gemm g = {
        .batch = 1, .m = shape_elements(x, 0, x->rank - 1), .n = w->dim[0], .k = w->dim[1]
    };
    if (!dtype_fast(l->c->out[0]->dtype) || !gemm_operand(l, P_x, &g.a_slot, &g.a)
        || !gemm_right(l, P_weight, true, &g))
        return false;
    g.a.rows = g.k;
    g.a.cols = 1;
    g.b.rows = 1;
    g.b.cols = g.k;
    g.a_at = g.b_at = NEW_ARRAY(&l->p->arena, 1, int64_t);
    const bool column = g.n == 1;
    if (!lower_bias(l, g.n, 1) || !gemm_finish(l, s, &g)) return false;
    if (g.packed) lower_packs(l, column ? P_x : P_weight);
    return true;
}

/* By batch: where the matrices of a tensor begin, whose dimensions lie `stride` apart and whose
 * leading ones broadcast to `lead`. */
static void batch_strides(const Shape *s, const int64_t *stride, const Shape *lead,
                          int64_t *at)
{
    const int64_t n = shape_elements(lead, 0, lead->rank);
    for (int64_t b = 0; b < n; b++) {
        int64_t rest = b;
        at[b] = 0;
        for (int i = lead->rank - 1; i >= 0; i--) {
            const int own = i - (lead->rank - (s->rank - 2));
            const int64_t index = rest % lead->dim[i];
            if (own >= 0 && s->dim[own] > 1) at[b] += index * stride[own];
            rest /= lead->dim[i];
        }
    }
}

static int64_t *batch_places(FlatLower *l, const Shape *s, const Shape *lead)
{
    int64_t stride[MAX_RANK];
    int64_t *at = NEW_ARRAY(&l->p->arena, shape_elements(lead, 0, lead->rank) + 1,
                            int64_t);
    shape_strides(s, stride);
    batch_strides(s, stride, lead, at);
    return at;
}

/* Rows of all matrices are one matrix's where the right side is the same for all. */
static void merge_batch(Gemm *g, const Shape *x, const Shape *y, bool turned)
{
    if (turned || shape_elements(y, 0, y->rank - 2) != 1) return;
    if (shape_elements(x, 0, x->rank - 2) != g->batch) return;
    g->m *= g->batch;
    g->batch = 1;
}

/* A side that was only transposed, or is a part, is read from where it was before. */
static void gemm_turn(const FlatLower *l, int *slot, const Shape *s, bool turned,
                      const Shape *lead, Matrix *m, int64_t *at)
{
    const FlatSlot *f = *slot < 0 ? NULL : &l->p->slot[*slot];
    if (!f || !f->lies) return;
    const int64_t r = f->lies[s->rank - 2], c = f->lies[s->rank - 1];
    const int64_t batch = shape_elements(lead, 0, lead->rank);
    m->rows = turned ? c : r;
    m->cols = turned ? r : c;
    batch_strides(s, f->lies, lead, at);
    for (int64_t b = 0; b < batch; b++) at[b] += f->lies_at;
    *slot = f->lies_in;
}

bool lower_matmul(FlatLower *l, FlatStep *s)
{
    const Shape *x = call_shape(l->c, P_x), *y = call_shape(l->c, P_y);
    const bool tx = call_bool(l->c, P_transpose_x), ty = call_bool(l->c, P_transpose_y);
    Gemm g = { 0 };
    if (x->rank < 2 || y->rank < 2 || !dtype_fast(l->c->out[0]->dtype)
        || !gemm_operand(l, P_x, &g.a_slot, &g.a) || !gemm_right(l, P_y, ty, &g))
        return false;
    Shape lead = l->c->out[0]->shape;
    const int64_t xr = x->dim[x->rank - 2], xc = x->dim[x->rank - 1];
    const int64_t yr = y->dim[y->rank - 2], yc = y->dim[y->rank - 1];
    g.m = tx ? xc : xr;
    g.k = tx ? xr : xc;
    g.n = ty ? yr : yc;
    lead.rank -= 2;
    g.batch = shape_elements(&lead, 0, lead.rank);
    g.a.rows = tx ? 1 : xc;
    g.a.cols = tx ? xc : 1;
    g.b.rows = ty ? 1 : yc;
    g.b.cols = ty ? yc : 1;
    g.a_at = batch_places(l, x, &lead);
    g.b_at = batch_places(l, y, &lead);
    const int64_t batch = g.batch;
    merge_batch(&g, x, y, tx);
    if (g.batch == batch) {
        gemm_turn(l, &g.a_slot, x, tx, &lead, &g.a, g.a_at);
        gemm_turn(l, &g.b_slot, y, ty, &lead, &g.b, g.b_at);
    }
    if (lower_attended(l, s, &g)) return true;
    const bool column = g.n == 1;
    if (!gemm_finish(l, s, &g)) return false;
    if (g.packed) lower_packs(l, column ? P_x : P_y);
    return true;
}

/* ---- sums over batches ------------------------------------------------------------------- */

/* As the gradient of a matrix that all batches are multiplied by: their products are added to the same
 * sums. */
bool lower_summed(FlatLower *l, FlatStep *s, int x_slot, int64_t batches)
{
    FlatPlan *p = l->p;
    const FlatStep *product = p->how.fused ? flat_made_for_one(p, x_slot) : NULL;
    const Gemm *f = product ? gemm_of(product) : NULL;
    if (!f || f->batch != batches || f->summed > 1 || f->a_slot < 0 || f->b_slot < 0
        || !step_stays(p, product) || f->m <= GEMM_FEW || f->n == 1
        || product->elem->nstep || l->c->out[0]->dtype != DT_FP32)
        return false;
    Gemm *g = NEW(&p->arena, Gemm);
    *g = *f;
    g->batch = 1;
    g->summed = batches;
    gemm_step(s, g, p->kernels);
    s->macs = product->macs;
    s->how = "gemm";
    s->ops = arena_printf(&p->arena, "%s %s", product->ops, s->ops);
    s->read = product->read;
    s->nread = product->nread;
    return true;
}
