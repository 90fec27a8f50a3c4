/* ir.h -- the intermediate representation, which is MIL: modules, functions, blocks,
 * operations, values and literals. types.h has element types, shapes and tensors, build.h how
 * operations are made, query.h how programs are read, walked and rewritten; this header
 * includes all three.
 *
 *   Module   a program: version, functions, the folder its weights are relative to
 *   Func     parameters, an opset, a body
 *   Block    ops in order, and the values it yields
 *   Op       one operation: a row of ops.def (ir/ops/ops.h), named arguments, results
 *   Value    a result of an Op, a parameter, or an inline literal; defined once (SSA form)
 *   Const    a literal: element data, wherever its bytes are
 *   Type     tensor, list, dict, tuple, state or tensor_buffer; immutable
 *
 * Ownership: everything reachable from a Module lives in its arena and dies with module_free().
 * Weight bytes are not in the arena: they are mapped files, which module_free closes.
 * Passes unlink Ops from a Block and leave their memory to the arena.
 *
 * Errors go to the Diag that a call is given, at the Loc of the op. */
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
    CONST_INIT, /* generated: one number everywhere, or seeded normal or uniform numbers */
    CONST_OF,   /* elements of another literal from `first` on, converted when read */
    CONST_MADE,  /* the result of an op on other literals, computed when read */
    CONST_GROUP, /* list, tuple, dict: `elem` (a dict's are key, value, key, value ..) */
} ConstKind;

typedef enum { INIT_FILL, INIT_NORMAL, INIT_UNIFORM } InitKind;

typedef struct Op Op;
typedef struct Value Value;
typedef struct Func Func;
typedef struct Module Module;
typedef struct WeightFile WeightFile; /* a weight file, mapped or absent; see below */

typedef struct Const Const;
struct Const {
    const Type *type;
    Loc loc;
    ConstKind kind : 8;
    InitKind init : 8; /* INIT */
    DType src : 8;     /* FILE: the element type there */
    /* to be written into a weight file even where it is small and was spelled out */
    bool in_file;
    uint32_t weight; /* number of the named weight that it is (const_weight); 0: none */
    int64_t nelem;   /* number of elements: DATA of a type with `?`, GROUP, BLOB */
    /* the fields of each kind: whoever changes `kind` sets all of its fields */
    union {
        struct {
            const void *data; /* DATA: packed elements; strings: const char *const * */
            uint64_t near[2]; /* room for small data, which `data` then points to */
        };
        const Const **elem; /* GROUP */
        struct {
            union {
                const char *path; /* BLOB: as written, "@model_path/weights/weight.bin" */
                const void *src_data; /* FILE: first element; C order */
            };
            union {
                uint64_t offset; /* BLOB: of the 64-byte record, as written */
                /* FILE: the 8-bit float that the file has, widened to src; NULL: it has src */
                const ByteFloat *coded;
            };
            /* BLOB, resolved on first use; FILE: the mapping's owner */
            WeightFile *file;
        };
        struct {
            /* FILL: a; NORMAL: mean a, standard deviation b; UNIFORM: from a up to b */
            double a, b;
            /* INIT: seed of the random numbers; element i is a function of (seed, i) alone */
            uint64_t seed;
        };
        struct {
            /* OF: the other literal, of a type of whole bytes; it is no OF itself, unless this
             * one is made of windows */
            const Const *of;
            size_t first; /* OF: index there of the first element */
            /* OF, windows: rows of `width` elements, each beginning `step` elements behind the
             * row before; width 0: all elements follow each other */
            uint32_t width;
            int32_t step;
        };
        struct Made *made; /* MADE: see const_made */
    };
};

/* Literals in memory. const_data does not copy the elements; const_room has zeros, for the
 * caller to set through *data. */
Const *const_data(Arena *a, const Type *t, const void *data);
Const *const_room(Arena *a, const Type *t, size_t bytes, void **data);
/* A matrix whose rows are windows into another literal, `line`: the first begins at element
 * `first`, each other `step` elements behind the one before. `line` must outlive it. */
