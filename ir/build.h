/* build.h -- building: the only doors through which Values and Ops enter a Block. */
#ifndef ANEC_BUILD_H
#define ANEC_BUILD_H

#include "ir.h"

/* ---- builders ---------------------------------------------------------------------------- */

/* A Builder puts new ops before `before` (NULL: at the end of block). Ops it makes are
 * inferred at once: their result types come from the op's row; a failure is reported and
 * gives poison. */
typedef struct {
    Module *m;
    Block *block;
    Op *before;
    Diag *diag;
    Loc loc;
    Opset opset; /* whose versions of the ops hold; the function's by default */
    /* scalars that build_float has made in this block and finds again, or NULL */
    struct BuiltScalars *scalars;
} Builder;

/* Of one walk over a function in order: what was built in front of a statement of a block is in
 * scope for all that is built in front of later ones. {0} is empty. */
enum { BUILT_SCALARS = 64 };
typedef struct BuiltScalars {
    const Block *block;
    int count;
    struct BuiltScalar {
        DType dtype;
        double value;
        Value *made;
    } at[BUILT_SCALARS];
} BuiltScalars;

Builder builder_at(Block *b, Op *before, Diag *d, Loc loc);

/* a nested block of owner */
Block *block_new(Op *owner, const char *name);
Value *block_param(Block *b, const char *name, const Type *t, Loc loc);
/* one that nothing uses */
void block_drop_param(Block *b, const Value *v);
/* yields one more value */
void block_result(Block *b, Value *v);
/* returns v in that place */
void func_set_result(Func *f, int i, Value *v);
void func_drop_results(Func *f, int n); /* those from n on */
/* Low level: an op without arguments or results, linked in; then its pieces. */
Op *op_new(Module *m, Block *b, Op *before, const char *name, Loc loc);
/* The same of a row of the op table. */
Op *op_new_of(Module *m, Block *b, Op *before, int kind, Loc loc);
/* An empty one in room that is there already; name is interned. */
void op_arg_begin(Module *m, Arg *a, const char *name, ParamId p);
/* One more, empty, under a name that a text has. */
Arg *op_arg_new(Module *m, Op *op, const char *name);
/* one more value of it */
void op_arg_add(Module *m, Op *op, Arg *a, Value *v);
/* Appends a value to an argument; its row has the parameter, which is a bug otherwise. */
void op_arg(Module *m, Op *op, ParamId p, Value *v);
/* arg_reserve: n values in the place of those that it has, each to be set by arg_put. arg_cut: of
 * those that it has the first n stay. arg_add: one more. arg_put: value k. The statement's
 * function takes no note of these, which are for who makes statements and who redirects all. */
void arg_reserve(Module *m, Arg *a, int n);
void arg_cut(Arg *a, int n);
void arg_add(Module *m, Arg *a, Value *v);
void arg_put(Arg *a, int k, Value *v);
/* replaces it; NULL removes it */
void op_set_arg(Module *m, Op *op, ParamId p, Value *v);
/* value k of its argument arg */
void op_put_arg(Op *op, int arg, int k, Value *v);
Value *op_out(Module *m, Op *op, const char *name, const Type *t, Loc loc);
void op_unlink(Op *op);
void op_move_before(Op *op, Block *b, Op *before);
/* A copy of all that op is, before `before` (NULL: at the end) of b: arguments, attributes,
 * nested blocks, opset, place, whether it is kept; results of the same types under new names.
 * Who gives other arguments infers it anew. map says what stands for a value in the copy; NULL:
 * itself. */
typedef Value *ValueMap(void *ctx, Value *v);
Op *op_clone(const Op *op, Block *b, Op *before, ValueMap *map, void *ctx);
/* A copy of f alone, with its names, as the only function of a module of its own, which is
 * returned: passes may rewrite it and f stays. Types, literals and weight files are those of
 * f's module, which must outlive the copy; of what a container says beyond the program it has
 * nothing. */
Module *func_extract(const Func *f);
/* The same of n functions, f and those that follow it; f is the default one. */
Module *func_extract_all(const Func *f, int n);
/* The same of all functions of a module that has one. */
Module *module_clone(const Module *m);

/* High level, for C: builders.h (ir/ops/ops.h), whose parameters the compiler checks.
 *   Value *y = mil_matmul(&b, "y", .x = x, .y = w, .transpose_y = build_bool(&b, true));
 * Here with arguments as an array, each by its param; what is missing is reported, since they
 * may come from a text. `name` is a wish: made unique in the function. */
typedef struct {
    ParamId param;
    Value *const *val;
    int count;
} BuildArg;
static inline BuildArg arg_given(const Arg *a) /* what a statement has */
{
    return (BuildArg){ (ParamId)a->param, a->val, arg_count(a) };
}
/* The values of a parameter that takes several: .values = &(Values){ n, part }. */
typedef struct {
    int n;
    Value *const *v;
} Values;
/* What builders.h calls: args is the op's struct of arguments, a NULL in it is absent, which of
 * a parameter that the op needs is a bug. The first result (NULL: it has none), or the op. */
Value *build_args(Builder *b, const char *wish, int kind, const void *args);
Op *build_args_op(Builder *b, const char *wish, int kind, const void *args);
Op *build_op(Builder *b, const char *name, int kind, const BuildArg *arg, int narg);
/* Of an op that is not known before: a ParamId and its Value each, until P_NONE. The first
 * result. */
Value *build_of(Builder *b, const char *name, int kind, ...);
typedef struct Call Call; /* ir/ops/ops.h */
/* call_of_op, checked and inferred: c->out holds the result types, in scratch. Quietly false
 * when an argument's type is poison. */
bool op_infer(const Op *op, Call *c, Arena *scratch, Diag *d);
/* (re)makes the results of op from its row */
bool build_infer(Builder *b, const char *name, Op *op);
/* const statements */
Value *build_const(Builder *b, const char *name, const Const *c);
Value *build_int(Builder *b, int64_t v); /* int32 */
Value *build_bool(Builder *b, bool v);
Value *build_string(Builder *b, const char *s);
/* one that b->scalars has, or a new one: no statement may take it over for its result */
Value *build_float(Builder *b, DType t, double v);
Value *build_ints(Builder *b, int n, const int64_t *v);
Value *value_literal(Module *m, const Const *c, Loc loc); /* an inline literal */
/* legal, unused in f, interned */
const char *func_unique_name(Func *f, const char *wish);

/* Names taken in f: claim is false when the name is taken; next_suffix counts 0, 1, .. per
 * base. */
bool func_claim_name(Func *f, const char *name);
int func_next_suffix(Func *f, const char *base);

#endif
