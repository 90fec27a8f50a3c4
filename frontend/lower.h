/* lower.h -- lowering a program to MIL: scopes, calls, what each file has; shared by lower*.c
 * and value.c alone.
 *
 * Lowering evaluates the program: numbers, lists, loops and calls are computed at once, and
 * every operation on a tensor appends an op to the function that is built. A function is
 * inlined where it is called, with a Frame for the call, so that errors can name the chain of
 * calls.
 *
 * Everything here is in the Lower's arena and freed when dsl_compile returns; the Module
 * that is built has copies of what it needs. */
#ifndef ANEC_LOWER_H
#define ANEC_LOWER_H

#include "value.h"

enum {
    MAX_CALL_DEPTH = 100,  /* functions in functions */
    MAX_EVAL_DEPTH = 3000, /* nested evaluations, over all calls: the C stack's limit */
    MAX_STEPS = 20 * 1000 * 1000,
    MAX_LIST = 4 * 1000 * 1000,
    MAX_OPS = 500 * 1000,
    MAX_WRONG = 1000, /* errors, counting those that a loop gives again */
    SPARE_SIZES = 24, /* powers of two bytes that are used again */
    CACHED_LIST =
        16, /* lists of at least so many elements become one constant per function */
};

typedef struct Frame Frame;
struct Frame {
    Frame *up;
    Loc call;
    const char *what; /* name of the function, for notes and for names of values */
    const Node *decl;
    File *file;
    Instance *self;
    Env *env;
    const char *path;   /* prefix of weights that are declared here; NULL: not made yet */
    const char *prefix; /* prefix of values that are named here */
    const char *hint;   /* the name that the caller gives the result */
    bool returned;
    Val result;
    int wrong; /* number of errors before the call */
};

/* A tensor of the files that weights come from. */
typedef struct {
    const char *name, *file;
    const SafeTensor *tensor; /* NULL: the file is a .npy */
    const char *reader;       /* the path of the weight that read it first, or NULL */
} StoredTensor;

/* The source of weights that do not have one of their own. */
typedef struct {
    const Node *decl, *init; /* the `weights` statement, and its `init`; or NULL */
    bool files, named;       /* files: from files; named: those of --weights */
    const char *npy;         /* pattern of .npy files; NULL: tensors of other files */
    const char *as;          /* pattern of the names of tensors */
    const char *path;        /* of the files, for messages */
    StoredTensor *stored;
    size_t count, room;
    Env names;     /* by name of a tensor an INT, the index in `stored` */
    size_t missed; /* how many weights have found no tensor */
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
    DType float_type; /* of numbers and weights whose type nothing else decides */
    WeightSource source;
    Env weights; /* by path */
    Weight *first_weight, *last_weight;
    Env states; /* by path */
    Env uses;   /* paths that calls have got during this call of a model */
    Env memo;
    const char *model_path;
    unsigned pass; /* counts calls of models */
    int depth, call_depth;
    bool promote;                 /* weights of the model that is lowered become inputs */
    struct NumberColumn *columns; /* of each_number; NULL: not needed yet */
    void *spare
        [SPARE_SIZES]; /* of lower_give, by size: lists linked by their first pointer */
    PtrMap made;       /* by value: its literal, where it depends on constants alone */
    int64_t steps, ops;
    int wrong; /* errors so far */
    /* the last error and its place, which are not reported twice */
    const char *last_error;
    Loc last_loc;
    bool stopped; /* a limit was reached: nothing more is evaluated */
} Lower;

