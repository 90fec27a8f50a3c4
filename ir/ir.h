/* ir.h -- the intermediate form, which is MIL: the nouns, and how they are built and checked.
 *
 *   Module   a program: version, functions, the folder its weights are relative to
 *   Func     parameters, an opset, a body
 *   Block    statements in order, and the values it yields
 *   Op       one statement: a row of ops.def (ir/ops/ops.h), named arguments, results
 *   Value    what an Op results in, a parameter, or an inline literal; in SSA form
 *   Const    a literal: element data, wherever its bytes are
 *   Type     tensor, list, dict, tuple, state or tensor_buffer; immutable
 *
 * Ownership: everything reachable from a Module lives in its arena and dies with module_free().
 * Weight bytes are not in the arena: they are mapped files that the module closes.
 * Passes link Ops out of a Block and leave the memory to the arena.
 *
 * Errors go to the Diag that a call is given, at the Loc of the statement. */
#ifndef ANEC_IR_H
#define ANEC_IR_H

#include "../base/base.h"
#include "ops/params.h"

/* ---- element types ----------------------------------------------------------------------- */

typedef enum {
    DT_NONE,
#define DT(id, ...) DT_##id,
#include "dtypes.def"
    DT_COUNT
} DType;

typedef enum {
    CLASS_NONE,
    CLASS_BOOL,
    CLASS_STRING,
    CLASS_FLOAT,
    CLASS_INT,
    CLASS_UINT
} DClass;

/* The fields of TensorValue in MIL.proto. */
enum {
    FIELD_FLOATS = 1,
    FIELD_INTS,
    FIELD_BOOLS,
    FIELD_STRINGS,
    FIELD_LONGS,
    FIELD_DOUBLES,
    FIELD_BYTES
};

typedef struct {
    const char *name; /* as MIL writes it */
    int bits;         /* 0 for strings */
    DClass cls;
    /* what containers call it (dtypes.def): "" and 0 where they have no such elements */
    const char *npy, *safetensors;
    int blob, spec;
    uint32_t field, array;
    const char *schema;
    bool edge; /* engines have inputs and results of it */
} DTypeInfo;
extern const DTypeInfo dtypes[DT_COUNT];

DType dtype_find(const char *name, size_t len); /* DT_NONE when unknown */
DType dtype_of_npy(const char *descr);
DType dtype_of_safetensors(const char *name);
DType dtype_of_spec(uint64_t number);
DType dtype_of_array(uint64_t number);
/* Floats of a byte, which files have and MIL does not: each is one of type `as`, exactly. */
typedef struct {
    const char *name, *safetensors;
    DType as;
    uint16_t (*widen)(uint8_t v);
} ByteFloat;
const ByteFloat *byte_float_find(const char *name); /* NULL: it is none */
const ByteFloat *byte_float_of_safetensors(const char *name);
const char *byte_float_name(int i); /* of each; NULL behind the last */
static inline bool dtype_is_float(DType t) { return dtypes[t].cls == CLASS_FLOAT; }
static inline bool dtype_is_int(DType t)
{
    return dtypes[t].cls == CLASS_INT || dtypes[t].cls == CLASS_UINT;
}

/* ---- shapes and types -------------------------------------------------------------------- */

enum { MAX_RANK = 16 };
#define DIM_ANY ((int64_t)-1) /* the `?` of MIL text */

typedef struct {
    int rank;              /* 0: a scalar */
    int64_t dim[MAX_RANK]; /* >= 0, or DIM_ANY */
} Shape;

#define SHAPE(...)                                                                             \
    shape_of((int)COUNT(((int64_t[]){ __VA_ARGS__ })), (int64_t[]){ __VA_ARGS__ })
Shape shape_of(int rank, const int64_t *dim);
bool shape_known(const Shape *s);                 /* no DIM_ANY */
bool shape_equal(const Shape *a, const Shape *b); /* DIM_ANY equals only itself */
bool shape_fits(const Shape *a, const Shape *b);  /* DIM_ANY fits anything */
bool shape_count(const Shape *s, size_t *count);  /* false: unknown dims or overflow */
/* Numpy broadcasting; DIM_ANY with 1 or DIM_ANY is DIM_ANY, with n > 1 is n. False: no fit. */
bool shape_broadcast(const Shape *a, const Shape *b, Shape *out);
const char *shape_text(Arena *a, const Shape *s); /* "[1, ?, 3]" */

