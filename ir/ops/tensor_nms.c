/* tensor_nms.c -- non_maximum_suppression: the boxes of the highest scores of which no two
 * overlap by more than a threshold. */
#include "move.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double *box;   /* B boxes: centre x, centre y, width, height */
    double *score; /* B rows of K */
    int64_t boxes, classes, max;
    double iou, least; /* score_threshold; from ios17 on there is none */
    bool per_class;
} Nms;

typedef struct {
    double score; /* the best class's */
    int64_t box, class;
} Candidate;

static int by_score(const void *p, const void *q)
{
    const Candidate *a = p, *b = q;
    if (a->score != b->score) return a->score < b->score ? 1 : -1;
    return (a->box > b->box) - (a->box < b->box);
}

static double tensor_nms_overlap(double a, double wa, double b, double wb)
{
    double low = a - wa / 2 > b - wb / 2 ? a - wa / 2 : b - wb / 2;
    double high = a + wa / 2 < b + wb / 2 ? a + wa / 2 : b + wb / 2;
    return high > low ? high - low : 0;
}

/* Intersection over union. */
static double iou_of(const double *a, const double *b)
{
    double both = tensor_nms_overlap(a[0], a[2], b[0], b[2])
                * tensor_nms_overlap(a[1], a[3], b[1], b[3]);
    double either = a[2] * a[3] + b[2] * b[3] - both;
    return either > 0 ? both / either : 0;
}

static void best_class(const Nms *n, int64_t box, Candidate *out)
{
    const double *s = n->score + box * n->classes;
    *out = (Candidate){ .score = -HUGE_VAL, .box = box };
    for (int64_t k = 0; k < n->classes; k++)
        if (s[k] > out->score) { /* so a NaN is never the best */
            out->score = s[k];
            out->class = k;
        }
}

/* Fills pick with box numbers, best first, and returns how many. */
static int64_t tensor_nms_suppress(const Nms *n, Candidate *cand, int64_t *pick)
{
    int64_t count = 0, kept = 0;
    for (int64_t i = 0; i < n->boxes; i++) best_class(n, i, &cand[i]);
    qsort(cand, (size_t)n->boxes, sizeof *cand, by_score);
    for (; count < n->boxes && kept < n->max; count++) {
        Candidate *c = &cand[count];
        bool covered = !(c->score > n->least);
        for (int64_t k = 0; !covered && k < kept; k++)
            covered = (!n->per_class || cand[k].class == c->class)
                   && iou_of(n->box + cand[k].box * 4, n->box + c->box * 4) > n->iou;
        if (!covered) cand[kept++] = *c;
    }
    if (!kept && n->max) kept = 1; /* the best box is a result even below the threshold */
    for (int64_t k = 0; k < kept; k++) pick[k] = cand[k].box;
    return kept;
}

/* Where number k of box `row` is in [n, rows, numbers], or [n, numbers, rows]. */
static size_t tensor_nms_place(const Shape *s, bool columns, int64_t b, int64_t row,
                               int64_t k)
{
    return (size_t)((b * s->dim[1] + (columns ? k : row)) * s->dim[2]
                    + (columns ? row : k));
}

static void put_box(Tensor *r, const Tensor *from, bool columns, int64_t b, int64_t row,
                    int64_t pick)
{
    const size_t size = tensor_elem_size(r);
    for (int64_t k = 0; k < r->shape.dim[columns ? 1 : 2]; k++)
        memcpy((char *)r->data + tensor_nms_place(&r->shape, columns, b, row, k) * size,
               (const char *)from->data
                   + tensor_nms_place(&from->shape, columns, b, pick, k) * size,
               size);
}

/* Room for the numbers of one image, a row for each box. */
static double *rows_of(Call *c, const Tensor *t)
{
    return call_scratch(c, (size_t)(t->shape.dim[1] * t->shape.dim[2]) + 1,
                        sizeof(double));
}

static void load_rows(double *to, const Tensor *t, bool columns, int64_t b)
{
    const int64_t rows = t->shape.dim[columns ? 2 : 1], n = t->shape.dim[columns ? 1 : 2];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < n; k++)
            to[i * n + k] = tensor_float(t,
                                         tensor_nms_place(&t->shape, columns, b, i, k));
}

bool eval_non_maximum_suppression(Call *c)
{
    const Tensor *boxes = call_val(c, P_boxes), *scores = call_val(c, P_scores);
    const bool columns = c->opset >= OPSET_IOS17;
    Nms n = { .box = rows_of(c, boxes),
              .score = rows_of(c, scores),
              .boxes = boxes->shape.dim[columns ? 2 : 1],
              .classes = scores->shape.dim[columns ? 1 : 2],
              .max = c->res[2]->shape.dim[1],
              .iou = call_float(c, P_iou_threshold),
              .least = call_has(c, P_score_threshold) ? call_float(c, P_score_threshold)
                                                      : -HUGE_VAL,
              .per_class = call_bool(c, P_per_class_suppression) };
    Candidate *cand = call_scratch(c, (size_t)n.boxes + 1, sizeof *cand);
    int64_t *pick = call_scratch(c, (size_t)n.boxes + 1, sizeof *pick);
    for (int64_t b = 0; b < boxes->shape.dim[0]; b++) {
        load_rows(n.box, boxes, columns, b);
        load_rows(n.score, scores, columns, b);
        int64_t kept = n.boxes ? tensor_nms_suppress(&n, cand, pick) : 0;
        for (int64_t i = 0; i < n.max; i++)
            tensor_set_int(c->res[2], (size_t)(b * n.max + i), i < kept ? pick[i] : -1);
        for (int64_t i = 0; i < kept; i++) {
            put_box(c->res[0], boxes, columns, b, i, pick[i]);
            put_box(c->res[1], scores, columns, b, i, pick[i]);
        }
        if (!columns) tensor_set_int(c->res[3], (size_t)b, kept);
    }
    return true;
}
