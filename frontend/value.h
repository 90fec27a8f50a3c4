/* value.h -- what expressions of a program stand for while it is lowered: numbers, lists, tensors,
 * weights, functions, layers, files; and names of such. Shared by value.c and, through lower.h,
 * lower*.c alone. */
#ifndef ANEC_VALUE_H
#define ANEC_VALUE_H

#include "ast.h"
#include "frontend.h"

typedef enum {
    V_NONE,
    V_POISON,
    V_INT,
    V_FLOAT,
    V_BOOL,
    V_STRING,
    V_LIST,
    V_TENSOR, /* a value of the function being built */
    V_WEIGHT, /* a weight that is no op yet, so its shape may still be chosen */
    V_FN,
    V_LAYER,
    V_MODEL,
    V_INSTANCE,
    V_FILE,
    V_BUILTIN,
    V_OP,
    V_STATE,
    V_DIM,   /* a dimension of a tensor that is known when the model runs */
    V_MAYBE, /* a condition that depends on such a dimension */
} ValKind;

typedef struct List List;
typedef struct View View;
typedef struct Closure Closure;
typedef struct Instance Instance;
typedef struct File File;
typedef struct Builtin Builtin;
typedef struct State State;
typedef struct RunDim RunDim;

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
        RunDim *dim;
        int op;
    } u;
} Val;

struct List {
    int64_t n;
    Val *at;
    const Shape *shape; /* NULL: not measured yet */
    ValKind leaf;       /* the widest kind among its elements */
    /* the kind that all elements have, of INT, FLOAT and BOOL; NONE: not looked at yet, POISON:
     * they differ */
    ValKind alike;
    List *whole; /* of a slice: the list that has its elements */
    /* the constant that it became last: in this function, of this type */
    Func *func;
    DType dtype;
    Value *value;
    int64_t room; /* of layers declared one by one: how many elements `at` has room for */
};

typedef struct Weight Weight;
struct Weight {
    const char *path;   /* "blocks.3.attn.wq" */
    const Const *value; /* its initial value; NULL: an error was reported */
    const struct Compression
        *as;         /* the compressed form that it is declared in, or NULL */
    uint32_t number; /* its number for Const.weight; 0: it has none yet */
    Loc loc;
    unsigned pass;            /* the call of a model that declared it last */
    bool of_file, used, told; /* told: the warning unused-weight was given */
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

/* A state: an input of the function that keeps its value from run to run. It is made where
 * it is first used. */
struct State {
    const char *path;
    const Type *type; /* the type of its value */
    Loc loc;
    unsigned pass;
    /* that `param` belongs to; a file's may belong to several, one after the other */
    Func *func;
    Value *param;
};

struct RunDim {
    Value *of;
    int axis;
};

/* The sizes that a dimension of an input may have: a range or a list. */
typedef struct {
    const char *name;       /* of the dimension, or NULL */
    int64_t low, high, def; /* high < 0: no upper bound */
    int n;                  /* number of listed sizes; 0: a range */
    const int64_t *size;
} DimSpan;

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
    Instance *self; /* of a function of a layer: the layer */
};

struct Instance {
    const Node *decl;
    File *file;
    Env env;
    const char *path;
};

struct File {
    const char *name; /* path relative to the root folder; "std" for the library */
    const char *dir;  /* its folder, relative to the root; "" for the root */
    const Source *src;
    const Node *root;
    Env env;
    File **import; /* imports without `as` */
    int nimport;
    bool std; /* it is the library, whose items are parsed when they are used */
    struct Item {
        size_t at, len;
    } * item;
    Env items; /* of the library: by name an INT, the index in `item` */
    Loc from;  /* the import that loads it */
    File *loader;
    bool loading;
    File *next;
};

#endif
