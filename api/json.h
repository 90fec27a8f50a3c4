/* json.h -- pieces of JSON that the tools share. Values that JSON has no number for are
 * strings. */
#ifndef ANEC_JSON_H
#define ANEC_JSON_H

#include "../ir/ir.h"

#include <cjson/cJSON.h>

cJSON *json_int(int64_t v); /* exact, whatever its size */
cJSON *json_uint(uint64_t v);
cJSON *json_extent(int64_t v); /* null when it is not known */
cJSON *json_real(double v);    /* "nan", "inf", "-inf" for these */
cJSON *json_shape(const Shape *s);
/* A name of a file may be of any bytes: what is no text is escaped, as in messages. */
cJSON *json_path(const char *path);
/* o has text under key, unless it is empty or NULL */
void json_word(cJSON *o, const char *key, const char *text);
/* dtype and shape; other types as `type`, MIL text */
void json_type(cJSON *o, Arena *a, const Type *t);
void json_put(Buf *out, cJSON *root); /* prints and deletes root */

#endif
