/* coreai.h -- Apple's Core AI: assets on disk (.aimodel, .aimodelc), and the text that its package
 * prints (.mlir).
 *
 * What is known of these comes from public sources, ../docs/coreai.md says which; none of it was
 * verified with Apple's package. An asset's program is MLIR bytecode, whose container LLVM
 * publishes and whose dialects Apple does not: sections, names and sizes are read, operations
 * are not. */
#ifndef ANEC_COREAI_H
#define ANEC_COREAI_H

#include "../ir.h"
#include "../mil/mil.h"

/* ---- MLIR bytecode (mlirb.c) ------------------------------------------------------------- */

enum { MLIRB_NEWEST = 6 }; /* the newest version that LLVM's page describes */

/* Sections by their numbers. */
enum {
    MLIRB_STRINGS,
    MLIRB_DIALECTS,
    MLIRB_ATTRS,
    MLIRB_ATTR_SIZES,
    MLIRB_IR,
    MLIRB_RESOURCES,
    MLIRB_RESOURCE_SIZES,
    MLIRB_DIALECT_VERSIONS,
    MLIRB_PROPERTIES,
    MLIRB_SECTIONS
};
const char *mlirb_section(int id); /* its name, or NULL */

typedef struct {
    int id;
    uint64_t at, size, align; /* of its data; align 0: none is asked for */
} MlirbSection;

typedef struct {
    const char *name;
    bool versioned; /* it says a version of its own, which only the dialect can read */
} MlirbDialect;

typedef struct {
    const char *name; /* without its dialect */
    int dialect;
} MlirbOp;

typedef struct {
    const char *key; /* NULL: the key is no string of the table */
    uint64_t size;
} MlirbResource;

typedef struct {
    uint64_t version;
    const char *producer; /* never NULL once the header was read */
    MlirbSection *section;
    const char **string;
    MlirbDialect *dialect;
    MlirbOp *op;
    MlirbResource *resource;
    int nsection, nstring, ndialect, nop, nresource;
    uint64_t nattr, ntype;
    bool newer;        /* of a version that is not known: only its sections are listed */
    const char *wrong; /* the first fault, or NULL */
    size_t at;         /* the byte that it is at */
} Mlirb;

/* Whether these are the first bytes of MLIR bytecode. */
bool mlirb_is(const unsigned char *data, size_t size);
/* Reads what can be read without knowing a dialect; strings are copied into the arena. False:
 * it is damaged (wrong, at), and what was read before that is in place. */
bool mlirb_read(Mlirb *f, Arena *a, const unsigned char *data, size_t size);

/* ---- the text that the package prints (core_*.c) ------------------------------------------ */

/* A program of a .mlir file: a function for each graph that is not private, of the newest opset.
 * NULL: reported. */
Module *core_text_read(Diag *d, const char *path, const MilReading *how);
/* The same of bytes, which are the module's from then on. */
Module *core_text_parse(Diag *d, const char *path, const Mapped *map);

/* ---- assets (asset.c, asset_show.c) ------------------------------------------------------ */

/* Refuses an asset as a program, and says what it is and what can be done. Always NULL. */
Module *asset_read(Diag *d, const char *path, const MilReading *how);
/* Says what is wrong with the files of an asset, an error or a warning each; false: one is an
 * error. */
bool asset_check(Diag *d, const char *path);
/* Describes an asset as text or as JSON. False: it cannot be read; reported. */
bool asset_show(Buf *out, Diag *d, const char *path, bool json);

/* What is in the folder of an asset. */
typedef struct {
    Arena arena;
    const char *path;
    bool compiled;     /* it is an .aimodelc */
    const char *arch;  /* of main-ARCH.mlirb, or NULL */
    const char *file;  /* the program's file, or NULL */
    void *metadata;    /* a cJSON object, or NULL */
    const char *said;  /* what its producer says, or NULL */
    uint64_t size;     /* bytes of the program */
    char sum[65];      /* their SHA-256, or "" */
    char hash[65];     /* what main.hash says, or "": it has not 32 bytes */
    bool programmed;   /* bytes was read */
    Mlirb bytes;       /* of the program */
    int regions;       /* of the engine, of an .aimodelc */
    const char **more; /* names that are no part of the known form */
    int nmore;
} Asset;

/* Reads all that can be; what is wrong is reported. False: something is an error. */
bool asset_open(Asset *s, Diag *d, const char *path);
void asset_close(Asset *s);

#endif