typedef enum { TY_POISON, TY_TENSOR, TY_LIST, TY_DICT, TY_TUPLE, TY_STATE, TY_BUFFER } TypeKind;

typedef struct Type Type;
struct Type {
    /* TY_POISON: wrong, and reported already; nothing more is said about it */
    TypeKind kind;
    DType dtype; /* tensor, buffer */
    Shape shape; /* tensor, buffer */
    int nsub;    /* list, state: 1; dict: 2; tuple: any */
    const Type **sub;
    int64_t length; /* list: its length, or DIM_ANY */
    int nfield;     /* buffer: the named extents beside shape, as written */
    struct TypeField {
        const char *name;
        Shape dims;
    } * field;
};

extern const Type type_poison;
const Type *type_tensor(Arena *a, DType t, Shape s);
const Type *type_scalar(DType t);
const Type *type_state(Arena *a, const Type *of);
const Type *type_list(Arena *a, const Type *of, int64_t length);
const Type *type_tuple(Arena *a, int n, const Type *const *sub);
const Type *type_dict(Arena *a, const Type *key, const Type *value);
bool type_equal(const Type *a, const Type *b);
bool type_fits(const Type *a, const Type *b); /* as equal, DIM_ANY fits anything */
/* "tensor<fp16, [1, 3]>", "int32" (short) */
const char *type_text(Arena *a, const Type *t);
/* of a known tensor type, packed; 0 otherwise */
size_t type_bytes(const Type *t);

/* ---- tensors: values at run time --------------------------------------------------------- */

/* Elements in C order, little endian, packed: types below 8 bits are packed least significant
 * bit first across bytes, bools are a byte each, strings are `const char *` (NUL-terminated
 * UTF-8). A list value has dtype DT_NONE and its elements in `item`. `data` is malloc'd when
 * `owned`. */
typedef struct Tensor Tensor;
struct Tensor {
    DType dtype;
    Shape shape;
    size_t count, bytes;
    void *data;
    bool owned;
    Tensor **item; /* list values: nitem tensors, each owned */
    int64_t nitem;
    bool is_list, fixed; /* fixed: a list that does not grow */
};

/* zeroed; fail when too large */
bool tensor_alloc(Tensor *t, Diag *d, DType dtype, const Shape *s);
/* The same for one that is not empty: in its memory where that has the size. */
bool tensor_again(Tensor *t, Diag *d, DType dtype, const Shape *s);
void tensor_free(Tensor *t); /* t is {0} again */
/* mem_follow for all that it has */
void tensor_follow(const void *owner, const Tensor *t);
Tensor tensor_view(DType dtype, const Shape *s, const void *data); /* not owned */
bool tensor_copy(Tensor *dst, Diag *d, const Tensor *src);
int64_t tensor_int(const Tensor *t, size_t i);  /* ints and bools of any width */
double tensor_float(const Tensor *t, size_t i); /* any numeric type, exact */
/* One rounding into the element type: floats to nearest even; ints: v is truncated toward zero
 * by the caller or is whole, and wraps modulo 2^bits as two's complement; bool: v != 0. */
void tensor_set_float(Tensor *t, size_t i, double v);
void tensor_set_int(Tensor *t, size_t i, int64_t v);
/* The same for a run of n elements starting at i; the fast way in and out. */
void tensor_get_floats(const Tensor *t, size_t i, size_t n, double *dst);
void tensor_put_floats(Tensor *t, size_t i, size_t n, const double *src);

/* ---- literals ---------------------------------------------------------------------------- */

typedef enum {
    CONST_DATA, /* element bytes in memory (arena, or mapped): `data` */
    CONST_BLOB, /* bytes in a weight file, found through BLOBFILE(path, offset) */
    /* elements of a mapped .npy or .safetensors, of dtype `src`, converted when read */
    CONST_FILE,
    CONST_INIT,  /* made by a rule: fill, normal, uniform, seeded */
    CONST_OF,    /* elements of another literal from `first` on, converted when they are read */
    CONST_MADE,  /* what a statement of other literals results in, computed when it is read */
    CONST_GROUP, /* list, tuple, dict: `elem` (a dict's are key, value, key, value ..) */
} ConstKind;

