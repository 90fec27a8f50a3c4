/* ops.h -- the op table: parameters, result types, reference kernel and gradient of every MIL
 * operation.
 *
 * ops.def holds the rows. The reader, the verifier, the printer, the language's calls,
 * docs/ops.md, constant folding, `ref` and the test of coverage need nothing but the row.
 *
 * The functions of a row take a Call: one execution of an op, its arguments given as types and
 * tensors, so that they need no Module:
 *   infer  sets the result types from the argument types and from those argument values that
 *          are known; at run time all values are, so shapes come out exact
 *   eval   the reference kernel: reads argument tensors and fills result tensors, which are
 *          allocated by the inferred types. Floats are summed in double and rounded once, into
 *          the element type of the result. */
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

/* The words that each domain of choices.def allows, as an enum. */
#define CHOICE(type, prefix, any, ...) typedef enum { __VA_ARGS__, prefix##_COUNT } type;
#define WORD(prefix, name, word) prefix##_##name
#include "choices.def"

/* The number of a word in its domain; for the domain TypeName a DType. -1: the domain does not
 * have the word, or has no words. */
int domain_choice(Domain d, const char *word);
const char *domain_words(Arena *a, Domain d); /* a list of all words, for messages */
DTypes domain_types(Domain d, Opset o);
/* The type that holds all numbers of t where an opset lacks t; DT_NONE: there is none. */
DType dtype_wider(DType t);

enum {              /* Param.flags */
       P_CONST = 1, /* must be known at compile time */
       P_OPT = 2,
       P_VARIADIC = 4, /* a tuple of values */
       P_ATTR = 8,     /* up to ios17 given in the attribute list (the constexpr ops) */
       P_CONST_UNTIL_17 = 16, /* P_CONST in ios15 and ios16 only */
       P_SCALAR = 32          /* holds one element */
};

/* How parameters are spelt; generated from the table (ir/ops/table/params.c). */
extern const char *const param_names[PARAM_COUNT];

/* Without a pointer in it: a process that starts fills in those of all rows. */
typedef struct {
    uint8_t id;  /* a ParamId; P_NONE: behind the last */
    uint8_t dom; /* a Domain */
    uint16_t flags;
    int8_t since, until; /* opsets it exists in; 0: no bound */
    /* type variable: parameters that share its letter share their element type; a second
     * letter is the one from ios17 on ("TU") */
    char var[3];
    char def[23]; /* param_default */
} Param;

static inline const char *param_name(const Param *p) { return param_names[p->id]; }
/* The default as text ("1", "valid", "1e-05"); NULL: none, or infer computes it. */
static inline const char *param_default(const Param *p)
{
    return *p->def ? p->def : NULL;
}

enum { MAX_PARAM = 20, MAX_RESULT = 64 };

enum { /* OpInfo.flags */
       /* element i of the result depends on element i of the (broadcast) arguments alone */
       F_ELEMENTWISE = 1,
       F_COMMUTES = 2, /* x and y may be exchanged */
       F_MOVES = 4,    /* copies elements without computing */
       /* has an effect, or another result at each execution: never folded or merged */
       F_IMPURE = 8,
       F_CONSTEXPR = 16,    /* decodes a compressed weight; runs before anything else */
       F_BLOCKS = 32,       /* has nested blocks */
       F_UNSUPPORTED = 128, /* can be read and printed; to run it is an error */
       F_PRIVATE = 256,     /* of the E5 dialect, not of public Core ML */
       F_CHOICE = 512,      /* picks a class; runs behind the engine's part */
       F_WIDER = 1024 /* the language's takes more: the library's _mil_NAME calls it */
};

/* The families, a file of rows each; OPS_norm is one. */
/* clang-format off */
#define OP_FAMILIES(F) \
    F(control) F(unary) F(binary) F(activation) F(reduce) F(norm) F(linear) F(attention) \
    F(conv) F(pool) F(shape) F(tensor) F(gather) F(image) F(recurrent) F(random) F(quant) \
    F(buffer)
/* clang-format on */
#define FAMILY(name) OPS_##name,
typedef enum { OP_FAMILIES(FAMILY) OPS_COUNT } OpFamily;
#undef FAMILY
extern const char *const family_names[OPS_COUNT];

typedef struct Call Call;
typedef struct Grad Grad;

/* The algebraic laws that hold for an op (the column LAWS). */
typedef struct {
    bool relabels; /* the result has x's elements in x's order, in another shape */
    /* neutral elements: where y (for `left`: x) is this number, the result is x (y) */
    struct {
        bool is;
        double number;
    } right, left;
    /* When the op does nothing: the result has x's type, and besides nothing (SAME_TYPE), known
     * dimensions (SAME_SHAPE), `param` is 0, 1, 2 .. (COUNTS_UP), or `param` is `number`
     * everywhere (ALL_ARE). */
    struct {
        enum {
            IDLE_NEVER,
            IDLE_SAME_TYPE,
            IDLE_SAME_SHAPE,
            IDLE_COUNTS_UP,
            IDLE_ALL_ARE
        } when;
        ParamId param;
        int64_t number;
    } idle;
    /* there and back through a type that holds all values it does nothing */
    bool round_trip;
    bool of_one; /* given one value, it does nothing */
} Laws;

