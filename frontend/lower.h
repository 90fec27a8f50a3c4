/* lower.h -- what lowering works with: compile-time values, scopes, frames, and one header of
 * all lower*.c.
 *
 * The program is evaluated: numbers, lists, loops and calls happen now, and every operation on
 * a tensor leaves a statement of MIL behind. A function is inlined where it is called, with a
 * Frame that says whose call it is, so that errors name the chain.
 *
 * Everything here lives in the Lower's arena and dies when dsl_compile returns; the Module that
 * is built owns what it needs. */
#ifndef ANEC_LOWER_H
#define ANEC_LOWER_H

#include "ast.h"
#include "frontend.h"

enum {
    MAX_CALL_DEPTH = 100,  /* functions in functions */
    MAX_EVAL_DEPTH = 3000, /* nested evaluations, over all calls: the C stack's limit */
    MAX_STEPS = 20 * 1000 * 1000,
    MAX_LIST = 4 * 1000 * 1000,
    MAX_OPS = 500 * 1000,
    MAX_WRONG = 1000, /* errors, counting those that a loop gives again */
    SPARE_SIZES = 24, /* powers of two bytes that are used again */
    CACHED_LIST = 16, /* lists of at least so many elements become one constant per function */
};

/* ---- values ------------------------------------------------------------------------------ */

typedef enum {
    V_NONE,
    V_POISON,
    V_INT,
    V_FLOAT,
    V_BOOL,
    V_STRING,
    V_LIST,
    V_TENSOR, /* a value of the function being built */
    V_WEIGHT, /* a weight, not yet a statement: so its shape may still be chosen */
    V_FN,
    V_LAYER,
    V_MODEL,
    V_INSTANCE,
    V_FILE,
    V_BUILTIN,
    V_OP,
    V_STATE,
    V_EXTENT, /* of a tensor, known when the model runs */
    V_MAYBE,  /* a truth that depends on such */
} ValKind;

typedef struct List List;
typedef struct View View;
typedef struct Closure Closure;
typedef struct Instance Instance;
typedef struct File File;
typedef struct Builtin Builtin;
typedef struct State State;
typedef struct RunExtent RunExtent;

typedef struct {
    ValKind kind;
    union {
        int64_t i;
        double f;
        bool b;
        const char *s;
        List *list;
        Value *tensor;
        View *view;
        Closure *fn; /* FN, LAYER, MODEL */
        Instance *self;
        File *file;
        const Builtin *builtin;
        State *state;
        RunExtent *extent;
        int op;
    } u;
} Val;

struct List {
    int64_t n;
    Val *at;
    const Shape *shape; /* NULL: not measured yet */
    ValKind leaf;       /* what its elements are at most */
    /* what all of its elements are, of INT, FLOAT and BOOL; NONE: not looked at, POISON: not
     * one */
    ValKind alike;
    List *whole; /* of a piece: the list that its elements lie in, and which is no piece */
    Func *func;  /* the constant it became last: there, of that type */
    DType dtype;
    Value *value;
    int64_t room; /* of layers declared one by one: elements that `at` has place for */
};

typedef struct Weight Weight;
struct Weight {
    const char *path;             /* "blocks.3.attn.wq" */
    const Const *value;           /* NULL: it is wrong, and was reported */
    const struct Compression *as; /* how it is stored, or NULL */
    uint32_t number;              /* of the module's named weights; 0: it has none yet */
    Loc loc;
    unsigned pass;            /* the model call that declared it last */
    bool of_file, used, told; /* told: that nothing uses it */
    struct Made {
        struct Made *next;
        Func *func;
        Shape shape;
        Value *value;
    } * made;
    Weight *next;
};

struct View {
    Weight *weight;
    Shape shape;
};

/* What a function keeps from run to run: an input of it, made where it is first asked for. */
struct State {
    const char *path;
    const Type *type; /* of what it holds */
    Loc loc;
    unsigned pass;
    Func *
        func; /* that `param` belongs to; a file's may belong to several, one after the other */
    Value *param;
};

struct RunExtent {
    Value *of;
    int axis;
};

/* What an extent of an input may be: a range, or those that are listed. */
typedef struct {
    const char *name;       /* NULL: it has none */
    int64_t low, high, def; /* high < 0: no end */
    int n;                  /* listed; 0: a range */
    const int64_t *size;
} ExtentSpan;

typedef struct {
    const char *name; /* interned */
    Val val;
} Slot;

typedef struct {
    Slot *slot;
    int cap, count;
} Env;

struct Closure {
    const Node *decl;
    File *file;
    Instance *self; /* a layer's function: whose */
};

struct Instance {
    const Node *decl;
    File *file;
    Env env;
    const char *path;
};