Const *const_windows(Arena *a, const Type *t, const Const *line, size_t first, int step);
Const *const_int(Arena *a, DType t, int64_t v); /* scalars */
Const *const_float(Arena *a, DType t, double v);
Const *const_bool(Arena *a, bool v);
Const *const_string(Arena *a, const char *s);
Const *const_ints(Arena *a, DType t, int n, const int64_t *v); /* tensors of rank 1 */
Const *const_bools(Arena *a, int n, const bool *v);
/* Writes elements [first, first + n) of a literal of any kind into dst, packed, in the
 * literal's own type (below 8 bits, first * bits must be a whole number of bytes). False: a
 * weight file is absent or wrong, which was reported. Writers copy weights by this, a piece
 * at a time, so that memory does not grow with their size. */
bool const_read(const Const *c, Diag *d, size_t first, size_t n, void *dst);
/* The whole literal as a tensor: a view when the bytes are in memory or mapped, else a copy. */
bool const_tensor(const Const *c, Diag *d, Tensor *out);
/* Where the literal lies in a mapped file: its pages are given back, and come again when they are
 * read. */
void const_let_go(const Const *c);
/* Whether const_read can succeed: c is a tensor, and its file is there or --missing-weights
 * says what to take instead. */
bool const_at_hand(const Const *c);
/* Result `index` of op as a literal that is computed when it is read. All arguments of op must
 * be literals at hand, results of constexpr ops, or values for which `made` returns a literal
 * (NULL for others); the result has elements of a byte or more. op may be changed or removed
 * afterwards. NULL: op is none of these, or too many ops would be computed for one literal.
 * Reading any element computes all of them; those of the literal read last are kept. */
typedef const Const *MadeLookup(void *ctx, const Value *v);
const Const *const_made(Module *m, const Op *op, int index, MadeLookup *made, void *ctx);
/* v as a literal, where it is computed from constants alone; NULL: it is not, or by too many
 * ops. `made` has the literals of earlier calls, so that a value becomes one literal; no op may
 * change between the calls. */
const Const *const_of_value(Module *m, const Value *v, PtrMap *made);
/* To be called when op was replaced by a literal: weights that were declared, went into op (or
 * into ops whose results are in `made`, which may be NULL) and are used nowhere else lose their
 * mark Op.keep, so that dce removes them. */
void op_let_weights_go(const Op *op, const PtrMap *made);
/* bytes of all literals that a MADE is computed from */
size_t const_made_from(const Const *c);
/* The largest literal that a MADE is computed from. */
const Const *const_made_largest(const Const *c);
/* Elements of c from `first` on as a literal of shape s; nothing is copied. NULL: c is a group,
 * or of a type below a byte. */
Const *const_part(Module *m, const Const *c, size_t first, Shape s);
/* The literal in another float type, rounded to nearest even. A number above the largest fp16
 * becomes that, since an infinite mask would give NaN; in a literal that stays in the text a
 * number too small for fp16 becomes the smallest, since an epsilon of 0 would divide by zero.
 * Both give the warning `precision`, which names the literal (NULL: it has no name). A long
 * literal is converted when it is read. NULL: it is no float, or its bytes are not at hand. */
Const *const_convert(Module *m, const Const *c, DType t, const char *name, Diag *d);
/* Gives that warning for a literal that is read from, or computed in, a wider type. */
void const_warn_range(const Const *c, const char *name, Diag *d);
enum { F16_MAX = 65504 }; /* the largest finite fp16 */
/* literals of fewer elements stay in the text, as in what coremltools writes */
enum { CONST_FILE_MIN = 10 };
/* Whether a literal of f is moved from the text to a weight file when it is written: it is
 * marked `in_file`; or it has `min` elements or more, of a type that a file may have in f's
 * opset, and was not spelled out by the author. */
bool const_leaves_text(const Func *f, const Const *c, size_t min);
/* Whether it will be in a weight file, or is a reference to one already. */
bool const_in_file(const Func *f, const Const *c);
/* Whether two literals have the same type and the same bytes, or the same origin. const_hash is
 * equal for those that are equal; neither reads a file. */
bool const_equal(const Const *a, const Const *b);
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
/* The opset of "ios17"; ios13 and ios14 count as ios15. OPSET_NONE: unknown. */
Opset opset_find(const char *text);
const char *opset_text(Opset o);

