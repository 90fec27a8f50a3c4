/* mil.h -- reading and writing MIL text, model containers and weight files.
 *
 * There are two spellings of MIL text, program(1.0) with rank-0 tensors and program(1.3) with
 * scalars. The reader accepts either anywhere; the printer writes the one of the module's
 * version, laid out as Apple's compiler does, with arguments and attributes in alphabetical
 * order. mil_print(mil_read(t)) == t for every text that Apple's compiler wrote. */
#ifndef ANEC_MIL_H
#define ANEC_MIL_H

#include "../ir.h"

/* Reads a program. src and its text must outlive the module; dir is the folder that @model_path
 * stands for (NULL: there is none, so weights cannot be found). NULL: there were errors, which
 * are reported. Syntax, names and literals are checked, ops are not (module_verify does). */
Module *mil_read(Diag *d, const Source *src, const char *dir);
/* Options of reading; all zero is the default. */
typedef struct {
    /* --follow-links: files may be links that leave the model's folder */
    bool follow_links;
    /* --part: the model of a pipeline to read; "a/b" is part b of the pipeline a */
    const char *part;
    /* --set: sizes of dimensions that have names, "batch=1" each; for containers with named_dims */
    const char *const *set;
    int nset;
} MilReading;
Module *mil_read_as(Diag *d, const Source *src, const char *dir, const MilReading *how);
/* One literal, `tensor<fp32, [2]>([1, 2])`; NULL after errors. src need not outlive the call,
 * but the literal's loc then must not be used. */
const Const *mil_read_literal(Module *m, Diag *d, const Source *src);

void mil_print(const Module *m, Buf *out);
/* The same in pieces of about 64 KiB, so that a long text needs little memory. Ends with false
 * when the sink returns false. */
typedef bool MilSink(void *ctx, const void *text, size_t n);
bool mil_print_to(const Module *m, MilSink *sink, void *ctx);
/* Tells of each literal whether it was written into a weight file, and at which offset. */
typedef struct {
    bool (*find)(const void *ctx, const Const *c, uint64_t *offset);
    const void *ctx;
    const char *path; /* "@model_path/weights/weight.bin" */
} MilPlaces;

/* mil_print_to, with BLOBFILE references for literals that `places` finds; it may be NULL. */
bool mil_print_placed(const Module *m, const MilPlaces *places, MilSink *sink, void *ctx);
void mil_print_func(const Func *f, Buf *out);
void mil_print_const(const Const *c, bool short_scalars, Buf *out); /* TYPE(literal) */
void mil_print_type(const Type *t, bool short_scalars, Buf *out);

/* Reserved words of the text, like `tensor` or `fp16`, which no value may have as its name.
 * mil_rename_word gives a value, and an op that is named after it, another name. mil_free_words
 * does so for all values inside of the functions; false: an input, a result or a function has
 * such a name, which is reported. */
bool mil_is_word(const char *name);
void mil_rename_word(Func *f, Value *v);
bool mil_free_words(Module *m, Diag *d);

/* Turns inline literals that are, or will be, in a weight file into const ops in front. */
void mil_hoist(Module *m);
/* Writes PATH (.mil) and the weights it needs beside it, all atomically. The module is changed
 * by mil_hoist and mil_free_words alone.
 *   - A BLOBFILE of a file in PATH's folder stays as it is, with its offset.
 *   - When the only other weights are BLOBFILEs of another folder, their files are copied
 *     whole, so that paths and offsets stay.
 *   - Otherwise these, generated (CONST_INIT) and mapped (CONST_FILE) literals, and literals of
 *     at least 10 elements that no text spelled out go to weights/weight.bin, if a weight file
 *     can hold their type in the function's opset. Equal ones share a record. Where weight.bin
 *     exists with other bytes and another .mil of the folder uses it, they go to
 *     weights/<stem>.bin, with a note.
 *   - BLOBFILEs of absent files stay references, unless --missing-weights stands in for them.
 * Paths that leave the folder are refused. */
