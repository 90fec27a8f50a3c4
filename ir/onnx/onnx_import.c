/* onnx_import.c -- makes a program of an ONNX graph: inputs, nodes in their order, results. What
 * is computed from constants alone is a constant at once, so that shapes which a graph computes
 * are known to the nodes that take them. */
#include "onnx.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { ONNX_FOLD_MOST = 1 << 20 }; /* bytes of what is computed from constants */

/* ---- rows -------------------------------------------------------------------------------- */

const OnnxRow onnx_rows[] = {
#define NODE(name, lower, kind, min, max) { #name, lower, kind, min, max, false },
#define MOVE(name, lower, kind, min, max) { #name, lower, kind, min, max, true },
#include "onnx_nodes.def"
#undef NODE
};
const int onnx_row_count = (int)COUNT(onnx_rows);

static const OnnxRow *row_of(const OnnxNode *n)
{
    for (int i = 0; i < onnx_row_count; i++)
        if (!strcmp(onnx_rows[i].name, n->op)) return &onnx_rows[i];
    return NULL;
}

/* ---- the graph at work ------------------------------------------------------------------- */

typedef struct {
    Value *v;
    bool clamped;
} OnnxBound;

typedef struct {
    OnnxFile *file;
    Func *func;
    PtrMap bound; /* OnnxBound by interned name */
} OnnxImport;

static void import_bind(OnnxImport *im, const char *name, Value *v, bool clamped)
{
    OnnxBound *b = NEW(im->file->arena, OnnxBound);
    *b = (OnnxBound){ v, clamped };
    ptrmap_set(&im->bound, module_name(im->file->m, name), b);
}

static OnnxBound *import_find(OnnxImport *im, const char *name)
{
    return ptrmap_get(&im->bound, module_name(im->file->m, name));
}

static void import_tensor(OnnxImport *im, Builder *b, const OnnxTensor *t)
{
    import_bind(im, t->name, build_const(b, t->name, t->value), t->clamped);
}

static bool import_input(OnnxImport *im, const OnnxPort *p)
{
    OnnxFile *f = im->file;
    if (import_find(im, p->name)) return true; /* an initializer with its type */
    if (!p->type || p->rank < 0)
        return diag_error(f->d, (Loc){ 0 },
                          "%s: input '%s' is no tensor of known dimensions", f->path,
                          p->name);
    if (p->type->as == DT_NONE)
        return diag_error(f->d, (Loc){ 0 },
                          "%s: input '%s' is of type %s, which MIL lacks", f->path,
                          p->name, p->type->name);
    const Shape s = shape_of(p->rank, p->dim);
    Value *v = block_param(im->func->body, func_unique_name(im->func, p->name),
                           module_tensor(f->m, p->type->as, &s), (Loc){ 0 });
    import_bind(im, p->name, v, false);
    return true;
}

/* ---- sizes of dimensions that have names -------------------------------------------------- */

/* Gives the inputs' dimensions of a name its size; how many there are. */
static int import_size(OnnxGraph *g, const char *name, int64_t size)
{
    int found = 0;
    for (int i = 0; i < g->nin; i++) {
        OnnxPort *p = &g->in[i];
        for (int k = 0; k < p->rank; k++) {
            if (p->dim[k] >= 0 || !p->named[k] || strcmp(p->named[k], name) != 0)
                continue;
            p->dim[k] = size;
            found++;
        }
    }
    return found;
}

static const char *import_dims(const OnnxGraph *g, Arena *a)
{
    Buf names = { 0 };
    for (int i = 0; i < g->nin; i++)
        for (int k = 0; k < g->in[i].rank; k++)
            if (g->in[i].dim[k] < 0 && g->in[i].named[k])
                buf_printf(&names, "%s%s", names.len ? ", " : "", g->in[i].named[k]);
    const char *list = names.len ? arena_strdup(a, names.s) : "none";
    buf_free(&names);
    return list;
}