typedef struct {
    const char *name;
    OpFamily family;
    unsigned flags;
    const char *doc;
    Opset since;
    const Param *param; /* ends with P_NONE */
    /* by ParamId: 1 + its index in param; 0: the op has no such parameter */
    const unsigned char *place;
    bool (*infer)(Call *);
    bool (*eval)(Call *); /* NULL: it cannot be run, which is an error of the run */
    /* multiply-adds of a checked call, -1 where not known; NULL: it has none */
    double (*macs)(Call *);
    /* the gradient (grad.h); NULL: the op has none. grad_zero: it is zero; grad_expansion: that
     * of the ops which it is decomposed into; grad_blocks: that of its nested blocks. */
    bool (*grad)(Grad *);
    const char *example,
        *expect; /* a test: an argument list, and the results it must give */
    int example_opset;
} OpInfo;

enum {
#define OP(name, ...) OP_##name,
#include "ops.def"
    OP_COUNT,
    OP_NONE = -1
};
extern const OpInfo ops[OP_COUNT];
extern const Laws op_laws[OP_COUNT];

static inline bool op_is_of(const Op *op, OpFamily f)
{
    return op->kind != OP_NONE && ops[op->kind].family == f;
}

/* Whether op decodes a compressed weight. */
static inline bool op_decodes(const Op *op)
{
    return op->kind != OP_NONE && (ops[op->kind].flags & F_CONSTEXPR) != 0;
}
/* Whether it is known before anything runs: a constant, or what decodes one. */
static inline bool op_is_fixed(const Op *op)
{
    return op->kind == OP_const || op_decodes(op);
}

/* Generated from the table (ir/ops/table/params.c): OpInfo.place. */
extern const unsigned char param_places[OP_COUNT][PARAM_COUNT];

/* By name, for readers of text: the row of an op (OP_NONE: the table lacks it), and a parameter
 * of one (NULL: the op has none of that name). */
int op_find(const char *name);
const Param *op_param(const OpInfo *info, const char *name);
/* By id; NULL: the op has no such parameter. */
static inline const Param *op_param_of(const OpInfo *info, ParamId p)
{
    return info->place[p] ? &info->param[info->place[p] - 1] : NULL;
}
bool param_in(const Param *p, Opset o);        /* whether the opset has it */
unsigned param_flags(const Param *p, Opset o); /* P_CONST_UNTIL_17 becomes P_CONST or 0 */
char param_var(const Param *p, Opset o);       /* letter of its type variable; 0: none */

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
    /* an arena whose memory is not zeroed, for call_rough; NULL: arena is used */
    Arena *rough;
    Diag *diag;
    Loc loc;
    /* by index in info->param; n = 0: absent */
    struct {
        int n;
        CallArg *v;
    } p[MAX_PARAM];
    int nout;
    const Type *out[MAX_RESULT]; /* set by infer */
    Tensor *res[MAX_RESULT]; /* filled by eval; allocated where out[i] is fully known */
    uint64_t random_seed;    /* the seed of a random op whose parameter `seed` is -1 */
    uint64_t random_draw;    /* executions of this op so far: in a loop each draws anew */
    uint64_t random_serial;  /* number of this op among the random ops, for seed -1 */
    /* by index in info->param: the number of its word in its domain, that of the default
     * where it is absent, -1 where it has none. NULL: not looked up yet, then call_choice
     * does so */
    const signed char *choice;
    /* of einsum: its equation; NULL: not parsed yet, then equation_einsum does so */
    const struct Equation *equation;
    /* how sums of products are computed (eval.h); NULL: in double */
    const struct Products *products;
};

/* Reading arguments. To ask for a parameter that the row lacks is a bug(); where several rows
 * share a function, call_takes tells. */
bool call_takes(const Call *c, ParamId p);
int call_has(const Call *c, ParamId p); /* number of values given; 0: absent */
const CallArg *call_arg(const Call *c, ParamId p, int i);
DType call_dtype(const Call *c, ParamId p); /* DT_NONE: absent */
const Shape *call_shape(const Call *c,
                        ParamId p);               /* of a tensor argument; NULL: absent */
const Tensor *call_val(const Call *c, ParamId p); /* NULL: absent or not known */
/* A scalar argument's value, else the row's default. While compiling, a value that is not
 * known gives the default too; where that matters call_known tells: it is true for an
 * argument that is absent or has a value. call_str is NULL for an absent one without a
 * default. */
bool call_known(const Call *c, ParamId p);
int64_t call_int(const Call *c, ParamId p);
double call_float(const Call *c, ParamId p);
bool call_bool(const Call *c, ParamId p);
const char *call_str(const Call *c, ParamId p);
/* For a parameter whose domain is a list of words (choices.def): the word as its enum. -1: it
 * is none of them, which call_choice reports. */
int call_chosen(const Call *c, ParamId p);
int call_choice(Call *c, ParamId p);
/* For a parameter whose domain is TypeName; DT_NONE: no such type. */
DType call_type_named(const Call *c, ParamId p);
/* The words of all parameters of op, for Call.choice; NULL: it has none, or not all are
 * known. */
