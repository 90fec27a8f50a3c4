/* graph.c -- --emit json: functions with parameters, ops and results. */
#include "views.h"

#include "../ir/ops/ops.h"
#include "../lib/report.h"

typedef struct {
    Arena arena;
} GraphJob;

/* ---- literals ---------------------------------------------------------------------------- */

static cJSON *json_element(const Tensor *t, size_t i)
{
    if (t->dtype == DT_STRING)
        return cJSON_CreateString(((const char *const *)t->data)[i]);
    if (t->dtype == DT_BOOL) return cJSON_CreateBool(tensor_int(t, i) != 0);
    if (dtype_is_float(t->dtype)) return json_real(tensor_float(t, i));
    if (t->dtype == DT_UINT64) return json_uint((uint64_t)tensor_int(t, i));
    return json_int(tensor_int(t, i));
}

static cJSON *json_init(const Const *c)
{
    static const char *const names[] = {
        [INIT_FILL] = "fill", [INIT_NORMAL] = "normal", [INIT_UNIFORM] = "uniform"
    };
    cJSON *o = json_root(cJSON_CreateObject());
    json_item(o, "rule", cJSON_CreateString(names[c->init]));
    json_item(o, "a", json_real(c->a));
    json_item(o, "b", json_real(c->b));
    if (c->init != INIT_FILL) json_item(o, "seed", json_uint(c->seed));
    return o;
}

static cJSON *json_const(GraphJob *j, const Const *c)
{
    cJSON *o = json_root(cJSON_CreateObject());
    json_type(o, &j->arena, c->type);
    if (c->kind == CONST_BLOB) {
        json_item(o, "file", json_path(c->path));
        json_item(o, "offset", json_uint(c->offset));
    } else if (c->kind == CONST_INIT) {
        json_item(o, "made", json_init(c));
    } else if (c->kind == CONST_GROUP) {
        cJSON *list = json_item(o, "elements", cJSON_CreateArray());
        for (int64_t i = 0; i < c->nelem; i++)
            json_item(list, NULL, json_const(j, c->elem[i]));
    } else if (literal_is_small(c)) {
        const Tensor t = tensor_view(c->type->dtype, &c->type->shape, c->data);
        cJSON *list = t.shape.rank ? json_item(o, "data", cJSON_CreateArray()) : NULL;
        for (size_t i = 0; list && i < t.count; i++)
            json_item(list, NULL, json_element(&t, i));
        if (!list) json_item(o, "data", json_element(&t, 0));
    }
    return o;
}

/* `name`: what stands for the attribute of that name; NULL: nothing does. */
static void json_attrs(GraphJob *j, cJSON *o, const Attrs *attrs, const char *name)
{
    cJSON *list = attrs->count || name ? json_item(o, "attributes", cJSON_CreateObject())
                                       : NULL;
    const Const said = { .type = type_scalar(DT_STRING),
                         .kind = CONST_DATA,
                         .data = &name };
    bool left = name != NULL;
    for (int i = 0; i < attrs->count || left; i++) {
        if (left && (i == attrs->count || strcmp(attrs->at[i].name, "name") > 0)) {
            json_item(list, "name", json_const(j, &said));
            left = false;
        }
        if (i < attrs->count)
            json_item(list, attrs->at[i].name, json_const(j, attrs->at[i].val));
    }
}

/* ---- ops -------------------------------------------------------------------------- */

static void json_values(GraphJob *j, cJSON *o, const char *key, Value *const *val, int n)
{
    cJSON *list = json_item(o, key, cJSON_CreateArray());
    for (int i = 0; i < n; i++) {
        cJSON *v = json_root(cJSON_CreateObject());
        json_item(v, "name", cJSON_CreateString(val[i]->name));
        json_type(v, &j->arena, val[i]->type);
        json_item(list, NULL, v);
    }
}

/* Each argument is a list: the name of a value, or an inline literal. */
static void json_args(GraphJob *j, cJSON *o, const Op *op)
{
    cJSON *args = json_item(o, "arguments", cJSON_CreateObject());
    for (int i = 0; i < op->narg; i++) {
        cJSON *list = json_item(args, arg_name(&op->arg[i]), cJSON_CreateArray());
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            json_item(list, NULL,
                      v->name ? cJSON_CreateString(v->name)
                              : json_const(j, value_lit(v)));
        }
    }
}

static void json_names(cJSON *o, const char *key, Value *const *val, int n)
{
    cJSON *list = json_item(o, key, cJSON_CreateArray());
    for (int i = 0; i < n; i++) json_item(list, NULL, cJSON_CreateString(val[i]->name));
}

static void json_block(GraphJob *j, cJSON *o, const Block *b);

static cJSON *json_op(GraphJob *j, const Op *op)
{
    cJSON *o = json_root(cJSON_CreateObject());
    json_item(o, "op", cJSON_CreateString(op_name(op)));
    if (op->opset) json_item(o, "opset", cJSON_CreateString(opset_text(op->opset)));
    if (op->kind == OP_const && value_lit(op->out[0]))
        json_item(o, "value", json_const(j, value_lit(op->out[0])));
    else json_args(j, o, op);
    json_values(j, o, "results", op->out, op->nout);
    for (int i = 0; i < op_nblock(op); i++) {
        cJSON *list = i ? cJSON_GetObjectItem(o, "blocks")
                        : json_item(o, "blocks", cJSON_CreateArray());
        cJSON *b = json_root(cJSON_CreateObject());
        json_item(list, NULL, b);
        if (op_block(op, i)->name)
            json_item(b, "name", cJSON_CreateString(op_block(op, i)->name));
        json_block(j, b, op_block(op, i));
    }
    return o;
}

static void json_block(GraphJob *j, cJSON *o, const Block *b)
{
    json_values(j, o, "parameters", b->param, b->nparam);
    cJSON *list = json_item(o, "ops", cJSON_CreateArray());
    for (const Op *op = b->first; op; op = op->next) {
        cJSON *s = json_op(j, op);
        Attr one;
        const Attrs attrs = op_attrs(op, &one);
        if (op->kind != OP_const) json_attrs(j, s, &attrs, op_said_name(op));
        json_item(list, NULL, s);
    }
    json_names(o, "results", b->result, b->nresult);
}

void graph_json(Buf *out, const char *path, const Module *m)
{
    GraphJob j = { 0 };
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "file", json_path(path));
    json_item(root, "version", cJSON_CreateString(m->version));
    json_attrs(&j, root, &m->attrs, NULL);
    cJSON *list = json_item(root, "functions", cJSON_CreateArray());
    for (const Func *f = m->first; f; f = f->next) {
        cJSON *o = json_root(cJSON_CreateObject());
        json_item(list, NULL, o);
        json_item(o, "name", cJSON_CreateString(f->name));
        json_item(o, "opset", cJSON_CreateString(opset_text(f->opset)));
        json_attrs(&j, o, &f->attrs, NULL);
        json_block(&j, o, f->body);
    }
    json_put(out, root);
    arena_free(&j.arena);
}
