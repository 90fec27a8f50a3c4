/* types.h -- element types, shapes, types of values, and tensors, which hold the elements of a
 * value while a program runs. */
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

/* Field numbers of TensorValue in Core ML's MIL.proto. */
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
    /* names and codes in each container (dtypes.def); "" or 0: it has no such elements */
    const char *npy, *safetensors;
    int blob, spec;
    uint32_t field, array;
    const char *schema;
    bool edge; /* an engine takes inputs and gives results of this type */
} DTypeInfo;
extern const DTypeInfo dtypes[DT_COUNT];

DType dtype_find(const char *name, size_t len); /* DT_NONE when unknown */
DType dtype_of_npy(const char *descr);
DType dtype_of_safetensors(const char *name);
DType dtype_of_spec(uint64_t number);
DType dtype_of_array(uint64_t number);
/* Floats that files have and MIL does not: of a byte, each of which is one of type `as`; or of a
 * block of `count` numbers in `bytes` bytes, which become fp32. */
typedef struct {
    const char *name, *stored; /* as the file calls them */
    DType as;
    uint16_t (*widen)(uint8_t v);
    size_t count, bytes;
    void (*block)(const unsigned char *from, float *out);
} ByteFloat;
enum { MAX_BLOCK = 256 };
const ByteFloat *byte_float_find(const char *name); /* of a byte; NULL: no such type */
const ByteFloat *byte_float_of_file(const char *stored);
const char *byte_float_name(int i); /* the i-th name; NULL: there are no more */
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
/* elements; false: unknown, or overflow */
bool shape_count(const Shape *s, size_t *count);
/* The shape that two broadcast to, as in NumPy. DIM_ANY with 1 or DIM_ANY gives DIM_ANY, with
 * n > 1 it gives n. False: they do not fit. */
bool shape_broadcast(const Shape *a, const Shape *b, Shape *out);
const char *shape_text(Arena *a, const Shape *s); /* "[1, ?, 3]" */

typedef enum {
    TY_POISON,
    TY_TENSOR,
    TY_LIST,
    TY_DICT,
    TY_TUPLE,
    TY_STATE,
    TY_BUFFER
} TypeKind;

typedef struct Type Type;
struct Type {
    /* TY_POISON: its op is wrong, which was reported; ops that use it report nothing more */
    TypeKind kind;
    DType dtype; /* tensor, buffer */
    Shape shape; /* tensor, buffer */
    int nsub;    /* list, state: 1; dict: 2; tuple: any */
    const Type **sub;
    int64_t length; /* list: its length, or DIM_ANY */
    int nfield;     /* buffer: the named dimensions beside shape, as written */
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
bool type_fits(const Type *a, const Type *b); /* the same, but DIM_ANY fits anything */
/* "tensor<fp16, [1, 3]>", or "int32" for a scalar. */
const char *type_text(Arena *a, const Type *t);
/* Bytes of a tensor of this type, packed; 0 for other types and unknown shapes. */
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

/* Allocates elements of zero. False: they are too many, which is reported as a failure. */
bool tensor_alloc(Tensor *t, Diag *d, DType dtype, const Shape *s);
/* The same for a tensor that has memory already, which is used again where it has the size. */
bool tensor_again(Tensor *t, Diag *d, DType dtype, const Shape *s);
void tensor_free(Tensor *t); /* t is {0} again */
/* Calls mem_follow for everything that the tensor owns. */
void tensor_follow(const void *owner, const Tensor *t);
Tensor tensor_view(DType dtype, const Shape *s, const void *data); /* not owned */
bool tensor_copy(Tensor *dst, Diag *d, const Tensor *src);
int64_t tensor_int(const Tensor *t, size_t i);  /* element i of integers or bools */
double tensor_float(const Tensor *t, size_t i); /* element i of any numbers, exactly */
/* Stores v as element i: a float is rounded once, to nearest even; an integer, for which v must
 * be whole, wraps modulo 2^bits as two's complement; a bool is v != 0. */
void tensor_set_float(Tensor *t, size_t i, double v);
void tensor_set_int(Tensor *t, size_t i, int64_t v);
/* The same for the n elements from i on, which is faster than one by one. */
void tensor_get_floats(const Tensor *t, size_t i, size_t n, double *dst);
void tensor_put_floats(Tensor *t, size_t i, size_t n, const double *src);

#endif