struct File {
    const char *name; /* relative to the root; "std" */
    const char *dir;  /* relative folder, "" for the root */
    const Source *src;
    const Node *root;
    Env env;
    File **import; /* those without `as` */
    int nimport;
    bool std; /* the library: its items are parsed when they are asked for */
    struct Item {
        size_t at, len;
    } * item;
    Env items; /* of the library: name -> INT, the number of its item */
    Loc from;  /* the import that is loading it */
    File *loader;
    bool loading;
    File *next;
};

typedef struct Frame Frame;
struct Frame {
    Frame *up;
    Loc call;
    const char *what; /* of the function, for notes and names */
    const Node *decl;
    File *file;
    Instance *self;
    Env *env;
    const char *path;   /* weights declared here begin with it; NULL: not asked for yet */
    const char *prefix; /* values named here begin with it */
    const char *hint;   /* the name that the caller gives the result */
    bool returned;
    Val result;
    int wrong; /* errors before it began */
};

/* A tensor of the files that weights come from. */
typedef struct {
    const char *name, *file;
    const SafeTensor *tensor; /* NULL: the file is a .npy */
    const char *reader;       /* the path of the weight that read it first, or NULL */
} StoredTensor;

/* Where weights come from that do not say it themselves. */
typedef struct {
    const Node *decl, *init; /* `weights`, and what stands behind its `init`; or NULL */
    bool files, named;       /* from files; those of the command line, whatever decl says */
    const char *npy;         /* the pattern of .npy files; NULL: tensors of .safetensors */
    const char *as;          /* what a weight's tensor is called */
    const char *path;        /* of the files, for messages */
    StoredTensor *stored;
    size_t count, room;
    Env names;     /* of tensors -> INT, which of stored */
    size_t missed; /* weights that found none */
    bool failed;
} WeightSource;

typedef struct {
    Arena arena;
    Module *m;
    Diag *diag;
    const DslOptions *opt;
    const char *root; /* imports and weight files lie below it */
    File *files, *entry;
    bool *set_used, *given_used;
    Frame *frame;
    Func *func;
    Builder b;
    DType float_type; /* of numbers and weights that nothing else decides */
    WeightSource source;
    Env weights; /* path -> Weight */
    Weight *first_weight, *last_weight;
    Env states; /* path -> State */
    Env uses;   /* paths given to calls, in this model call */
    Env memo;
    const char *model_path;
    unsigned pass;
    int depth, call_depth;
    bool promote;             /* weights of the model at work are inputs */
    void *spare[SPARE_SIZES]; /* lower_give's, by size: each begins with the next */
    PtrMap made;              /* literals by value, of those that depend on constants alone */
    int64_t steps, ops;
    int wrong;              /* errors so far */
    const char *last_error; /* what was said last, and where: it is not said twice */
    Loc last_loc;
    bool stopped; /* a limit was hit: nothing more is evaluated */
} Lower;

/* value.c */
Val val_int(int64_t i);
Val val_float(double f);
Val val_bool(bool b);
Val val_string(const char *s);
Val val_poison(void);
Val val_tensor(Value *v);
Val val_list(Lower *l, int64_t n); /* of NONEs, to be filled */
/* n elements from `from` on, where they are: those of a list do not change. */
Val list_slice(Lower *l, List *of, int64_t from, int64_t n);
bool val_is_tensor(Val v); /* TENSOR or WEIGHT */
bool val_is_number(Val v); /* INT or FLOAT */
double val_double(Val v);
const Shape *val_shape(Val v); /* of a tensor or weight */
DType val_dtype(Val v);
Val val_equal(Lower *l, Loc loc, Val a, Val b); /* a bool, or MAYBE; false after an error */
const char *val_kind(Lower *l, Val v); /* "the int 3", "a tensor fp16[1, 2]", for messages */
const char *val_text(Lower *l, Val v); /* as + puts it into a string */
Val *env_get(const Env *e, const char *name); /* NULL: not bound */
void env_set(Lower *l, Env *e, const char *name, Val v);
void env_end(Lower *l, Env *e); /* of a call that is over */
/* The name of a node in the frame at work; whoever asked is told. */
void lower_bind(Lower *l, const Node *name, Val v);
void lower_tell_bound(Lower *l, const Node *name, Val v); /* .. of what is bound already */
Val number_op(Lower *l, Loc loc, int token, Val a, Val b);
Val number_try(int token, Val a, Val b); /* the same without a word: poison where it is wrong */

/* lower.c */
bool lower_error(Lower *l, Loc loc, const char *fmt, ...)
    PRINTF(3, 4); /* with the chain of calls; always false */
void lower_notes(Lower *l, Loc loc);
Loc lower_blame(const Lower *l, Loc loc); /* where the user's part of the chain is */
bool lower_step(Lower *l, Loc loc);       /* false: the limit is reached */
bool lower_enter(Lower *l, Loc loc); /* .. and that of nesting; false: do not lower_leave */
void lower_leave(Lower *l);
/* Zeroed bytes for what ends with a call, as its names and arguments do: given back, they are
 * used again. */
