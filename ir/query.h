/* query.h -- reading and rewriting programs: arguments and constants, uses and walks, tables
 * beside values, which part of a function an engine runs, notes in buildInfo, the verifier. */
#ifndef ANEC_QUERY_H
#define ANEC_QUERY_H

#include "ir.h"

/* ---- asking and rewriting ---------------------------------------------------------------- */

/* Whether an op of this kind was ever made in m; it may be gone again. */
static inline bool module_has_kind(const Module *m, int kind)
{
    return m->kinds[kind / 64] >> kind % 64 & 1;
}
/* The argument for a parameter. NULL: it is not given, or an op of this kind has no such
 * parameter; so a rule or pass may ask before it looks at the kind. */
const Arg *op_find_arg(const Op *op, ParamId p);
/* The same by the name that a text has. NULL: it is not given. */
const Arg *op_named_arg(const Op *op, const char *name);
/* The argument of op for the same parameter as `like`, which is another op's. */
const Arg *op_same_arg(const Op *op, const Arg *like);
/* The place of an argument; where it has none, that of its op. */
Loc arg_loc(const Op *op, const Arg *a);
/* Sets the place; where loc is in another source than op, the argument gets none. */
void arg_set_loc(const Op *op, Arg *a, Loc loc);
/* The first value of the argument for p; NULL: it is not given. */
Value *op_value(const Op *op, ParamId p);
/* Whether v is a constant: a literal, wherever its bytes are, or the result of a constexpr op
 * on such. */
bool value_is_const(const Value *v);
/* Whether it is a constant whose elements can be read: no file of theirs is absent. */
bool value_at_hand(const Value *v);
/* The elements of a constant: a view where they are in memory or mapped, else a copy (decoded,
 * of a constexpr). False: v is none, or cannot be read, which is reported. */
bool value_tensor(const Value *v, Diag *d, Tensor *out);
/* The number in a literal of one element; value_float takes several that are all equal too.
 * False: v is no such literal. */
bool value_int(const Value *v, int64_t *out);
bool value_bool(const Value *v, bool *out);
bool value_float(const Value *v, double *out);
const char *value_string(const Value *v); /* NULL: v is no string literal */
/* their count; -1: not known */
int value_ints(const Value *v, int64_t out[MAX_RANK * 2]);
/* Whether the results of op follow from its arguments alone and this build can compute them;
 * false for const, constexpr and ops with blocks. */
bool op_is_computable(const Op *op);
/* Computes an op, all of whose arguments are constants at hand (value_at_hand), by its
 * reference kernel. res receives *n tensors, MAX_RESULT at most, which the caller frees.
 * False: it cannot be computed, which is reported, and res holds nothing. */
bool op_compute(const Op *op, Diag *d, Tensor *res, int *n);
/* True: t, which is result `index` of op, has an element that is not finite. Warns of it where
 * everything that it was computed from is finite. */
bool op_warn_not_finite(const Op *op, int index, const Tensor *t, Diag *d);
/* op_compute with the results as literals of m; `out` has op->nout of them. False, and nothing
 * reported: they cannot be computed, are not all tensors of the types that op has, or have more
 * than `most` bytes together. */
bool op_literals(Module *m, const Op *op, size_t most, Diag *d, const Const **out);
/* Replaces every use of `from` in f (arguments, nested blocks, results) by `to`, and returns
 * how many there were. */
int func_replace_uses(Func *f, Value *from, Value *to);
int func_count_uses(Func *f, const Value *v);
bool is_result(const Value *v); /* whether its function returns it */
/* Calls fn for every op of f in order, for those in nested blocks after their owner. fn may
 * unlink the op that it is given. During a walk arguments and the results of nested blocks are
 * changed by the functions of build.h and by func_replace_uses alone, which keep the index of
 * uses. */
typedef bool OpVisitor(void *ctx, Op *op); /* false stops the walk */
bool func_walk(Func *f, OpVisitor *fn, void *ctx);
/* The same for a function that stays as it is. Nothing in it is marked, so several threads may
 * read one function at once. */
typedef bool OpReader(void *ctx, const Op *op);
bool func_read(const Func *f, OpReader *fn, void *ctx);
/* Brackets another kind of loop that calls func_replace_uses often, so that, as in func_walk, a
 * replacement costs in proportion to what it changes and not to the size of f. `lost` is memory
 * of the caller's, used until func_walk_end. */
void func_walk_begin(Func *f, GuardTask *lost);
void func_walk_end(Func *f, GuardTask *lost);

/* ---- tables and sets of values ----------------------------------------------------------- */

/* A pointer for each value of one module, by its id; {0} is empty. Passes and backends keep
 * what they find out about values in such tables, not in the program. It consists of pages,
 * so that a table for a few values of a large module is small. */
enum { VALUE_PAGE = 256 };
typedef struct {
    void ***page;
    uint32_t npage;
} ValueTable;

static inline void *values_get(const ValueTable *t,
                               const Value *v) /* NULL: nothing was set */
{
    const uint32_t page = v->id / VALUE_PAGE;
    return page < t->npage && t->page[page] ? t->page[page][v->id % VALUE_PAGE] : NULL;
}
void values_set(ValueTable *t, const Value *v, void *p); /* v must have an id */
void values_free(ValueTable *t);