/* value.c */
Val val_int(int64_t i);
Val val_float(double f);
Val val_bool(bool b);
Val val_string(const char *s);
Val val_poison(void);
Val val_tensor(Value *v);
Val val_list(Lower *l, int64_t n); /* n elements V_NONE, to be set by the caller */
/* The kind that all elements have: INT, FLOAT or BOOL; POISON: another, or they differ. */
ValKind list_alike(List *list);
/* n elements from `from` on, not copied, since lists do not change. */
Val list_slice(Lower *l, List *of, int64_t from, int64_t n);
bool val_is_tensor(Val v); /* TENSOR or WEIGHT */
bool val_is_number(Val v); /* INT or FLOAT */
double val_double(Val v);
const Shape *val_shape(Val v); /* of a tensor or weight */
DType val_dtype(Val v);
Val val_equal(Lower *l, Loc loc, Val a, Val b); /* BOOL or MAYBE; false after an error */
/* "the int 3", "a tensor fp16[1, 2]", for messages */
const char *val_kind(Lower *l, Val v);
const char *val_text(Lower *l, Val v);        /* as `+` appends it to a string */
Val *env_get(const Env *e, const char *name); /* NULL: not bound */
void env_set(Lower *l, Env *e, const char *name, Val v);
void env_end(Lower *l, Env *e); /* frees the names of a call that is over */
/* Binds a name in the current frame, and calls DslOptions.bound. */
void lower_bind(Lower *l, const Node *name, Val v);
/* only calls DslOptions.bound */
void lower_tell_bound(Lower *l, const Node *name, Val v);
Val number_op(Lower *l, Loc loc, int token, Val a, Val b);
Val number_try(int token, Val a, Val b); /* the same without messages; poison: an error */

/* lower.c */
bool lower_error(Lower *l, Loc loc, const char *fmt, ...)
    PRINTF(3, 4); /* with the chain of calls; always false */
void lower_notes(Lower *l, Loc loc);
Loc lower_blame(const Lower *l, Loc loc); /* the place in the user's own files */
bool lower_step(Lower *l, Loc loc);       /* counts a step; false: too many, reported */
/* the same for nesting; false: do not call lower_leave */
bool lower_enter(Lower *l, Loc loc);
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
/* Whether the library has the name, and the current file does not import the library. */
bool lower_std_missed(Lower *l, const char *name);
/* A composite: mil.NAME for which MIL has no op, or one that takes less (F_WIDER), is the
 * library's function _mil_NAME; NULL: it has none. */
Val *lower_std_composite(Lower *l, const char *name);
void std_load(Lower *l, File *f);                   /* finds the library's items */
Val *file_get(Lower *l, File *f, const char *name); /* an item of a file; NULL: none */
const Env *file_names(const File *f);               /* the names of all items */

/* lower_expr.c */
Val eval(Lower *l, const Node *n, const char *hint);
bool eval_int(Lower *l, const Node *n, int64_t *out);
bool eval_truth(Lower *l, const Node *n, const char *what, bool *out);
/* The same for `assert`: a condition that is known only when the model runs counts as true. */
bool eval_claim(Lower *l, const Node *n, const char *what, bool *out);
bool eval_dims(Lower *l, const Node *list, bool wildcard, Shape *out);
Val lookup(Lower *l, const Node *name);    /* poison after an error */
Val member_value(Lower *l, const Node *n); /* what stands behind a point */
/* What a list is made for: n elements of a list, or, where that is NULL, ints from `from`
 * on. */
typedef struct {
    const List *list;
    int64_t from, n;
} NumberEach;
/* lower_number.c: evaluates [f(i) for i in ..], of which `out` has room for each, where all is
 * arithmetic of numbers. False: it is not, or there is an error, which the general evaluation
 * then reports. */
bool each_number(Lower *l, const Node *n, const NumberEach *each, List *out);
/* The members of a tensor: "shape" and so on. */
extern const char *const tensor_members[];
extern const int tensor_member_count;
/* Such a member; false: it has none of that name. */
bool tensor_member_of(Lower *l, Val of, const char *name, Val *out);
/* The definition of a name in the program, a file or the library; NULL: there is none. */
const Val *known_name(Lower *l, const char *name);
/* The same for a function of that file, whose own names are another matter. */
const Val *known_in_file(Lower *l, File *f, const char *name);
Val eval_index(Lower *l, const Node *n, const char *hint); /* lower_index.c */

/* lower.c */
typedef enum { WORD_NAME, WORD_MEMBER, WORD_PARAM } WordPlace;
/* The end of a message "NAME is not known": "; did you mean ..?", or "". */
const char *lower_meant(Lower *l, WordPlace place, const char *name,
                        const char *const *known, size_t n);
