/* core_py.c -- a program as a Python program that makes it by Core AI's package: the words of
 * ops.def's rows, whose expressions use core_helpers.py. */
#include "core_py.h"

#include "core_import.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char core_helpers_text[];
extern const size_t core_helpers_size;

#define TABLE \
    { \
        .table = true \
    }
#define WORD(if_, text) \
    { \
        .only = if_, .python = text \
    }
#define MANY(if_, text) \
    { \
        .only = if_, .python = text, .many = true \
    }
#define CONSTANT \
    { \
        .python = "" \
    }
#define WITHOUT(why) \
    { \
        .lacks = why \
    }
static const CoreWord words[OP_COUNT] = {
#define OP(name, ...) [OP_##name] =
#define COREAI(...) __VA_ARGS__,
#include "../ops/ops.def"
};

const CoreWord *core_py_row(int kind) { return &words[kind]; }

/* ---- names and literals ------------------------------------------------------------------ */

/* A name that is one in Python too gets a `_`, so that it is no word of Python nor a helper;
 * others, a number. */
static const char *core_py_name(CorePy *p, const char *name)
{
    bool plain = name && *name && !isdigit((unsigned char)*name);
    for (const char *c = name; plain && *c; c++)
        plain = isalnum((unsigned char)*c) || *c == '_';
    if (plain) return arena_printf(&p->out->arena, "%s_", name);
    return arena_printf(&p->out->arena, "c%d", ++p->number);
}

void core_py_text(Buf *b, const char *s)
{
    buf_putc(b, '"');
    for (; *s; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') buf_printf(b, "\\%c", c);
        else if (c < ' ') buf_printf(b, "\\x%02x", c);
        else buf_putc(b, *s);
    }
    buf_putc(b, '"');
}

static void core_py_float(Buf *b, double v)
{
    if (isnan(v)) buf_puts(b, "math.nan");
    else if (isinf(v)) buf_puts(b, v < 0 ? "-math.inf" : "math.inf");
    else buf_printf(b, "%.17g", v);
}

static void core_py_element(Buf *b, const Tensor *t, size_t i)
{
    if (t->dtype == DT_BOOL) buf_puts(b, tensor_int(t, i) ? "True" : "False");
    else if (dtype_is_float(t->dtype)) core_py_float(b, tensor_float(t, i));
    else buf_printf(b, "%lld", (long long)tensor_int(t, i));
}

void core_py_dims(Buf *b, const int64_t *v, int n)
{
    buf_putc(b, '[');
    for (int i = 0; i < n; i++) buf_printf(b, "%s%lld", i ? ", " : "", (long long)v[i]);
    buf_putc(b, ']');
}

void core_py_elements(Buf *b, const Tensor *t)
{
    if (t->shape.rank) buf_putc(b, '[');
    for (size_t i = 0; i < t->count; i++) {
        if (i) buf_puts(b, ", ");
        core_py_element(b, t, i);
    }
    if (t->shape.rank) buf_putc(b, ']');
}

const char *core_py_type(CorePy *p, const Value *v, Loc loc)
{
    const Type *t = v->type;
    const CoreElem *e = t->kind == TY_TENSOR ? core_elem_of(t->dtype) : NULL;
    size_t count;
    if (e && e->numpy && shape_count(&t->shape, &count)) return e->numpy;
    diag_error(p->d, loc,
               "%s is %s: what Core AI's Python is given are tensors of known "
               "dimensions, of fp16, fp32, bool or whole numbers of 8 to 32 bits",
               v->name ? v->name : "a literal", type_text(&p->out->arena, t));
    return NULL;
}

/* The type of a parameter as the package spells it. */
static void core_py_ranked(CorePy *p, Buf *b, const Value *v)
{
    const char *elem = core_elem_of(v->type->dtype)->name;
    buf_puts(b, "RankedTensorType.get(");
    core_py_dims(b, v->type->shape.dim, v->type->shape.rank);
    if (*elem == 'f') buf_printf(b, ", F%sType.get())", elem + 1);
    else if (*elem == 'i') buf_puts(b, ", IntegerType.get_signless(1))");
    else
        buf_printf(b, ", IntegerType.get_%ssigned(%s))", *elem == 'u' ? "un" : "",
                   elem + 2);
    (void)p;
}

/* ---- constants --------------------------------------------------------------------------- */

enum { CORE_PY_SMALL = 16 };

