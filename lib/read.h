/* read.h -- reads a model of any kind as the options of include/options.def ask, and makes the
 * options of the passes from them; for the library (model.c) and for the compiler's tools.
 *
 * Calls return a status. Errors were reported to the Diag, except for ANEC_USAGE: options
 * that do not go together, or not with the model, for which Model.usage is the message. */
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
    const char **all; /* of a LIST: all values */
} Setting;

struct anec_config {
    atomic_int refs; /* one for the owner, and one for each device that has it */
    bool given_up;   /* the owner has freed it */
    Arena arena;     /* copies of texts */
    Setting value[CONFIG_COUNT];
    uint64_t off, promoted;    /* for a Diag, as the words of -W say */
    uint64_t asked;            /* warnings that a word of -W has turned on */
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

/* The row of an option by its name ("target") or letter ("W"); -1: none. */
int config_find(const char *name);
/* Sets an option and returns NULL, or what is wrong with the value, in the config's arena.
 * Names of chips and files are checked when they are used. */
const char *config_set(anec_config *c, int row, const char *value);
static inline const Setting *config_get(const anec_config *c, int row)
{
    return &c->value[row];
}

/* ---- reading (read.c) -------------------------------------------------------------------- */

typedef struct {
    const char *path; /* as given; "<stdin>" */
    const char *dir;  /* folder of weights and imports; NULL: none */
    bool dsl, container;
    bool beside; /* it is a .mil file, which may have a .json beside it */
    Source src;
    Mapped file;
    Module *module;
    /* for an .anedsl whose options name no target: that of its backend; NULL: generic */
    const Target *target;
    /* for an .anedsl (frontend.h): the function whose weights become inputs, or NULL; which
     * weights those are; and the weights themselves, as a result */
    const char *promote;
    const char *promoted;
    DslWeights weights;
    bool baked;            /* they become constants again once there are gradients */
    bool lift;             /* PassOptions.lift */
    DslWeights declared;   /* of an .anedsl: all weights that it declares, as a result */
    const DslGiven *given; /* of an .anedsl: values for weights in place of its own */
    int ngiven;
    /* of an .anedsl: called with what names stand for (frontend.h), or NULL */
    DslBound bound;
    void *bound_ctx;
    /* of an .anedsl that the library has for a file: that file, whose weights it takes, and that
     * of its models only those are compiled that somebody asks for */
    const char *stored;
    bool lean;
    const char *usage; /* the message of ANEC_USAGE, in the arena */
    Arena arena;
} Model;

/* ANEC_WORLD or ANEC_WRONG, by the reports in d */
anec_status read_failed(const Diag *d);
/* Finds out the kind of the model and reads its text; m->module stays NULL. "-" is the standard
 * input. */
anec_status read_open(Model *m, const anec_config *c, Diag *d, const char *path);
/* Whether the options go with the kind of model that m is; read_open asks. */
anec_status read_suits(Model *m, const anec_config *c);
/* Parses an opened text. MIL is not verified yet, since a model that is only copied need not be
 * right; read_check does that. */
anec_status read_parse(Model *m, const anec_config *c, Diag *d);
anec_status read_check(Model *m, Diag *d);
/* Whether an opened model is of a kind without a program that can be read, which can be checked
 * and shown (Container.check). */
bool read_closed(const Model *m);
void read_free(Model *m);

/* llama.c: whether a path is that of a checkpoint of llama2.c, and the program for one. */
bool llama_named(const char *path);
bool llama_open(Model *m, Diag *d, const char *path);

/* Whether passes are to run: always for an .anedsl; for a .mil where target, io, opset or
 * profile is set. */
bool read_wants_passes(const Model *m, const anec_config *c);

/* The target that the options name, or else the one of the .anedsl; *out is NULL for a .mil
 * without one. False: there is no such target (m->usage). */
bool read_target(Model *m, const anec_config *c, const Target **out);

/* The options of the passes, with the objects that they point to. */
typedef struct {
    PassOptions pass;
    Target own;    /* a target made from the model, where only io or opset is set */
    RuleSet rules; /* of the target, with profile and -W */
    bool named;    /* the options name the target */
    bool enforced; /* there is a target, so that rules which stay broken are errors */
} Pipeline;

anec_status read_pipeline(Model *m, const anec_config *c, Diag *d, Pipeline *p);

/* ---- what is wrong with a model (findings.c) ------------------------------------------------ */

typedef struct {
    DiagKind kind;    /* a rule of which reports contradict each other is a DIAG_NOTE */
    bool note;        /* it belongs to the finding before it */
    const Rule *rule; /* that is broken, or NULL: */
    /* the rule's name, the warning's, "invalid" or "unreadable" (the world) */
    const char *id;
    const char *message; /* valid during the call, as are names of the program */
    const char *left;    /* why no pass mends it here, or NULL */
    Loc loc;
    const char *func, *op, *value; /* where, or NULL */
} CheckFinding;
typedef void CheckHear(void *ctx, const CheckFinding *f);

/* Opens a model and tells what is wrong with it for the target of the config, one finding after
 * the other, in place of reporting it to d. compiled: of MIL, what the passes leave; an .anedsl
 * is always compiled. ANEC_WRONG: something is an error. ANEC_USAGE: Model.usage. */
anec_status check_model(Model *m, const anec_config *config, const char *path,
                        bool compiled, Diag *d, CheckHear *hear, void *ctx);

#endif
