/* print.c -- prints a Module as MIL text, laid out as Apple's compiler does. */
#include "mil.h"
#include "mil_text.h"

#include <stdlib.h>
#include <string.h>

enum { INDENT_FUNC = 4, INDENT_OP = 12, INDENT_END = 8, INDENT_BLOCK = 4 };
enum { FULL = 64 * 1024 }; /* bytes that go to a sink at once */

typedef struct {
    Buf *out;
    const MilPlaces *places;
    bool brief;    /* scalars are `int32`, not `tensor<int32, []>` */
    MilSink *sink; /* takes what `out` has after each op that fills it; NULL: it grows */
    void *ctx;
    bool failed; /* the sink did */
} Printer;

static void print_indent(Printer *p, int n)
{
    static const char blanks[] = "                                ";
    for (; n > 0; n -= (int)sizeof blanks - 1)
        buf_add(p->out, blanks, n < (int)sizeof blanks ? (size_t)n : sizeof blanks - 1);
}

static void print_put(Printer *p, const char *s) { buf_puts(p->out, s); }

static void put_int(Printer *p, int64_t v)
{
    char text[NUMBER_TEXT];
    buf_add(p->out, text, number_print(text, DT_INT64, (uint64_t)v));
}

/* ---- types ------------------------------------------------------------------------------- */

static void print_dims(Printer *p, const Shape *s)
{
    buf_putc(p->out, '[');
    for (int i = 0; i < s->rank; i++) {
        if (i) print_put(p, ", ");
        if (s->dim[i] == DIM_ANY) buf_putc(p->out, '?');
        else put_int(p, s->dim[i]);
    }
    buf_putc(p->out, ']');
}

static void print_type(Printer *p, const Type *t)
{
    static const char *const word[] = {
        [TY_POISON] = "poison",       [TY_TENSOR] = "tensor", [TY_LIST] = "list",
        [TY_DICT] = "dict",           [TY_TUPLE] = "tuple",   [TY_STATE] = "state",
        [TY_BUFFER] = "tensor_buffer"
    };
    if (t->kind == TY_TENSOR && t->shape.rank == 0 && p->brief) {
        print_put(p, dtypes[t->dtype].name);
        return;
    }
    print_put(p, word[t->kind]);
    buf_putc(p->out, '<');
    if (t->kind == TY_TENSOR || t->kind == TY_BUFFER) {
        print_put(p, dtypes[t->dtype].name);
        print_put(p, t->kind == TY_BUFFER ? ", shape=" : ", ");
        print_dims(p, &t->shape);
    }
    for (int i = 0; i < t->nfield; i++) {
        print_put(p, ", ");
        print_put(p, t->field[i].name);
        buf_putc(p->out, '=');
        print_dims(p, &t->field[i].dims);
    }
    for (int i = 0; i < t->nsub; i++) {
        if (i) print_put(p, ", ");
        print_type(p, t->sub[i]);
    }
    if (t->kind == TY_LIST) {
        print_put(p, ", ");
        if (t->length == DIM_ANY) buf_putc(p->out, '?');
        else put_int(p, t->length);
    }
    buf_putc(p->out, '>');
}

/* ---- elements ---------------------------------------------------------------------------- */

static void print_string(Buf *out, const char *s)
{
    static const char special[] = "\"\\\n\t\r", letter[] = "\"\\ntr";
    buf_putc(out, '"');
    for (size_t n; *s; s += n) {
        n = strcspn(s, special);
        buf_add(out, s, n);
        if (!s[n]) break;
        buf_putc(out, '\\');
        buf_putc(out, letter[strchr(special, s[n++]) - special]);
    }
    buf_putc(out, '"');
}

/* Element i of packed elements, little endian, as bits. */
static uint64_t element_bits(const unsigned char *data, int width, size_t i)
{
    uint64_t v = 0;
    if (width % 8 == 0) {
        const unsigned char *e = data + i * (size_t)(width / 8);
        for (int k = width / 8; k-- > 0;) v = v << 8 | e[k];
    } else
        for (int k = width; k-- > 0;) {
            const size_t at = i * (size_t)width + (size_t)k;
            v = v << 1 | (data[at / 8] >> at % 8 & 1);
        }
    return v;
}

