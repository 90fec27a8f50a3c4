/* report.h -- descriptions of tensors and models as text and JSON, for the library and the
 * tools. */
#ifndef ANEC_REPORT_H
#define ANEC_REPORT_H

#include "../backends/backend.h"

#include <cjson/cJSON.h>

/* ---- tensors: summaries and comparisons (report.c) --------------------------------------- */

/* a line: type, range, mean, first elements */
void report_tensor(Buf *out, const Tensor *t);

/* element i; strings are quoted */
void report_element(Buf *out, const Tensor *t, size_t i);

typedef struct {
    bool has_rtol, has_atol;
    double rtol,
        atol; /* where has_.. is false, the default of the element type is taken */
} Tolerance;

/* Writes a line with the largest differences. True: for all elements |a - b| <= atol + rtol
 * |b|. The default tolerance is that of type `as`. Floats of two types are compared where a
 * tolerance other than 0 is given. */
bool report_compare(Buf *out, const Tensor *a, const Tensor *b, DType as,
                    const Tolerance *tol);
/* The type by whose tolerance a value is compared: fp16 where it is only a cast of fp16,
 * else its own. */
DType report_precision(const Value *v);

/* Finds the first element that is finite on one side only, and the first other that is not
 * within the tolerance; -1: none. */
void report_parting(const Tolerance *tol, DType as, const Tensor *a, const Tensor *b,
                    int64_t *overflow, int64_t *loss);

/* ---- inputs, results and states of a model (describe.c) ---------------------------------- */

/* Describe every function; false: an attribute is malformed. */
bool describe_text(Buf *out, const char *path, const Module *m, Diag *d);
bool describe_json(Buf *out, const char *path, const Module *m, Diag *d);

/* ---- costs of a model, from its types alone (stats.c, liveness.c) ------------------------ */

typedef struct {
    /* the most bytes of values at once: inputs count, constants and states do not. -1: not
     * known */
    double bytes;
    const Op *at;      /* the op during which that is so; NULL: no op computes anything */
    const Value *open; /* where bytes is -1: a value of unknown size */
} Peak;

/* The largest sum of values that are needed at the same time, with ops in the order of the
 * program; of a loop the larger of its blocks counts. */
Peak liveness_peak(const Func *f);

/* Describe the costs of every function; no weight is read. Always true. */
bool stats_text(Buf *out, const char *path, const Module *m, Diag *d);
bool stats_json(Buf *out, const char *path, const Module *m, Diag *d);

/* ---- pieces of JSON (report_json.c) ------------------------------------------------------ */

cJSON *json_int(int64_t v); /* all digits, whatever the size */
cJSON *json_uint(uint64_t v);
cJSON *json_dim(int64_t v); /* null for an unknown dimension */
cJSON *json_real(double v); /* the strings "nan", "inf" and "-inf" for these */
cJSON *json_shape(const Shape *s);
/* The name of a file, in which bytes that are no text are escaped as in messages. */
cJSON *json_path(const char *path);
/* Adds the text under the key, unless it is empty or NULL. */
void json_word(cJSON *o, const char *key, const char *text);
/* Adds `dtype` and `shape` of a tensor, or `type`, as MIL text, of another type. */
void json_type(cJSON *o, Arena *a, const Type *t);
void json_put(Buf *out, cJSON *root); /* prints root and frees it */

#endif
