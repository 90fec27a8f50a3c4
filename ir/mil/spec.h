/* spec.h -- the parts of Core ML's containers, for ir/mil alone: the protobuf wire format, a
 * program as protobuf, the description of a model (About), and the JSON file that keeps it
 * beside a .mil.
 *
 * Field numbers are those of the published Core ML format: Model.proto, FeatureTypes.proto,
 * MIL.proto. */
#ifndef ANEC_MIL_SPEC_H
#define ANEC_MIL_SPEC_H

#include "described.h"
#include "mil.h"
#include "mil_text.h"

/* ---- the protobuf wire format, as far as Core ML files use it (proto.c) ------------------ */

/* A reader walks the fields of a message in the order of the file and skips those that it
 * does not know. Nothing is read past the end, and nesting is bounded. The first fault is
 * noted in the PbFile; from then on every message ends at once, so that a caller need look
 * at `wrong` only when it is done. */

enum { PB_VARINT, PB_FIXED64, PB_BYTES, PB_FIXED32 = 5 };
enum { PB_DEPTH = 200 };

typedef struct {
    const unsigned char *data;
    size_t size;
    const char *wrong; /* the first fault found, or NULL */
    size_t at;         /* the byte that it is at */
} PbFile;

typedef struct {
    PbFile *file;
    const unsigned char *at, *end;
    int depth;
} PbIn;

typedef struct {
    uint32_t num;
    int wire;
    uint64_t value;                    /* of all wire types but PB_BYTES */
    const unsigned char *start, *data; /* the field's tag; the first byte of PB_BYTES */
    size_t len;
} PbField;

PbIn pb_open(PbFile *f);
/* The next field; false at the end of the message, or after a fault. */
bool pb_next(PbIn *in, PbField *f);
PbIn pb_sub(PbIn *in, const PbField *f);        /* a reader of the message in a field */
uint64_t pb_number(PbIn *in, const PbField *f); /* the value of a varint */
/* A string, which has to be UTF-8 without NUL; never NULL. */
char *pb_string(PbIn *in, const PbField *f, Arena *a);
/* Numbers of a repeated field, packed or not: how many this field has, and the next of them. */
size_t pb_count(const PbField *f, int wire);
/* false: there are no more */
bool pb_item(PbIn *in, PbField *f, int wire, uint64_t *value);
bool pb_wrong(PbIn *in, const unsigned char *at, const char *what); /* always false */

void pb_put_number(Buf *b, uint32_t num, uint64_t v); /* written even where it is 0 */
void pb_put_bytes(Buf *b, uint32_t num, const void *p, size_t n);
void pb_put_string(Buf *b, uint32_t num, const char *s);
/* Between these two a message, or packed numbers, is written, whose length pb_end inserts. */
size_t pb_begin(Buf *b, uint32_t num);
void pb_end(Buf *b, size_t mark);
void pb_put_varint(Buf *b, uint64_t v); /* without a tag, for packed numbers */

/* ---- program: MIL.proto ------------------------------------------------------------------ */

enum {
    MODEL_VERSION = 1,
    MODEL_DESCRIPTION = 2,
    MODEL_UPDATABLE = 10,
    MODEL_PROGRAM = 502
};

/* Reads a Program message into m, whose src names the file. A fault is noted in in->file. */
bool program_read(Module *m, Diag *d, PbIn in);
/* Writes the module as a Program message, with references for literals that `places` finds. */
bool program_write(const Module *m, Diag *d, const MilPlaces *places, Buf *out);
Opset opset_of_core(const char *text); /* "CoreML7" is ios17; OPSET_NONE: unknown */
const char *spec_opset(const Func *f); /* "CoreML7", or NULL */
int spec_of_opset(Opset o);            /* the specificationVersion that introduced it */

/* The state of the reader, shared by program_read.c and program_value.c. */
typedef struct {
    const char *name;
    Value *val;
    int older; /* the entry before it in its chain, or -1 */
} ProgramName;

enum { NAME_CHAINS = 1 << 12 };

typedef struct {
    Module *m;
    Diag *d;
    Func *func;
    bool failed; /* reported */
    Arena scratch;
    int *chain; /* by hash of the name, NAME_CHAINS: the last entry, or -1 */
    ProgramName *name;
    int nname, name_cap;
} ProgramReader;

const Type *program_type(ProgramReader *r, PbIn in);
/* never NULL; poison after a fault */
const Const *program_value(ProgramReader *r, PbIn in);

