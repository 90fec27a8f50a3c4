/* program_read.c -- reads a Program message of Core ML's MIL.proto into a Module. */
#include "spec.h"

#include <ctype.h>
#include <string.h>

#include "../ops/ops.h"

/* ---- names ------------------------------------------------------------------------------- */

static int *chain_of(const ProgramReader *r, const char *name)
{
    return &r->chain[((uintptr_t)name >> 4) * 0x9E3779B97F4A7C15u >> 40
                     & (NAME_CHAINS - 1)];
}

static void program_bind(ProgramReader *r, Value *v)
{
    ARENA_ROOM(&r->scratch, r->name, r->nname, r->name_cap);
    int *head = chain_of(r, v->name);
    r->name[r->nname] = (ProgramName){ .name = v->name, .val = v, .older = *head };
    *head = r->nname++;
}

static Value *program_lookup(const ProgramReader *r, const char *name)
{
    for (int i = *chain_of(r, name); i >= 0; i = r->name[i].older)
        if (r->name[i].name == name) return r->name[i].val;
    return NULL;
}

static void scope_end(ProgramReader *r, int mark)
{
    while (r->nname > mark) {
        r->nname--;
        *chain_of(r, r->name[r->nname].name) = r->name[r->nname].older;
    }
}

/* MIL text must be able to say it. */
static const char *read_name(ProgramReader *r, PbIn *in, const PbField *f)
{
    const char *s = pb_string(in, f, &r->m->arena);
    bool ok = isalpha((unsigned char)*s) || *s == '_';
    for (const char *c = s; *c; c++) ok = ok && (isalnum((unsigned char)*c) || *c == '_');
    if (!ok && !in->file->wrong && !r->failed) {
        r->failed = true;
        diag_error(
            r->d, (Loc){ .src = r->m->src },
            "\"%.60s\" is no name: it may have letters, digits and _, and begins with no digit",
            s);
    }
    return module_name(r->m, s);
}

typedef struct {
    const char *key;
    PbIn value;
    bool has;
} Entry;

static Entry read_entry(ProgramReader *r, PbIn in)
{
    PbField f;
    Entry e = { .key = NULL };
    while (pb_next(&in, &f)) {
        if (f.num == 1) e.key = read_name(r, &in, &f);
        if (f.num == 2) {
            e.value = pb_sub(&in, &f);
            e.has = true;
        }
    }
    if (!e.key || !e.has)
        pb_wrong(&in, in.at, "an entry of a map lacks its key or value");
    return e;
}

static void read_attr(ProgramReader *r, PbIn in, Attrs *a)
{
    const Entry e = read_entry(r, in);
    if (in.file->wrong) return;
    const Const *c = program_value(r, e.value);
    if (!in.file->wrong && !r->failed) attr_set(r->m, a, e.key, c);
}

/* ---- ops -------------------------------------------------------------------------- */

static void read_binding(ProgramReader *r, PbIn in, Op *op, Arg *a)
{
    PbField f;
    Value *v = NULL;
    while (pb_next(&in, &f)) {
        if (f.num == 1) {
            const char *name = read_name(r, &in, &f);
            v = program_lookup(r, name);
            if (v || r->failed || in.file->wrong) continue;
            r->failed = true;
            diag_error(r->d, op_loc(op),
                       "function %s: %s: %s is %s, which nothing before it defines",
                       r->func->name, op_name(op), arg_name(a), name);
        } else if (f.num == 2) {
            v = value_literal(r->m, program_value(r, pb_sub(&in, &f)), op_loc(op));
        }
    }
    if (v) arg_add(r->m, a, v);
    else if (!r->failed) pb_wrong(&in, in.at, "an argument is bound to nothing");
}

static void read_arg(ProgramReader *r, PbIn in, Op *op)
{
    PbField f;
    Entry e = read_entry(r, in);
    if (in.file->wrong) return;
    if (op->narg == OP_ARGS) {
        pb_wrong(&in, in.at, "an op has too many arguments");
        return;
    }
    if (op_named_arg(op, e.key)) {
        pb_wrong(&in, in.at, "an argument is given twice");
        return;
    }
    Arg *a = op_arg_new(r->m, op, e.key);
    while (pb_next(&e.value, &f))
        if (f.num == 1) read_binding(r, pb_sub(&e.value, &f), op, a);
}

typedef struct {
    const char *name;
    const Type *type;
} Named;

static Named read_named(ProgramReader *r, PbIn in)
{
    PbField f;
    Named n = { .name = NULL };
    while (pb_next(&in, &f)) {
        if (f.num == 1) n.name = read_name(r, &in, &f);
        if (f.num == 2) n.type = program_type(r, pb_sub(&in, &f));
    }
    if (!n.name || !n.type) pb_wrong(&in, in.at, "a value has no name or no type");
    return n;
}

static bool program_going(const ProgramReader *r, const PbIn *in)
{
    return !r->failed && !in->file->wrong;
}

static void read_block(ProgramReader *r, PbIn in, Block *b);

