/* mil.h -- the door to MIL text and weight files.
 *
 * Text: both spellings, program(1.0) with rank-0 tensors and program(1.3) with scalars, are one
 * language; a reader accepts either anywhere, the printer writes the one of the module's
 * version, laid out as Apple's compiler does, arguments and attributes in alphabetical order.
 * mil_print(mil_read(t)) == t for every text that Apple's compiler wrote. */
#ifndef ANEC_MIL_H
#define ANEC_MIL_H

#include "../ir.h"

/* Reads a program. src and its text must outlive the module; dir is what @model_path stands for
 * (NULL: weights cannot be found). NULL after errors, all reported; warnings do not fail it.
 * Checks syntax, names and literals against their types; not the ops (module_verify does). */
Module *mil_read(Diag *d, const Source *src, const char *dir);
/* How a model is read, where that is not the default, which is all zero. */
typedef struct {
    bool follow_links; /* --follow-links: files may be links that leave the model's folder */
    /* --part: which model of a pipeline; "a/b" is part b of the pipeline a */
    const char *part;
} MilReading;
Module *mil_read_as(Diag *d, const Source *src, const char *dir, const MilReading *how);
/* One literal, `tensor<fp32, [2]>([1, 2])`; NULL after errors. src need not outlive the call,
 * but the literal's loc then must not be used. */
const Const *mil_read_literal(Module *m, Diag *d, const Source *src);

void mil_print(const Module *m, Buf *out);
/* The same in pieces of some 64 KiB, so that a long text takes no memory of its own; false once
 * the sink said so, which is then given no more. */
typedef bool MilSink(void *ctx, const void *text, size_t n);
bool mil_print_to(const Module *m, MilSink *sink, void *ctx);
void mil_print_func(const Func *f, Buf *out);
void mil_print_const(const Const *c, bool short_scalars, Buf *out); /* TYPE(literal) */
void mil_print_type(const Type *t, bool short_scalars, Buf *out);

/* Words that text keeps for itself, `tensor` or `fp16`, which no value in it may be called.
 * mil_rename_word gives a value another name, and its statement where that repeats it.
 * mil_free_words does so for all inner values that are called so; false, reported, where an
 * input, a result or a function is. */
bool mil_is_word(const char *name);
void mil_rename_word(Func *f, Value *v);
bool mil_free_words(Module *m, Diag *d);

/* Literals of arguments that are in a weight file, or go to one, become const statements before
 * the op. */
void mil_hoist(Module *m);
/* Writes PATH (.mil) and the weights it needs beside it, all atomically; of the module nothing
 * is changed but what mil_hoist and mil_free_words do.
 *   - A BLOBFILE of a file that is in PATH's folder stays as it is, offset and all.
 *   - When the only other weights are BLOBFILEs of another folder, their files are copied
 *     whole, so that paths and offsets stay.
 *   - Otherwise these, literals that are made (CONST_INIT) or mapped (CONST_FILE), and literals
 *     of at least 10 elements that no text spelled out go to weights/weight.bin, if a weight
 *     file can hold their type in the function's opset; identical ones share a record. Where
 *     weight.bin has other bytes and another .mil of the folder uses it, to
 *     weights/<stem>.bin, with a note.
 *   - BLOBFILEs of absent files stay references, unless --missing-weights stands in for them.
 * Paths that leave the folder are refused. */
bool mil_save(Module *m, Diag *d, const char *path);
/* The module holds literals that belong in a file: text alone would be no place for them. Small
 * ones that a pass has marked (Const.in_file) count when `marked`: text can hold them, but a
 * chip refuses it. */
bool mil_needs_weights(const Module *m, bool marked);

/* ---- containers -------------------------------------------------------------------------- */

/* PATH is .mil, .mlmodelc, .mlpackage or .mlmodel by its ending (a slash after it is no
 * matter). What a container says beyond the program comes along (Module.about) and is written
 * again into the next one; what the form at PATH cannot hold goes to PATH.json beside it and is
 * read back. The module is checked for syntax and names, not its ops (module_verify does). NULL
 * after errors, all reported. */
Module *container_read(Diag *d, const char *path);
Module *container_read_as(Diag *d, const char *path, const MilReading *how);
/* an .mlmodel alone is not written */
bool container_save(Module *m, Diag *d, const char *path);
/* true, and an error; NULL: it is named so */
bool container_is_zip(Diag *d, const char *path, const Mapped *file);
bool container_writes(const char *path); /* .mil, .mlmodelc or .mlpackage */
/* PATH.json into m, read from the .mil PATH */
bool container_beside(Module *m, Diag *d, const char *path);

/* What a path's ending means: a row of container.c. */
typedef struct {
    const char *ending; /* ".mil" */
    bool text;          /* one text: it may come from the standard input */
    bool folder;        /* its ending alone tells it from another folder */
    Module *(*read)(Diag *d, const char *path, const MilReading *how);
    bool (*write)(Module *m, Diag *d, const char *path); /* NULL: it is read alone */
} Container;
const Container *container_find(const char *path); /* NULL: none; slashes behind do not count */
/* ".mil, .mlmodelc or .mlpackage", for messages: what is written, or folders alone; in a. */
const char *container_endings(Arena *a, bool folders);

/* ---- weight files (MILBlob storage, version 2) ------------------------------------------- */

/* What blob_add writes appears under `path` with blob_commit; the writer lives in the arena.
 * After a failure, reported, only blob_abort is left to call (blob_create's NULL needs
 * nothing). */
typedef struct BlobWriter BlobWriter;
BlobWriter *blob_create(Arena *a, Diag *d, const char *path);
/* streams; offset of its record */
bool blob_add(BlobWriter *b, const Const *c, uint64_t *offset);
/* the header: how many records */
bool blob_finish(BlobWriter *b);
bool blob_commit(BlobWriter *b); /* after blob_finish */
void blob_abort(BlobWriter *b);

#endif
