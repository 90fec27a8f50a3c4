/* graph.c -- --emit json: functions with parameters, statements and results. */
#include "graph.h"

#include "../ir/ops/ops.h"
#include "../api/json.h"

typedef struct {
    Arena arena;
} Job;

/* ---- literals -------------------------------------------------------------------------------- */

static cJSON *json_element(const Tensor *t, size_t i)
{
    if (t->dtype == DT_STRING) return cJSON_CreateString(((const char *const *)t->data)[i]);
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
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "rule", names[c->init]);
    cJSON_AddItemToObject(o, "a", json_real(c->a));
    cJSON_AddItemToObject(o, "b", json_real(c->b));
    if (c->init != INIT_FILL) cJSON_AddItemToObject(o, "seed", json_uint(c->seed));
    return o;
}

static cJSON *json_const(Job *j, const Const *c)
{
    cJSON *o = cJSON_CreateObject();
    json_type(o, &j->arena, c->type);
    if (c->kind == CONST_BLOB) {
        cJSON_AddStringToObject(o, "file", c->path);
        cJSON_AddItemToObject(o, "offset", json_uint(c->offset));
    } else if (c->kind == CONST_INIT) {
        cJSON_AddItemToObject(o, "made", json_init(c));
    } else if (c->kind == CONST_GROUP) {
        cJSON *list = cJSON_AddArrayToObject(o, "elements");
        for (int64_t i = 0; i < c->nelem; i++)
            cJSON_AddItemToArray(list, json_const(j, c->elem[i]));
    } else if (literal_is_small(c)) {
        const Tensor t = tensor_view(c->type->dtype, &c->type->shape, c->data);
        cJSON *list = t.shape.rank ? cJSON_AddArrayToObject(o, "data") : NULL;
        for (size_t i = 0; list && i < t.count; i++)
            cJSON_AddItemToArray(list, json_element(&t, i));
        if (!list) cJSON_AddItemToObject(o, "data", json_element(&t, 0));
    }
    return o;
}

static void json_attrs(Job *j, cJSON *o, const Attrs *attrs)
{
    cJSON *list = attrs->count ? cJSON_AddObjectToObject(o, "attributes") : NULL;
    for (int i = 0; i < attrs->count; i++)
        cJSON_AddItemToObject(list, attrs->at[i].name, json_const(j, attrs->at[i].val));
}

/* ---- statements ------------------------------------------------------------------------------ */

static void json_values(Job *j, cJSON *o, const char *key, Value *const *val, int n)
{
    cJSON *list = cJSON_AddArrayToObject(o, key);
    for (int i = 0; i < n; i++) {
        cJSON *v = cJSON_CreateObject();
        cJSON_AddStringToObject(v, "name", val[i]->name);
        json_type(v, &j->arena, val[i]->type);
        cJSON_AddItemToArray(list, v);
    }
}

/* Each argument is a list: the name of a value, or an inline literal. */
static void json_args(Job *j, cJSON *o, const Op *op)
{
    cJSON *args = cJSON_AddObjectToObject(o, "arguments");
    for (int i = 0; i < op->narg; i++) {
        cJSON *list = cJSON_AddArrayToObject(args, op->arg[i].name);
        for (int k = 0; k < op->arg[i].count; k++) {
            const Value *v = op->arg[i].val[k];
            cJSON_AddItemToArray(list,
                                 v->name ? cJSON_CreateString(v->name) : json_const(j, v->lit));
        }
    }
}

static void json_names(cJSON *o, const char *key, Value *const *val, int n)
{
    cJSON *list = cJSON_AddArrayToObject(o, key);
    for (int i = 0; i < n; i++) cJSON_AddItemToArray(list, cJSON_CreateString(val[i]->name));
}

static void json_block(Job *j, cJSON *o, const Block *b);

static cJSON *json_op(Job *j, const Op *op)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "op", op->name);
    if (op->opset) cJSON_AddStringToObject(o, "opset", opset_text(op->opset));
    if (op->kind == OP_const && op->out[0]->lit)
        cJSON_AddItemToObject(o, "value", json_const(j, op->out[0]->lit));
    else json_args(j, o, op);
    json_values(j, o, "results", op->out, op->nout);
    for (int i = 0; i < op->nblock; i++) {
        cJSON *list = i ? cJSON_GetObjectItem(o, "blocks") : cJSON_AddArrayToObject(o, "blocks");
        cJSON *b = cJSON_CreateObject();
        cJSON_AddItemToArray(list, b);
        if (op->block[i]->name) cJSON_AddStringToObject(b, "name", op->block[i]->name);
        json_block(j, b, op->block[i]);
    }
    return o;
}

static void json_block(Job *j, cJSON *o, const Block *b)
{
    json_values(j, o, "parameters", b->param, b->nparam);
    cJSON *list = cJSON_AddArrayToObject(o, "statements");
    for (const Op *op = b->first; op; op = op->next) {
        cJSON *s = json_op(j, op);
        if (op->kind != OP_const) json_attrs(j, s, &op->attrs);
        cJSON_AddItemToArray(list, s);
    }
    json_names(o, "results", b->result, b->nresult);
}

bool graph_json(Buf *out, const char *path, const Module *m, Diag *d)
{
    Job j = { 0 };
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "file", path);
    cJSON_AddStringToObject(root, "version", m->version);
    json_attrs(&j, root, &m->attrs);
    cJSON *list = cJSON_AddArrayToObject(root, "functions");
    for (const Func *f = m->first; f; f = f->next) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToArray(list, o);
        cJSON_AddStringToObject(o, "name", f->name);
        cJSON_AddStringToObject(o, "opset", opset_text(f->opset));
        json_attrs(&j, o, &f->attrs);
        json_block(&j, o, f->body);
    }
    bool ok = json_put(out, d, root, path);
    arena_free(&j.arena);
    return ok;
}