static void print_element(Printer *p, DType t, const void *data, size_t i, bool in_dict)
{
    char text[NUMBER_TEXT];
    if (t == DT_STRING) {
        print_string(p->out, ((const char *const *)data)[i]);
    } else if (t == DT_BOOL) {
        print_put(p, ((const unsigned char *)data)[i] ? "true" : "false");
    } else {
        const uint64_t bits = element_bits(data, dtypes[t].bits, i);
        double v;
        memcpy(&v, &bits, sizeof v);
        if (t == DT_FP64 && in_dict && v - v == 0) buf_printf(p->out, "%.17g", v);
        else buf_add(p->out, text, number_print(text, t, bits));
    }
}

/* ---- literals ---------------------------------------------------------------------------- */

/* Elements come in runs, so that literals that are made or converted when read need no
 * memory. */
typedef struct {
    const Const *c;
    DType dtype;
    bool in_dict;
    const unsigned char *run;
    size_t first, count, total; /* of the run; of the literal */
    Diag diag;
    uint64_t buffer[512];
} Elements;

static void next_run(Elements *e)
{
    e->first += e->count;
    const size_t rest = e->total - e->first;
    e->count = rest < COUNT(e->buffer) ? rest : COUNT(e->buffer);
    memset(e->buffer, 0, sizeof e->buffer);
    const_read(e->c, &e->diag, e->first, e->count, e->buffer);
}

/* The shape of a literal, `?` resolved by how many elements there are. */
static Shape literal_shape(const Const *c)
{
    Shape s = c->type->shape;
    int64_t known = 1;
    int open = -1;
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] == DIM_ANY) open = i;
        else known *= s.dim[i];
    if (open >= 0) s.dim[open] = known ? c->nelem / known : 0;
    return s;
}

static void print_axis(Printer *p, Elements *e, const Shape *s, int axis, size_t *at)
{
    if (axis == s->rank) {
        if (e->first + e->count == *at) next_run(e);
        print_element(p, e->dtype, e->run, (*at)++ - e->first, e->in_dict);
        return;
    }
    buf_putc(p->out, '[');
    for (int64_t i = 0; i < s->dim[axis]; i++) {
        if (i) print_put(p, ", ");
        print_axis(p, e, s, axis + 1, at);
    }
    buf_putc(p->out, ']');
}

static void print_elements(Printer *p, const Const *c, bool in_dict)
{
    const Shape s = literal_shape(c);
    size_t at = 0;
    Elements e = { .c = c, .dtype = c->type->dtype, .in_dict = in_dict };
    if (!shape_count(&s, &e.total)) bug("a literal of unknown dimension");
    if (c->kind == CONST_DATA) {
        e.run = c->data;
        e.count = e.total;
    } else e.run = (const unsigned char *)e.buffer;
    print_axis(p, &e, &s, 0, &at);
    diag_free(&e.diag);
}

static void print_blob(Printer *p, const char *path, uint64_t offset)
{
    char text[NUMBER_TEXT];
    print_put(p, p->brief ? "BLOBFILE(path = string("
                          : "BLOBFILE(path = tensor<string, []>(");
    print_string(p->out, path);
    print_put(p, p->brief ? "), offset = uint64(" : "), offset = tensor<uint64, []>(");
    buf_add(p->out, text, number_print(text, DT_UINT64, offset));
    print_put(p, "))");
}