typedef enum { INIT_FILL, INIT_NORMAL, INIT_UNIFORM } InitKind;

typedef struct Op Op;
typedef struct Value Value;
typedef struct Func Func;
typedef struct Module Module;
/* a mapped weight file, or one that is absent; see below */
typedef struct WeightFile WeightFile;

typedef struct Const Const;
struct Const {
    const Type *type;
    Loc loc;
    ConstKind kind : 8;
    InitKind init : 8; /* INIT */
    DType src : 8;     /* FILE: the element type there */
    /* belongs in a weight file however small, and though it was spelled out */
    bool in_file;
    uint32_t weight; /* which of the module's named weights it is: const_weight; 0: none */
    int64_t nelem;   /* DATA of a type with `?`; GROUP; BLOB */
    /* each kind has its own: whoever changes the kind makes all of it anew */
    union {
        struct {
            const void *data; /* DATA: packed elements; strings: const char *const * */
            uint64_t near[2]; /* what data points to where that is no more than this */
        };
        const Const **elem; /* GROUP */
        struct {
            union {
                const char *path;     /* BLOB: as written, "@model_path/weights/weight.bin" */
                const void *src_data; /* FILE: first element; C order */
            };
            union {
                uint64_t offset; /* BLOB: of the 64-byte record, as written */
                /* FILE: how a byte there becomes an element of type src; NULL: it is one */
                const ByteFloat *coded;
            };
            /* BLOB, resolved on first use; FILE: the mapping's owner */
            WeightFile *file;
        };
        struct {
            /* FILL: a; NORMAL: mean a, deviation b; UNIFORM: from a up to b */
            double a, b;
            /* INIT: the stream; element i is a function of (seed, i) alone */
            uint64_t seed;
        };
        struct {
            /* OF: the other, never an OF itself but for windows; types of whole bytes alone */
            const Const *of;
            size_t first; /* OF: where its elements begin there */
            /* OF, windows: rows of so many elements, each `step` elements behind the row
             * before; width 0: all in one run */
            uint32_t width;
            int32_t step;
        };
        struct Made *made; /* MADE: see const_made */
    };
};

Const *const_data(Arena *a, const Type *t, const void *data); /* data is not copied */
/* zeroed elements, to be set */
Const *const_room(Arena *a, const Type *t, size_t bytes, void **data);
/* Rows that are pieces of one line, a literal: the first one begins at element `first`, each other
 * `step` elements behind the one before. All of them lie in the line, which stays. */
Const *const_windows(Arena *a, const Type *t, const Const *line, size_t first, int step);
Const *const_int(Arena *a, DType t, int64_t v); /* scalars.. */
Const *const_float(Arena *a, DType t, double v);
Const *const_bool(Arena *a, bool v);
Const *const_string(Arena *a, const char *s);
Const *const_ints(Arena *a, DType t, int n, const int64_t *v); /* .. and rank 1 */
Const *const_bools(Arena *a, int n, const bool *v);
/* Elements [first, first + n) in the literal's own type, whatever kind it is, into dst
 * (packed; for types below 8 bits first * bits must be a whole number of bytes). Reports
 * what is absent or wrong of a weight file. This is how writers stream, so memory does not
 * grow with weights. */
bool const_read(const Const *c, Diag *d, size_t first, size_t n, void *dst);
/* The whole literal as a tensor: a view when the bytes are in memory or mapped, else a copy. */
bool const_tensor(const Const *c, Diag *d, Tensor *out);
/* Whether const_read finds elements: c is a tensor, and its file is there or something stands
 * in for it. */
bool const_at_hand(const Const *c);
/* Result `index` of op as a literal, when all of op's arguments are literals at hand,
 * constexprs, or values that `made` has a literal for (others: NULL). op and what it refers to
 * may change and go afterwards. NULL: it is no such statement, or it takes too many of them.
 * Its elements cannot be seen without computing them all: what was computed last is kept. The
 * result is of numbers of a byte or more. */
typedef const Const *MadeLookup(void *ctx, const Value *v);
const Const *const_made(Module *m, const Op *op, int index, MadeLookup *made, void *ctx);
/* What v is computed from constants alone as a literal; NULL: it is not, or by too many
 * statements. `made` keeps what was made of the same values before, so that it is one literal;
 * no statement may change in between. */