void *lower_take(Lower *l, size_t bytes);
void lower_give(Lower *l, void *p, size_t bytes);
const char *join_path(Lower *l, const char *a, const char *b);
const char *text_arg(Lower *l, const char *fmt, ...) PRINTF(2, 3);
void load_items(Lower *l, File *f); /* lower_file.c: runs the top level */
File *load_file(Lower *l, Loc loc, File *from, const char *path);
void define_item(Lower *l, File *f, const Node *n); /* a function, layer or model */

/* lower_std.c */
/* The library has it, and the file at work does not import it. */
bool lower_std_missed(Lower *l, const char *name);
/* What mil.NAME is where MIL has no such op: the library's function _mil_NAME; NULL: nothing. */
Val *lower_std_composite(Lower *l, const char *name);
void std_load(Lower *l, File *f); /* finds the library's items */
/* what a file's top level defines; NULL: not */
Val *file_get(Lower *l, File *f, const char *name);
const Env *file_names(const File *f); /* .. and the names of it */

/* lower_expr.c */
Val eval(Lower *l, const Node *n, const char *hint);
bool eval_int(Lower *l, const Node *n, int64_t *out);
bool eval_truth(Lower *l, const Node *n, const char *what, bool *out);
/* .. what is claimed, which holds where that is known when the model runs */
bool eval_claim(Lower *l, const Node *n, const char *what, bool *out);
bool eval_dims(Lower *l, const Node *list, bool wildcard, Shape *out);
Val lookup(Lower *l, const Node *name); /* poison after an error */
/* lower_number.c: the list that EACH n makes of the elements of `in`, where it is of numbers
 * and computed of numbers alone. False: it is not, or something is wrong, which the way that
 * names it finds again. */
bool each_number(Lower *l, const Node *n, const List *in, List *out);
/* What stands behind the dot of a tensor: "shape", .. */
extern const char *const tensor_members[];
extern const int tensor_member_count;
/* What a name stands for that is defined in the program, a file or the library; NULL: nothing. */
const Val *known_name(Lower *l, const char *name);
Val eval_index(Lower *l, const Node *n, const char *hint); /* lower_index.c */

/* lower.c */
typedef enum { WORD_NAME, WORD_MEMBER, WORD_PARAM } WordPlace;
/* What is said behind "NAME is not known": "; did you mean ..?", or nothing. */
const char *lower_meant(Lower *l, WordPlace place, const char *name, const char *const *known,
                        size_t n);

/* lower_stmt.c */
void run_block(Lower *l, const Node *block);
void bind_names(Lower *l, const Node *names, Val v, Loc loc);
void run_weight(Lower *l, const Node *n);

/* lower_layer.c */
void run_use(Lower *l, const Node *n);
Val builtin_sequential(Lower *l, Loc loc, Val *a, int n); /* where no layer is declared */

/* lower_call.c */
typedef struct {
    const char *name; /* NULL: given by position */
    ParamId param;    /* of what is not written in a program */
    Val val;
    Loc loc;
    Loc name_loc;
} NamedVal;
typedef struct {
    int n;
    NamedVal *at;
    bool ok; /* false: an error was reported */
} Args;
NamedVal given(ParamId p, Val v, Loc loc); /* to an op, by an operator or an index */
Args eval_args(Lower *l, const Node *args);
Val eval_call(Lower *l, const Node *n, const char *hint);
Val call_with(Lower *l, const Closure *c, const Args *a, Loc loc, const char *hint);
bool may_be_called(Val f); /* a function, an op, a layer in use, a list */
Val call_value(Lower *l, Val f, Args *a, Loc loc, const char *hint);
/* a model's body, for its own function */
Val call_entry(Lower *l, Closure *c, const Val *args);
Val instantiate(Lower *l, Closure *c, const Node *args, Loc loc, const char *path);
bool check_type(Lower *l, const Node *type, const char *what, Loc loc, Val *v);
const char *frame_path(Lower *l, Frame *f);

/* lower_op.c; the arguments are `given` */
Val emit(Lower *l, Loc loc, const char *hint, int op, const NamedVal *arg, int narg);
Val emit_call(Lower *l, Loc loc, int op, Args *a, const char *hint);
Value *to_value(Lower *l, Val v, DType t, const char *name, Loc loc); /* NULL after an error */
/* of numbers; NULL after an error */
const Const *make_const(Lower *l, Val v, DType t, Loc loc);
bool list_shape(Lower *l, Val v, Loc loc, Shape *s, ValKind *leaf);

/* lower_block.c */
Op *emit_blocks(Lower *l, Loc loc, const OpInfo *info, const char *wish, const Args *a);