static void print_literal(Printer *p, const Const *c, bool in_dict)
{
    static const char open[] = { [TY_LIST] = '[', [TY_TUPLE] = '(', [TY_DICT] = '{' };
    static const char close[] = { [TY_LIST] = ']', [TY_TUPLE] = ')', [TY_DICT] = '}' };
    uint64_t offset;
    if (p->places && p->places->find(p->places->ctx, c, &offset)) {
        print_blob(p, p->places->path, offset);
        return;
    }
    if (c->kind == CONST_BLOB) {
        print_blob(p, c->path, c->offset);
        return;
    }
    if (c->kind != CONST_GROUP) {
        print_elements(p, c, in_dict);
        return;
    }
    const bool dict = c->type->kind == TY_DICT;
    buf_putc(p->out, open[c->type->kind]);
    for (int64_t i = 0; i < c->nelem; i++) {
        if (i) print_put(p, ", ");
        if (dict && i % 2 == 0) buf_putc(p->out, '{');
        print_literal(p, c->elem[i], in_dict || dict);
        if (dict && i % 2 == 1) buf_putc(p->out, '}');
    }
    buf_putc(p->out, close[c->type->kind]);
}

static void print_const(Printer *p, const Const *c)
{
    print_type(p, c->type);
    buf_putc(p->out, '(');
    print_literal(p, c, false);
    buf_putc(p->out, ')');
}

/* ---- ops -------------------------------------------------------------------------- */

static int by_arg_name(const void *a, const void *b)
{
    return strcmp(arg_name((*(const Arg *const *)a)), arg_name((*(const Arg *const *)b)));
}

static int by_attr_name(const void *a, const void *b)
{
    return strcmp((*(const Attr *const *)a)->name, (*(const Attr *const *)b)->name);
}

/* Pointers to n things of `size` bytes, in alphabetical order; freed by the caller. */
static const void **print_sorted(const void *array, int n, size_t size,
                                 int (*by)(const void *, const void *))
{
    const void **p = mem_alloc(((size_t)n + 1) * sizeof *p);
    if (!p) mem_out((size_t)n * sizeof *p);
    for (int i = 0; i < n; i++) p[i] = (const char *)array + (size_t)i * size;
    qsort(p, (size_t)n, sizeof *p, by);
    return p;
}

/* `name`, unless NULL, is the attribute of that name. */
static void print_attrs(Printer *p, const Attrs *a, const char *name)
{
    const void **attr = print_sorted(a->at, a->count, sizeof *a->at, by_attr_name);
    buf_putc(p->out, '[');
    for (int i = 0; i < a->count || name; i++) {
        if (i) print_put(p, ", ");
        if (name
            && (i == a->count || strcmp(((const Attr *)attr[i])->name, "name") > 0)) {
            print_put(p, p->brief ? "name = string(" : "name = tensor<string, []>(");
            print_string(p->out, name);
            buf_putc(p->out, ')');
            name = NULL;
            if (i < a->count) print_put(p, ", ");
        }
        if (i == a->count) break;
        const Attr *x = attr[i];
        print_put(p, x->name);
        print_put(p, " = ");
        print_const(p, x->val);
    }
    buf_putc(p->out, ']');
    mem_free(attr);
}

static void print_value(Printer *p, const Value *v)
{
    if (v->name) print_put(p, v->name);
    else print_const(p, value_lit(v));
}

static void print_arg(Printer *p, const Arg *a)
{
    print_put(p, arg_name(a));
    print_put(p, " = ");
    if (arg_count(a) != 1) buf_putc(p->out, '(');
    for (int i = 0; i < arg_count(a); i++) {
        if (i) print_put(p, ", ");
        print_value(p, a->val[i]);
    }
    if (arg_count(a) != 1) buf_putc(p->out, ')');
}

static void print_names(Printer *p, Value *const *v, int n, bool types)
{
    for (int i = 0; i < n; i++) {
        if (i) print_put(p, ", ");
        if (types) {
            print_type(p, v[i]->type);
            buf_putc(p->out, ' ');
        }
        print_put(p, v[i]->name);
    }
}

static void print_opset(Printer *p, const char *text)
{
    buf_putc(p->out, '<');
    print_put(p, text);
    buf_putc(p->out, '>');
}

static void print_block(Printer *p, const Block *b, int at);