typedef struct Block Block;
struct Value {
    const char *name; /* interned; NULL for an inline literal */
    const Type *type;
    Op *def;     /* NULL: a parameter or an inline literal */
    Value *self; /* the value itself: a list of one, for arguments and ops to point to */
    uint32_t id; /* its number in the module, from 1, for ValueTable; 0: none */
    /* how many results of its function it is: block_result, func_set_result */
    unsigned returned : 28;
    bool noted : 1;   /* it is in an index of uses: ir/uses.c */
    bool bare : 1;    /* inline literal written without its type (warning bare-literal) */
    bool placed : 1;  /* a pointer to its source lies in front of it: value_loc */
    bool has_lit : 1; /* result of a const op, or a Literal: value_lit */
    uint32_t at;      /* value_loc; len 0: no place of its own */
    uint16_t len;
    uint16_t index; /* number among the results of def */
};

/* An inline literal. Few values are one, so its Const stands behind the Value. */
typedef struct {
    Value v;
    const Const *lit;
} Literal;

/* An inline literal on the stack, for functions that take a Value and only read it. */
static inline Literal const_literal(const Const *c)
{
    return (Literal){ .v = { .type = c ? c->type : NULL, .has_lit = true }, .lit = c };
}

/* An argument of one value points to that value's `self`, one of several into an ArgList. */
typedef struct {
    Value *const *val; /* arg_count of them; written by arg_put and arg_add alone */
    uint32_t at;       /* arg_loc; len 0: no place of its own */
    unsigned
        param : 8;   /* a ParamId; P_NONE: the op's row has no parameter of this name */
    bool listed : 1; /* val points into an ArgList */
    unsigned len : 22;
} Arg;

typedef struct {
    const char *name; /* of the argument, where param is P_NONE */
    int count;
    Value *val[]; /* allocated up to the next power of two */
} ArgList;

typedef struct {
    const char *name;
    const Const *val;
} Attr;

/* A list of attributes. `at` may be shared by several, so attr_set changes a copy. */
typedef struct {
    Attr *at;
    int count;
} Attrs;

/* The fields that few ops have, kept apart so that an Op stays small. */
typedef struct {
    const char *name; /* interned: of an op that the table lacks */
    const char *said; /* its attribute `name`: op_said_name */
    Attrs attrs;
    Block **block; /* cond, while_loop */
    int nblock;
} OpMore;

/* One operation. A program may have a million, so an Op has 64 bytes: arrays of n elements are
 * allocated up to the next power of two, which needs no field for their room. */
struct Op {
    Block *parent; /* the block that it is in; where `gone`, was in */
    Op *prev, *next;
    Arg *arg;
    Value *const *out;
    /* attributes (`val` of a const, data of a constexpr, unknown ones), nested blocks, a name
     * that the table lacks; the attribute `name` is op_said_name's */
    union {
        OpMore *more;     /* NULL: it has none of these */
        const Const *val; /* where `plain`: the attribute `val`, and nothing else */
    };
    uint32_t at; /* op_loc */
    uint16_t len, source;
    uint16_t narg, nout;
    int16_t kind;  /* index into ops[] (ir/ops/ops.h); OP_NONE: a name the table lacks */
    uint8_t opset; /* an Opset: its own, or OPSET_NONE for that of its function */
    bool stop : 1; /* no gradient flows back through it, whatever its row says */
    /* a weight that was declared: dce leaves it although nothing uses it */
    bool keep : 1;
    /* its attribute `name` equals the name of its first result, and is not among attrs */
    bool named : 1;
    bool tight : 1; /* `arg` is allocated for narg arguments exactly */
    bool plain : 1; /* `val` is set, not `more` */
    bool gone : 1;  /* it was unlinked */
};
enum { OP_ARGS = 1000, OP_RESULTS = UINT16_MAX }; /* at most, of one op */

struct Block {
    const char *name; /* of a nested block; NULL for a function's body */
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
    const char *opset_name; /* as written, where it is none of Opset */
    Attrs attrs;            /* FlexibleShapeInformation and others */
    uint32_t number;        /* counts the functions of the module, from 1 */
    /* names of values that an earlier function has too; others are in NameNote */
    struct NameUse {
        const char *name;
        int next;
    } * used;
    size_t used_cap, used_count;
    /* index of uses while a pass walks and replaces (ir/uses.c), or NULL */
    struct Uses *uses;
    int walks;   /* how many walks are under way, one inside another */
    Block *body; /* its parameters are the function's inputs and states */
    /* inputs and results that the caller gives and gets as images, */
    struct Fixed {
        const char *name;
        DType dtype;
    } * fixed;
    /* with the float type that their pixels have in the program (ir/edge.c) */
    int nfixed;
    Loc loc;
    Func *next;
};