/* A set of values of one module: a bit for each, in pages as well; {0} is empty. */
enum { VALUE_SET_PAGE = 64 * 64 };
typedef struct {
    uint64_t **page;
    uint32_t npage;
} ValueSet;

bool value_set_has(const ValueSet *s, const Value *v);
/* Puts v, which must have an id, into the set or takes it out. */
void value_set_put(ValueSet *s, const Value *v, bool in);
void value_set_free(ValueSet *s);

/* ---- the engine's part of a function (edge.c) -----------------------------------------------
 *
 * Where an engine runs a function, the processor runs what the engine has no form for: in front
 * of it ops on integer inputs (such as the rows of a table by token ids), behind it the op
 * `classify`, and on both sides casts of images. */

/* The float type that an image input or result has in the program, which no pass may change.
 * DT_NONE: v is no image. */
DType func_fixed(const Func *f, const Value *v);
bool op_on_processor(const Op *op); /* whether it is outside of the engine's part */
/* Whether op is in front of the engine's part: it takes an input of a type that engines do not
 * take, or a value computed from such, and besides only constants and other inputs. */
bool op_is_ahead(const Op *op);
/* Whether v is an input of such a type, or is computed from such and has such a type itself. */
bool value_is_number(const Value *v);
/* The values that ops in front of the engine's part make and others read, in order, in the
 * arena; returns their count. */
int func_ahead_values(const Func *f, Arena *a, const Value ***out);
/* Whether, casts at its edges aside, nothing of f is left for an engine. */
bool func_on_processor(const Func *f);
bool op_chooses(const Op *op); /* whether it is `classify` */
/* The probabilities that v, a label or a dictionary by label, was made from; NULL: it is
 * neither. */
Value *value_chosen_from(const Value *v);
/* The inputs of the engine's part, states included, in the function's order, and its results,
 * with the probabilities in the place of label and dictionary. In the arena; the count is
 * returned. */
int func_engine_inputs(const Func *f, Arena *a, const Value ***out);
int func_engine_results(const Func *f, Arena *a, const Value ***out);

/* ---- buildInfo, and inputs that stand for states (build_info.c) -------------------------- */

/* A program's attribute buildInfo is a dictionary of texts that every container keeps. It has
 * the versions of the compiler, without which the engine's framework makes no descriptor, and
 * notes of this project, each under a key of its own.
 *
 * One note says which inputs stand for states. An engine has no states, so what a state holds
 * comes in as the input of its name and goes out as a result; whoever runs the program hands
 * that result to the next run, and begins with zeros, as a state does. */

/* NULL: there is no such key */
const char *build_info_get(const Module *m, const char *key);
/* Makes the attribute where there is none; the value NULL removes the key. */
void build_info_set(Module *m, const char *key, const char *value);
/* Makes the attribute with a compiler's versions. False: there is one already. */
bool build_info_make(Module *m);

/* Notes that an input stands for a state, which `result` holds after a run; NULL: no run
 * changes it. */
void carried_add(Func *f, const char *input, const char *result);
/* Whether param stands for a state. A note whose result has another type does not count. */
bool carried_is(const Func *f, const Value *param);
/* The number of the result that the next run takes for it; -1: it stays as it is. */
int carried_result(const Func *f, const Value *param);
void carried_forget(Module *m); /* removes the notes: they are inputs like others */

/* Another note says which flexible dimensions of inputs have one name, and so one size in each run. */

typedef struct {
    const char *input;
    int axis;
    const char *name; /* it has neither blanks nor semicolons, or is passed over */
} NamedDim;
/* Notes those of n whose name another has too. */
void dim_names_set(Func *f, const NamedDim *dim, int n);
/* What the note calls it, in the arena; NULL: it says nothing. */
const char *dim_name(const Func *f, const Value *param, int axis, Arena *a);

/* ---- verifying --------------------------------------------------------------------------- */

/* Checks SSA form (every use is in scope of one definition), every op against its row
 * (arguments are known, present, and of a type that the opset allows), the types of results
 * against inference, and names. Reports all that is wrong, each at its op; true when nothing
 * is. `after` names the pass that was just run, whose fault is a bug() that ends the
 * process; NULL means that an input is checked, and faults are the user's. */
bool module_verify(Module *m, Diag *d, const char *after);
/* Infers every op of f anew; `retype`: stores the types of the results. */
bool func_infer(Func *f, Diag *d, bool retype);

/* ---- shared by the files of ir alone ----------------------------------------------------- */

/* The index of uses (uses.c, query.c, module.c). */
typedef struct Uses Uses;

/* Notes that op has v among its arguments, or that a block of op yields v. */
void func_note_use(Func *f, Value *v, Op *op);
/* func_walk without an index of uses */
bool func_visit(Func *f, OpVisitor *fn, void *ctx);

/* const_read and const_tensor of CONST_MADE literals (made.c); the tensor is a copy. */
bool made_read(const Const *c, Diag *d, size_t first, size_t n, void *dst);
bool made_tensor(const Const *c, Diag *d, Tensor *out);
void made_free(Module *m); /* frees the elements that were computed last */

#endif
