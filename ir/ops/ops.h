/* ops.h -- the door to the op table: what every MIL operation takes, results in, and means.
 *
 * ops.def holds the rows. From a row alone work: the reader and verifier (names, types,
 * constness), the printer, the DSL's calls, docs/ops.md, the coverage test, constant folding
 * and `ref`.
 *
 * Both column functions take a Call, which is an op about to happen, seen from no IR at all:
 *   infer  sets the result types from the argument types and from those argument values that
 *          are known; at run time all values are, so shapes come out exact
 *   eval   the reference meaning: reads argument tensors, fills result tensors that were
 *          allocated by the inferred type. Floats accumulate in double and round once into the
 *          result. */
#ifndef ANEC_OPS_H
#define ANEC_OPS_H

#include "../ir.h"

/* ---- what a parameter may be ------------------------------------------------------------- */

typedef uint32_t DTypes; /* bit i: DType i */

typedef enum {
#define DOM(id, ...) DOM_##id,
#include "domains.def"
    DOM_COUNT
} Domain;

/* The words that a domain of choices.def has, each an enumerator. */
#define CHOICE(type, prefix, any, ...) typedef enum { __VA_ARGS__, prefix##_COUNT } type;
#define WORD(prefix, name, word) prefix##_##name
#include "choices.def"

/* Which word of the domain this is; -1: none, or the domain has none. Of TypeName a DType. */
int domain_choice(Domain d, const char *word);
const char *domain_words(Arena *a, Domain d); /* all of them, for messages */
DTypes domain_types(Domain d, Opset o);
/* the type that holds all its values where an opset lacks it; DT_NONE: none */
DType dtype_wider(DType t);

enum {              /* Param.flags */
       P_CONST = 1, /* must be known at compile time */
       P_OPT = 2,
       P_VARIADIC = 4,        /* a tuple of values */
       P_ATTR = 8,            /* up to ios17 given in the attribute list (the constexpr ops) */
       P_CONST_UNTIL_17 = 16, /* P_CONST in ios15 and ios16 only */
       P_SCALAR = 32          /* holds one element */
};

typedef struct {
    const char *name;
    ParamId id;
    const char *var; /* type variable: parameters that share its letter share their element
                        type; a second letter is the one from ios17 on ("TU") */
    Domain dom;
    unsigned flags;
    /* default as text ("1", "valid", "1e-05"); NULL: none, or made by infer */
    const char *def;
    int since, until; /* opsets it exists in; 0: no bound */
} Param;

enum { MAX_PARAM = 20, MAX_RESULT = 64 };

enum { /* OpInfo.flags */
       /* result element i depends on (broadcast) argument elements i alone */
       F_ELEMENTWISE = 1,
       F_COMMUTES = 2, /* x and y may be exchanged */
       F_MOVES = 4,    /* copies elements without computing */
       /* has an effect, or gives another result each time: never folded or merged */
       F_IMPURE = 8,
       F_CONSTEXPR = 16,    /* decodes a compressed weight; runs before anything else */
       F_BLOCKS = 32,       /* has nested blocks */
       F_UNSUPPORTED = 128, /* read and printed; running it is an error that says so */
       F_PRIVATE = 256,     /* of the E5 dialect, not of public Core ML */
       F_CHOICE = 512 /* names what was chosen: the processor's part, behind the engine's */
};

typedef struct Call Call;
typedef struct Grad Grad;

/* What an op is sure to do (the column LAWS). */
typedef struct {
    bool relabels; /* x's elements in x's order, in another shape */
    /* y (x) that is this number everywhere leaves x (y) as it is */
    struct {
        bool is;
        double number;
    } right, left;
    /* It is its x where its result has x's type, and .. */
    struct {
        enum { IDLE_NEVER, IDLE_SAME_TYPE, IDLE_SAME_SHAPE, IDLE_COUNTS_UP, IDLE_ALL_ARE } when;
        ParamId
            param; /* .. of known extents; or this one counts up from 0; or is this number */
        int64_t number;
    } idle;
    bool round_trip; /* twice, by way of a type that holds all values, it is its x */
    bool of_one;     /* of one value it is that value */
} Laws;