/* A weight by the path that its author knows ("blocks.2.w"), whatever passes make of it. */
typedef struct {
    const char *path;
    /* the compressed form that it is declared in, or NULL */
    const struct Compression *as;
} NamedWeight;

/* Of --buckets: sizes of a flexible dimension of an input. */
typedef struct {
    const char *input; /* NULL: of each that no other row names */
    int axis;
    const int64_t *size; /* they grow */
    int n;
    bool joined; /* it is one dimension with that of the row before */
} BucketSizes;

struct Module {
    Arena arena;
    Names names;
    const char *version; /* "1.0", "1.3", as written */
    bool has_attrs;      /* the text has a [ ] list there, perhaps an empty one */
    Attrs attrs;         /* buildInfo */
    Func *first, *last;
    const Type **type; /* hash table of tensor types: module_tensor */
    size_t type_cap, type_count;
    PtrMap func_of;       /* functions by interned name */
    const Source *src;    /* where it was read from, or NULL */
    const Source **known; /* sources by Op.source, which is an index into this, from 1 */
    int nknown;
    const char *dir;      /* folder that @model_path stands for, or NULL */
    WeightFile *files;    /* opened so far */
    const Module *origin; /* of a copy: the module whose weight files it reads; or NULL */
    Mapped *maps;         /* the files that CONST_FILE literals are in */
    int nmaps;
    Scratch *scratch;    /* memory of large literals that passes made */
    NamedWeight *weight; /* by Const.weight, from 1; those of `origin` come first */
    uint32_t nweight, weight_cap;
    Source *sources;          /* texts the module owns, for Locs */
    const char *default_func; /* "main" unless a container says otherwise */
    /* the description that a container has beside the program (ir/mil/spec.h), or NULL */
    struct About *about;
    const BucketSizes *bucket; /* --buckets: sizes of programs of flexible functions */
    int nbucket;
    bool straight; /* --straight-through: gradients pass what quantize rounds */
    int missing;   /* --missing-weights: 0 error, 1 zeros, 2 random */
    uint64_t missing_seed;
    struct MadeRoom *made; /* the CONST_MADE that was computed last, or NULL */
    uint64_t links;        /* how often an op was linked in or out */
    uint32_t nvalue;       /* the last id that a value got */
    uint32_t nop, op_room; /* ops made, and how many more op_next has room for */
    Op *op_next;
    uint64_t kinds[4]; /* of which an op was ever made: module_has_kind */
    bool broken;       /* memory ran out in the middle of a pass: it may only be freed */
    bool follow_links; /* --follow-links: weights may be links that leave the folder */
    /* The layer path ("blocks.3") that new ops get in layer_of, or NULL for none. Set while a
     * step of training is made of a program of the language, which is cut at its layers. */
    const char *layer;
    PtrMap layer_of;
};

Module *module_new(void);
void module_free(Module *m);
/* Whether all files that it was read from are unchanged (file_stayed); false is reported. To be
 * asked after literals were read and before a result of them is handed on. */
bool module_stayed(const Module *m, Diag *d);
Func *module_func(const Module *m, const char *name); /* NULL: no such function */
/* the default function, else the first, else NULL */
Func *module_main(const Module *m);
Func *func_new(Module *m, const char *name, Opset opset);
bool module_short_scalars(const Module *m);        /* the spelling of program(1.3) */
const char *module_name(Module *m, const char *s); /* interned */
/* The array of pointers with one more, in the module's arena. */
void *module_appended(Module *m, void *array, int count, void *item);
/* one object for equal types */
const Type *module_tensor(Module *m, DType t, const Shape *s);
/* A copy of t, which may be in another arena, in the module's arena. */
const Type *module_type(Module *m, const Type *t);
/* the list of those that literals are in */
const WeightFile *module_files(const Module *m);
/* Adds a named weight; the number is for Const.weight. */
uint32_t module_name_weight(Module *m, const char *path, const struct Compression *as);
/* The named weight that the literal is or is computed from, of several the largest. NULL:
 * none. */
const NamedWeight *const_weight(const Module *m, const Const *c);

const Const *attr_get(const Attrs *a, const char *name);
void attr_set(Module *m, Attrs *a, const char *name, const Const *val); /* NULL removes */

/* All attributes of an op. `one` is memory of the caller's that the list may lie in. */
Attrs op_attrs(const Op *op, Attr *one);
const Const *op_attr(const Op *op, const char *name);
void op_set_attr(Module *m, Op *op, const char *name,
                 const Const *val);                 /* NULL removes */