const Const *const_of_value(Module *m, const Value *v, PtrMap *made);
/* Op was computed: weights that were declared and go into it, or into statements whose results
 * `made` has, are in the program no more when nothing else uses them (Op.keep). made may be
 * NULL. */
void op_let_weights_go(const Op *op, const PtrMap *made);
size_t const_made_from(const Const *c); /* bytes of the literals that a MADE is computed from */
/* The largest literal that a MADE is computed from. */
const Const *const_made_largest(const Const *c);
/* The n elements of c from `first` on as a literal of shape s, wherever they are; nothing is
 * copied. NULL: a group, or types of less than a byte. */
Const *const_part(Module *m, const Const *c, size_t first, Shape s);
/* The literal in another float type, rounded to nearest even. Elements beyond fp16 go to its
 * edge, as an infinite mask would give NaN; so does what would vanish of one that is so short
 * that it stays in the text, as an epsilon of 0 would divide by zero. Both are the warning
 * precision, which calls the literal `name` (NULL: it has none). A long one is converted when
 * it is read. NULL: no float, or its bytes are not at hand. */
Const *const_convert(Module *m, const Const *c, DType t, const char *name, Diag *d);
/* That warning alone, for a literal that is read from or made in a wider type. */
void const_warn_range(const Const *c, const char *name, Diag *d);
enum { F16_MAX = 65504 }; /* the largest finite fp16 */
/* literals of fewer elements stay in the text, as coremltools has it */
enum { CONST_FILE_MIN = 10 };
/* Whether writing a literal of f moves it from the text to a weight file: nobody spelled it
 * out, it has `min` elements or more, and its type may be there in f's opset; or it is marked
 * `in_file`. */
bool const_leaves_text(const Func *f, const Const *c, size_t min);
bool const_in_file(const Func *f, const Const *c); /* will be, or is already: a reference */
bool const_equal(const Const *a, const Const *b);  /* same type and same bytes or same origin */
/* equal for those; nothing is read from a file for it */
uint64_t const_hash(const Const *c);

/* ---- the program ------------------------------------------------------------------------- */

typedef enum {
    OPSET_NONE,
    OPSET_IOS15 = 15,
    OPSET_IOS16,
    OPSET_IOS17,
    OPSET_IOS18,
    OPSET_IOS26 = 26
} Opset;
/* "ios17"; OPSET_NONE when unknown; ios13, 14 read as 15 */
Opset opset_find(const char *text);
const char *opset_text(Opset o);

typedef struct Block Block;
struct Value {
    const char *name; /* interned; NULL for an inline literal */
    const Type *type;
    Op *def;     /* NULL: a parameter or an inline literal */
    Value *self; /* the list of one value that arguments and statements share; in use, itself */
    uint32_t id; /* of the module's values, from 1: what ValueTable finds it by; 0: none */
    /* places where the function returns it: block_result, func_set_result */
    unsigned returned : 28;
    bool noted : 1;   /* an index of who uses what has it: ir/uses.c */
    bool bare : 1;    /* inline literal written without its type (warning bare-literal) */
    bool placed : 1;  /* the source that it stands in lies before it: value_loc */
    bool has_lit : 1; /* of a const op, or an inline Literal: value_lit */
    uint32_t at;      /* value_loc; len 0: nowhere of its own */
    uint16_t len;
    uint16_t index; /* which result of def */
};

/* An inline literal: few values are one, so what it says stands behind. */
typedef struct {
    Value v;
    const Const *lit;
} Literal;

static inline Literal const_literal(const Const *c) /* for who asks what it is */
{
    return (Literal){ .v = { .type = c ? c->type : NULL, .has_lit = true }, .lit = c };
}

/* The values of an argument lie in the value, where it is one, or behind an ArgList. */
typedef struct {
    Value *const *val;  /* arg_count of them; written by arg_put and arg_add alone */
    uint32_t at;        /* arg_loc; len 0: nowhere of its own */
    unsigned param : 8; /* a ParamId; P_NONE: the op's row has no parameter of this name */
    bool listed : 1;    /* val is behind an ArgList */
    bool tuple : 1;     /* written in parentheses; one value without them is the same */
    unsigned len : 22;
} Arg;

typedef struct {
    const char *name; /* where param is P_NONE */
    int count;
    Value *val[]; /* room up to the next power of two */
} ArgList;