/* ---- about: ModelDescription ------------------------------------------------------------- */

typedef struct {
    const char *name, *doc;
    const void *type; /* a FeatureType message; NULL: the type in the program says all */
    size_t len;
} Feature;

enum { ABOUT_INPUT, ABOUT_OUTPUT, ABOUT_STATE, ABOUT_SIDES };

typedef struct {
    const char *name;
    struct Features {
        Feature *at;
        int count, cap;
    } side[ABOUT_SIDES];
    const char *predicted[2]; /* names of the results label and probabilities, or NULL */
    const void *rest;         /* the bytes of fields that are not known here */
    size_t rest_len;
} AboutFunc;

enum { ABOUT_TEXTS = 4 }; /* short description, version, author, license */
extern const char *const about_texts[ABOUT_TEXTS];

typedef struct About About;
struct About {
    /* spec: specificationVersion; read_spec: the one that the program as read needs */
    int spec, read_spec;
    bool updatable, metadata; /* metadata: the file has that message, perhaps empty */
    const char *text[ABOUT_TEXTS];
    const char **user; /* key, value, key, value .. */
    int nuser, user_cap;
    AboutFunc *func;
    int nfunc, func_cap;
    /* hash table of functions by name: 1 + the index in func */
    int *slot;
    size_t slots;
    const void *rest;
    size_t rest_len;
};

About *about_of(Module *m); /* m->about, made where there is none */
AboutFunc *about_func(Module *m, About *a, const char *name); /* likewise */
/* NULL: there is no description of that function; a may be NULL. */
const AboutFunc *about_find(const About *a, const char *name);
/* The names of the results label and probabilities; NULL for one that there is not. */
void about_predicted(const Func *f, const char *out[2]);
extern const char
    *const predicted_names[2]; /* "predictedFeatureName" and its companion */
void about_fix(Module *m);     /* sets Func.fixed, once the description has been read */
/* Reads the description; the program must have been read before. */
bool about_read(Module *m, Diag *d, PbIn description);
/* Writes the description of the module as it is now. Features that no longer fit their values
 * are made anew. */
bool about_write(const Module *m, Diag *d, Buf *out);
int about_spec(const Module *m); /* the specificationVersion to write */
/* The features of one side in the order in which they are shown. */
typedef struct {
    const Value *v;
    const char *doc;
    const void *type;
    size_t len;
} Shown;
Shown *about_side(const Module *m, const Func *f, int side, int *count);
int about_side_of(const Value *param); /* ABOUT_INPUT or ABOUT_STATE */

/* FeatureType messages: made for a value, and held against one. */
bool feature_make(Diag *d, const Func *f, const Value *v, bool input, Buf *out);
bool feature_fits(const void *type, size_t len, const Value *v);
bool feature_image_fits(const void *type, size_t len, const Type *t);
/* For a result that is a label or a dictionary of probabilities; false: it is neither. */
bool feature_label(const Value *v, Buf *out);
bool feature_label_fits(const void *type, size_t len, const Value *v);
/* What stays of the description of an input whose type has changed: that it is optional, and
 * its default value. False: nothing. The message is in the module's arena. */
bool feature_renew(const Func *f, const Value *v, const Feature *old, Shown *to);
typedef struct {
    bool array, state, image, optional;
    int64_t shape[MAX_RANK], low[MAX_RANK], high[MAX_RANK];
    int rank, nrange, nshapes;
    uint64_t dtype;
    PbFile file;
    PbIn shapes; /* EnumeratedShapes */
} FeatureInfo;
bool feature_info(const void *type, size_t len, FeatureInfo *out);
/* Reads a repeated int64 and returns the count; -1: there are more than MAX_RANK. */
int feature_ints(PbIn in, uint32_t num, int64_t out[MAX_RANK]);

/* The attribute FlexibleShapeInformation, made of a description. */
/* NULL: every shape is fixed */
const Const *flexible_make(Module *m, const AboutFunc *a);

/* ---- FILE.json beside a model: what its container cannot hold (beside.c, change.c) ------- */

enum { BESIDE_MIL = 1, BESIDE_PACKAGE };
extern const char beside_format[];
char *beside_file(Arena *a, const char *path); /* FILE.json */
bool beside_is_ours(const char *file); /* whether we have written this FILE.json */
/* The content as a cJSON; NULL: there is nothing to keep, or an error was reported. */
void *beside_make(const Module *m, Diag *d, int form);
bool beside_read(Module *m, Diag *d, const char *path);
/* From a FILE.json that holds the content for two models (change.c) the part for the one
 * that is there. Takes the cJSON over. NULL: failed. */
