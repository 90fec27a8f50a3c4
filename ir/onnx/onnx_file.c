/* onnx_file.c -- a .onnx file as a graph: nodes with their attributes, initializers as literals,
 * inputs and results. */
#include "onnx.h"

#include <stdlib.h>
#include <string.h>

enum {
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    GRAPH_NODE = 1,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_SPARSE = 15
};
enum {
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S = 5,
    TENSOR_STRINGS = 6,
    TENSOR_INT64S = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_DOUBLES = 10,
    TENSOR_UINT64S = 11,
    TENSOR_EXTERNAL = 13,
    TENSOR_PLACE = 14
};

static const OnnxType onnx_types[] = {
    { "undefined", DT_NONE, 0 },  { "float", DT_FP32, 4 },    { "uint8", DT_UINT8, 1 },
    { "int8", DT_INT8, 1 },       { "uint16", DT_UINT16, 2 }, { "int16", DT_INT16, 2 },
    { "int32", DT_INT32, 4 },     { "int64", DT_INT32, 8 },   { "string", DT_NONE, 0 },
    { "bool", DT_BOOL, 1 },       { "float16", DT_FP16, 2 },  { "double", DT_FP32, 8 },
    { "uint32", DT_INT32, 4 },    { "uint64", DT_INT32, 8 },  { "complex64", DT_NONE, 0 },
    { "complex128", DT_NONE, 0 }, { "bfloat16", DT_FP32, 2 },
};
enum {
    ONNX_UINT32 = 12,
    ONNX_INT64 = 7,
    ONNX_UINT64 = 13,
    ONNX_DOUBLE = 11,
    ONNX_BFLOAT16 = 16
};

const OnnxType *onnx_type(int64_t code)
{
    return &onnx_types[code > 0 && code < (int64_t)COUNT(onnx_types) ? code : 0];
}

/* ---- tensors ----------------------------------------------------------------------------- */

/* What a TensorProto says, before its elements are made a literal. */
typedef struct {
    OnnxTensor *t;
    PbField numbers; /* of a typed field, or raw_data */
    int field;       /* its number, or 0 */
    bool external;
    const char *location;
    uint64_t offset, length;
    bool has_length;
    int ndim;
} TensorRead;

static bool onnx_bad(OnnxFile *f, const char *what, const char *name)
{
    return diag_error(f->d, (Loc){ 0 }, "%s: tensor '%s' %s", f->path, name, what);
}

static int64_t number_signed(uint64_t v) { return (int64_t)v; }

/* An integer as int32. */
static void put_int(OnnxTensor *t, int32_t *out, uint64_t v, bool is_unsigned)
{
    const bool above = is_unsigned ? v > INT32_MAX : number_signed(v) > INT32_MAX;
    const bool below = !is_unsigned && number_signed(v) < INT32_MIN;
    t->clamped |= above || below;
    *out = above ? INT32_MAX : below ? INT32_MIN : (int32_t)v;
}

/* Element i of raw bytes or of a typed field, as its type has it. */
static void put_element(OnnxTensor *t, void *data, size_t i, uint64_t v)
{
    const int64_t code = t->type - onnx_types;
    double wide;
    uint32_t bits;
    switch (t->type->as) {
    case DT_FP32:
        if (code == ONNX_DOUBLE) {
            memcpy(&wide, &v, sizeof wide);
            ((float *)data)[i] = (float)wide;
            return;
        }
        bits = code == ONNX_BFLOAT16 ? (uint32_t)v << 16 : (uint32_t)v;
        memcpy((float *)data + i, &bits, sizeof bits);
        return;
    case DT_INT32:
        put_int(t, (int32_t *)data + i, v, code == ONNX_UINT32 || code == ONNX_UINT64);
        return;
    case DT_FP16:
    case DT_INT16:
    case DT_UINT16:
        ((uint16_t *)data)[i] = (uint16_t)v;
        return;
    case DT_BOOL:
        ((uint8_t *)data)[i] = v != 0;
        return;
    default:
        ((uint8_t *)data)[i] = (uint8_t)v;
    }
}

/* A number of raw_data: little endian, and with its sign where it is a signed integer. */
static uint64_t raw_element(const OnnxTensor *t, const unsigned char *p)
{
    uint64_t v = 0;
    for (int k = t->type->bytes; k-- > 0;) v = v << 8 | p[k];
    if (t->type->as == DT_INT32 && t->type->bytes == 4
        && t->type - onnx_types != ONNX_UINT32)
        v = (uint64_t)(int64_t)(int32_t)v;
    return v;
}