typedef struct {
    const char *name;
    const Const *val;
} Attr;

/* What `at` points to may be shared: attr_set changes a copy. */
typedef struct {
    Attr *at;
    int count;
} Attrs;

/* What few statements have. */
typedef struct {
    const char *name; /* interned, where the table lacks it */
    const char *said; /* the attribute `name`: op_said_name */
    Attrs attrs;
    Block **block; /* cond, while_loop */
    int nblock;
} OpMore;

/* A program may have a million, so nothing is said twice, and lists have no spare room noted:
 * arrays of n elements have room up to the next power of two. */
struct Op {
    Block *parent; /* where it is; `gone`: where it was */
    Op *prev, *next;
    Arg *arg;
    Value *const *out;
    /* attributes (a const's `val`, a constexpr's data, what we do not know; `name`:
     * op_said_name), blocks, an unknown name */
    union {
        OpMore *more;     /* NULL: none of these */
        const Const *val; /* plain: the attribute `val`, and nothing else */
    };
    uint32_t at; /* op_loc */
    uint16_t len, source;
    uint16_t narg, nout;
    int16_t kind;  /* index into ops[] (ir/ops/ops.h); OP_NONE: a name the table lacks */
    uint8_t opset; /* an Opset: the statement's own, or OPSET_NONE */
    bool stop : 1; /* no gradient flows back through it, whatever its row says */
    bool keep : 1; /* a weight that was declared: dce leaves it although nothing uses it */
    /* its attribute `name` is the name of its first result, and not among attrs */
    bool named : 1;
    bool tight : 1; /* arg has room for no more */
    bool plain : 1; /* has val and no more */
    bool gone : 1;  /* it was taken out */
};
enum { OP_ARGS = 1000, OP_RESULTS = UINT16_MAX }; /* as many as one may have */

struct Block {
    const char *name; /* of a nested block; NULL in a function */
    Func *func;
    Op *owner; /* NULL: the function's body */
    Value **param;
    int nparam;
    Op *first, *last;
    Value **result;
    int nresult;
};

struct Func {
    const char *name;
    Module *module;
    Opset opset;
    const char *opset_name; /* as written, when opset does not know it */
    Attrs attrs;            /* FlexibleShapeInformation and others */
    uint32_t number;        /* of the functions that were made, from 1 */
    /* value names that a function before it has too */
    struct NameUse {
        const char *name;
        int next;
    } * used;
    size_t used_cap, used_count;
    /* who uses what, while a pass walks and replaces (ir/uses.c), or NULL */
    struct Uses *uses;
    int walks;   /* at work, one inside another */
    Block *body; /* its params are the function's inputs and states */
    /* inputs and results that are images outside, */
    struct Fixed {
        const char *name;
        DType dtype;
    } * fixed;
    /* and the float type that the numbers of their pixels have inside (ir/edge.c) */
    int nfixed;
    Loc loc;
    Func *next;
};

/* A weight under the name that its author knows, whatever the program makes of it later. */
typedef struct {
    const char *path;
    const struct Compression *as; /* the form that it is declared to have, or NULL */
} NamedWeight;

struct Module {
    Arena arena;
    Names names;
    const char *version; /* "1.0", "1.3", as written */
    bool has_attrs;      /* a [ ] list stood there, perhaps empty */
    Attrs attrs;         /* buildInfo */
    Func *first, *last;
    const Type **type; /* tensor types by a hash of them: module_tensor */
    size_t type_cap, type_count;
    PtrMap func_of;       /* functions by interned name */
    const Source *src;    /* where it was read from, or NULL */
    const Source **known; /* what the places of statements are in */
    int nknown;
    const char *dir;   /* folder that @model_path stands for, or NULL */
    WeightFile *files; /* opened so far */
    /* of func_extract: the module whose files the literals are in, or NULL */
    const Module *origin;
    Mapped *maps; /* arrays named by CONST_FILE */
    int nmaps;
    Scratch *scratch;    /* what large literals that a pass made are in */
    NamedWeight *weight; /* by Const.weight, from 1; those of `origin` first */
    uint32_t nweight, weight_cap;
    Source *sources;          /* texts the module owns, for Locs */
    const char *default_func; /* "main" unless a container says otherwise */
    /* what a container says beyond the program (ir/mil/spec.h), or NULL */
    struct About *about;
    int missing; /* --missing-weights: 0 error, 1 zeros, 2 random */
    uint64_t missing_seed;
    struct MadeRoom *made; /* the CONST_MADE that was computed last, or NULL */
    uint64_t links;        /* counts ops that were linked in or out */
    uint32_t nvalue;       /* the id that was given last */
    /* memory ran out while passes had changed a part of it: it is only good to be freed */
    bool broken;
    bool follow_links; /* --follow-links: weights may be links that leave the folder */
    /* The layer that statements are of which are made from now on, "blocks.3", or NULL: while a
     * program of the language becomes one whose weights are inputs, and while that is
     * differentiated. By statement, in layer_of: those of none are not there. */
    const char *layer;
    PtrMap layer_of;
};

