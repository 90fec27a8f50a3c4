/* query.h -- what is asked of a program and rewritten in it: arguments and constants, uses,
 * walks, what somebody knows of values, the engine's part, notes in buildInfo, and whether it
 * is right. */
#ifndef ANEC_QUERY_H
#define ANEC_QUERY_H

#include "ir.h"

/* ---- asking and rewriting ---------------------------------------------------------------- */

/* NULL: it is not given; what an op has no parameter for is never given, so that a rule or a
 * pass may ask before it looks at the kind. */
const Arg *op_find_arg(const Op *op, ParamId p);
/* By a name that a text has; NULL: it is not given. */
const Arg *op_named_arg(const Op *op, const char *name);
/* The argument of the same name as one of another op. */
const Arg *op_same_arg(const Op *op, const Arg *like);
/* the statement's where it has none */
Loc arg_loc(const Op *op, const Arg *a);
/* of the statement's source; else none */
void arg_set_loc(const Op *op, Arg *a, Loc loc);
/* the (first) value of an argument or NULL */
Value *op_value(const Op *op, ParamId p);
/* What a constant is: a literal, wherever its bytes are, or what a constexpr decodes of
 * such. */
bool value_is_const(const Value *v);
/* A constant whose elements can be had: no file that they are in is absent. */
bool value_at_hand(const Value *v);
/* The elements of any constant: a view where they are in memory or mapped, else a copy,
 * which is what a constexpr decodes to. False: none, or one that cannot be read, which is
 * reported. */
bool value_tensor(const Value *v, Diag *d, Tensor *out);
/* of a scalar or one-element literal */
bool value_int(const Value *v, int64_t *out);
bool value_bool(const Value *v, bool *out);
bool value_float(const Value *v, double *out);             /* every element equal, or scalar */
const char *value_string(const Value *v);                  /* NULL when it is none */
int value_ints(const Value *v, int64_t out[MAX_RANK * 2]); /* count, or -1 when unknown */
/* Whether the results of op follow from its arguments alone, and this build can compute them;
 * no const, no constexpr and no block. */
bool op_is_computable(const Op *op);
/* What a statement of constants at hand (value_at_hand) alone results in, by its reference
 * meaning: *n tensors (MAX_RESULT at most), the caller's to free, as all of res are when it
 * fails. What cannot be computed is reported to d. */
bool op_compute(const Op *op, Diag *d, Tensor *res, int *n);
/* Warns when t, which is result `index` of such a statement, has an element that is not finite
 * though all that it is computed from is. True: t has one, warned of or not. */
bool op_warn_not_finite(const Op *op, int index, const Tensor *t, Diag *d);
/* op_compute, as literals of m that stay: `out` has op->nout of them. False, quietly: they
 * cannot be computed, are not all tensors of the types that op has, or are more than `most`
 * bytes together. */
bool op_literals(Module *m, const Op *op, size_t most, Diag *d, const Const **out);
/* Every use of `from` in f (arguments, nested blocks, results) becomes `to`; the number of
 * uses. */
int func_replace_uses(Func *f, Value *from, Value *to);
int func_count_uses(Func *f, const Value *v);
/* one of the values that its function returns */
bool is_result(const Value *v);
/* Visits every op of f in order, nested blocks after their owner. fn may unlink the op it is
 * given. Who replaces uses meanwhile changes arguments and the results of nested blocks by the
 * doors above alone. */
typedef bool OpVisitor(void *ctx, Op *op); /* false stops the walk */
bool func_walk(Func *f, OpVisitor *fn, void *ctx);
/* The same of a function that stays as it is: it marks nothing in it, so that several threads
 * may read one function at once. */
typedef bool OpReader(void *ctx, const Op *op);
bool func_read(const Func *f, OpReader *fn, void *ctx);
/* Around a loop of other kinds that replaces many uses by func_replace_uses: as in a walk, each
 * then costs what it changes and not the size of f. */
void func_walk_begin(Func *f, GuardTask *lost); /* lost: the caller's, until the end */
void func_walk_end(Func *f, GuardTask *lost);

/* ---- what somebody knows of values ------------------------------------------------------- */

/* A pointer for each value of one module; {0} has none. Whoever works on a program keeps what
 * he finds out about values here, and not in the program: pages of pointers by id, so that a
 * table for a few values of a large module is small. */
enum { VALUE_PAGE = 256 };
typedef struct {
    void ***page;
    uint32_t npage;
} ValueTable;

