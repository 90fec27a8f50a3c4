/* build.h -- building programs: the only functions by which Values and Ops enter a Block. */
#ifndef ANEC_BUILD_H
#define ANEC_BUILD_H

#include "ir.h"

/* ---- builders ---------------------------------------------------------------------------- */

/* A Builder inserts new ops before `before` (NULL: at the end of the block). The types of their
 * results are inferred at once, from the op's row; where that fails, the error is reported and
 * the results are poison (TY_POISON). */
typedef struct {
    Module *m;
    Block *block;
    Op *before;
    Diag *diag;
    Loc loc;
    Opset opset; /* by which ops are inferred; by default that of the function */
    /* scalars that build_float has made and uses again, or NULL for none */
    struct BuiltScalars *scalars;
} Builder;

/* The scalars built so far by a walk over a function in order. What was built in front of an op
 * is in scope for everything built in front of later ops of the block. {0} is empty. */
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

Block *block_new(Op *owner, const char *name); /* a nested block of owner */
Value *block_param(Block *b, const char *name, const Type *t, Loc loc);
/* removes a parameter that nothing uses */
void block_drop_param(Block *b, const Value *v);
void block_result(Block *b, Value *v);          /* appends v to what the block yields */
void func_set_result(Func *f, int i, Value *v); /* makes v the function's i-th result */
void func_drop_results(Func *f, int n);         /* keeps the first n results */

/* Low level: op_new links in an op without arguments and results, which the calls below it
 * add. The name may be one that the op table lacks; op_new_of takes a row of the table. */
Op *op_new(Module *m, Block *b, Op *before, const char *name, Loc loc);
Op *op_new_of(Module *m, Block *b, Op *before, int kind, Loc loc);
/* Initialises an argument without values in memory of the caller's; name is interned. */
void op_arg_begin(Module *m, Arg *a, const char *name, ParamId p);
/* Adds an argument without values, by the name that a text has for it. */
Arg *op_arg_new(Module *m, Op *op, const char *name);
/* Adds a value to an argument of op. */
void op_arg_add(Module *m, Op *op, Arg *a, Value *v);
/* Adds a value to the argument for p. That op's row lacks the parameter is a bug(). */
void op_arg(Module *m, Op *op, ParamId p, Value *v);
/* Changes an argument without telling the index of uses (ir/uses.c): for who makes ops, and
 * who redirects all uses. arg_reserve gives it n values, each to be set by arg_put; arg_cut
 * keeps the first n; arg_add appends one; arg_put sets value k. */
void arg_reserve(Module *m, Arg *a, int n);
void arg_cut(Arg *a, int n);
void arg_add(Module *m, Arg *a, Value *v);
void arg_put(Arg *a, int k, Value *v);
/* Replaces the argument for p by v; NULL removes it. */
void op_set_arg(Module *m, Op *op, ParamId p, Value *v);
/* Sets value k of the argument with the number arg. */
void op_put_arg(Op *op, int arg, int k, Value *v);
/* Adds a result of type t. */
Value *op_out(Module *m, Op *op, const char *name, const Type *t, Loc loc);
void op_unlink(Op *op);
void op_move_before(Op *op, Block *b, Op *before);
/* A copy of op in b, before `before` (NULL: at the end): arguments, attributes, nested blocks,
 * opset, place and marks are the same, results have the same types and new names. map returns
 * what stands for a value in the copy (NULL: the value itself); where types change by that, the
 * caller infers the copy anew. */
typedef Value *ValueMap(void *ctx, Value *v);
Op *op_clone(const Op *op, Block *b, Op *before, ValueMap *map, void *ctx);
/* A new module with a copy of f as its only function, names included, which passes may rewrite
 * while f stays. Types, literals and weight files are those of f's module, which must outlive
 * the copy. The description of a container (Module.about) is not copied. */
Module *func_extract(const Func *f);
/* The same for n functions, f and those that follow it; f becomes the default one. */
Module *func_extract_all(const Func *f, int n);
/* The same for all functions of a module, which must have one. */
Module *module_clone(const Module *m);

/* High level. C code makes an op by the functions of builders.h (included by ir/ops/ops.h), so
 * that the compiler checks its parameters:
 *   Value *y = mil_matmul(&b, "y", .x = x, .y = w, .transpose_y = build_bool(&b, true));
 * The functions below take arguments as an array; one that is missing is reported, since they
 * may come from a text. `name` and `wish` are made unique in the function. */
typedef struct {
    ParamId param;
    Value *const *val;
    int count;
} BuildArg;
static inline BuildArg arg_given(const Arg *a) /* an argument that another op has */
{
    return (BuildArg){ (ParamId)a->param, a->val, arg_count(a) };
}
/* For a parameter that takes several values: .values = &(Values){ n, part }. */
typedef struct {
    int n;
    Value *const *v;
} Values;
/* Called by builders.h: args is the op's struct of arguments. A NULL in it is an argument that
 * is not given; where the op needs it that is a bug(). Returns the first result (NULL: the op
 * has none), or the op. */
Value *build_args(Builder *b, const char *wish, int kind, const void *args);
Op *build_args_op(Builder *b, const char *wish, int kind, const void *args);
Op *build_op(Builder *b, const char *name, int kind, const BuildArg *arg, int narg);
/* For an op whose kind is only known at run time: pairs of ParamId and Value, then P_NONE.
 * Returns the first result. */
Value *build_of(Builder *b, const char *name, int kind, ...);
typedef struct Call Call; /* ir/ops/ops.h */
/* Makes the Call of op, checks its arguments and infers: c->out has the types of the
 * results, in scratch. False: wrong, and reported; or, without a message, an argument's type
 * is poison. */
bool op_infer(const Op *op, Call *c, Arena *scratch, Diag *d);
/* Makes the results of op anew, as its row infers them. */
bool build_infer(Builder *b, const char *name, Op *op);
/* const ops; build_int and build_ints make int32 */
Value *build_const(Builder *b, const char *name, const Const *c);
Value *build_int(Builder *b, int64_t v);
Value *build_bool(Builder *b, bool v);
Value *build_string(Builder *b, const char *s);
/* May be a scalar that was built before (b->scalars), so it must not be renamed to a result. */
Value *build_float(Builder *b, DType t, double v);
Value *build_ints(Builder *b, int n, const int64_t *v);
Value *value_literal(Module *m, const Const *c, Loc loc); /* an inline literal */
/* The wish as a legal MIL name that f does not use yet; interned. */
const char *func_unique_name(Func *f, const char *wish);

/* func_claim_name takes a name for f; false: it is taken already. func_next_suffix counts 0, 1,
 * .. for each base. */
bool func_claim_name(Func *f, const char *name);
int func_next_suffix(Func *f, const char *base);

#endif
