/* tool.h -- what the tools share: options of all, diagnostics on stderr, reading a model. */
#ifndef ANEC_TOOL_H
#define ANEC_TOOL_H

#include "../backends/forms.h"
#include "../frontend/frontend.h"
#include "../ir/mil/mil.h"
#include "../ir/passes/passes.h"
#include "options.h"
#include "progress.h"

enum { EXIT_DONE, EXIT_WRONG, EXIT_USAGE, EXIT_WORLD };

/* The rows of common.def are the last of every tool's table. */
enum {
#define OPT(id, ...) COM_##id,
#include "common.def"
    COM_COUNT
};
static inline const OptValue *common(const Args *a, int id)
{
    return &a->value[a->tool->noption - COM_COUNT + id];
}

/* --help, --version and --man: true when one was given and answered. */
bool tool_answers(const Args *a);
/* Messages to stderr, warnings as -W and -q say, progress to the terminal; false: usage. */
bool tool_diag(Diag *d, const Args *a, Progress *p);

/* What every tool's main is: parses, answers --help and its like, or calls run, which does the work,
 * clears the progress before it prints, and gives the exit code. Output that could not be written is
 * the world's failure, whatever else went well. */
int tool_main(const Tool *t, int argc, char **argv, int (*run)(Args *, Diag *, Progress *));

typedef struct {
    const char *path;  /* as given; "<stdin>" */
    bool dsl, container;
    Source src;
    Mapped file;
    Module *module;
    const Target *target; /* that a program without --target is for; NULL: generic */
    Arena arena;
} Model;

/* Reads and checks what the operand names. 0, or the exit code: what is wrong has been said. */
int model_read(Model *m, const Args *a, Diag *d);
int model_open(Model *m, const Args *a, Diag *d);  /* the text alone: m->module stays NULL */
int model_parse(Model *m, const Args *a, Diag *d); /* of an opened text; MIL is not checked yet: */
int model_check(Model *m, Diag *d);                /* what is only copied need not be right */
void model_free(Model *m);

/* Whether the options ask for passes: an .anedsl always, a .mil with --target, --io or --opset. */
bool model_wants_passes(const Model *m, const Args *a);
/* What the command line asks of the passes, and room for what it points to. */
typedef struct {
    PassOptions pass;
    Target own;    /* made of the model itself, for when only --io or --opset is given */
    RuleSet rules; /* of the target, as --profile and -W have it */
    bool chip;     /* --target was given: what stays illegal is an error */
} Pipeline;

/* 0, or the exit code: what is wrong has been said. */
int model_pipeline(const Model *m, const Args *a, Diag *d, Pipeline *p);

#endif