typedef struct {
    const char *name;
    const char *family;
    unsigned flags;
    const char *doc;
    Opset since;
    const Param *param; /* ends with a NULL name */
    /* by ParamId: 1 and where it stands in param; 0: the op has no such parameter */
    const unsigned char *place;
    bool (*infer)(Call *);
    bool (*eval)(Call *); /* NULL: no reference meaning (says the run) */
    /* multiply-adds of a checked call; -1: not known. NULL: none */
    double (*macs)(Call *);
    Laws laws;
    /* what flows back (grad.h); NULL: the op has no gradient. grad_zero: nothing does,
     * grad_expansion, grad_blocks: it does by what the op stands for or holds. */
    bool (*grad)(Grad *);
    const char *example, *expect; /* an argument list, and the literals it results in: a test */
    int example_opset;
} OpInfo;

enum {
#define OP(name, ...) OP_##name,
#include "ops.def"
    OP_COUNT,
    OP_NONE = -1
};
extern const OpInfo ops[OP_COUNT];

/* The generated side of the table (ir/ops/table/params.c): how parameters are spelt, and
 * OpInfo.place. */
extern const char *const param_names[PARAM_COUNT];
extern const unsigned char param_places[OP_COUNT][PARAM_COUNT];

/* Where text comes in: NULL and OP_NONE are what it may hold that the table does not. */
int op_find(const char *name);
const Param *op_param(const OpInfo *info, const char *name);
/* By its id; NULL: the op has no such parameter. */
static inline const Param *op_param_of(const OpInfo *info, ParamId p)
{
    return info->place[p] ? &info->param[info->place[p] - 1] : NULL;
}
bool param_in(const Param *p, Opset o);
/* with P_CONST_UNTIL_17 resolved */
unsigned param_flags(const Param *p, Opset o);
/* the letter of its type variable; 0: none */
char param_var(const Param *p, Opset o);

/* ---- a call ------------------------------------------------------------------------------ */

typedef struct {
    const Type *type;
    const Tensor *val; /* NULL: not known (yet) */
    bool constant;     /* known at compile time, though perhaps too large to be in val */
} CallArg;

struct Call {
    const OpInfo *info;
    Opset opset;
    Arena *arena; /* for types and for what infer and eval need until the call is over */
    /* the same with any bytes in it, for what is written whole (call_rough); NULL: arena */
    Arena *rough;
    Diag *diag;
    Loc loc;
    /* by index in info->param; n = 0: absent */
    struct {
        int n;
        CallArg *v;
    } p[MAX_PARAM];
    int nout;
    const Type *out[MAX_RESULT]; /* infer's */
    Tensor *res[MAX_RESULT];     /* eval's: allocated to out[i] when that is fully known */
    uint64_t random_seed;        /* what seed -1 of a random op stands for */
    uint64_t random_draw;        /* executions of this statement so far: a loop draws anew */
    /* of all random statements, which seed -1 tells apart by it */
    uint64_t random_serial;
    /* by index in info->param: which word of its domain a parameter has, its default where it is absent,
     * -1 where it has none; NULL: not looked up yet, call_choice does then */
    const signed char *choice;
    /* of einsum, likewise; NULL: read from its text then */
    const struct Equation *equation;
    /* how sums of products are formed (eval.h); NULL: in double */
    const struct Products *products;
};

/* Asking. The row must have the parameter (a bug otherwise), which call_takes tells. */
bool call_takes(const Call *c, ParamId p);
int call_has(const Call *c, ParamId p); /* how many values; 0: absent */
const CallArg *call_arg(const Call *c, ParamId p, int i);
DType call_dtype(const Call *c, ParamId p); /* DT_NONE when absent */
/* of a tensor argument; NULL when absent */
const Shape *call_shape(const Call *c, ParamId p);
const Tensor *call_val(const Call *c, ParamId p); /* NULL: absent or not known */
/* Scalars: the argument's value, else the row's default. A value that is not known at compile
 * time (infer only) gives the default too; ask call_known first where that matters. */
/* absent, or present with a value */
bool call_known(const Call *c, ParamId p);
int64_t call_int(const Call *c, ParamId p);
double call_float(const Call *c, ParamId p);
bool call_bool(const Call *c, ParamId p);
/* NULL when absent without default */
const char *call_str(const Call *c, ParamId p);
/* Of a parameter whose domain is a list of words (choices.def) which one it has, as its enum; -1:
 * none of them, which call_choice reports. */
