/* program_write.c -- writes a Module as a Program message of Core ML's MIL.proto. */
#include "spec.h"

#include <string.h>

#include "../ops/ops.h"

typedef struct {
    const Module *m;
    Diag *d;
    const MilPlaces *places;
    Buf *out;
    Arena arena; /* for messages */
    bool ok;
} Writer;

/* ---- types ------------------------------------------------------------------------------- */

static void put_dim(Buf *b, uint32_t num, int64_t dim)
{
    const size_t at = pb_begin(b, num);
    const size_t kind = pb_begin(b, dim == DIM_ANY ? 2 : 1);
    if (dim > 0) pb_put_number(b, 1, (uint64_t)dim);
    pb_end(b, kind);
    pb_end(b, at);
}

static void put_type(Writer *w, uint32_t num, const Type *t);

static void put_tensor_type(Writer *w, const Type *t)
{
    Buf *b = w->out;
    pb_put_number(b, 1, (uint64_t)dtypes[t->dtype].spec);
    if (t->shape.rank) pb_put_number(b, 2, (uint64_t)t->shape.rank);
    for (int i = 0; i < t->shape.rank; i++) put_dim(b, 3, t->shape.dim[i]);
}

static void put_type(Writer *w, uint32_t num, const Type *t)
{
    static const uint32_t kinds[] = { [TY_TENSOR] = 1, [TY_LIST] = 2,  [TY_TUPLE] = 3,
                                      [TY_DICT] = 4,   [TY_STATE] = 5, [TY_BUFFER] = 0 };
    Buf *b = w->out;
    if (!kinds[t->kind]) {
        w->ok = diag_error(w->d, (Loc){ .src = NULL },
                           "a .mlpackage cannot hold the type %s, which is private",
                           type_text(&w->arena, t));
        return;
    }
    const size_t at = pb_begin(b, num), kind = pb_begin(b, kinds[t->kind]);
    if (t->kind == TY_TENSOR) put_tensor_type(w, t);
    for (int i = 0; i < t->nsub; i++)
        put_type(w, t->kind == TY_DICT ? (uint32_t)i + 1 : 1, t->sub[i]);
    if (t->kind == TY_LIST) put_dim(b, 2, t->length);
    pb_end(b, kind);
    pb_end(b, at);
}

/* ---- values ------------------------------------------------------------------------------ */

enum { RUN = 256 };

static void put_le(Buf *b, uint64_t v, int bytes)
{
    for (; bytes > 0; bytes--, v >>= 8) buf_putc(b, (char)(v & 0xff));
}

/* Elements first .. first + n of a numeric literal, in the form of its field. */
static void put_run(Buf *b, uint32_t field, const Tensor *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (field == FIELD_FLOATS || field == FIELD_DOUBLES) {
            const size_t bytes = field == FIELD_FLOATS ? 4 : 8;
            uint64_t bits = 0;
            if (bytes == 4) {
                uint32_t half;
                memcpy(&half, (const char *)t->data + i * bytes, bytes);
                bits = half;
            } else memcpy(&bits, (const char *)t->data + i * bytes, bytes);
            put_le(b, bits, (int)bytes);
        } else pb_put_varint(b, (uint64_t)tensor_int(t, i));
    }
}

static void put_elements(Writer *w, const Const *c, size_t n)
{
    const DType t = c->type->dtype;
    const uint32_t field = dtypes[t].field;
    Buf *b = w->out;
    const size_t at = pb_begin(b, field);
    if (field == FIELD_STRINGS) {
        for (size_t i = 0; i < n; i++)
            pb_put_string(b, 1, ((const char *const *)c->data)[i]);
    } else if (n) {
        double room[RUN];
        const size_t list = pb_begin(b, 1);
        for (size_t first = 0; w->ok && first < n; first += RUN) {
            const size_t k = n - first < RUN ? n - first : RUN;
            const Shape run = SHAPE((int64_t)k);
            const Tensor view = tensor_view(t, &run, room);
            w->ok = const_read(c, w->d, first, k, room);
            if (field == FIELD_BYTES) buf_add(b, room, view.bytes);
            else put_run(b, field, &view, k);
        }
        pb_end(b, list);
    }
    pb_end(b, at);
}

static void put_value(Writer *w, uint32_t num, const Const *c);

static void put_immediate(Writer *w, const Const *c)
{
    static const uint32_t kinds[] = {
        [TY_TENSOR] = 1, [TY_TUPLE] = 2, [TY_LIST] = 3, [TY_DICT] = 4
    };
    Buf *b = w->out;
    const size_t at = pb_begin(b, 3), kind = pb_begin(b, kinds[c->type->kind]);
    size_t n;
    if (c->kind != CONST_GROUP) {
        if (!shape_known(&c->type->shape)) n = (size_t)c->nelem;
        else if (!shape_count(&c->type->shape, &n)) bug("a literal of unknown dimension");
        put_elements(w, c, n);
    } else if (c->type->kind == TY_DICT) {
        for (int64_t i = 0; i + 1 < c->nelem; i += 2) {
            const size_t pair = pb_begin(b, 1);
            put_value(w, 1, c->elem[i]);
            put_value(w, 2, c->elem[i + 1]);
            pb_end(b, pair);
        }
    } else {
        for (int64_t i = 0; i < c->nelem; i++) put_value(w, 1, c->elem[i]);
    }
    pb_end(b, kind);
    pb_end(b, at);
}

