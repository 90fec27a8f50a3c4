/* compress_bench.c -- programs with a weight, and compressing them by rules. */
#include "compress_bench.h"

void compress_begin(CompressBench *t, Opset o)
{
    *t = (CompressBench){ .m = module_new(), .plan = { .measures = true } };
    t->f = func_new(t->m, "main", o);
}

void compress_end(CompressBench *t)
{
    compress_rules_free(t->plan.rules);
    module_free(t->m);
    arena_free(&t->arena);
    diag_free(&t->diag);
}

static Value *input(CompressBench *t, Shape s)
{
    return block_param(t->f->body, "x", type_tensor(&t->m->arena, t->dtype, s),
                       (Loc){ 0 });
}

static Value *used(CompressBench *t, Value *w, By by)
{
    Builder b = builder_at(t->f->body, NULL, &t->diag, (Loc){ 0 });
    const Shape *s = &w->type->shape;
    const int64_t first = s->dim[0], last = s->dim[s->rank - 1];
    switch (by) {
    case BY_LINEAR:
        return mil_linear(&b, "y", .x = input(t, SHAPE(2, last)), .weight = w);
    case BY_MATMUL:
    case BY_MATMUL_T:
        return mil_matmul(&b, "y",
                          .x = input(t, SHAPE(2, by == BY_MATMUL ? first : last)), .y = w,
                          .transpose_x = build_bool(&b, false),
                          .transpose_y = build_bool(&b, by == BY_MATMUL_T));
    case BY_CONV:
        return mil_conv(&b, "y", .x = input(t, SHAPE(1, s->dim[1], 9, 9)), .weight = w);
    case BY_DECONV:
        return mil_conv_transpose(&b, "y", .x = input(t, SHAPE(1, first, 9, 9)),
                                  .weight = w);
    default:
        return mil_mul(&b, "y", .x = input(t, *s), .y = w);
    }
}

/* A program that uses a weight of those elements. */
void compress_program(CompressBench *t, DType dtype, Shape s, By by, const double *v)
{
    void *data;
    assert_true(shape_count(&s, &t->n));
    t->dtype = dtype;
    const Type *type = type_tensor(&t->m->arena, dtype, s);
    Const *c = const_room(&t->m->arena, type, type_bytes(type), &data);
    Tensor view = tensor_view(dtype, &s, data);
    tensor_put_floats(&view, 0, t->n, v);
    t->was = NEW_ARRAY(&t->arena, t->n + 1, double);
    tensor_get_floats(&view, 0, t->n, t->was);
    Builder b = builder_at(t->f->body, NULL, &t->diag, (Loc){ 0 });
    block_result(t->f->body, used(t, build_const(&b, "w", c), by));
    assert_true(module_verify(t->m, &t->diag, NULL));
}

bool compress_run(CompressBench *t, const char *text)
{
    const PassOptions o = { .target = &targets[TARGET_host],
                            .only = "compress",
                            .compress = &t->plan };
    if (!t->plan.rules) t->plan.rules = compress_rules_new(&t->arena);
    return compress_rules_add(t->plan.rules, &t->diag, text)
        && passes_run(t->m, &o, &t->diag);
}

Value *compress_value(const Module *m, const char *name)
{
    for (const Op *op = m->first->body->first; op; op = op->next)
        for (int i = 0; i < op->nout; i++)
            if (!strcmp(op->out[i]->name, name)) return op->out[i];
    fail_msg("there is no %s", name);
    return NULL;
}
