/* pass.h -- what passes share among themselves (passes.h is the door for others). */
#ifndef ANEC_PASS_H
#define ANEC_PASS_H

#include "../ops/ops.h"
#include "passes.h"

#define PASS(f, n, w) int pass_##f(Module *m, const PassOptions *o, Diag *d);
#include "passes.def"

bool pass_listed(const char *list, const char *name); /* name is one of "a,b,c" */
/* the option's or the target's */
IoMode pass_io(const PassOptions *o);
/* The type that an input or result, a tensor, is to have outside; DT_NONE: it stays. */
typedef DType EdgeType(void *ctx, const Func *f, const Value *v);
/* Inputs and results take those types; casts join them to what is inside, and names stay
 * outside. The number of changes. (boundary.c) */
int edges_take(Func *f, Diag *d, EdgeType *wanted, void *ctx);
Builder before_op(Op *op, Diag *d); /* builds in front of op */
/* Uses of the only result of op become `with`; op goes. The name of a function's result must
 * stay what it is: callers check is_result first. */
void replace_op(Op *op, Value *with);
/* Computes a statement whose arguments are small constants; its results become constants, which
 * also go to with[0..nout) unless that is NULL. False: it stays. */
bool fold_op(Module *m, Op *op, Diag *d, Value **with);
/* Lays the same elements out anew; the last one of a row of them decides. */
bool is_relabel(const Op *op);
const char *op_const_string(const Op *op, ParamId arg);

#endif