static const char *core_py_weight(CorePy *p, const char *var, const Const *c)
{
    CorePython *o = p->out;
    ARENA_ROOM(&o->arena, o->weight, o->nweight, o->room);
    const char *file = arena_printf(&o->arena, "%zu-%s", o->nweight + 1, var);
    o->weight[o->nweight++] = (CoreWeight){ file, c };
    return file;
}

/* A constant's numbers: read when they are needed where that can be, else decoded now. */
static const Const *core_py_decoded(CorePy *p, const Value *v)
{
    const Const *c = const_of_value(p->m, v, &p->made);
    Tensor t;
    void *room;
    if (c || !value_tensor(v, p->d, &t)) return c;
    c = const_room(&p->m->arena, v->type, t.bytes, &room);
    memcpy(room, t.data, t.bytes);
    tensor_free(&t);
    return c;
}

/* The line that makes a constant. */
static bool core_py_const(CorePy *p, const Value *v, const char *var, Loc loc)
{
    Buf *b = &p->out->text;
    const char *type = core_py_type(p, v, loc);
    if (!type) return false;
    const Const *c = core_py_decoded(p, v);
    size_t count;
    Tensor t;
    if (!c || !shape_count(&v->type->shape, &count)) return false;
    buf_printf(b, "    %s = ", var);
    if (count > CORE_PY_SMALL) {
        buf_printf(b, "weight(\"%s\", ", core_py_weight(p, var, c));
        core_py_dims(b, v->type->shape.dim, v->type->shape.rank);
        buf_puts(b, ")\n");
        return true;
    }
    if (!const_tensor(c, p->d, &t)) return false;
    buf_puts(b, "ops.constant(np.array(");
    core_py_elements(b, &t);
    buf_printf(b, ", np.%s)", type);
    tensor_free(&t);
    if (v->type->shape.rank > 1 || !count) {
        buf_puts(b, ".reshape(");
        core_py_dims(b, v->type->shape.dim, v->type->shape.rank);
        buf_putc(b, ')');
    }
    buf_puts(b, ")\n");
    return true;
}

const char *core_py_var(CorePy *p, const Value *v, Loc loc)
{
    const char *var = ptrmap_get(&p->var, v);
    if (var) return var;
    var = core_py_name(p, v->name);
    ptrmap_set(&p->var, v, (void *)(uintptr_t)var);
    return !value_is_const(v) || core_py_const(p, v, var, loc) ? var : NULL;
}

/* ---- ops and functions ------------------------------------------------------------------- */

static void core_py_results(CorePyCall *c, bool many)
{
    Buf *b = &c->p->out->text;
    buf_puts(b, many ? "    [" : "    ");
    for (int i = 0; i < c->op->nout; i++) {
        const char *var = core_py_name(c->p, c->op->out[i]->name);
        ptrmap_set(&c->p->var, c->op->out[i], (void *)(uintptr_t)var);
        buf_printf(b, "%s%s", i ? ", " : "", var);
    }
    buf_printf(b, "%s = %s\n", many ? "]" : "", c->text.s);
}

static const char *core_py_word(CorePyCall *c, const CoreWord *w)
{
    if (!w->table) return w->python;
    const CoreRow *row = core_row_of(c->op->kind);
    if (!row || !row->python)
        bug("ops.def: core_ops.def has no function for %s", op_name(c->op));
    return arena_printf(&c->p->out->arena, "ops.%s({x}%s)", row->python,
                        row->min == 2 ? ", {y}" : "");
}

static bool core_py_op(CorePy *p, const Op *op)
{
    CorePyCall c = { .p = p, .op = op };
    if (op->kind == OP_NONE)
        return diag_error(p->d, op_loc(op), "%s has no equivalent in Core AI",
                          op_name(op));
    const CoreWord *w = core_py_row(op->kind);
    if (w->lacks)
        return diag_error(p->d, op_loc(op), "%s has no equivalent in Core AI: %s",
                          op_name(op), w->lacks);
    if (op_is_fixed(op)) return true; /* made where it is used */
    bool ok = true;
    for (int i = 0; i < op->nout; i++) ok = core_py_type(p, op->out[i], op_loc(op)) && ok;
    ok = ok && core_py_only(&c, w->only) && core_py_expression(&c, core_py_word(&c, w));
    if (ok) core_py_results(&c, w->many);
    else /* those that use it have no fault by that */
        for (int i = 0; i < op->nout; i++)
            ptrmap_set(&p->var, op->out[i], (void *)(uintptr_t) "None");
    buf_free(&c.text);
    return ok;
}

