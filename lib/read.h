/* read.h -- options as include/options.def has them; reads a model of any kind as they ask, and says
 * what they ask of the passes.
 * For the library (model.c) and for the compiler's tools.
 *
 * Calls answer with a status: what is wrong was reported to the Diag, but for ANEC_USAGE: the
 * options do not go with each other or with the model, and Model.usage says how. */
#ifndef ANEC_READ_H
#define ANEC_READ_H

#include "../backends/forms.h"
#include "../frontend/frontend.h"
#include "../frontend/outline.h"
#include "../ir/mil/mil.h"
#include "../ir/passes/passes.h"
#include "../base/base.h"
#include "../include/anec.h"

#include <stdatomic.h>

/* ---- options (config.c) ------------------------------------------------------------------ */

enum {
#define ONLY_OF_LIBRARY
#define OPT(id, ...) CONFIG_##id,
#include "../include/options.def"
#undef OPT
#undef ONLY_OF_LIBRARY
    CONFIG_COUNT
};

typedef struct {
    int count;        /* how often it was given */
    const char *text; /* the last value, or NULL */
    const char **all; /* of a LIST: every one */
} Setting;

struct anec_config {
    atomic_int refs; /* its owner's, and the devices' that have it */
    bool given_up;   /* by its owner */
    Arena arena;     /* texts are copies */
    Setting value[CONFIG_COUNT];
    uint64_t off, promoted;    /* a Diag's, as the -W words have them */
    uint64_t asked;            /* those that a word has turned on */
    const char *const *helper; /* the caller's */
    anec_message message;
    void *message_ctx;
    anec_written written;
    void *written_ctx;
    anec_stage stage;
    void *stage_ctx;
    anec_phase phase;
    void *phase_ctx;
};

/* The row of a name ("target") or a letter ("W"); -1: none. */
int config_find(const char *name);
/* NULL, or what is wrong with the value, in the config's arena. Names of chips and files are
 * looked at when they are used. */
const char *config_set(anec_config *c, int row, const char *value);
static inline const Setting *config_get(const anec_config *c, int row)
{
    return &c->value[row];
}

/* ---- reading (read.c) -------------------------------------------------------------------- */

typedef struct {
    const char *path; /* as given; "<stdin>" */
    const char *dir;  /* where weights and imports are; NULL: nowhere */
    bool dsl, container;
    bool beside; /* a .mil file, which may have a .json beside it */
    Source src;
    Mapped file;
    Module *module;
    const Target *target;  /* that an .anedsl is for where the options name none: its backend's;
                             NULL: generic */
    const char *promote;   /* of an .anedsl: the model whose weights are inputs (frontend.h) */
    bool baked;            /* constants again once there are gradients */
    bool lift;             /* a step of training: PassOptions.lift */
    const char *promoted;  /* those of them that are (frontend.h) */
    DslWeights weights;    /* these */
    DslWeights declared;   /* of an .anedsl: all that it declares */
    const DslGiven *given; /* of an .anedsl: weights in place of its own */
    int ngiven;
    DslBound bound; /* of an .anedsl: told of its names (frontend.h); or NULL */
    void *bound_ctx;
    const char *usage; /* in the arena */
    Arena arena;
} Model;

anec_status read_failed(const Diag *d); /* ANEC_WORLD or ANEC_WRONG, by what was reported */
/* Looks at the name, and reads the text: m->module stays NULL. "-" is the standard input. */
anec_status read_open(Model *m, const anec_config *c, Diag *d, const char *path);
/* Of an opened text; MIL is not checked yet: what is only copied need not be right. */
anec_status read_parse(Model *m, const anec_config *c, Diag *d);
anec_status read_check(Model *m, Diag *d);
void read_free(Model *m);

/* Whether the options ask for passes: an .anedsl always, a .mil with target, io, opset or
 * profile. */
bool read_wants_passes(const Model *m, const anec_config *c);

/* The target that the options name, or that the .anedsl is for without; *out is NULL where a
 * .mil has none. False: there is no such target (usage). */
bool read_target(Model *m, const anec_config *c, const Target **out);

/* What the options ask of the passes, and room for what it points to. */
typedef struct {
    PassOptions pass;
    Target own;    /* made of the model itself, for when only io or opset is given */
    RuleSet rules; /* of the target, as profile and -W have it */
    bool named;    /* the options name the target */
    bool enforced; /* there is a target, named or that of an .anedsl: what stays illegal is an
                    * error */
} Pipeline;

anec_status read_pipeline(Model *m, const anec_config *c, Diag *d, Pipeline *p);

#endif