static bool put_raw(OnnxFile *f, OnnxTensor *t, void *data, size_t count,
                    const unsigned char *p, size_t len)
{
    const size_t each = (size_t)t->type->bytes;
    if (len != count * each)
        return onnx_bad(f, "has not as many bytes as its shape says", t->name);
    if (each == (size_t)dtypes[t->type->as].bits / 8 && t->type->as != DT_BOOL
        && t->type - onnx_types != ONNX_UINT32) {
        memcpy(data, p, len);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        put_element(t, data, i, raw_element(t, p + i * each));
    return true;
}

static int field_wire(int field)
{
    return field == TENSOR_FLOATS  ? PB_FIXED32
         : field == TENSOR_DOUBLES ? PB_FIXED64
                                   : PB_VARINT;
}

/* Numbers are packed, as protobuf 3 writes them. */
static bool put_typed(OnnxFile *f, TensorRead *r, PbIn in, void *data, size_t count)
{
    const int wire = field_wire(r->field);
    uint64_t v;
    if (pb_count(&r->numbers, wire) != count)
        return onnx_bad(f, "has not as many numbers as its shape says", r->t->name);
    for (size_t i = 0; i < count && pb_item(&in, &r->numbers, wire, &v); i++)
        put_element(r->t, data, i, v);
    return !in.file->wrong;
}

/* Elements in a file beside the model. */
static bool put_external(OnnxFile *f, const TensorRead *r, void *data, size_t count)
{
    Mapped map;
    if (!r->location) return onnx_bad(f, "names no file of its elements", r->t->name);
    const char *path = file_join_linked(f->arena, f->d, (Loc){ 0 }, f->dir, r->location,
                                        f->m->follow_links);
    if (!path || !file_map(f->d, path, &map)) return false;
    module_source(f->m, path, &map);
    const size_t size = map.size;
    const uint64_t length = r->has_length ? r->length
                                          : size - (r->offset < size ? r->offset : size);
    if (r->offset > size || length > size - r->offset)
        return onnx_bad(f, "lies beyond the end of its file", r->t->name);
    return put_raw(f, r->t, data, count, map.data + r->offset, (size_t)length);
}

static void read_external(OnnxFile *f, TensorRead *r, PbIn in)
{
    PbField x;
    const char *key = "", *text = "";
    while (pb_next(&in, &x)) {
        if (x.num == 1) key = pb_string(&in, &x, f->arena);
        if (x.num == 2) text = pb_string(&in, &x, f->arena);
    }
    if (!strcmp(key, "location")) r->location = text;
    if (!strcmp(key, "offset")) r->offset = strtoull(text, NULL, 10);
    if (!strcmp(key, "length"))
        r->length = strtoull(text, NULL, 10), r->has_length = true;
}

static void read_dims(OnnxFile *f, TensorRead *r, PbIn *in, PbField *x)
{
    uint64_t v;
    const size_t n = pb_count(x, PB_VARINT);
    for (size_t i = 0; i < n && pb_item(in, x, PB_VARINT, &v); i++) {
        if (r->ndim < MAX_RANK) r->t->dim[r->ndim] = number_signed(v);
        r->ndim++;
        if (number_signed(v) < 0 && !in->file->wrong)
            pb_wrong(in, x->start, "a dimension is negative");
    }
    (void)f;
}

static bool tensor_value(OnnxFile *f, TensorRead *r, PbIn in)
{
    OnnxTensor *t = r->t;
    size_t count;
    void *data;
    if (r->ndim > MAX_RANK) return onnx_bad(f, "has more than 16 dimensions", t->name);
    t->rank = r->ndim;
    if (t->type->as == DT_NONE)
        return diag_error(f->d, (Loc){ 0 },
                          "%s: tensor '%s' is of type %s, which MIL lacks", f->path,
                          t->name, t->type->name);
    const Shape s = shape_of(t->rank, t->dim);
    if (!shape_count(&s, &count) || count > SIZE_MAX / 16)
        return onnx_bad(f, "is larger than memory can be", t->name);
    if (!r->external && count > in.file->size)
        return onnx_bad(f, "has not as many numbers as its shape says", t->name);
    const Type *type = module_tensor(f->m, t->type->as, &s);
    if (t->type == &onnx_types[ONNX_DOUBLE] && !f->wide) f->wide = t->name;
    Const *c = const_room(&f->m->arena, type, type_bytes(type), &data);
    t->value = c;
    if (r->external) return put_external(f, r, data, count);
    if (r->field == TENSOR_RAW)
        return put_raw(f, t, data, count, r->numbers.data, r->numbers.len);
    return count ? r->field ? put_typed(f, r, in, data, count)
                            : onnx_bad(f, "has no elements", t->name)
                 : true;
}

static bool read_tensor(OnnxFile *f, PbIn in, OnnxTensor *t)
{
    PbField x;
    PbIn whole = in;
    *t = (OnnxTensor){ .name = "", .type = onnx_type(0) };
    TensorRead r = { .t = t };
    while (pb_next(&in, &x)) {
        switch (x.num) {
        case TENSOR_DIMS:
            read_dims(f, &r, &in, &x);
            break;
        case TENSOR_TYPE:
            t->type = onnx_type((int64_t)pb_number(&in, &x));
            break;
        case TENSOR_NAME:
            t->name = pb_string(&in, &x, f->arena);
            break;
        case TENSOR_EXTERNAL:
            read_external(f, &r, pb_sub(&in, &x));
            break;
        case TENSOR_PLACE:
            r.external = pb_number(&in, &x) == 1;
            break;
        case TENSOR_FLOATS:
        case TENSOR_INT32S:
        case TENSOR_INT64S:
        case TENSOR_DOUBLES:
        case TENSOR_UINT64S:
        case TENSOR_RAW:
            if (x.wire != PB_BYTES && x.num == TENSOR_RAW)
                pb_wrong(&in, x.start, "a number stands in the place of bytes");
            r.numbers = x;
            r.field = (int)x.num;
            break;
        }
    }
    return !in.file->wrong && tensor_value(f, &r, whole);
}

/* ---- nodes ------------------------------------------------------------------------------- */

static bool read_graph(OnnxFile *f, PbIn in, OnnxGraph *g);

static void attr_number(OnnxFile *f, OnnxAttr *a, PbIn *in, PbField *x)
{
    const bool floats = x->num == 7;
    const int wire = floats ? PB_FIXED32 : PB_VARINT;
    const size_t n = pb_count(x, wire), had = (size_t)(floats ? a->nfloats : a->nints);
    uint64_t v;
    if (n > in->file->size) return;
    float *more_f = floats ? NEW_ARRAY(f->arena, had + n, float) : NULL;
    int64_t *more_i = floats ? NULL : NEW_ARRAY(f->arena, had + n, int64_t);
    if (had && floats) memcpy(more_f, a->floats, had * sizeof *more_f);
    if (had && !floats) memcpy(more_i, a->ints, had * sizeof *more_i);
    for (size_t i = 0; i < n && pb_item(in, x, wire, &v); i++) {
        const uint32_t bits = (uint32_t)v;
        if (floats) memcpy(&more_f[had + i], &bits, sizeof bits);
        else more_i[had + i] = number_signed(v);
    }
    if (floats) a->floats = more_f, a->nfloats = (int)(had + n);
    else a->ints = more_i, a->nints = (int)(had + n);
}

static bool read_attr(OnnxFile *f, PbIn in, OnnxAttr *a)
{
    PbField x;
    bool ok = true;
    *a = (OnnxAttr){ .name = "", .text = "" };
    while (ok && pb_next(&in, &x)) {
        float one;
        switch (x.num) {
        case 1:
            a->name = pb_string(&in, &x, f->arena);
            break;
        case 2: {
            const uint32_t bits = (uint32_t)pb_number(&in, &x);
            memcpy(&one, &bits, sizeof one);
            a->f = (double)one;
            break;
        }
        case 3:
            a->i = number_signed(pb_number(&in, &x));
            break;
        case 4:
            a->text = pb_string(&in, &x, f->arena);
            break;
        case 5:
            a->tensor = NEW(f->arena, OnnxTensor);
            ok = read_tensor(f, pb_sub(&in, &x), a->tensor);
            break;
        case 6:
            a->graph = NEW(f->arena, OnnxGraph);
            ok = read_graph(f, pb_sub(&in, &x), a->graph);
            break;
        case 7:
        case 8:
            attr_number(f, a, &in, &x);
            break;
        }
    }
    return ok && !in.file->wrong;
}

/* How many fields of a number a message has. */
static int field_count(PbIn in, uint32_t num)
{
    PbField x;
    int n = 0;
    while (pb_next(&in, &x)) n += x.num == num;
    return n;
}

static bool read_node(OnnxFile *f, PbIn in, OnnxNode *n)
{
    PbField x;
    bool ok = true;
    *n = (OnnxNode){ .name = "", .op = "", .domain = "" };
    n->in = NEW_ARRAY(f->arena, field_count(in, 1) + 1, const char *);
    n->out = NEW_ARRAY(f->arena, field_count(in, 2) + 1, const char *);
    n->attr = NEW_ARRAY(f->arena, field_count(in, 5) + 1, OnnxAttr);
    while (ok && pb_next(&in, &x)) {
        switch (x.num) {
        case 1:
            n->in[n->nin++] = pb_string(&in, &x, f->arena);
            break;
        case 2:
            n->out[n->nout++] = pb_string(&in, &x, f->arena);
            break;
        case 3:
            n->name = pb_string(&in, &x, f->arena);
            break;
        case 4:
            n->op = pb_string(&in, &x, f->arena);
            break;
        case 5:
            ok = read_attr(f, pb_sub(&in, &x), &n->attr[n->nattr++]);
            break;
        case 7:
            n->domain = pb_string(&in, &x, f->arena);
            break;
        }
    }
    return ok && !in.file->wrong;
}

/* ---- inputs and results ------------------------------------------------------------------ */

static void read_dim(OnnxFile *f, OnnxPort *p, PbIn in)
{
    PbField x;
    int64_t dim = DIM_ANY;
    const char *name = NULL;
    while (pb_next(&in, &x)) {
        if (x.num == 1) dim = number_signed(pb_number(&in, &x));
        if (x.num == 2) name = pb_string(&in, &x, f->arena);
    }
    p->named[p->rank] = name;
    p->dim[p->rank++] = dim >= 0 ? dim : DIM_ANY;
}

static void read_shape(OnnxFile *f, OnnxPort *p, PbIn in)
{
    PbField x;
    p->rank = 0;
    while (pb_next(&in, &x)) {
        if (x.num != 1) continue;
        if (p->rank == MAX_RANK)
            pb_wrong(&in, x.start, "a tensor has more than 16 dimensions");
        else read_dim(f, p, pb_sub(&in, &x));
    }
}

static void read_tensor_type(OnnxFile *f, OnnxPort *p, PbIn in)
{
    PbField x;
    while (pb_next(&in, &x)) {
        if (x.num == 1) p->type = onnx_type((int64_t)pb_number(&in, &x));
        if (x.num == 2) read_shape(f, p, pb_sub(&in, &x));
    }
}

static void read_port(OnnxFile *f, OnnxPort *p, PbIn in)
{
    PbField x, t;
    *p = (OnnxPort){ .name = "", .rank = -1 };
    while (pb_next(&in, &x)) {
        if (x.num == 1) p->name = pb_string(&in, &x, f->arena);
        if (x.num != 2) continue;
        PbIn type = pb_sub(&in, &x);
        while (pb_next(&type, &t))
            if (t.num == 1) read_tensor_type(f, p, pb_sub(&type, &t));
    }
    if (p->type == &onnx_types[ONNX_DOUBLE] && !f->wide) f->wide = p->name;
}

static bool read_graph(OnnxFile *f, PbIn in, OnnxGraph *g)
{
    PbField x;
    bool ok = true;
    *g = (OnnxGraph){ 0 };
    g->node = NEW_ARRAY(f->arena, field_count(in, GRAPH_NODE) + 1, OnnxNode);
    g->tensor = NEW_ARRAY(f->arena, field_count(in, GRAPH_INITIALIZER) + 1, OnnxTensor);
    g->in = NEW_ARRAY(f->arena, field_count(in, GRAPH_INPUT) + 1, OnnxPort);
    g->out = NEW_ARRAY(f->arena, field_count(in, GRAPH_OUTPUT) + 1, OnnxPort);
    while (ok && pb_next(&in, &x)) {
        switch (x.num) {
        case GRAPH_NODE:
            ok = read_node(f, pb_sub(&in, &x), &g->node[g->nnode++]);
            break;
        case GRAPH_INITIALIZER:
            ok = read_tensor(f, pb_sub(&in, &x), &g->tensor[g->ntensor++]);
            break;
        case GRAPH_INPUT:
            read_port(f, &g->in[g->nin++], pb_sub(&in, &x));
            break;
        case GRAPH_OUTPUT:
            read_port(f, &g->out[g->nout++], pb_sub(&in, &x));
            break;
        case GRAPH_SPARSE:
            ok = diag_error(f->d, (Loc){ 0 }, "%s: sparse initializers are not read",
                            f->path);
            break;
        }
    }
    return ok && !in.file->wrong;
}

static void read_opset(OnnxFile *f, PbIn in)
{
    PbField x;
    const char *domain = "";
    int64_t version = 0;
    while (pb_next(&in, &x)) {
        if (x.num == 1) domain = pb_string(&in, &x, f->arena);
        if (x.num == 2) version = number_signed(pb_number(&in, &x));
    }
    if (!*domain || !strcmp(domain, "ai.onnx")) f->opset = version;
}

bool onnx_read_file(OnnxFile *f, PbIn in)
{
    PbField x;
    bool ok = true, found = false;
    while (ok && pb_next(&in, &x)) {
        if (x.num == MODEL_OPSET) read_opset(f, pb_sub(&in, &x));
        if (x.num != MODEL_GRAPH) continue;
        found = true;
        ok = read_graph(f, pb_sub(&in, &x), &f->graph);
    }
    if (!ok || in.file->wrong) return false;
    return found
        || diag_error(f->d, (Loc){ 0 }, "%s has no graph: it is no .onnx file", f->path);
}