const signed char *op_choices(const Op *op, Opset o, Arena *a);
/* The equation of an einsum, for Call.equation. NULL: it is another op, or the equation has an
 * error, which its inference reports. */
const struct Equation *op_equation(const Op *op, Arena *a);
/* The elements of a vector, or a scalar as one element, into out; returns their count. -1:
 * absent or not known. */
int call_ints(const Call *c, ParamId p, int64_t *out, int max);
int call_bools(const Call *c, ParamId p, bool *out, int max);
/* The same for a vector of n numbers, each `fill` where it is absent; another length is an
 * error. */
bool call_ints_or(Call *c, ParamId p, int n, int64_t fill, int64_t *out);
/* An axis of a tensor of that rank, from 0; negative ones count from the end. One that is
 * out of range is an error. */
bool call_axis(Call *c, ParamId p, int rank, int *out);
bool call_norm_axis(Call *c, ParamId p, int64_t axis, int rank, int *out);

/* Setting results. The first two always return true. */
bool call_out(Call *c, DType t, Shape s);   /* appends a tensor to the result types */
bool call_out_type(Call *c, const Type *t); /* appends any type */
/* Reports "<op>: <message>" at the call; always false. */
bool call_error(Call *c, const char *fmt, ...) PRINTF(2, 3);
/* For eval: allocates result i, whose shape infer could not know. */
bool call_alloc(Call *c, int i, DType t, const Shape *s);
/* The elements of a float tensor as doubles, in the call's arena; NULL: absent. */
double *call_doubles(Call *c, ParamId p);
double *call_doubles_of(Call *c, const Tensor *t);
/* zeroed memory until the call ends */
void *call_scratch(Call *c, size_t count, size_t size);
void *call_rough(Call *c, size_t count, size_t size); /* the same, not zeroed */

/* ---- making calls ------------------------------------------------------------------------ */

void call_init(Call *c, const OpInfo *info, Opset o, Arena *scratch, Diag *d, Loc loc);
/* Sets the n values of an argument, whose parameter the row must have. */
void call_give(Call *c, ParamId p, int n, CallArg *v);
/* The same by a name from a text; one that the row lacks is reported. */
bool call_set(Call *c, const char *name, int n, CallArg *v);
/* Checks the arguments against the row: presence, types, type variables, constness, scalars. */
bool call_check(Call *c);
/* Checks, infers, allocates and evaluates. res has `max` tensors, empty ones or the results
 * of an earlier call, whose memory is used again where it fits. */
bool call_run(Call *c, Tensor *res, int max);
/* Makes the call of an op, with its literals as known values. */
bool call_of_op(Call *c, const Op *op, Arena *scratch, Diag *d);

/* Warns where Core ML itself is known to refuse an inferred call, or to compute it wrongly. */
void call_doubt(const Call *c);

/* ---- multiply-adds ----------------------------------------------------------------------- */

/* Multiply-adds of one execution of an op: a matrix product, convolution, attention or
 * recurrent layer, products with padding included; 0 for all others. -1: dimensions that
 * they depend on are not known. */
double op_macs(const Op *op);

typedef struct {
    double count; /* of all ops; the body of a loop and both branches of a cond once */
    /* the first op that is not counted, its dimensions being unknown; or NULL */
    const Op *open;
    bool blocks; /* there are loops or conds, so that a run may compute more or less */
} Macs;
/* Of a verified function whose parameters have the types `param`, of known dimensions (NULL, or
 * NULL in it: as declared). Dimensions are inferred from these through the ops. */
Macs func_macs(const Func *f, const Type *const *param);

/* ---- building ---------------------------------------------------------------------------- */

#include "builders.h"

/* ---- short ways to build common ops (make.c) --------------------------------------------- */

/* Each builds an op by b and returns its result; constants that the op needs are built in
 * front. Where axes are counted x must have a known shape. */

/* An op of that kind with the one operand x, or with x and y. */
Value *make_one(Builder *b, int kind, Value *x);
Value *make_two(Builder *b, int kind, Value *x, Value *y);
/* A scalar of the element type of `like`; fp32 where `like` is poison. */
Value *make_number(Builder *b, const Value *like, double v);
/* An op of x and such a scalar. */
Value *make_with(Builder *b, int kind, Value *x, double y);
/* Axis i of the result is axis perm[i] of x. */
Value *make_transpose(Builder *b, Value *x, const int64_t *perm);
Value *make_matmul(Builder *b, Value *x, Value *y, bool transpose_x, bool transpose_y);
/* x surrounded by `value`: pad has the amounts before and after, axis by axis. */
Value *make_pad(Builder *b, Value *x, const int64_t *pad, double value);
/* Elements from .. from + n - 1 along an axis. */
Value *make_slice(Builder *b, Value *x, int axis, int64_t from, int64_t n);
/* The n values behind each other along an axis. */
Value *make_concat(Builder *b, Value **v, int n, int axis);

/* ---- functions of the rows, declared from the table; for ir/ops alone -------------------- */

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