static void print_op(Printer *p, const Op *op, int at)
{
    print_indent(p, at);
    print_names(p, op->out, op->nout, true);
    if (op->nout) print_put(p, " = ");
    print_put(p, op_name(op));
    if (op->opset) print_opset(p, opset_text(op->opset));
    buf_putc(p->out, '(');
    const void **arg = print_sorted(op->arg, op->narg, sizeof *op->arg, by_arg_name);
    for (int i = 0; i < op->narg; i++) {
        if (i) print_put(p, ", ");
        print_arg(p, arg[i]);
    }
    mem_free(arg);
    buf_putc(p->out, ')');
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    if (attrs.count || op_has_name(op)) print_attrs(p, &attrs, op_said_name(op));
    for (int i = 0; i < op_nblock(op); i++) {
        const Block *b = op_block(op, i);
        print_put(p, i ? ",\n" : "\n");
        print_indent(p, at + INDENT_BLOCK);
        print_put(p, b->name);
        buf_putc(p->out, '(');
        print_names(p, b->param, b->nparam, true);
        print_put(p, ") {\n");
        print_block(p, b, at + INDENT_BLOCK + INDENT_END);
    }
    print_put(p, ";\n");
}

static void print_drain(Printer *p)
{
    p->failed = p->failed || !p->sink(p->ctx, p->out->s, p->out->len);
    p->out->len = 0;
}

/* From the ops to the results; the opening brace stands. */
static void print_block(Printer *p, const Block *b, int at)
{
    for (const Op *op = b->first; op; op = op->next) {
        print_op(p, op, at);
        if (p->sink && p->out->len >= FULL) print_drain(p);
    }
    print_indent(p, at - INDENT_BLOCK);
    print_put(p, "} -> (");
    print_names(p, b->result, b->nresult, false);
    buf_putc(p->out, ')');
}

static void print_func(Printer *p, const Func *f)
{
    print_indent(p, INDENT_FUNC);
    print_put(p, "func ");
    print_put(p, f->name);
    if (f->opset != OPSET_NONE) print_opset(p, opset_text(f->opset));
    else if (f->opset_name) print_opset(p, f->opset_name);
    buf_putc(p->out, '(');
    print_names(p, f->body->param, f->body->nparam, true);
    print_put(p, ") ");
    if (f->attrs.count) {
        print_attrs(p, &f->attrs, NULL);
        buf_putc(p->out, ' ');
    }
    print_put(p, "{\n");
    print_block(p, f->body, INDENT_OP);
    print_put(p, ";\n");
}

/* ---- the door ---------------------------------------------------------------------------- */

static void print_module(Printer *p, const Module *m)
{
    print_put(p, "program(");
    print_put(p, m->version);
    print_put(p, ")\n");
    if (m->has_attrs || m->attrs.count) {
        print_attrs(p, &m->attrs, NULL);
        print_put(p, "\n");
    }
    print_put(p, "{\n");
    for (const Func *f = m->first; f; f = f->next) print_func(p, f);
    print_put(p, "}");
}

void mil_print(const Module *m, Buf *out)
{
    Printer p = { .out = out, .brief = module_short_scalars(m) };
    print_module(&p, m);
}

bool mil_print_placed(const Module *m, const MilPlaces *places, MilSink *sink, void *ctx)
{
    Buf part = { 0 };
    Printer p = { .out = &part,
                  .places = places,
                  .brief = module_short_scalars(m),
                  .sink = sink,
                  .ctx = ctx };
    print_module(&p, m);
    print_drain(&p);
    buf_free(&part);
    return !p.failed;
}

bool mil_print_to(const Module *m, MilSink *sink, void *ctx)
{
    return mil_print_placed(m, NULL, sink, ctx);
}

void mil_print_func(const Func *f, Buf *out)
{
    Printer p = { .out = out, .brief = module_short_scalars(f->module) };
    print_func(&p, f);
}

void mil_print_const(const Const *c, bool short_scalars, Buf *out)
{
    Printer p = { .out = out, .brief = short_scalars };
    print_const(&p, c);
}

void mil_print_type(const Type *t, bool short_scalars, Buf *out)
{
    Printer p = { .out = out, .brief = short_scalars };
    print_type(&p, t);
}