int call_chosen(const Call *c, ParamId p);
int call_choice(Call *c, ParamId p);
/* Of one whose domain is TypeName; DT_NONE: no such type. */
DType call_type_named(const Call *c, ParamId p);
/* All of a statement's, for Call.choice; NULL: it has none, or not all are known. */
const signed char *op_choices(const Op *op, Opset o, Arena *a);
/* An einsum's, for Call.equation; NULL: it is none, or has an error, which whoever runs it reports. */
const struct Equation *op_equation(const Op *op, Arena *a);
/* Vectors: count, or -1 when absent or not known. A scalar counts as one element. */
int call_ints(const Call *c, ParamId p, int64_t *out, int max);
int call_bools(const Call *c, ParamId p, bool *out, int max);
/* A parameter of n numbers that defaults to `fill` each; reports a wrong length. */
bool call_ints_or(Call *c, ParamId p, int n, int64_t fill, int64_t *out);
/* An axis, negative ones counted from the end of `rank`; reports one out of range. */
bool call_axis(Call *c, ParamId p, int rank, int *out);
bool call_norm_axis(Call *c, ParamId p, int64_t axis, int rank, int *out);

/* Answering. */
/* appends a tensor result; always true */
bool call_out(Call *c, DType t, Shape s);
bool call_out_type(Call *c, const Type *t); /* appends any; always true */
/* "<op>: <message>" at the call; always false */
bool call_error(Call *c, const char *fmt, ...) PRINTF(2, 3);
/* For eval: gives result i a shape that infer could not know. */
bool call_alloc(Call *c, int i, DType t, const Shape *s);
/* A float tensor's elements as doubles, from the call's arena; NULL when absent. */
double *call_doubles(Call *c, ParamId p);
double *call_doubles_of(Call *c, const Tensor *t);
void *call_scratch(Call *c, size_t count, size_t size); /* zeroed, dies with the call */
void *call_rough(Call *c, size_t count, size_t size);   /* the same with any bytes in it */

/* ---- making calls ------------------------------------------------------------------------ */

void call_init(Call *c, const OpInfo *info, Opset o, Arena *scratch, Diag *d, Loc loc);
/* The argument of a parameter that the row has. */
void call_give(Call *c, ParamId p, int n, CallArg *v);
/* The same for a name out of a text; reports one that the row has not. */
bool call_set(Call *c, const char *name, int n, CallArg *v);
/* Presence, types, type variables, constness and scalars of the arguments against the row. */
bool call_check(Call *c);
/* Checks, infers, allocates, evaluates. res[] are `max` empty tensors, or what such a call has
 * made before, whose memory is used again where it fits. */
bool call_run(Call *c, Tensor *res, int max);
/* The call that an op of the IR is: arguments by name, values of literals filled in. */
bool call_of_op(Call *c, const Op *op, Arena *scratch, Diag *d);

/* Warns where Core ML itself is known to refuse, or to get wrong, what a call that was inferred
 * asks for. */
void call_doubt(const Call *c);

/* ---- multiply-adds ----------------------------------------------------------------------- */

/* Of one execution of an op: of products of matrices, convolutions, attention and recurrent
 * layers, products with padding too; 0 for all others. -1: extents that it depends on are not
 * known. */
double op_macs(const Op *op);

typedef struct {
    double count;   /* of all statements; a loop's body and both branches of a cond once */
    const Op *open; /* the first whose extents are not known: it is not counted; NULL: none */
    bool blocks;    /* there are loops or conds: what runs may be more or less */
} Macs;
/* Of a verified function whose parameters have the types of `param` (of full extents; NULL,
 * or NULL in it: as declared): what they bind is followed through the statements. */
Macs func_macs(const Func *f, const Type *const *param);

/* ---- building ---------------------------------------------------------------------------- */

#include "builders.h"

/* ---- shared by families (not for outside) ------------------------------------------------ */

#define OP(name, ...)
#define IR(f) bool f(Call *c);
#define EVAL(f) bool f(Call *c);
#define GRAD(f) bool f(Grad *g);
#define NONE op_none_
#define ZERO grad_zero
#define NO grad_none_
#define EXPANSION grad_expansion
#define BLOCKS grad_blocks
#include "ops.def"
#undef NONE
#define NONE op_no_macs_
#define MACS(f) double f(Call *c);
#include "ops.def"
#undef NONE
#undef ZERO
#undef NO
#undef EXPANSION
#undef BLOCKS

#endif