static bool import_sizes(OnnxFile *f)
{
    for (int i = 0; f->how && i < f->how->nset; i++) {
        const char *set = f->how->set[i], *value = strrchr(set, '=');
        char *end = NULL;
        const long long size = value ? strtoll(value + 1, &end, 10) : 0;
        if (!value || value == set || *end || size < 1 || size > INT32_MAX)
            return diag_error(
                f->d, (Loc){ 0 },
                "--set %s: the size of a dimension of %s is given as NAME=NUMBER", set,
                f->path);
        const char *name = arena_strndup(f->arena, set, (size_t)(value - set));
        const char *names = import_dims(&f->graph, f->arena);
        if (!import_size(&f->graph, name, size))
            return diag_error(
                f->d, (Loc){ 0 },
                "--set %s: no input of %s has a dimension of that name; there are: %s",
                set, f->path, names);
    }
    return true;
}

/* Inputs that share the name of a dimension without a size agree in it in each run. */
static void import_names(OnnxImport *im)
{
    const OnnxGraph *g = &im->file->graph;
    NamedDim *dim = NEW_ARRAY(im->file->arena, g->nin * MAX_RANK + 1, NamedDim);
    int n = 0;
    for (int i = 0; i < g->nin; i++) {
        const OnnxPort *p = &g->in[i];
        const Value *v = import_find(im, p->name)->v;
        for (int k = 0; k < p->rank && !v->def; k++)
            if (p->dim[k] < 0 && p->named[k] && *p->named[k])
                dim[n++] = (NamedDim){ v->name, k, p->named[k] };
    }
    dim_names_set(im->func, dim, n);
}

/* ---- folding ----------------------------------------------------------------------------- */

static bool all_literal(const Op *op, size_t most)
{
    size_t bytes = 0;
    for (int i = 0; i < op->narg; i++) {
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (!value_lit(v) || v->type->kind != TY_TENSOR) return false;
            bytes += type_bytes(v->type);
        }
    }
    return bytes <= most;
}

/* Ops from `op` on, and the results, read v in the place of old. */
static void import_replace(OnnxCall *c, Op *op, const Value *old, Value *v)
{
    for (; op; op = op->next)
        for (int i = 0; i < op->narg; i++)
            for (int k = 0; k < arg_count(&op->arg[i]); k++)
                if (op->arg[i].val[k] == old) op_put_arg(op, i, k, v);
    for (int i = 0; i < ONNX_MAX_OUT; i++)
        if (c->out[i] == old) c->out[i] = v;
}

/* v is what a node is about to use as a constant, whatever its size; NULL: nothing. */
Value *onnx_folded(OnnxCall *c, Value *v)
{
    const Const *lit[MAX_RESULT];
    const size_t most = v ? SIZE_MAX / 4 : ONNX_FOLD_MOST;
    Op *op = c->before ? c->before->next : c->b.block->first;
    for (Op *next; op; op = next) {
        next = op->next;
        if (op->nout > MAX_RESULT || !op_is_computable(op) || !all_literal(op, most))
            continue;
        if (!op_literals(c->b.m, op, most, c->b.diag, lit)) continue;
        Builder b = builder_at(op->parent, op, c->b.diag, (Loc){ 0 });
        for (int i = 0; i < op->nout; i++) {
            Value *made = build_const(&b, op->out[i]->name, lit[i]);
            import_replace(c, next, op->out[i], made);
            if (v == op->out[i]) v = made;
        }
        op_unlink(op);
    }
    return v;
}

/* ---- nodes ------------------------------------------------------------------------------- */