bool mil_save(Module *m, Diag *d, const char *path);
/* Prints the text that mil_save writes into an empty folder, and leaves its weights out: how many there are,
 * in so many bytes of the file that is not written. False: an error was reported, or the sink returned false. */
bool mil_print_apart(Module *m, Diag *d, MilSink *sink, void *ctx, uint32_t *weights,
                     uint64_t *bytes);
/* Whether the module has literals that belong in a weight file, so that text alone is not
 * enough. Small ones that a pass has marked (Const.in_file) count only with `marked`: text
 * can hold them, though a chip refuses it. */
bool mil_needs_weights(const Module *m, bool marked);

/* ---- containers -------------------------------------------------------------------------- */

/* Reads a model; PATH is .mil, .mlmodelc, .mlpackage, .mlmodel, .onnx or .mlir by its ending (slashes
 * behind it do not count). The description of a container is kept (Module.about) and written
 * into the next container; what the form at PATH cannot hold is kept in PATH.json beside it.
 * Syntax and names are checked, ops are not (module_verify does). NULL: there were errors,
 * which are reported. */
Module *container_read(Diag *d, const char *path);
Module *container_read_as(Diag *d, const char *path, const MilReading *how);
/* Writes a model: any of these but an .mlmodel by itself. */
bool container_save(Module *m, Diag *d, const char *path);
/* Whether the file is a ZIP archive (file NULL: by its name), which is then an error. */
bool container_is_zip(Diag *d, const char *path, const Mapped *file);
/* What is wrong with a container that cannot be read as a program, and what is in it: Container
 * has both. Others have nothing of it: a bug(). */
bool container_check(Diag *d, const char *path);
bool container_show(Buf *out, Diag *d, const char *path, bool json);
bool container_writes(const char *path); /* whether it is .mil, .mlmodelc or .mlpackage */
/* Reads PATH.json, which lies beside the .mil PATH, into m. */
bool container_beside(Module *m, Diag *d, const char *path);

/* A kind of container: a row of container.c. */
typedef struct {
    const char *ending; /* ".mil" */
    bool text;          /* it is one text, which may come from the standard input */
    bool folder;        /* it is a folder, known by its ending alone */
    bool named_dims;    /* its dimensions may have names in place of sizes */
    Module *(*read)(Diag *d, const char *path, const MilReading *how);
    bool (*write)(Module *m, Diag *d, const char *path); /* NULL: it cannot be written */
    /* Of a kind that `read` refuses: what is wrong with its files, and what is in it, as text
     * or as JSON. NULL of the others. False: something is an error. */
    bool (*check)(Diag *d, const char *path);
    bool (*show)(Buf *out, Diag *d, const char *path, bool json);
} Container;
/* NULL: no container has this ending */
const Container *container_find(const char *path);
/* ".mil, .mlmodelc or .mlpackage", for messages: those that can be written, or with `folders`
 * the folders among them. In the arena. */
const char *container_endings(Arena *a, bool folders);

/* ---- weight files (MILBlob storage, version 2) ------------------------------------------- */

/* Writes a weight file: blob_create, blob_add for each literal, blob_finish, blob_commit, with
 * which the file appears under `path`. The writer lives in the arena. A failure is reported;
 * after it only blob_abort may be called (and nothing where blob_create returned NULL). */
typedef struct BlobWriter BlobWriter;
BlobWriter *blob_create(Arena *a, Diag *d, const char *path);
/* Writes the elements of c, a piece at a time; *offset is that of its record, for BLOBFILE. */
bool blob_add(BlobWriter *b, const Const *c, uint64_t *offset);
bool blob_finish(BlobWriter *b); /* writes the number of records into the header */
bool blob_commit(BlobWriter *b);
void blob_abort(BlobWriter *b);

#endif
