/* onnx.h -- reads .onnx files: the graph as the file has it, and what its nodes become in MIL.
 *
 * Field numbers are those of the published ONNX format (onnx.proto3). What an operator means is
 * said by ONNX's operator schemas, of opsets 13 to 21; older files are read where an operator has
 * not changed since.
 *
 * MIL has no 64-bit integers that ops compute with, and no doubles: int64, uint32 and uint64
 * become int32, double and bfloat16 become fp32. A number that does not fit is an error, but for
 * the ends of a slice, where it means "to the end". */
#ifndef ANEC_ONNX_H
#define ANEC_ONNX_H

#include "../build.h"
#include "../mil/mil.h"
#include "../mil/spec.h"
#include "../ops/ops.h"
#include "../query.h"

/* A program of one function, main, of the newest opset. Constants are in memory. NULL: reported. */
Module *onnx_read(Diag *d, const char *path, const MilReading *how);
/* The same of bytes, which are the module's from then on. */
Module *onnx_parse(Diag *d, const char *path, const Mapped *map, const MilReading *how);

/* ---- the graph as the file has it (onnx_file.c) ------------------------------------------ */

/* Element types by their numbers in TensorProto.DataType. */
typedef struct {
    const char *name; /* as ONNX calls it */
    DType as;         /* what it becomes; DT_NONE: it cannot be read */
    int bytes;        /* of an element in raw_data */
} OnnxType;
const OnnxType *onnx_type(int64_t code); /* never NULL */

typedef struct {
    const char *name;
    const OnnxType *type;
    int rank;
    int64_t dim[MAX_RANK];
    const Const *value;
    bool clamped; /* an integer did not fit into int32 and became the nearest that does */
} OnnxTensor;

typedef struct OnnxGraph OnnxGraph;

typedef struct {
    const char *name, *text; /* text "": it is no string */
    double f;
    int64_t i;
    int64_t *ints;
    float *floats;
    int nints, nfloats;
    OnnxTensor *tensor; /* or NULL */
    OnnxGraph *graph;   /* or NULL */
} OnnxAttr;

typedef struct {
    const char *name, *op, *domain;
    const char **in, **out; /* "": left out */
    int nin, nout, nattr;
    OnnxAttr *attr;
} OnnxNode;

/* An input or result of the graph. */
typedef struct {
    const char *name;
    const OnnxType *type;        /* NULL: it is no tensor, or nothing is said */
    int rank;                    /* -1: not said */
    int64_t dim[MAX_RANK];       /* DIM_ANY: by name, or not said */
    const char *named[MAX_RANK]; /* its name, or NULL */
} OnnxPort;

struct OnnxGraph {
    OnnxNode *node;
    OnnxTensor *tensor; /* initializers */
    OnnxPort *in, *out;
    int nnode, ntensor, nin, nout;
};

typedef struct {
    Module *m;
    Diag *d;
    Arena *arena;
    const char *path, *dir;
    int64_t opset;         /* of the default domain */
    const char *wide;      /* what is double first, or NULL */
    const MilReading *how; /* or NULL */
    OnnxGraph graph;
} OnnxFile;

/* Reads a Model message into f. False: it is damaged, or has what cannot be read; reported. */
bool onnx_read_file(OnnxFile *f, PbIn in);

/* ---- what nodes become (onnx_import.c, and onnx_<subject>.c for the nodes themselves) ---- */

enum { ONNX_MAX_IN = 256, ONNX_MAX_OUT = 64 };

/* A node at work. Each function of a row takes the inputs and sets the results; false: it cannot,
 * which was reported (onnx_refuse, or inference). */
typedef struct OnnxCall OnnxCall;
typedef bool OnnxLower(OnnxCall *c);

typedef struct {
    const char *name;
    OnnxLower *lower;
    int kind; /* of the op that it becomes, for functions that serve several; or OP_NONE */
    int min, max; /* inputs */
    bool moves;   /* it hands elements on, and computes nothing with them */
} OnnxRow;
extern const OnnxRow onnx_rows[];
extern const int onnx_row_count;

struct OnnxCall {
    Builder b;
    const OnnxFile *file;
    const OnnxNode *node;
    const OnnxRow *row;
    int nin;
    Value *in[ONNX_MAX_IN];    /* NULL: left out */
    bool clamped[ONNX_MAX_IN]; /* OnnxTensor.clamped */
    bool gives_clamped;        /* so is what it gives */
    Value *out[ONNX_MAX_OUT];
    Op *before; /* the op behind which the node's ops begin, or NULL */
};

/* Reports that the node has what it cannot have here; always false. */
bool onnx_refuse(OnnxCall *c, const char *fmt, ...) PRINTF(2, 3);
/* The same for what cannot be waited for: "its axes". */
bool onnx_unknown(OnnxCall *c, const char *what);
/* "node 'conv1' (Conv)", for messages. */
const char *onnx_node_name(Arena *a, const OnnxNode *n);
/* Attributes, with their defaults. */
/* NULL: it is not given */
const OnnxAttr *onnx_attr(const OnnxCall *c, const char *name);
int64_t onnx_int(const OnnxCall *c, const char *name, int64_t other);
double onnx_float(const OnnxCall *c, const char *name, double other);
const char *onnx_text(const OnnxCall *c, const char *name, const char *other);
/* A list of integers: how many, at most MAX_RANK * 2; -1: it is not given. */
int onnx_ints(const OnnxCall *c, const char *name, int64_t *out);
/* A list from an attribute or, in newer opsets, from input i: how many, -1: neither is given,
 * -2: it is not known before the program runs. */
int onnx_list(const OnnxCall *c, const char *name, int i, int64_t *out);
/* A dimension counted from the end is counted from the front. False: there is none; reported. */
bool onnx_axis(OnnxCall *c, int64_t *axis, int rank);

static inline const Shape *onnx_shape(const Value *v) { return &v->type->shape; }
static inline int onnx_rank(const Value *v) { return v->type->shape.rank; }
static inline DType onnx_dtype(const Value *v) { return v->type->dtype; }
static inline bool onnx_given(const OnnxCall *c, int i) { return i < c->nin && c->in[i]; }

/* What many nodes need. */
Value *onnx_cast(OnnxCall *c, Value *x, DType t); /* x itself where it has the type */
Value *onnx_reshape(OnnxCall *c, Value *x, int n, const int64_t *dim);
Value *onnx_scalar(OnnxCall *c, Value *v); /* of one element in any shape */
/* v as a constant, where the node's ops compute it from constants alone; otherwise v. */
Value *onnx_folded(OnnxCall *c, Value *v);
/* MIL computes with int32 alone: an integer as that, and back in a smaller type, by which it
 * wraps as ONNX's do. Others stay. */
Value *onnx_wide(OnnxCall *c, Value *x);
Value *onnx_narrow(OnnxCall *c, Value *x, DType t);
Value *onnx_number(OnnxCall *c, const Value *like,
                   double v);                                /* a scalar of like's type */
Value *onnx_both(OnnxCall *c, int kind, Value *x, Value *y); /* an op of two operands */
/* x from `begin` up to `end` along an axis. */
Value *onnx_part(OnnxCall *c, Value *x, int axis, int64_t begin, int64_t end);
/* A reduction along n axes. */
Value *onnx_reduce(OnnxCall *c, int kind, Value *x, int n, const int64_t *axis,
                   bool keep);
Value *onnx_join(OnnxCall *c, int n, Value *const *v, int axis);

/* The functions of the rows. */
#define NODE(name, lower, kind, min, max) OnnxLower lower;
#include "onnx_nodes.def"
#undef NODE

#endif
