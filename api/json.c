/* json.c -- pieces of JSON that the tools share. */
#include "json.h"

#include <math.h>

cJSON *json_int(int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)v);
    return cJSON_CreateRaw(text);
}

cJSON *json_uint(uint64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return cJSON_CreateRaw(text);
}

cJSON *json_extent(int64_t v)
{
    return v < 0 ? cJSON_CreateNull() : json_int(v);
}

cJSON *json_real(double v)
{
    if (isnan(v)) return cJSON_CreateString("nan");
    if (isinf(v)) return cJSON_CreateString(v < 0 ? "-inf" : "inf");
    return cJSON_CreateNumber(v);
}

cJSON *json_shape(const Shape *s)
{
    cJSON *a = cJSON_CreateArray();
    for (int i = 0; i < s->rank; i++) cJSON_AddItemToArray(a, json_extent(s->dim[i]));
    return a;
}

void json_type(cJSON *o, Arena *a, const Type *t)
{
    if (t->kind == TY_TENSOR) {
        cJSON_AddStringToObject(o, "dtype", dtypes[t->dtype].name);
        cJSON_AddItemToObject(o, "shape", json_shape(&t->shape));
    } else {
        cJSON_AddStringToObject(o, "type", type_text(a, t));
    }
}

bool json_put(Buf *out, Diag *d, cJSON *root, const char *what)
{
    char *text = cJSON_Print(root);
    if (text) buf_printf(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(root);
    return text ? true : diag_fail(d, "no memory for %s as JSON", what);
}