static bool node_inputs(OnnxImport *im, OnnxCall *c)
{
    const OnnxNode *n = c->node;
    for (int i = 0; i < n->nin; i++) {
        if (!*n->in[i]) continue;
        const OnnxBound *bound = import_find(im, n->in[i]);
        if (!bound) return onnx_refuse(c, "nothing before it gives '%s'", n->in[i]);
        c->in[i] = bound->v;
        c->clamped[i] = bound->clamped;
    }
    for (c->nin = n->nin; c->nin && !c->in[c->nin - 1];) c->nin--;
    if (c->nin < c->row->min || c->nin > c->row->max)
        return onnx_refuse(c, "it has %d inputs, and takes %d to %d", c->nin, c->row->min,
                           c->row->max);
    const int needed = c->row->max == ONNX_MAX_IN ? c->nin : c->row->min;
    for (int i = 0; i < needed; i++)
        if (!c->in[i]) return onnx_refuse(c, "its input %d is left out", i);
    return true;
}

/* An integer that int32 cannot hold may be handed on, and be an end of a slice, where it means
 * "to the end". Nothing may be computed with it. */
static bool node_clamped(OnnxCall *c)
{
    for (int i = 0; i < c->nin; i++) {
        if (!c->clamped[i]) continue;
        const bool data = !i || c->row->lower == node_concat;
        if (c->row->moves && data) c->gives_clamped = true;
        else if (c->row->lower != node_slice)
            return onnx_refuse(
                c, "'%s' has an integer that int32 cannot hold, and MIL has no other",
                c->node->in[i]);
    }
    return true;
}

/* What the node gives is called as in the file, where that can be. */
static void node_name_results(OnnxImport *im, OnnxCall *c)
{
    for (int i = 0; i < c->node->nout; i++) {
        Value *v = c->out[i];
        if (!*c->node->out[i] || !v) continue;
        const bool own = v->def && v->def != c->before && !import_find(im, v->name);
        if (own && strcmp(v->name, c->node->out[i]) != 0) {
            v->name = func_unique_name(im->func, c->node->out[i]);
            if (v->index == 0) op_set_name(c->b.m, v->def, v->name);
        }
        import_bind(im, c->node->out[i], v, c->gives_clamped);
    }
}

/* What inference has against an op that a node becomes is the node's. */
static bool node_failed(OnnxCall *c)
{
    diag_note(c->b.diag, (Loc){ 0 }, "in %s of %s",
              onnx_node_name(c->file->arena, c->node), c->file->path);
    return false;
}

static bool import_node(OnnxImport *im, const OnnxNode *n)
{
    OnnxCall *c = NEW(im->file->arena, OnnxCall);
    Diag *d = im->file->d;
    const int errors = diag_wrong(d);
    *c = (OnnxCall){ .file = im->file, .node = n, .row = row_of(n) };
    c->b = builder_at(im->func->body, NULL, d, (Loc){ 0 });
    const bool known = !*n->domain || !strcmp(n->domain, "ai.onnx");
    if (!known)
        return onnx_refuse(c, "operators of the domain %s are not read", n->domain);
    if (!c->row)
        return onnx_refuse(c, "there is no such operator, or it is not read yet");
    if (n->nin > ONNX_MAX_IN || n->nout > ONNX_MAX_OUT)
        return onnx_refuse(c, "it has more than %d inputs or %d results", ONNX_MAX_IN,
                           ONNX_MAX_OUT);
    if (!node_inputs(im, c) || !node_clamped(c)) return false;
    c->before = im->func->body->last;
    const bool ok = c->row->lower(c);
    if (diag_wrong(d) > errors) return node_failed(c);
    if (!ok) bug("the operator %s fails without a word", n->op);
    onnx_folded(c, NULL);
    for (int i = 0; i < n->nout; i++)
        if (*n->out[i] && !c->out[i])
            return onnx_refuse(c, "its result %d is not read yet", i);
    node_name_results(im, c);
    return true;
}

/* ---- the whole --------------------------------------------------------------------------- */