/* lower_weight.c */
Val declare_weight(Lower *l, const Node *n);
/* What stands behind `as` (lower_form.c); NULL: reported, or nothing does. */
const struct Compression *weight_form(Lower *l, const Node *form, const Type *t);
Value *weight_value(Lower *l, const View *v);
bool weight_promoted(const Lower *l, const Weight *w); /* it is an input */
Value *weight_whole(Lower *l, Weight *w);              /* in the shape that was declared */
void keep_weights(Lower *l, bool of_file); /* the declared ones that the function did not use */
void tell_declared(const Lower *l, DslWeights *out);
void check_given(Lower *l); /* weights that were given and are not declared */
/* As a beginning says: a number, a list, a rule or a `load`. */
const Const *weight_begin(Lower *l, const Node *n, const Type *t, const char *path);

/* lower_load.c */
/* A file that the program names, inside its folder; NULL after an error. */
const char *weight_inside(Lower *l, Loc loc, const char *name);
/* Opens a .safetensors, which the module holds open from then on. */
bool weight_tensors(Lower *l, Loc loc, const char *full, SafeTensors *out);
/* as: the type of the elements where the file has them as integers; or NULL */
const Const *weight_of_npy(Lower *l, Loc loc, const char *path, const Type *t, const char *full,
                           const char *as);
const Const *weight_of_tensor(Lower *l, Loc loc, const char *path, const Type *t,
                              const SafeTensor *s, const char *file, const char *as);
/* `pattern` with the path in place of each {path} */
const char *weight_name(Lower *l, const char *pattern, const char *path);
/* Whether a weight of type t may be what `where` holds; false: an error. */
bool weight_same_shape(Lower *l, Loc loc, const char *path, const Type *t, const char *where,
                       int rank, const int64_t *dim);
bool weight_same_class(Lower *l, Loc loc, const char *path, const Type *t, const char *where,
                       DType src, const char *name);

/* lower_source.c */
void set_weight_source(Lower *l, const Node *n);
void open_named_weights(Lower *l); /* those of --weights */
const Const *source_const(Lower *l, Loc loc, const Type *t, const char *path);
void tell_unread(Lower *l); /* tensors that no weight reads */

/* lower_state.c */
void run_state(Lower *l, const Node *n);
Value *state_value(Lower *l, State *s);
Val builtin_read(Lower *l, Loc loc, Val *a, int n);
Val builtin_write(Lower *l, Loc loc, Val *a, int n);

/* lower_extent.c: extents that are known when the model runs */
Val extent_value(Lower *l, Val of, int axis); /* an int where it is known now */
bool extent_same(Val a, Val b);
bool extent_is_run(Val v);                   /* one, or an int32 tensor without axes */
Val extent_tensor(Lower *l, Val v, Loc loc); /* int32, a scalar */
/* An argument of an op: an extent, or a list that has some, as what the model computes; shape:
 * one of them may be what remains. Other values are what they are. */
Val extent_argument(Lower *l, Val v, bool shape, Loc loc);
/* An operator, of which one operand is an extent: true when *out is known, else both become
 * what an op takes. */
bool extent_operator(Lower *l, const Node *n, Val *a, Val *b, Val *out);
Val extent_logic(int token, Val a, Val b);

/* lower_input.c */
bool add_inputs(Lower *l, const Node *decl, Val *args);
bool span_read(Lower *l, const Node *n, ExtentSpan *s); /* an extent of a type */
const char *span_text(Lower *l, const ExtentSpan *s);
bool span_takes(Lower *l, const ExtentSpan *s, int64_t v, const char *what, Loc loc);
bool names_extent(const Node *file, const char *name); /* an input of a model does */

/* lower_builtin.c */
struct Builtin {
    const char *name;
    int min, max;
    Val (*call)(Lower *l, Loc loc, Val *arg, int n);
};
extern const Builtin builtins[];
const Builtin *builtin_find(const char *name);
/* abs, cos, .. of numbers */
bool fold_math(const char *op, int n, const NamedVal *arg, Val *out);
double (*number_function(const char *op))(double); /* of one number; NULL: it is none of them */

/* lower_grad.c */
Val builtin_grad(Lower *l, Loc loc, Val *a, int n);
Val builtin_stop(Lower *l, Loc loc, Val *a, int n);
Val builtin_weights(Lower *l, Loc loc, Val *a, int n);
Val builtin_paths(Lower *l, Loc loc, Val *a, int n);
Val builtin_zip(Lower *l, Loc loc, Val *a, int n);
/* Those that weights() gives; NULL after an error. */
const char *const *weight_paths(Lower *l, Loc loc, int *n);
/* Weights that are inputs of the function, in the order of their paths. */
void tell_promoted(Lower *l, DslWeights *out);

/* std.c, generated from std.anedsl */
extern const unsigned char std_text[];
extern const size_t std_size;

#endif
