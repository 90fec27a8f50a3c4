/* flat_few.c -- products with few rows on the left (flat_pack.h). */
#include "flat_pack.h"

enum { DEPTH = 512 }; /* of a right side that is packed */

static int64_t few_least(int64_t a, int64_t b) { return a < b ? a : b; }

size_t few_room(const Kernels *k, int64_t rows, int64_t depth)
{
    return (size_t)(rows * pack_apart(k, depth) + k->nr * DEPTH);
}

/* A panel of columns j .. of b, a block at a time. */
static void few_packed(const Kernels *k, const FewProduct *p, ThinProduct t, int64_t j,
                       float *room)
{
    const int64_t cols = few_least(k->nr, p->cols - j);
    const float *a = t.a;
    t.panels = 1;
    t.b = room;
    t.ldb = k->nr;
    t.half = false;
    t.c += j;
    for (int64_t l = 0; l < p->depth; l += DEPTH) {
        const Matrix b = matrix_at(p->b, l, j),
                     turned = { b.data, b.dtype, b.cols, b.rows };
        t.depth = few_least(DEPTH, p->depth - l);
        pack_panel(k, turned, cols, t.depth, k->nr, room);
        t.a = a + l;
        k->thin(&t);
        t.add = true;
    }
}

void few_run(const Kernels *k, const FewProduct *p)
{
    ThinProduct t = { .rows = (int)p->rows,
                      .add = p->add,
                      .back = p->back,
                      .depth = p->depth,
                      .a = p->a.data,
                      .apart = p->a.rows,
                      .c = p->c,
                      .ldc = p->ldc };
    float *room = p->room;
    if (p->a.cols != 1 || p->a.dtype != DT_FP32) {
        t.a = room;
        t.apart = pack_apart(k, p->depth);
        pack_rows(k, p->a, p->rows, p->depth, t.apart, room);
        room += p->rows * t.apart;
    }
    if (p->packed) {
        t.b = p->packed;
        t.half = p->half;
        t.ldb = k->nr;
        t.panel = p->depth * k->nr;
        t.panels = pack_panels(p->cols, k->nr);
        k->thin(&t);
        return;
    }
    if (p->b.cols == 1) {
        t.b = p->b.data;
        t.half = p->b.dtype == DT_FP16;
        t.ldb = p->b.rows;
        t.panel = k->nr;
        t.panels = p->cols / k->nr;
        k->thin(&t);
    }
    for (int64_t j = t.panels * k->nr; j < p->cols; j += k->nr)
        few_packed(k, p, t, j, room);
}
