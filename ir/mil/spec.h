/* spec.h -- the parts that containers are made of: a program in protobuf form, what a container
 * says beyond the program (About), and where it is kept beside a .mil; not for outside.
 *
 * Field numbers are those of the published Core ML format: Model.proto, FeatureTypes.proto,
 * MIL.proto. */
#ifndef ANEC_MIL_SPEC_H
#define ANEC_MIL_SPEC_H

#include "described.h"
#include "mil.h"
#include "mil_text.h"

/* ---- the protobuf wire format, as far as Core ML files use it (proto.c) ------------------ */

/* A reader walks the fields of a message in the order of the file; what is unknown is passed
 * over by whoever asks. Nothing is read past the end, nesting is bounded, and the first thing
 * wrong stays in the PbFile: from then on every message ends at once, so that it is looked at
 * once. */

enum { PB_VARINT, PB_FIXED64, PB_BYTES, PB_FIXED32 = 5 };
enum { PB_DEPTH = 200 };

typedef struct {
    const unsigned char *data;
    size_t size;
    const char *wrong; /* NULL, or what is damaged.. */
    size_t at;         /* ..at which byte */
} PbFile;

typedef struct {
    PbFile *file;
    const unsigned char *at, *end;
    int depth;
} PbIn;

typedef struct {
    uint32_t num;
    int wire;
    uint64_t value;                    /* of a number */
    const unsigned char *start, *data; /* its tag; the first byte of PB_BYTES */
    size_t len;
} PbField;

PbIn pb_open(PbFile *f);
/* false at the end, or when something is wrong */
bool pb_next(PbIn *in, PbField *f);
PbIn pb_sub(PbIn *in, const PbField *f);        /* the message that a field is */
uint64_t pb_number(PbIn *in, const PbField *f); /* a varint's value */
/* UTF-8 without NUL is demanded; never NULL */
char *pb_string(PbIn *in, const PbField *f, Arena *a);
/* Packed or not: how many numbers of a repeated field stand here, and one after the other. */
size_t pb_count(const PbField *f, int wire);
bool pb_item(PbIn *in, PbField *f, int wire, uint64_t *value);      /* false after the last */
bool pb_wrong(PbIn *in, const unsigned char *at, const char *what); /* always false */

void pb_put_number(Buf *b, uint32_t num, uint64_t v); /* also when it is 0 */
void pb_put_bytes(Buf *b, uint32_t num, const void *p, size_t n);
void pb_put_string(Buf *b, uint32_t num, const char *s);
size_t pb_begin(Buf *b, uint32_t num); /* a message or packed numbers.. */
/* ..whose length is put where it belongs */
void pb_end(Buf *b, size_t mark);
void pb_put_varint(Buf *b, uint64_t v); /* bare, for packed ones */

/* ---- program: MIL.proto ------------------------------------------------------------------ */

enum { MODEL_VERSION = 1, MODEL_DESCRIPTION = 2, MODEL_UPDATABLE = 10, MODEL_PROGRAM = 502 };

/* Reads a Program message into m, whose src names the file. Damage stays in in->file. */
bool program_read(Module *m, Diag *d, PbIn in);
/* The module as a Program message, literals that `places` knows as references. */
bool program_write(const Module *m, Diag *d, const MilPlaces *places, Buf *out);
Opset opset_of_core(const char *text); /* "CoreML7" is ios17; OPSET_NONE when unknown */
const char *spec_opset(const Func *f); /* "CoreML7", or NULL */
int spec_of_opset(Opset o);            /* specificationVersion that brought it */

/* What the two halves of its reader share (program_read.c, program_value.c). */
typedef struct {
    const char *name;
    Value *val;
    int older; /* the binding before it in its chain, or -1 */
} ProgramName;

enum { NAME_CHAINS = 1 << 12 };