/* Fields of one number, which may stand anywhere among the others. */
#define EACH(in, f, n) \
    for (PbIn each = (in); program_going(r, &each) && pb_next(&each, &(f));) \
        if ((f).num == (n))

static void read_op(ProgramReader *r, PbIn in, Block *b)
{
    PbField f;
    const char *type = NULL;
    EACH(in, f, 1) type = read_name(r, &each, &f);
    if (!type && program_going(r, &in)) pb_wrong(&in, in.at, "an operation has no type");
    if (!program_going(r, &in)) return;
    Op *op = op_new(r->m, b, NULL, type, (Loc){ .src = r->m->src });
    Attrs attrs = { 0 };
    EACH(in, f, 5) read_attr(r, pb_sub(&each, &f), &attrs);
    op_take_attrs(r->m, op, attrs);
    EACH(in, f, 2) read_arg(r, pb_sub(&each, &f), op);
    EACH(in, f, 4)
    {
        char name[24];
        snprintf(name, sizeof name, "block%d", op_nblock(op));
        const int mark = r->nname;
        read_block(r, pb_sub(&each, &f), block_new(op, name));
        scope_end(r, mark);
    }
    EACH(in, f, 3)
    {
        const Named n = read_named(r, pb_sub(&each, &f));
        if (program_going(r, &each) && op->nout == OP_RESULTS)
            pb_wrong(&each, each.at, "an op has too many results");
        if (program_going(r, &each))
            program_bind(r, op_out(r->m, op, n.name, n.type, op_loc(op)));
    }
    const char *said = op_said_name(op);
    if (said) op_set_name(r->m, op, said);
}

static void read_block(ProgramReader *r, PbIn in, Block *b)
{
    PbField f;
    EACH(in, f, 1)
    {
        const Named n = read_named(r, pb_sub(&each, &f));
        if (program_going(r, &each))
            program_bind(r, block_param(b, n.name, n.type, (Loc){ .src = r->m->src }));
    }
    EACH(in, f, 3) read_op(r, pb_sub(&each, &f), b);
    EACH(in, f, 2)
    {
        const char *name = read_name(r, &each, &f);
        Value *v = program_lookup(r, name);
        if (!program_going(r, &each)) return;
        if (v) block_result(b, v);
        else {
            r->failed = true;
            diag_error(r->d, (Loc){ .src = r->m->src },
                       "function %s: the result %s is not defined", r->func->name, name);
        }
    }
}

/* ---- functions --------------------------------------------------------------------------- */

static void read_body(ProgramReader *r, PbIn in, const char *opset)
{
    PbField f;
    bool found = false;
    EACH(in, f, 3)
    {
        const Entry e = read_entry(r, pb_sub(&each, &f));
        if (!program_going(r, &each) || found || strcmp(e.key, opset) != 0) continue;
        found = true;
        read_block(r, e.value, r->func->body);
    }
    if (found || !program_going(r, &in)) return;
    r->failed = true;
    diag_error(r->d, (Loc){ .src = r->m->src },
               "function %s has no block for its opset %s", r->func->name, opset);
}

static void read_func(ProgramReader *r, PbIn entry)
{
    PbField f;
    const char *opset = "";
    const Entry e = read_entry(r, entry);
    if (!program_going(r, &entry)) return;
    PbIn in = e.value;
    EACH(in, f, 2) opset = read_name(r, &each, &f);
    if (!program_going(r, &in)) return;
    if (module_func(r->m, e.key)) {
        pb_wrong(&in, in.at, "a function is defined twice");
        return;
    }
    r->func = func_new(r->m, e.key, opset_of_core(opset));
    r->func->loc = (Loc){ .src = r->m->src };
    if (r->func->opset == OPSET_NONE && *opset) r->func->opset_name = opset;
    for (int i = 0; i < NAME_CHAINS; i++) r->chain[i] = -1;
    r->nname = 0;
    EACH(in, f, 1)
    {
        const Named n = read_named(r, pb_sub(&each, &f));
        if (program_going(r, &each))
            program_bind(r, block_param(r->func->body, n.name, n.type, r->func->loc));
    }
    EACH(in, f, 4) read_attr(r, pb_sub(&each, &f), &r->func->attrs);
    read_body(r, in, opset);
}

static void set_version(Module *m)
{
    bool late = false;
    for (const Func *f = m->first; f; f = f->next) late = late || f->opset >= OPSET_IOS18;
    m->version = late ? "1.3" : "1.0";
}

bool program_read(Module *m, Diag *d, PbIn in)
{
    PbField f;
    ProgramReader reader = { .m = m, .d = d }, *r = &reader;
    r->chain = NEW_ARRAY(&r->scratch, NAME_CHAINS, int);
    EACH(in, f, 4) read_attr(r, pb_sub(&each, &f), &m->attrs);
    EACH(in, f, 2) read_func(r, pb_sub(&each, &f));
    const bool ok = program_going(r, &in);
    if (ok) set_version(m);
    m->has_attrs = m->attrs.count > 0;
    arena_free(&r->scratch);
    return ok;
}
