/* types.h -- what values are: element types, shapes, types, and tensors, which hold the
 * elements that a value has while a program runs. */
#ifndef ANEC_TYPES_H
#define ANEC_TYPES_H

#include "../base/base.h"

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
/* Floats that files have and MIL does not: of a byte, each one of type `as`, exactly; or of a
 * block of `count` in `bytes` bytes, which are fp32. */
typedef struct {
    const char *name, *stored; /* as the file calls them */
    DType as;
    uint16_t (*widen)(uint8_t v);
    size_t count, bytes;
    void (*block)(const unsigned char *from, float *out);
} ByteFloat;
enum { MAX_BLOCK = 256 };
const ByteFloat *byte_float_find(const char *name); /* of a byte; NULL: it is none */
const ByteFloat *byte_float_of_file(const char *stored);
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

#define SHAPE(...) \
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

#endif