static inline void *values_get(const ValueTable *t, const Value *v) /* NULL: nothing was set */
{
    const uint32_t page = v->id / VALUE_PAGE;
    return page < t->npage && t->page[page] ? t->page[page][v->id % VALUE_PAGE] : NULL;
}
void values_set(ValueTable *t, const Value *v, void *p); /* of a value that has an id */
void values_free(ValueTable *t);

/* Values of one module, a bit each, in pages as well; {0} is empty. */
enum { VALUE_SET_PAGE = 64 * 64 };
typedef struct {
    uint64_t **page;
    uint32_t npage;
} ValueSet;

bool value_set_has(const ValueSet *s, const Value *v);
/* It is in the set, or out of it, from here on; it has an id. */
void value_set_put(ValueSet *s, const Value *v, bool in);
void value_set_free(ValueSet *s);

/* ---- the engine's part of a function --------------------------------------------------------
 *
 * What the processor does around it is what integers look up before it, the choice of a class
 * behind it, and casts of images. */

/* The float type of an input or result that is an image outside, which no pass may change; else
 * DT_NONE. */
DType func_fixed(const Func *f, const Value *v);
bool op_on_processor(const Op *op);
/* Of inputs whose types engines do not take, or what is computed of them, and beside them
 * constants and other inputs alone: the processor's, before the engine begins. */
bool op_is_ahead(const Op *op);
/* An input of such a type, or what is computed of those and is of one itself. */
bool value_is_number(const Value *v);
/* What is made there and read by other statements, in their order; the count. In the arena. */
int func_ahead_values(const Func *f, Arena *a, const Value ***out);
/* All of f but casts at its edge is, and some of it for that reason: an engine has nothing to
 * do. */
bool func_on_processor(const Func *f);
bool op_chooses(const Op *op); /* a class by its probabilities */
/* What v, a label or the probabilities by label, was chosen from; NULL: it is no choice. */
Value *value_chosen_from(const Value *v);
/* What goes into the engine's part, in the function's order (states too), and what comes out of
 * it: the probabilities in the place of label and dictionary. In the arena; the count. */
int func_engine_inputs(const Func *f, Arena *a, const Value ***out);
int func_engine_results(const Func *f, Arena *a, const Value ***out);

/* ---- buildInfo, and inputs that stand for states (build_info.c) -------------------------- */

/* What stands in a program's attribute buildInfo, a dictionary of texts that
 * every container keeps: versions of the compiler, without which the engine's framework gives
 * no descriptor, and notes of ours, each under a key of its own.
 *
 * One of them says which inputs stand for states. An engine has no states: what one holds comes
 * in as the input of its name, and goes out as a result. Whoever runs the program hands that
 * result to the next run, and begins with zeros, as a state does. */

const char *build_info_get(const Module *m, const char *key); /* NULL: it is not there */
/* Makes the attribute where there is none; value NULL takes the key away. */
void build_info_set(Module *m, const char *key, const char *value);
/* The versions of a compiler, where there is no attribute yet. Whether that was so. */
bool build_info_make(Module *m);

/* result NULL: what the state holds is never changed. */
void carried_add(Func *f, const char *input, const char *result);
/* Whether param stands for a state. A note that fits no result of its type counts for none. */
bool carried_is(const Func *f, const Value *param);
/* Which result the next run has in its place; -1: none, it stays as it is. */
int carried_result(const Func *f, const Value *param);
void carried_forget(Module *m); /* they are inputs like others from now on */

/* ---- verifying --------------------------------------------------------------------------- */

/* SSA (each use after one definition, in scope), each op against its row (arguments present,
 * known, of allowed types for the opset), result types as inferred, results and names sound.
 * Reports all it finds at the statements; true when nothing is wrong. `after` names the pass
 * just run (NULL: the input is being checked, and what is wrong is the user's; otherwise it is
 * a bug of ours, and ends the process: a pass refuses what it cannot do itself). */
bool module_verify(Module *m, Diag *d, const char *after);
/* re-infer all; retype: store the results */
bool func_infer(Func *f, Diag *d, bool retype);

/* ---- what the files of ir share; not for outside ----------------------------------------- */

/* The index of users (uses.c, query.c, module.c). */
typedef struct Uses Uses;

/* op has v among its arguments, or a block of it yields v, from now on. */
void func_note_use(Func *f, Value *v, Op *op);
bool func_visit(Func *f, OpVisitor *fn, void *ctx); /* func_walk, without an index at its end */

/* Literals that are computed: const_made (made.c). */
/* As const_read and const_tensor; the tensor is a copy. */
bool made_read(const Const *c, Diag *d, size_t first, size_t n, void *dst);
bool made_tensor(const Const *c, Diag *d, Tensor *out);
void made_free(Module *m); /* what was computed last */

#endif