typedef struct {
    Module *m;
    Diag *d;
    Func *func;
    bool failed; /* reported */
    Arena scratch;
    int *chain; /* NAME_CHAINS heads: the last binding, or -1 */
    ProgramName *name;
    int nname, name_cap;
} ProgramReader;

const Type *program_type(ProgramReader *r, PbIn in);
const Const *program_value(ProgramReader *r, PbIn in); /* never NULL; poison after damage */

/* ---- about: ModelDescription ------------------------------------------------------------- */

typedef struct {
    const char *name, *doc;
    const void *type; /* a FeatureType message, or NULL: what the program's type says */
    size_t len;
} Feature;

enum { ABOUT_INPUT, ABOUT_OUTPUT, ABOUT_STATE, ABOUT_SIDES };

typedef struct {
    const char *name;
    struct Features {
        Feature *at;
        int count, cap;
    } side[ABOUT_SIDES];
    const char *predicted[2]; /* the results that are label and probabilities, or NULL */
    const void *rest;         /* fields that we do not know, as they stood */
    size_t rest_len;
} AboutFunc;

enum { ABOUT_TEXTS = 4 }; /* short description, version, author, license */
extern const char *const about_texts[ABOUT_TEXTS];

typedef struct About About;
struct About {
    /* specificationVersion; what the program alone asked for when it was read */
    int spec, read_spec;
    bool updatable, metadata; /* metadata: the message was there, if only empty */
    const char *text[ABOUT_TEXTS];
    const char **user; /* key, value, key, value .. */
    int nuser, user_cap;
    AboutFunc *func;
    int nfunc, func_cap;
    /* functions by a hash of their names: the place among them, from 1 */
    int *slot;
    size_t slots;
    const void *rest;
    size_t rest_len;
};

/* the module's, made when it has none */
About *about_of(Module *m);
AboutFunc *about_func(Module *m, About *a, const char *name);
/* NULL: nothing is said; a may be NULL */
const AboutFunc *about_find(const About *a, const char *name);
/* The names of label and probabilities as the program has them, or NULL. */
void about_predicted(const Func *f, const char *out[2]);
extern const char *const predicted_names[2]; /* "predictedFeatureName", .. */
void about_fix(Module *m);                   /* after the description was read: Func.fixed */
bool about_read(Module *m, Diag *d, PbIn description); /* after the program was read */
/* The description message of the module as it now is; features that no longer fit are made
 * anew. */
bool about_write(const Module *m, Diag *d, Buf *out);
int about_spec(const Module *m); /* specificationVersion */
/* The features of one side in the order they are shown in. */
typedef struct {
    const Value *v;
    const char *doc;
    const void *type;
    size_t len;
} Shown;
Shown *about_side(const Module *m, const Func *f, int side, int *count);
int about_side_of(const Value *param); /* input or state */

/* A FeatureType message: made from a value's type, and asked. */
bool feature_make(Diag *d, const Func *f, const Value *v, bool input, Buf *out);
bool feature_fits(const void *type, size_t len, const Value *v);
bool feature_image_fits(const void *type, size_t len, const Type *t);
/* Of a result that is a label or a dictionary of probabilities; false: it is none. */
bool feature_label(const Value *v, Buf *out);
bool feature_label_fits(const void *type, size_t len, const Value *v);
/* What is left to say of an input whose type has changed: that it may be left out, and its
 * value then. False: nothing. The message is in the module's arena. */
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
/* a repeated int64; -1: too many */
int feature_ints(PbIn in, uint32_t num, int64_t out[MAX_RANK]);

/* FlexibleShapeInformation, which text holds and a description says in its own way. */
const Const *flexible_make(Module *m, const AboutFunc *a); /* NULL: every shape is fixed */

/* ---- beside a file ----------------------------------------------------------------------- */

enum { BESIDE_MIL = 1, BESIDE_PACKAGE };
extern const char beside_format[];
char *beside_file(Arena *a, const char *path); /* FILE.json */
bool beside_is_ours(const char *file);
/* a cJSON: its format, and what there is to say */
void *beside_make(const Module *m, Diag *d, int form);
bool beside_read(Module *m, Diag *d, const char *path);
/* Of a FILE.json that holds two models' the part of the one that is there; takes the cJSON.
 * NULL: failed. */