Module *module_new(void);
void module_free(Module *m);
/* False, a failure: a file that it was read from is not what it was (file_stayed). To be asked
 * after literals were read and before anything comes of them. */
bool module_stayed(const Module *m, Diag *d);
Func *module_func(const Module *m, const char *name); /* NULL: no such function */
/* the default function, else the first, else NULL */
Func *module_main(const Module *m);
Func *func_new(Module *m, const char *name, Opset opset);
bool module_short_scalars(const Module *m);        /* the spelling of program(1.3) */
const char *module_name(Module *m, const char *s); /* interned */
const Type *module_tensor(Module *m, DType t, const Shape *s); /* one for all that are equal */
/* t, which may be in another arena, in the module's */
const Type *module_type(Module *m, const Type *t);
const WeightFile *module_files(const Module *m); /* those that its literals may be in */
/* One more, for Const.weight. */
uint32_t module_name_weight(Module *m, const char *path, const struct Compression *as);
/* The weight that the literal is, or is made of: of several the largest; NULL: none is named. */
const NamedWeight *const_weight(const Module *m, const Const *c);

const Const *attr_get(const Attrs *a, const char *name);
void attr_set(Module *m, Attrs *a, const char *name, const Const *val); /* NULL removes */

/* Those of a statement; `one` is room where it has one alone. */
Attrs op_attrs(const Op *op, Attr *one);
const Const *op_attr(const Op *op, const char *name);
void op_set_attr(Module *m, Op *op, const char *name, const Const *val); /* NULL removes */
void op_take_attrs(Module *m, Op *op, Attrs attrs); /* of one that has none */

/* What a const statement or an inline literal says; NULL: it is neither. */
static inline const Const *value_lit(const Value *v)
{
    if (!v->has_lit) return NULL;
    if (!v->def) return ((const Literal *)v)->lit;
    return v->def->plain ? v->def->val : op_attr(v->def, "val");
}
void value_set_lit(Value *v, const Const *c); /* of one that has a literal */

const char *op_name(const Op *op); /* interned or static, as written */
static inline int op_nblock(const Op *op)
{
    return op->plain || !op->more ? 0 : op->more->nblock;
}
static inline Block *op_block(const Op *op, int i) { return op->more->block[i]; }

static inline const ArgList *arg_list(const Arg *a) /* of one that is listed */
{
    return (const void *)((const char *)a->val - offsetof(ArgList, val));
}
static inline int arg_count(const Arg *a)
{
    return a->listed ? arg_list(a)->count : a->val ? 1 : 0;
}
const char *arg_name(const Arg *a);

/* Where they stand in a source. */
Loc op_loc(const Op *op);
Loc value_loc(const Value *v); /* its statement's or literal's where it has none */
void op_set_loc(Op *op, Loc loc);
Value *value_placed(Module *m, Loc loc); /* one that is nothing but there */
/* An inline literal without a number. */
Value *literal_placed(Module *m, const Const *c, Loc loc);

/* The attribute `name` of a statement, which is not among its attributes unless it is no string.
 * Nearly always it is the first result's name, and follows it. */
bool op_has_name(const Op *op);
/* NULL: it has none, or one that is no string */
const char *op_said_name(const Op *op);
void op_set_name(Module *m, Op *op, const char *name);
/* The same of one that has none, without a copy of the letters. */
void op_take_name(Module *m, Op *op, const char *name);
/* name is interned; the statement keeps its attribute */
void value_rename(Value *v, const char *name);

/* ---- building: the only doors through which Values and Ops enter a Block ----------------- */

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

/* ---- what somebody knows of values ------------------------------------------------------- */