/* What is said behind a message of a function that takes no axes, where an op reduces axes so:
 * "; reduce_sum(..) .." of sum, or "". */
const char *lower_reduces(Lower *l, const char *what);

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
    ParamId param;    /* of an argument that the program does not write */
    Val val;
    Loc loc;
    Loc name_loc;
} NamedVal;
typedef struct {
    int n;
    NamedVal *at;
    bool ok; /* false: an error was reported */
} Args;
NamedVal given(ParamId p, Val v, Loc loc); /* an argument from an operator or an index */
Args eval_args(Lower *l, const Node *args);
/* Binds arguments in the frame on top, which is new; the values are of its caller's. */
bool bind_args(Lower *l, const Node *params, const Args *a, Loc loc, const char *what);
Val eval_call(Lower *l, const Node *n, const char *hint);
Val call_with(Lower *l, const Closure *c, const Args *a, Loc loc, const char *hint);
bool may_be_called(Val f); /* a function, an op, a layer in use, a list */
Val call_value(Lower *l, Val f, Args *a, Loc loc, const char *hint);
/* Evaluates the body of a model for its function. */
Val call_entry(Lower *l, Closure *c, const Val *args);
Val instantiate(Lower *l, Closure *c, const Node *args, Loc loc, const char *path);
/* Names of dimensions in a type are bound to those of a tensor. */
bool bind_dims(Lower *l, const Node *type, const char *what, Loc loc, Val v);
bool check_type(Lower *l, const Node *type, const char *what, Loc loc, Val *v);
/* What a parameter of a type like `int` or `list` is; NONE: it is another type. */
ValKind kind_of_type(const Node *type);
const char *frame_path(Lower *l, Frame *f);

/* lower_op.c; the arguments are `given` */
Val emit(Lower *l, Loc loc, const char *hint, int op, const NamedVal *arg, int narg);
Val emit_call(Lower *l, Loc loc, int op, Args *a, const char *hint);

/* lower_const.c */
/* A tensor or weight is its own value, anything else a constant; NULL after an error. */
Value *to_value(Lower *l, Val v, DType t, const char *name, Loc loc);
/* A number, a bool, a string or a list of these as a constant; NULL after an error. */
const Const *make_const(Lower *l, Val v, DType t, Loc loc);
/* The dimensions of a list of lists, and of which kind its elements are at most. False: the
 * list is not regular, which was reported. */
bool list_shape(Lower *l, Val v, Loc loc, Shape *s, ValKind *leaf);

/* lower_block.c */
Op *emit_blocks(Lower *l, Loc loc, const OpInfo *info, const char *wish, const Args *a);

/* lower_weight.c */
Val declare_weight(Lower *l, const Node *n);
/* The form behind `as` (lower_form.c); NULL: there is none, or an error was reported. */
const struct Compression *weight_form(Lower *l, const Node *form, const Type *t);
Value *weight_value(Lower *l, const View *v);
bool weight_promoted(const Lower *l, const Weight *w); /* whether it becomes an input */
Value *weight_whole(Lower *l, Weight *w);              /* in its declared shape */
void keep_weights(Lower *l, bool of_file); /* builds declared weights that are not used */
void tell_declared(const Lower *l, DslWeights *out);
void check_given(Lower *l); /* reports weights that were given and are not declared */
/* The initial value that a declaration has: a number, a list, a rule or a `load`. */
const Const *weight_begin(Lower *l, const Node *n, const Type *t, const char *path);

/* lower_load.c */
/* The path of a file that the program names, inside of its folder; NULL: an error was
 * reported. */
const char *weight_inside(Lower *l, Loc loc, const char *name);
/* Which kind of file with many tensors a path names (.safetensors, .gguf, .bin); -1: none. */
int weight_file_of(const char *path);
/* Opens one, which the module holds open from then on. */
bool weight_tensors(Lower *l, Loc loc, const char *full, SafeTensors *out);
/* as: the type of the elements where the file has them as integers; or NULL */
const Const *weight_of_npy(Lower *l, Loc loc, const char *path, const Type *t,
                           const char *full, const char *as);
