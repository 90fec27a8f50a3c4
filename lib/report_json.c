/* report_json.c -- pieces of JSON, shared by library and tools. */
#include "report.h"

#include <math.h>
#include <string.h>

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

cJSON *json_dim(int64_t v) { return v < 0 ? cJSON_CreateNull() : json_int(v); }

cJSON *json_real(double v)
{
    if (isnan(v)) return cJSON_CreateString("nan");
    if (isinf(v)) return cJSON_CreateString(v < 0 ? "-inf" : "inf");
    return cJSON_CreateNumber(v);
}

cJSON *json_shape(const Shape *s)
{
    cJSON *a = json_root(cJSON_CreateArray());
    for (int i = 0; i < s->rank; i++) json_item(a, NULL, json_dim(s->dim[i]));
    return a;
}

cJSON *json_path(const char *path)
{
    Buf b = { 0 };
    buf_escape(&b, path, strlen(path));
    cJSON *made = cJSON_CreateString(b.s ? b.s : "");
    buf_free(&b);
    return made;
}

void json_word(cJSON *o, const char *key, const char *text)
{
    if (text && *text) json_item(o, key, cJSON_CreateString(text));
}

void json_type(cJSON *o, Arena *a, const Type *t)
{
    if (t->kind == TY_TENSOR) {
        json_item(o, "dtype", cJSON_CreateString(dtypes[t->dtype].name));
        json_item(o, "shape", json_shape(&t->shape));
    } else {
        json_item(o, "type", cJSON_CreateString(type_text(a, t)));
    }
}

void json_put(Buf *out, cJSON *root)
{
    char *text = json_text(root, true);
    buf_printf(out, "%s\n", text);
    json_text_free(text);
    json_free(root);
}
