/* ir.h -- the intermediate form, which is MIL: the nouns. How they are built is build.h,
 * what is asked of them query.h, what values hold types.h; all of it comes with this header.
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

#include "ops/params.h"
#include "types.h"

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

/* ---- weight files (weight_file.c) ---------------------------------------------------------- */

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
void weight_files_close(Module *m);                 /* module_free calls it */
const char *weight_file_relative(const char *path); /* without "@model_path/" */
/* what is odd of an opened file: one warning */
void weight_file_check(const WeightFile *w, Diag *d, Loc loc);

/* Their format, for who writes them (ir/mil/blob.c). */
enum { WEIGHT_HEADER = 64, WEIGHT_RECORD = 64, WEIGHT_ALIGN = 64, WEIGHT_VERSION = 2 };
#define WEIGHT_SENTINEL UINT32_C(0xDEADBEEF)
static inline uint64_t weight_aligned(uint64_t at)
{
    return (at + WEIGHT_ALIGN - 1) / WEIGHT_ALIGN * WEIGHT_ALIGN;
}
/* Of count elements; false: more than there can be. */
bool weight_bytes(DType t, size_t count, size_t *bytes);

#include "build.h"
#include "query.h"

#endif
