/* pointwise.h -- functions of one element and two numbers: the unary and activation ops. */
#ifndef ANEC_POINTWISE_H
#define ANEC_POINTWISE_H

#include "eval.h"

/* `number` is used for floats, `whole` for ints and bools; the op's domain tells which it
 * needs. a and b name the parameters that become the second and third argument (P_NONE: 0). */
typedef struct {
    double (*number)(double x, double a, double b);
    int64_t (*whole)(int64_t x, int64_t a, int64_t b);
    ParamId a, b;
} Pointwise;

bool eval_pointwise(Call *c, const Pointwise *f);

#endif
