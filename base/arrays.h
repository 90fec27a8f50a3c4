/* arrays.h -- numbers, and what has many of them on disk: JSON, .npy, .safetensors. */
#ifndef ANEC_ARRAYS_H
#define ANEC_ARRAYS_H

#include "base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- JSON: cJSON's trees, where memory runs out as it does in an arena ------------------- */

struct cJSON;
struct cJSON *json_parse(const char *text, size_t n); /* NULL: it is no JSON; json_free's */
/* of cJSON_Create..: never NULL, json_free's */
struct cJSON *json_root(struct cJSON *made);
void json_free(struct cJSON *root); /* NULL is allowed */
/* Hangs what cJSON_Create.. or json_root made into an object, or with name NULL into an array;
 * gives it. */
struct cJSON *json_item(struct cJSON *parent, const char *name, struct cJSON *made);
char *json_text(const struct cJSON *root, bool lines); /* json_text_free's */
void json_text_free(char *text);
/* A folder that appears whole: what belongs into `path` is written into `at`, and commit puts
 * that in its place in one step, with all that was there before gone; abort (or a failed call)
 * leaves what was. */
typedef struct {
    Arena arena;
    char *path, *at;
    int place;
    bool placed; /* commit put it in its place, even where it then failed */
    Diag *diag;
    GuardTask lost; /* aborts it when memory runs out */
} Stage;

bool stage_open(Stage *s, Diag *d, const char *path);
bool stage_commit(Stage *s);
void stage_abort(Stage *s);

/* ---- numbers ----------------------------------------------------------------------------- */

/* fp16 is its bits in a uint16_t; bf16 likewise. One rounding, to nearest even, from double;
 * too large becomes infinity, NaN stays NaN (quiet), subnormals are kept. */
double f16_to_double(uint16_t h);
uint16_t f16_from_double(double v);
double bf16_to_double(uint16_t h);
uint16_t bf16_from_double(double v);
/* Floats of eight bits, exactly: F8_E4M3 (finite: S.1111.111 is its one NaN) and F8_E5M2 as
 * fp16, F8_E8M0, which is powers of two alone, as bf16. */
uint16_t f8_e4m3_to_f16(uint8_t v);
uint16_t f8_e5m2_to_f16(uint8_t v);
uint16_t f8_e8m0_to_bf16(uint8_t v);
void f16_to_doubles(const uint16_t *src, double *dst, size_t n);
void f16_from_doubles(const double *src, uint16_t *dst, size_t n);
void f16_to_floats(const uint16_t *src, float *dst, size_t n);
void f16_from_floats(const float *src, uint16_t *dst, size_t n);

/* Counter-based random numbers: a pure function of (seed, index), so that any element can be
 * made alone, on any platform, in any order. docs/runtime.md writes the generator out. */
uint64_t rng_u64(uint64_t seed, uint64_t index);
double rng_unit(uint64_t seed, uint64_t index);    /* uniform in [0, 1), 53 bits */
double rng_normal(uint64_t seed, uint64_t index);  /* standard normal */
uint64_t rng_key(uint64_t seed, const char *name); /* a seed of its own for a named stream */
/* elements first.. of it */
void rng_normals(uint64_t seed, uint64_t first, size_t n, double *dst);

/* SHA-256: sha256_start, any number of sha256_add, sha256_end with the digest in
 * hexadecimal. */
typedef struct {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char part[64];
} Sha256;

Sha256 sha256_start(void);
void sha256_add(Sha256 *s, const void *p, size_t n);
void sha256_end(Sha256 *s, char hex[65]);

/* ---- .npy arrays ------------------------------------------------------------------------- */

enum { ARRAY_MAX_RANK = 16 };

/* Numbers and bools of a .npy file, whatever its version, order and endianness were, in C order
 * and little endian, aligned to the element. data is valid until npy_close; it lies in the
 * file's mapping where nothing had to be converted. */
typedef struct {
    /* "<f2": one of |b1 |i1 |u1 <i2 <u2 .. <i8 <u8 <f2 <f4 <f8 */
    const char *descr;
    int rank;                      /* 0: a scalar */
    int64_t shape[ARRAY_MAX_RANK]; /* >= 0 */
    size_t count, bytes;
    const void *data; /* never NULL */
    Mapped map;       /* owned */
    void *copy;       /* owned: the elements where they were converted */
} NpyArray;

bool npy_open(Diag *d, const char *path, NpyArray *out);
/* The same from memory, which must outlive the array; name is for messages. */
bool npy_parse(Diag *d, const char *name, const void *file, size_t size, NpyArray *out);
void npy_close(NpyArray *n);
/* A version 1 header, padded so that what follows it is 64-byte aligned. */
void npy_header(Buf *out, const char *descr, int rank, const int64_t *shape);
/* Header and `bytes` bytes of elements in C order, little endian; atomic. */
bool npy_write(Diag *d, const char *path, const char *descr, int rank, const int64_t *shape,
               const void *data, size_t bytes);

/* Blocks of a .gguf's tensors as numbers (gguf_blocks.c): 32 each, those with a K 256. */
void gguf_q4_0(const unsigned char *block, float *out);
void gguf_q4_1(const unsigned char *block, float *out);
void gguf_q5_0(const unsigned char *block, float *out);
void gguf_q5_1(const unsigned char *block, float *out);
void gguf_q8_0(const unsigned char *block, float *out);
void gguf_q2_k(const unsigned char *block, float *out);
void gguf_q3_k(const unsigned char *block, float *out);
void gguf_q4_k(const unsigned char *block, float *out);
void gguf_q5_k(const unsigned char *block, float *out);
void gguf_q6_k(const unsigned char *block, float *out);

/* ---- .safetensors files ------------------------------------------------------------------ */

typedef struct {
    /* "F16", "F32", "BF16", "I32".. as written, of a known size */
    const char *name, *dtype;
    int rank;
    int64_t shape[ARRAY_MAX_RANK];
    /* in the file: little endian, C order, of no known alignment */
    const void *data;
    size_t bytes; /* what shape and dtype ask for */
} SafeTensor;

typedef struct {
    const char *path;
    SafeTensor *tensor; /* in the arena, in the file's order */
    size_t count;
} SafeTensors;

/* Reads the header of a mapped file, which must outlive the tensors; all are checked to lie
 * inside. Errors name path and tensor, at loc (of the statement that wants the file; {0} for
 * none). */
bool safetensors_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                       SafeTensors *out);
/* The same of a .gguf file; dtype is "F16", "Q4_K" .. */
bool gguf_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                SafeTensors *out);
/* Into the header of a file that is written: a tensor of so many bytes at *at, which goes on. */
void safetensors_entry(struct cJSON *header, const char *name, const char *dtype, int rank,
                       const int64_t *shape, uint64_t bytes, uint64_t *at);
/* NULL: no such tensor (an error at loc, with the name that was probably meant). */
const SafeTensor *safetensors_find(const SafeTensors *s, Diag *d, Loc loc, const char *name);

/* The index of a checkpoint in several files: model.safetensors.index.json. */
typedef struct {
    const char *tensor,
        *file; /* as the index has them: a hostile path, relative to its folder */
} ShardPlace;

typedef struct {
    const char *path;
    ShardPlace *place; /* in the arena, in the order of the tensors' names */
    size_t count;
    const char **file; /* each file once, in the order of their names */
    size_t files;
} Shards;

bool shards_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                  Shards *out);

#endif
