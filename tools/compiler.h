/* compiler.h -- one compilation by anec: what it is to make, and from what. anec.c chooses
 * the mode, compile.c reads the model and runs the passes, produce.c makes the output. */
#ifndef ANEC_COMPILER_H
#define ANEC_COMPILER_H

#include "../ir/passes/compress.h"
#include "tool.h"

enum {
#define OPT(id, ...) ANEC_##id,
#include "anec.def"
};

/* The product of a call. choose_mode derives it from the options, and all else asks the mode
 * alone. */
typedef enum {
    MODE_MIL, /* the program, in the file of -o or as text */
    MODE_TOKENS,
    MODE_AST,
    MODE_FORMAT, /* the formatted source; with --check whether it is formatted */
    MODE_IR,     /* the program as it was read or lowered, before the passes */
    MODE_DOT,
    MODE_JSON,
    MODE_COREAI, /* a Python program for Core AI's package, its weights beside it */
    MODE_DUMP,   /* the text after certain passes; with -o the program too */
    MODE_CHECK,  /* errors and warnings */
    MODE_STATS,  /* counts of ops, weights and memory; with -o the program too */
    MODE_PLAN,   /* where its ops would run, and what they cost */
    MODE_LISTS,  /* tables, without a program */
    MODE_RULES   /* rules, without a program */
} Mode;

typedef struct {
    const ToolArgs *args;
    Mode mode;
    Diag *diag;
    Model model;
    Pipeline pipeline;
    bool verified; /* passes have run, and verified it */
    CompressPlan compress;
    Buf out;     /* text for the standard output */
    cJSON *told; /* --check --json: the messages, or NULL */
} CompilerJob;

static inline const OptValue *compiler_opt(const CompilerJob *j, int id)
{
    return &j->args->value[id];
}

static inline bool compiler_given(const CompilerJob *j, int id)
{
    return compiler_opt(j, id)->count > 0;
}

static inline bool compiler_json(const CompilerJob *j)
{
    return compiler_given(j, ANEC_json);
}

static inline bool mode_is_front(Mode m)
{
    return m == MODE_TOKENS || m == MODE_AST || m == MODE_FORMAT;
}

static inline bool mode_is_view(Mode m)
{
    return m == MODE_DOT || m == MODE_JSON || m == MODE_COREAI;
}

/* These return the exit code. compiler_opened does all that the mode asks with a model whose
 * text has been read. */
int compiler_opened(CompilerJob *j);
void compiler_free(CompilerJob *j);
/* Writes a program whose passes have run, to -o, into j->out, or to the standard output. */
int compiler_produce(CompilerJob *j);
/* Writes --compress-report. */
int compiler_report(CompilerJob *j);
/* Tokens, syntax tree or formatted text, of a source that need not compile. */
int compiler_emit_front(CompilerJob *j);

#endif
