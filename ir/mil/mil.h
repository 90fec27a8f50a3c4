/* mil.h -- the door to MIL text and weight files.
 *
 * Text: both spellings, program(1.0) with rank-0 tensors and program(1.3) with scalars, are one
 * language; a reader accepts either anywhere, the printer writes the one of the module's version,
 * laid out as Apple's compiler does, arguments and attributes in alphabetical order.
 * mil_print(mil_read(t)) == t for every text that Apple's compiler wrote. */
#ifndef ANEC_MIL_H
#define ANEC_MIL_H

#include "../ir.h"

/* Reads a program. src and its text must outlive the module; dir is what @model_path stands for
 * (NULL: weights cannot be found). NULL after errors, all reported; warnings do not fail it.
 * Checks syntax, names and literals against their types; not the ops (module_verify does). */
Module *mil_read(Diag *d, const Source *src, const char *dir);
/* One literal `tensor<fp32, [2]>([1, 2])` or an argument list, for tests and tables. */
const Const *mil_read_literal(Module *m, Diag *d, const Source *src);

void mil_print(const Module *m, Buf *out);
void mil_print_func(const Func *f, Buf *out);
void mil_print_const(const Const *c, bool short_scalars, Buf *out); /* TYPE(literal) */
void mil_print_type(const Type *t, bool short_scalars, Buf *out);

/* Writes PATH (.mil) and the weights it needs beside it: literals of at least 10 elements of the
 * blob's types that are not CONST_BLOB of this folder already go to weights/weight.bin
 * (weights/<stem>.bin, with a note, where another .mil of the folder owns weight.bin with other
 * bytes). Streams; atomic; refuses paths that leave the folder. The module is not changed for its
 * user: names and values stay, large literals become references to the file written. */
bool mil_save(Module *m, Diag *d, const char *path);
/* True when printing alone would lose weights: the module holds literals that belong in a file. */
bool mil_needs_weights(const Module *m);

/* ---- weight files (MILBlob storage, version 2) ----------------------------------------------- */

typedef struct BlobWriter BlobWriter;
BlobWriter *blob_create(Arena *a, Diag *d, const char *path);
bool blob_add(BlobWriter *b, const Const *c, uint64_t *offset); /* streams; offset of its record */
bool blob_commit(BlobWriter *b);                                /* patches the count; renames */
void blob_abort(BlobWriter *b);

#endif