const Const *weight_of_tensor(Lower *l, Loc loc, const char *path, const Type *t,
                              const SafeTensor *s, const char *file, const char *as);
/* `pattern` with the path in place of each {path} */
const char *weight_name(Lower *l, const char *pattern, const char *path);
/* Check whether a weight of type t can have the tensor `where`; false: an error was
 * reported. */
bool weight_same_shape(Lower *l, Loc loc, const char *path, const Type *t,
                       const char *where, int rank, const int64_t *dim);
bool weight_same_class(Lower *l, Loc loc, const char *path, const Type *t,
                       const char *where, DType src, const char *name);

/* lower_source.c */
void set_weight_source(Lower *l, const Node *n);
void open_named_weights(Lower *l); /* opens the files of --weights */
const Const *source_const(Lower *l, Loc loc, const Type *t, const char *path);
void tell_unread(Lower *l); /* warns about tensors that no weight reads */

/* lower_state.c */
void run_state(Lower *l, const Node *n);
Value *state_value(Lower *l, State *s);
Val builtin_read(Lower *l, Loc loc, Val *a, int n);
Val builtin_write(Lower *l, Loc loc, Val *a, int n);

/* lower_dim.c: dimensions that are known when the model runs */
Val dim_value(Lower *l, Val of, int axis); /* INT where it is known already */
bool dim_same(Val a, Val b);
bool dim_is_run(Val v);                   /* it is DIM, or an int32 scalar tensor */
Val dim_tensor(Lower *l, Val v, Loc loc); /* as an int32 scalar tensor */
/* An argument of an op: a DIM, or a list with one in it, becomes a tensor that the model
 * computes; shape: one element may be -1. Other values stay. */
Val dim_argument(Lower *l, Val v, bool shape, Loc loc);
/* An operator with a DIM as an operand. True: *out is known; else both operands become
 * values that an op takes. */
bool dim_operator(Lower *l, const Node *n, Val *a, Val *b, Val *out);
Val dim_logic(int token, Val a, Val b);

/* lower_input.c */
bool add_inputs(Lower *l, const Node *decl, Val *args);
bool span_read(Lower *l, const Node *n, DimSpan *s); /* a dimension of a type */
const char *span_text(Lower *l, const DimSpan *s);
bool span_takes(Lower *l, const DimSpan *s, int64_t v, const char *what, Loc loc);
bool names_dim(const Node *file, const char *name); /* an input of a model does */

/* lower_builtin.c */
struct Builtin {
    const char *name;
    int min, max;
    Val (*call)(Lower *l, Loc loc, Val *arg, int n);
};
extern const Builtin builtins[];
const Builtin *builtin_find(const char *name);
/* An op like abs or cos of numbers: one of these. */
typedef struct {
    const char *name;
    int takes; /* 1 or 2 numbers */
    double (*one)(double);
    double (*two)(double, double);
    int64_t (*whole)(int64_t x); /* of an int, but the least of all: an int again */
} NumberFunction;
const NumberFunction *number_function(const char *op); /* NULL: none */
Val number_apply(const NumberFunction *f, const Val *a);
/* Computes such an op of numbers; false: it is none of these, or they are no numbers. */
bool fold_math(Lower *l, Loc loc, const char *op, int n, const NamedVal *arg, Val *out);

/* lower_grad.c */
Val builtin_grad(Lower *l, Loc loc, Val *a, int n);
Val builtin_stop(Lower *l, Loc loc, Val *a, int n);
Val builtin_weights(Lower *l, Loc loc, Val *a, int n);
Val builtin_paths(Lower *l, Loc loc, Val *a, int n);
Val builtin_zip(Lower *l, Loc loc, Val *a, int n);
/* The paths of weights(); NULL: an error was reported. */
const char *const *weight_paths(Lower *l, Loc loc, int *n);
/* Lists the weights that are inputs of the function, in the order of their paths. */
void tell_promoted(Lower *l, DslWeights *out);

/* std.c, generated from std.anedsl */
extern const unsigned char std_text[];
extern const size_t std_size;

#endif
