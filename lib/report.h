/* report.h -- what the library and the tools say about tensors and models, as text and as
 * JSON. */
#ifndef ANEC_REPORT_H
#define ANEC_REPORT_H

#include "../backends/backend.h"

#include <cjson/cJSON.h>

/* ---- tensors: summaries and comparisons (report.c) --------------------------------------- */

void report_tensor(Buf *out, const Tensor *t); /* a line: type, range, mean, first values */

void report_element(Buf *out, const Tensor *t, size_t i); /* as text, strings quoted */

typedef struct {
    bool has_rtol, has_atol;
    double rtol, atol; /* when has_..; else by element type */
} Tolerance;

/* A line with the largest differences; true when all are within |a - b| <= atol + rtol |b|. The
 * tolerance is that of elements of type `as`. Floats of two types are compared when a tolerance
 * other than 0 is given. */
bool report_compare(Buf *out, const Tensor *a, const Tensor *b, DType as, const Tolerance *tol);
/* As what a value is to be compared: as fp16 when it is only cast from there, else as its
 * type. */
DType report_precision(const Value *v);

/* The first element that is finite on one side only, and the first other that is not; -1:
 * none. */
void report_parting(const Tolerance *tol, DType as, const Tensor *a, const Tensor *b,
                    int64_t *overflow, int64_t *loss);

/* ---- what the functions of a model take and give (describe.c) ---------------------------- */

/* Every function; false when an attribute is malformed. */
bool describe_text(Buf *out, const char *path, const Module *m, Diag *d);
bool describe_json(Buf *out, const char *path, const Module *m, Diag *d);

/* ---- pieces of JSON (report_json.c) ------------------------------------------------------ */

/* Values that JSON has no number for are strings. */
cJSON *json_int(int64_t v); /* exact, whatever its size */
cJSON *json_uint(uint64_t v);
cJSON *json_dim(int64_t v); /* null when it is not known */
cJSON *json_real(double v); /* "nan", "inf", "-inf" for these */
cJSON *json_shape(const Shape *s);
/* A name of a file may be of any bytes: what is no text is escaped, as in messages. */
cJSON *json_path(const char *path);
/* o has text under key, unless it is empty or NULL */
void json_word(cJSON *o, const char *key, const char *text);
/* dtype and shape; other types as `type`, MIL text */
void json_type(cJSON *o, Arena *a, const Type *t);
void json_put(Buf *out, cJSON *root); /* prints and deletes root */

#endif