static void put_reference(Buf *b, const char *path, uint64_t offset)
{
    const size_t at = pb_begin(b, 5);
    pb_put_string(b, 1, path);
    if (offset) pb_put_number(b, 2, offset);
    pb_end(b, at);
}

static void put_value(Writer *w, uint32_t num, const Const *c)
{
    Buf *b = w->out;
    uint64_t offset;
    const size_t at = pb_begin(b, num);
    put_type(w, 2, c->type);
    if (w->places && w->places->find(w->places->ctx, c, &offset))
        put_reference(b, w->places->path, offset);
    else if (c->kind == CONST_BLOB) put_reference(b, c->path, c->offset);
    else if (w->ok) put_immediate(w, c);
    pb_end(b, at);
}

/* ---- ops -------------------------------------------------------------------------- */

static void put_attrs(Writer *w, uint32_t num, const Attrs *a, const char *without)
{
    for (int i = 0; i < a->count; i++) {
        if (without && !strcmp(a->at[i].name, without)) continue;
        const size_t at = pb_begin(w->out, num);
        pb_put_string(w->out, 1, a->at[i].name);
        put_value(w, 2, a->at[i].val);
        pb_end(w->out, at);
    }
}

static void put_name(Writer *w, uint32_t num, const char *name)
{
    const Const c = { .type = type_scalar(DT_STRING), .kind = CONST_DATA, .data = &name };
    Attr one = { "name", &c };
    put_attrs(w, num, &(Attrs){ .at = &one, .count = 1 }, NULL);
}

static void put_named(Writer *w, uint32_t num, Value *const *v, int n)
{
    for (int i = 0; i < n; i++) {
        const size_t at = pb_begin(w->out, num);
        pb_put_string(w->out, 1, v[i]->name);
        put_type(w, 2, v[i]->type);
        pb_end(w->out, at);
    }
}

static void put_arg(Writer *w, const Arg *a)
{
    Buf *b = w->out;
    const size_t entry = pb_begin(b, 2);
    pb_put_string(b, 1, arg_name(a));
    const size_t argument = pb_begin(b, 2);
    for (int i = 0; i < arg_count(a); i++) {
        const size_t binding = pb_begin(b, 1);
        if (a->val[i]->name) pb_put_string(b, 1, a->val[i]->name);
        else put_value(w, 2, value_lit(a->val[i]));
        pb_end(b, binding);
    }
    pb_end(b, argument);
    pb_end(b, entry);
}

static void put_block(Writer *w, uint32_t num, const Block *block);

static void put_op(Writer *w, const Op *op)
{
    Buf *b = w->out;
    const size_t at = pb_begin(b, 3);
    if (op->opset != OPSET_NONE)
        w->ok = diag_error(w->d, op_loc(op),
                           "%s<%s>: a .mlpackage has one opset for a whole function",
                           op_name(op), opset_text(op->opset));
    pb_put_string(b, 1, op_name(op));
    for (int i = 0; i < op->narg; i++) put_arg(w, &op->arg[i]);
    put_named(w, 3, op->out, op->nout);
    for (int i = 0; i < op_nblock(op); i++) put_block(w, 4, op_block(op, i));
    if (op_said_name(op)) put_name(w, 5, op_said_name(op));
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    put_attrs(w, 5, &attrs, NULL);
    pb_end(b, at);
}

static void put_block(Writer *w, uint32_t num, const Block *block)
{
    const size_t at = pb_begin(w->out, num);
    if (block->owner) put_named(w, 1, block->param, block->nparam);
    for (int i = 0; i < block->nresult; i++)
        pb_put_string(w->out, 2, block->result[i]->name);
    for (const Op *op = block->first; op && w->ok; op = op->next) put_op(w, op);
    pb_end(w->out, at);
}

/* ---- functions --------------------------------------------------------------------------- */

static void put_func(Writer *w, const Func *f)
{
    Buf *b = w->out;
    const char *opset = spec_opset(f);
    if (!opset) {
        w->ok = diag_error(
            w->d, f->loc,
            "the function %s names no opset, which a .mlpackage needs; --opset gives one",
            f->name);
        return;
    }
    const size_t entry = pb_begin(b, 2);
    pb_put_string(b, 1, f->name);
    const size_t func = pb_begin(b, 2);
    put_named(w, 1, f->body->param, f->body->nparam);
    pb_put_string(b, 2, opset);
    const size_t block = pb_begin(b, 3);
    pb_put_string(b, 1, opset);
    put_block(w, 2, f->body);
    pb_end(b, block);
    put_attrs(w, 4, &f->attrs, FLEXIBLE); /* that is said by the description */
    pb_end(b, func);
    pb_end(b, entry);
}

bool program_write(const Module *m, Diag *d, const MilPlaces *places, Buf *out)
{
    Writer w = { .m = m, .d = d, .places = places, .out = out, .ok = true };
    const size_t at = pb_begin(out, MODEL_PROGRAM);
    pb_put_number(out, 1, 1);
    for (const Func *f = m->first; f && w.ok; f = f->next) put_func(&w, f);
    put_attrs(&w, 4, &m->attrs, NULL);
    pb_end(out, at);
    arena_free(&w.arena);
    return w.ok;
}