/* The arguments of ops.GraphOp, and the variables of the parameters. */
static bool core_py_params(CorePy *p, const Func *f)
{
    Buf *b = &p->out->text, types = { 0 }, names = { 0 };
    bool ok = true;
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        ptrmap_set(&p->var, v, (void *)(uintptr_t)core_py_name(p, v->name));
        if (!core_py_type(p, v, value_loc(v))) {
            ok = false;
            continue;
        }
        buf_puts(&types, i ? ", " : "");
        buf_puts(&names, i ? ", " : "");
        core_py_ranked(p, &types, v);
        core_py_text(&names, v->name);
    }
    buf_puts(b, "    graph = ops.GraphOp(name=");
    core_py_text(b, f->name);
    buf_printf(b, ", input_types=[%s], result_types=[], input_names=[%s])\n",
               types.s ? types.s : "", names.s ? names.s : "");
    buf_free(&types);
    buf_free(&names);
    return ok;
}

static void core_py_indent(Buf *b, size_t from)
{
    char *body = strndup(b->s + from, b->len - from);
    if (!body) bug("no memory");
    b->len = from;
    for (char *line = strtok(body, "\n"); line; line = strtok(NULL, "\n"))
        buf_printf(b, "    %s\n", line);
    free(body);
}

static bool core_py_func(CorePy *p, const Func *f)
{
    Buf *b = &p->out->text;
    const Block *body = f->body;
    buf_printf(b, "\n\ndef graph_%d():\n", (int)f->number);
    bool ok = core_py_params(p, f);
    buf_puts(b, "    with graph.block:\n");
    const size_t from = b->len;
    for (int i = 0; i < body->nparam; i++)
        buf_printf(b, "    %s = graph.arguments[%d]\n",
                   (const char *)ptrmap_get(&p->var, body->param[i]), i);
    for (const Op *op = body->first; op; op = op->next) ok = core_py_op(p, op) && ok;
    Buf results = { 0 };
    for (int i = 0; ok && i < body->nresult; i++) {
        const Value *v = body->result[i];
        const char *var = core_py_var(p, v, value_loc(v));
        ok = var != NULL;
        buf_puts(&results, i ? ", (" : "(");
        core_py_text(&results, v->name ? v->name : "result");
        buf_printf(&results, ", %s)", var ? var : "None");
    }
    buf_printf(b, "    graph.set_outputs_spec_from_dict(OrderedDict([%s]))\n",
               results.s ? results.s : "");
    buf_free(&results);
    core_py_indent(b, from);
    return ok;
}

static void core_py_head(CorePy *p, const char *model, const char *weights)
{
    Buf *b = &p->out->text;
    buf_puts(b, "#!/usr/bin/env python3\n# Made by anec --emit coreai-py of ");
    for (const char *s = model; *s; s++) buf_putc(b, (unsigned char)*s < ' ' ? '?' : *s);
    buf_puts(
        b,
        ".\n# Not verified with Apple's package: its functions are called as public sources call them.\n"
        "# usage: python3 THIS.py MODEL.aimodel\n"
        "import math\nimport os\nimport sys\nfrom collections import OrderedDict\n\n"
        "import numpy as np\n"
        "from coreai._compiler.dialects import coreai as ops\n"
        "from coreai._compiler.ir import F16Type, F32Type, IntegerType, RankedTensorType\n"
        "from coreai.authoring import AIProgram, Module\n\nWEIGHTS = ");
    core_py_text(b, weights);
    buf_putc(b, '\n');
    buf_add(b, core_helpers_text, core_helpers_size);
}

bool core_py_make(CorePython *out, Diag *d, Module *m, const char *model,
                  const char *weights)
{
    CorePy p = { .out = out, .m = m, .d = d };
    Buf *b = &out->text;
    bool ok = true;
    d->max_errors = INT_MAX; /* all ops without an equivalent are named at once */
    core_py_head(&p, model, weights);
    for (const Func *f = m->first; f; f = f->next) {
        ptrmap_clear(&p.var);
        p.number = 0;
        ok = core_py_func(&p, f) && ok;
    }
    buf_puts(b, "\n\ndef build():\n    module = Module.create()\n    with module:\n");
    for (const Func *f = m->first; f; f = f->next)
        buf_printf(b, "        graph_%d()\n", (int)f->number);
    buf_puts(b, "    module.verify()\n    return AIProgram(module)\n\n\n"
                "if __name__ == \"__main__\":\n    build().save_asset(sys.argv[1])\n");
    ptrmap_free(&p.var);
    ptrmap_free(&p.made);
    return ok;
}

void core_py_free(CorePython *p)
{
    buf_free(&p->text);
    arena_free(&p->arena);
}