/* A pointer for each value of one module; {0} has none. Whoever works on a program keeps what he
 * finds out about values here, and not in the program: pages of pointers by id, so that a table
 * for a few values of a large module is small. */
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
    bool tuple;
} BuildArg;
static inline BuildArg arg_given(const Arg *a) /* what a statement has */
{
    return (BuildArg){ (ParamId)a->param, a->val, arg_count(a), a->tuple };
}
Op *build_op(Builder *b, const char *name, int kind, const BuildArg *arg, int narg);
/* Of an op that is not known before: a ParamId and its Value each, until P_NONE. The first
 * result. */
Value *build_of(Builder *b, const char *name, int kind, ...);
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

/* ---- weight files (implemented with their format in ir/mil/blob.c) ----------------------- */

struct WeightFile {
    WeightFile *next;
    Module *owner;
    const char *path; /* as written in the text */
    const char *real; /* on disk */
    Mapped map;
    bool absent;
    bool refused; /* it leads elsewhere or is no weight file, which was reported */
};

/* The file that a BLOBFILE path names, opened once per module; absent ones give the warning
 * missing-weights once. NULL after an error (path leaves the folder, no folder known). */
WeightFile *weight_file(Module *m, Diag *d, Loc loc, const char *path);
/* The data of the record at `offset`: checks sentinel, type code, size against nelem,
 * bounds. */
const void *weight_data(const WeightFile *w, Diag *d, Loc loc, uint64_t offset, DType t,
                        size_t nelem);
void weight_files_close(Module *m); /* module_free calls it */

/* Names taken in f: claim is false when the name is taken; next_suffix counts 0, 1, .. per
 * base. */
bool func_claim_name(Func *f, const char *name);
int func_next_suffix(Func *f, const char *base);

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
/* The same of a function that stays as it is: it marks nothing in it, so that several threads may
 * read one function at once. */
typedef bool OpReader(void *ctx, const Op *op);
bool func_read(const Func *f, OpReader *fn, void *ctx);
/* Around a loop of other kinds that replaces many uses by func_replace_uses: as in a walk, each
 * then costs what it changes and not the size of f. */
void func_walk_begin(Func *f, GuardTask *lost); /* lost: the caller's, until the end */
void func_walk_end(Func *f, GuardTask *lost);

/* ---- the engine's part of a function --------------------------------------------------------
 *
 * What the processor does around it is what integers look up before it, the choice of a class
 * behind it, and casts of images. */

/* The float type of an input or result that is an image outside, which no pass may change; else
 * DT_NONE. */
DType func_fixed(const Func *f, const Value *v);
bool op_on_processor(const Op *op);
/* Of inputs whose types engines do not take, or what is computed of them, and beside them constants
 * and other inputs alone: the processor's, before the engine begins. */
bool op_is_ahead(const Op *op);
/* An input of such a type, or what is computed of those and is of one itself. */
bool value_is_number(const Value *v);
/* What is made there and read by other statements, in their order; the count. In the arena. */
int func_ahead_values(const Func *f, Arena *a, const Value ***out);
/* All of f but casts at its edge is, and some of it for that reason: an engine has nothing to do. */
bool func_on_processor(const Func *f);
bool op_chooses(const Op *op); /* a class by its probabilities */
/* What v, a label or the probabilities by label, was chosen from; NULL: it is no choice. */
Value *value_chosen_from(const Value *v);
/* What goes into the engine's part, in the function's order (states too), and what comes out of
 * it: the probabilities in the place of label and dictionary. In the arena; the count. */
int func_engine_inputs(const Func *f, Arena *a, const Value ***out);
int func_engine_results(const Func *f, Arena *a, const Value ***out);

/* ---- verifying --------------------------------------------------------------------------- */

/* SSA (each use after one definition, in scope), each op against its row (arguments present,
 * known, of allowed types for the opset), result types as inferred, results and names sound.
 * Reports all it finds at the statements; true when nothing is wrong. `after` names the pass
 * just run (NULL: the input is being checked, and what is wrong is the user's; otherwise it is
 * a bug of ours, and ends the process: a pass refuses what it cannot do itself). */
bool module_verify(Module *m, Diag *d, const char *after);
/* re-infer all; retype: store the results */
bool func_infer(Func *f, Diag *d, bool retype);

#endif
