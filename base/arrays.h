/* arrays.h -- numbers (16-bit floats, random numbers, SHA-256), and the files that hold many of
 * them: JSON, .npy, .safetensors. */
#ifndef ANEC_ARRAYS_H
#define ANEC_ARRAYS_H

#include "base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- JSON: cJSON's trees, on the list of the guard (mem.h) ------------------------------- */

struct cJSON;
/* NULL: the text is no JSON. To be freed by json_free. */
struct cJSON *json_parse(const char *text, size_t n);
/* Takes what cJSON_Create.. returned: never NULL, to be freed by json_free. */
struct cJSON *json_root(struct cJSON *made);
void json_free(struct cJSON *root); /* NULL is allowed */
/* Adds what cJSON_Create.. or json_root made to an object under a name, or to an array where
 * name is NULL, and returns it. */
struct cJSON *json_item(struct cJSON *parent, const char *name, struct cJSON *made);
char *json_text(const struct cJSON *root, bool lines); /* to be freed by json_text_free */
void json_text_free(char *text);

/* ---- a folder that appears whole --------------------------------------------------------- */

/* Files for the folder `path` are written into the folder `at`. stage_commit exchanges the
 * two in one step and removes the old one; stage_abort, or a call that failed, leaves the
 * old one as it was. */
typedef struct {
    Arena arena;
    char *path, *at;
    int place;   /* what temp_add returned for `at` */
    bool placed; /* the exchange was made, even where stage_commit failed afterwards */
    Diag *diag;
    GuardTask lost; /* aborts it when memory runs out */
} Stage;

bool stage_open(Stage *s, Diag *d, const char *path);
bool stage_commit(Stage *s);
void stage_abort(Stage *s);

/* ---- numbers ----------------------------------------------------------------------------- */

/* An fp16 or bf16 is kept as its bits in a uint16_t. Conversion from double rounds once, to the
 * nearest and ties to even; what is too large becomes infinity, NaN a quiet NaN, and subnormals
 * are kept. */
double f16_to_double(uint16_t h);
uint16_t f16_from_double(double v);
double bf16_to_double(uint16_t h);
uint16_t bf16_from_double(double v);
/* The eight-bit floats of .safetensors, exactly: F8_E4M3 (the finite one, whose only NaN is
 * S.1111.111) and F8_E5M2 as fp16; F8_E8M0, which has powers of two alone, as bf16. */
uint16_t f8_e4m3_to_f16(uint8_t v);
uint16_t f8_e5m2_to_f16(uint8_t v);
uint16_t f8_e8m0_to_bf16(uint8_t v);
void f16_to_doubles(const uint16_t *src, double *dst, size_t n);
void f16_from_doubles(const double *src, uint16_t *dst, size_t n);
void f16_to_floats(const uint16_t *src, float *dst, size_t n);
void f16_from_floats(const float *src, uint16_t *dst, size_t n);

/* Counter-based random numbers: a pure function of (seed, index), so that any element can be
 * made alone, on any platform, in any order. docs/runtime.md defines the generator. */
uint64_t rng_u64(uint64_t seed, uint64_t index);
double rng_unit(uint64_t seed, uint64_t index);   /* uniform in [0, 1), 53 bits */
double rng_normal(uint64_t seed, uint64_t index); /* standard normal */
/* a seed of its own for a named stream */
uint64_t rng_key(uint64_t seed, const char *name);
/* rng_normal of index first .. first + n - 1. */
void rng_normals(uint64_t seed, uint64_t first, size_t n, double *dst);

/* How many bits of n bytes are set. */
static inline size_t bits_set(const unsigned char *p, size_t n)
{
    size_t count = 0;
    uint64_t v;
    for (; n >= sizeof v; p += sizeof v, n -= sizeof v) {
        memcpy(&v, p, sizeof v);
        count += (size_t)__builtin_popcountll(v);
    }
    for (; n; n--) count += (size_t)__builtin_popcount(*p++);
    return count;
}

/* SHA-256: sha256_start, any number of sha256_add, sha256_end with the digest in
 * hexadecimal. */
typedef struct {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char part[64];
    /* by instructions that processors have, which the first large piece asks for, or without */
    enum { SHA_ASK, SHA_PLAIN, SHA_QUICK } how;
} Sha256;

Sha256 sha256_start(void);
void sha256_settle(Sha256 *s); /* asks for the instructions now */
void sha256_add(Sha256 *s, const void *p, size_t n);
void sha256_end(Sha256 *s, char hex[65]);

/* ---- .npy arrays ------------------------------------------------------------------------- */

enum { ARRAY_MAX_RANK = 16 };

/* The elements of a .npy file of any version, order and byte order, as C order, little endian,
 * aligned to the element. data is valid until npy_close; it lies in the mapped file where
 * nothing had to be converted. */
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
/* The same from memory, which must outlive the array. Messages call it `name`. */
bool npy_parse(Diag *d, const char *name, const void *file, size_t size, NpyArray *out);
void npy_close(NpyArray *n);
/* A version 1 header, padded so that what follows it is 64-byte aligned. */
void npy_header(Buf *out, const char *descr, int rank, const int64_t *shape);
/* Writes a file of the header and `bytes` bytes of elements in C order, little endian. Readers
 * see the old file or the whole new one. */
bool npy_write(Diag *d, const char *path, const char *descr, int rank,
               const int64_t *shape, const void *data, size_t bytes);

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
    /* dtype: "F16", "F32", "BF16", "I32" and so on, one of known size */
    const char *name, *dtype;
    int rank;
    int64_t shape[ARRAY_MAX_RANK];
    /* in the file: little endian, C order, not necessarily aligned */
    const void *data;
    size_t bytes; /* product of the shape and the size of the dtype */
} SafeTensor;

typedef struct {
    const char *path;
    SafeTensor *tensor; /* in the arena, in the file's order */
    size_t count;
} SafeTensors;

/* Reads the header of a mapped file, which must outlive the tensors, and checks that each
 * lies inside of the file. Errors name path and tensor, and stand at loc: the op that wants
 * the file, {0} for none. */
bool safetensors_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                       SafeTensors *out);
/* The same for a .gguf file, whose dtypes are "F16", "Q4_K" and so on. */
bool gguf_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                SafeTensors *out);
/* The same for a .bin of llama2.c (version 0 or 1), tiny_train or BLZT, whose tensors get the
 * names of the examples' weights; and whether a path is such a file's. */
bool bin_weights_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                       SafeTensors *out);
bool bin_weights_named(const char *path);

/* What a .bin of llama2.c says of its model; q: of queries, all heads together. */
typedef struct {
    int64_t dim, hidden, layers, heads, kv, vocabulary, positions, q;
    bool shared; /* the classifier is the embedding */
} BinLlama;
/* False: the file is no whole one of llama2.c, which is reported. */
bool bin_llama(Diag *d, const char *path, const Mapped *file, BinLlama *out);
/* NULL: there is no such tensor; the error at loc names the one that was probably meant. */
const SafeTensor *safetensors_find(const SafeTensors *s, Diag *d, Loc loc,
                                   const char *name);
/* For a writer: adds a tensor of `bytes` bytes at offset *at to the header, and advances
 * *at. */
void safetensors_entry(struct cJSON *header, const char *name, const char *dtype,
                       int rank, const int64_t *shape, uint64_t bytes, uint64_t *at);

/* The index of a checkpoint that lies in several files (model.safetensors.index.json): which
 * file has which tensor. Paths are as the index has them: hostile, relative to its folder. */
typedef struct {
    const char *tensor, *file;
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