void op_take_attrs(Module *m, Op *op, Attrs attrs); /* of an op that has none yet */

/* The literal of a const op's result or of an inline literal; NULL: v is neither. */
static inline const Const *value_lit(const Value *v)
{
    if (!v->has_lit) return NULL;
    if (!v->def) return ((const Literal *)v)->lit;
    return v->def->plain ? v->def->val : op_attr(v->def, "val");
}
void value_set_lit(Value *v, const Const *c); /* replaces the literal of such a value */

const char *op_name(const Op *op); /* its type as text, "matmul"; interned or static */
/* The opset by which op is inferred: its own, or that of its function. */
static inline Opset op_opset(const Op *op)
{
    return op->opset ? (Opset)op->opset : op->parent->func->opset;
}
static inline int op_nblock(const Op *op)
{
    return op->plain || !op->more ? 0 : op->more->nblock;
}
static inline Block *op_block(const Op *op, int i) { return op->more->block[i]; }

static inline const ArgList *arg_list(const Arg *a) /* only where a->listed */
{
    return (const void *)((const char *)a->val - offsetof(ArgList, val));
}
static inline int arg_count(const Arg *a)
{
    return a->listed ? arg_list(a)->count : a->val ? 1 : 0;
}
const char *arg_name(const Arg *a);

/* Places in a source. */
Loc op_loc(const Op *op);
Loc value_loc(const Value *v); /* where it has none, that of its op or literal */
void op_set_loc(Op *op, Loc loc);
/* Of an op's result or a literal; of no use where loc stands in another source than these. */
void value_set_loc(Value *v, Loc loc);
Value *value_placed(Module *m, Loc loc); /* a new value without name, type and id */
/* A new inline literal without an id. */
Value *literal_placed(Module *m, const Const *c, Loc loc);

/* The attribute `name` of an op, which is kept apart from the other attributes where it is a
 * string. Nearly always it is the name of the first result, and changes with that. */
bool op_has_name(const Op *op);
/* NULL: the op has no such attribute, or one that is no string. */
const char *op_said_name(const Op *op);
void op_set_name(Module *m, Op *op, const char *name);
/* The same for an op that has none; the text is not copied and must stay. */
void op_take_name(Module *m, Op *op, const char *name);
/* Gives v another name, which is interned; the attribute `name` of its op stays as it is. */
void value_rename(Value *v, const char *name);

/* ---- weight files (weight_file.c) -------------------------------------------------------- */

struct WeightFile {
    WeightFile *next;
    Module *owner;
    const char *path; /* as written in the text */
    const char *real; /* on disk */
    Mapped map;
    bool absent;
    bool refused; /* its path leaves the folder, or it is no weight file: reported */
};

/* The file that the path of a BLOBFILE names, opened once for each module. An absent file is
 * returned, with the warning missing-weights the first time. NULL: an error was reported (the
 * path leaves the folder, or the module has no folder). */
WeightFile *weight_file(Module *m, Diag *d, Loc loc, const char *path);
/* The data of the record at `offset`, after checks of sentinel, type code, bounds, and size
 * against nelem. NULL: one fails, which was reported. */
const void *weight_data(const WeightFile *w, Diag *d, Loc loc, uint64_t offset, DType t,
                        size_t nelem);
void weight_files_close(Module *m);                 /* module_free calls it */
const char *weight_file_relative(const char *path); /* without "@model_path/" */
/* Gives one warning about whatever deviates from the format in an opened file. */
void weight_file_check(const WeightFile *w, Diag *d, Loc loc);

/* The file format, for the writer (ir/mil/blob.c) too; weight_file.c describes it. */
enum { WEIGHT_HEADER = 64, WEIGHT_RECORD = 64, WEIGHT_ALIGN = 64, WEIGHT_VERSION = 2 };
#define WEIGHT_SENTINEL UINT32_C(0xDEADBEEF)
static inline uint64_t weight_aligned(uint64_t at)
{
    return (at + WEIGHT_ALIGN - 1) / WEIGHT_ALIGN * WEIGHT_ALIGN;
}
/* Bytes of `count` packed elements; false: the number overflows. */
bool weight_bytes(DType t, size_t count, size_t *bytes);

#include "build.h"
#include "query.h"

#endif