void *beside_now(void *json, Diag *d, const char *path);
/* Replaces FILE.json together with its model: it is written where there is something to
 * keep, and removed where there is not and it is ours. The order of calls: beside_open,
 * beside_prepare, which writes a file that is right for the old model and the new one, and
 * where no old one is there removes what says nothing of the new one; then the model is put in place; then beside_finish, or beside_undo where that failed;
 * beside_close. */
typedef struct {
    Arena arena;
    Diag *diag;
    const char *model,
        *file;       /* the file of the model whose SHA-256 is noted; FILE.json */
    char *old, *now; /* content for the old and the new model; NULL: none */
    char old_sum[65];
    bool replaces, changes; /* there is an old model; FILE.json will be another */
} Beside;
bool beside_open(Beside *b, const Module *m, Diag *d, const char *path, int form);
bool beside_prepare(Beside *b, const char *new_sum);
bool beside_finish(Beside *b);
void beside_undo(Beside *b);
void beside_close(Beside *b);
bool beside_sum(Diag *d, const char *path, char hex[65]); /* the SHA-256 of a file */
bool beside_parse(Module *m, Diag *d, const char *file,
                  const void *json);                          /* from a cJSON */
bool json_write(Diag *d, const char *path, const void *json); /* from a cJSON */
void *json_read(Diag *d, const char *path); /* a cJSON, to be freed by the caller */

/* ---- files that are no ML program (foreign.c) --------------------------------------------
 *
 * Each of these reports what the file is, and returns false, unless it says otherwise. */

/* Whether a field of a Model message is the one that tells the kind of model. */
bool foreign_is_kind(uint32_t num);
bool foreign_is_pipeline(uint32_t num);
bool foreign_refuse(Diag *d, const char *path, uint32_t num);
bool foreign_no_pipeline(Diag *d, const char *path, const char *part);
/* The Model message of the part whose name *part begins with; *part then moves on to the
 * part in that. No part of that name, or no name, is an error that lists the parts. */
bool foreign_part(Module *m, Diag *d, PbIn pipeline, uint32_t kind, const char *path,
                  const char **part, PbIn *out);
/* For a .mlmodelc without a model.mil. */
bool foreign_compiled(Diag *d, const char *path);
/* True, and reported: it is a ZIP archive (map NULL: by its name). */
bool foreign_zip(Diag *d, const char *path, const Mapped *map);
/* True, and reported: it is no folder. */
bool foreign_not_a_folder(Diag *d, const char *path);

/* ---- reading and writing each container -------------------------------------------------- */

Module *mlpackage_read(Diag *d, const char *path, const MilReading *how);
Module *mlmodelc_read(Diag *d, const char *path, const MilReading *how);
/* An .mlmodel file by itself. */
Module *mlmodel_read(Diag *d, const char *path, const MilReading *how);
/* The same from memory, which the module takes over; path is for messages and for the folder of
 * the weights. */
Module *mlmodel_parse(Diag *d, const char *path, const Mapped *map,
                      const MilReading *how);
bool mlmodel_write(const Module *m, Diag *d, const MilPlaces *places, Buf *out);
/* Write into a new folder `at`, which will be renamed to `path`. */
bool mlpackage_save(Module *m, Diag *d, const char *at, const char *path);
bool mlmodelc_save(Module *m, Diag *d, const char *at, const char *path);
#define MODEL_FILE "com.apple.CoreML/model.mlmodel"
/* A source of m's, which takes the file over. */
Source *module_source(Module *m, const char *path, const Mapped *file);
/* mil_save with another writer in the place of MIL text. */
typedef bool MilWriter(const Module *m, Diag *d, const MilPlaces *places, OutFile *out);
bool mil_save_as(Module *m, Diag *d, const char *path, MilWriter *write,
                 Beside *beside /* or NULL */);
/* mil_save together with a FILE.json. */
bool mil_save_beside(Module *m, Diag *d, const char *path, Beside *beside);
bool coremldata_read(Module *m, Diag *d, const char *path, const Mapped *file);
bool coremldata_write(const Module *m, Diag *d, Buf *out);

#endif