void *beside_now(void *json, Diag *d, const char *path);
/* FILE.json from one model to the next: written when there is something to say, removed when it
 * is ours and there is not. */
typedef struct {
    Arena arena;
    Diag *diag;
    const char *model, *file; /* the file of the model whose sum counts */
    char *old, *now;          /* NULL: nothing to say */
    char old_sum[65];
    bool replaces, was, changes; /* there is an old model; an old FILE.json of ours */
} Beside;
bool beside_open(Beside *b, const Module *m, Diag *d, const char *path, int form);
/* goes with both; then the model is put in place */
bool beside_prepare(Beside *b, const char *new_sum);
bool beside_finish(Beside *b); /* .. and this one follows */
void beside_undo(Beside *b);   /* .. or, where it was not, this one */
void beside_close(Beside *b);
bool beside_sum(Diag *d, const char *path, char hex[65]);                  /* of a file */
bool beside_parse(Module *m, Diag *d, const char *file, const void *json); /* of a cJSON */
bool json_write(Diag *d, const char *path, const void *json);              /* a cJSON */
void *json_read(Diag *d, const char *path); /* freed by the caller */

/* ---- what is no ML program: foreign.c; each reports and is false, where nothing else is
 * said */

bool foreign_is_kind(uint32_t num); /* a field of a Model message is what kind of model it is */
bool foreign_is_pipeline(uint32_t num);
bool foreign_refuse(Diag *d, const char *path, uint32_t num);
bool foreign_no_pipeline(Diag *d, const char *path, const char *part);
/* The Model message of the part that *part names first, which moves on to what is named in it;
 * an error that lists the parts when there is none of that name, or none is named. */
bool foreign_part(Module *m, Diag *d, PbIn pipeline, uint32_t kind, const char *path,
                  const char **part, PbIn *out);
/* a .mlmodelc without model.mil */
bool foreign_compiled(Diag *d, const char *path);
/* true: it is one; NULL: by its name */
bool foreign_zip(Diag *d, const char *path, const Mapped *map);
/* true: it is none, and that was said */
bool foreign_not_a_folder(Diag *d, const char *path);

/* ---- the forms --------------------------------------------------------------------------- */

Module *mlpackage_read(Diag *d, const char *path, const MilReading *how);
Module *mlmodelc_read(Diag *d, const char *path, const MilReading *how);
/* the bare specification */
Module *mlmodel_read(Diag *d, const char *path, const MilReading *how);
/* From memory, which the module owns from here; path is for messages and the weights'
 * folder. */
Module *mlmodel_parse(Diag *d, const char *path, const Mapped *map, const MilReading *how);
bool mlmodel_write(const Module *m, Diag *d, const MilPlaces *places, Buf *out);
/* Into a new folder at `at`, which becomes `path`. */
bool mlpackage_save(Module *m, Diag *d, const char *at, const char *path);
bool mlmodelc_save(Module *m, Diag *d, const char *at, const char *path);
#define MODEL_FILE "com.apple.CoreML/model.mlmodel"
/* m owns the file from here */
Source *module_source(Module *m, const char *path, const Mapped *file);
/* Like mil_save, with bytes of another form in the place of text. */
typedef bool MilWriter(const Module *m, Diag *d, const MilPlaces *places, OutFile *out);
bool mil_save_as(Module *m, Diag *d, const char *path, MilWriter *write,
                 Beside *beside /* or NULL */);
/* mil_save, with what changes beside the text. */
bool mil_save_beside(Module *m, Diag *d, const char *path, Beside *beside);
bool coremldata_read(Module *m, Diag *d, const char *path, const Mapped *file);
bool coremldata_write(const Module *m, Diag *d, Buf *out);

#endif