static bool import_result(OnnxImport *im, Builder *b, const OnnxPort *p)
{
    const OnnxBound *bound = import_find(im, p->name);
    if (!bound)
        return diag_error(im->file->d, (Loc){ 0 }, "%s: no node gives the result '%s'",
                          im->file->path, p->name);
    Value *v = bound->v;
    if (bound->clamped)
        return diag_error(im->file->d, (Loc){ 0 },
                          "%s: the result '%s' has an integer that int32 cannot hold",
                          im->file->path, p->name);
    /* An input, a constant or what is a result already is not returned as it is. */
    if (!v->def || value_lit(v) || is_result(v)) {
        v = mil_identity(b, p->name, .x = v);
        if (!v) return false;
    }
    block_result(im->func->body, v);
    return true;
}

static bool import_graph(OnnxImport *im)
{
    const OnnxGraph *g = &im->file->graph;
    Builder b = builder_at(im->func->body, NULL, im->file->d, (Loc){ 0 });
    bool ok = true;
    for (int i = 0; i < g->ntensor; i++) import_tensor(im, &b, &g->tensor[i]);
    for (int i = 0; ok && i < g->nin; i++) ok = import_input(im, &g->in[i]);
    if (ok) import_names(im);
    for (int i = 0; ok && i < g->nnode; i++) ok = import_node(im, &g->node[i]);
    for (int i = 0; ok && i < g->nout; i++) ok = import_result(im, &b, &g->out[i]);
    if (ok && !g->nout)
        return diag_error(im->file->d, (Loc){ 0 }, "%s: the graph has no results",
                          im->file->path);
    return ok;
}

/* Constants that nothing reads: shapes whose nodes are gone. */
static void drop_unused(Func *f)
{
    ValueSet used = { 0 };
    for (const Op *op = f->body->first; op; op = op->next)
        for (int i = 0; i < op->narg; i++)
            for (int k = 0; k < arg_count(&op->arg[i]); k++)
                if (op->arg[i].val[k]->id) value_set_put(&used, op->arg[i].val[k], true);
    for (Op *op = f->body->first, *next; op; op = next) {
        next = op->next;
        if (op->kind == OP_const && !value_set_has(&used, op->out[0])) op_unlink(op);
    }
    value_set_free(&used);
}

static Module *import_file(Diag *d, const char *path, const Mapped *map, Module *m,
                           const MilReading *how)
{
    Arena a = { 0 };
    PbFile bytes = { .data = map->data, .size = map->size };
    OnnxFile file = {
        .m = m, .d = d, .arena = &a, .path = path, .dir = file_dir(&a, path), .how = how
    };
    const int errors = diag_wrong(d);
    bool ok = onnx_read_file(&file, pb_open(&bytes));
    if (bytes.wrong && diag_wrong(d) == errors)
        diag_error(d, (Loc){ 0 }, "%s is damaged at byte %zu: %s", path, bytes.at,
                   bytes.wrong);
    ok = ok && !bytes.wrong && import_sizes(&file);
    if (ok) {
        OnnxImport im = { .file = &file, .func = func_new(m, "main", OPSET_IOS18) };
        ok = import_graph(&im);
        if (ok) drop_unused(im.func);
        if (ok && file.wide)
            diag_warn(d, WARN_PRECISION, (Loc){ 0 },
                      "%s: '%s' is double: it and what is computed from it become fp32",
                      path, file.wide);
        ptrmap_free(&im.bound);
    }
    arena_free(&a);
    return ok && module_stayed(m, d) ? m : NULL;
}

Module *onnx_parse(Diag *d, const char *path, const Mapped *map, const MilReading *how)
{
    Module *m = module_new();
    m->src = module_source(m, path, map);
    m->dir = file_dir(&m->arena, path);
    m->version = module_name(m, "1.3");
    m->follow_links = how && how->follow_links;
    if (import_file(d, path, map, m, how)) return m;
    module_free(m);
    return NULL;
}

Module *onnx_read(Diag *d, const char *path, const MilReading *how)
{
    Mapped map;
    return file_map(d, path, &map) ? onnx_parse(d, path, &map, how) : NULL;
}
