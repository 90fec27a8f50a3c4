/* compiler.h -- what a call of anec is at work on: which of its products, for whom, from what.
 * anec.c chooses and prepares it, produce.c makes it. */
#ifndef ANEC_COMPILER_H
#define ANEC_COMPILER_H

#include "../ir/passes/compress.h"
#include "tool.h"

enum {
#define OPT(id, ...) ANEC_##id,
#include "anec.def"
};

/* What one call makes. Options choose it in choose_mode; whoever works asks the mode alone. */
typedef enum {
    MODE_MIL, /* the program, to -o or as text */
    MODE_TOKENS,
    MODE_AST,
    MODE_FORMAT, /* the source laid out; --check: whether it is */
    MODE_IR,     /* as it was read or lowered, before the passes */
    MODE_DOT,
    MODE_JSON,
    MODE_DUMP,  /* the text after passes; with -o the program too */
    MODE_CHECK, /* what is wrong with it */
    MODE_STATS, /* what it computes; with -o the program too */
    MODE_LISTS, /* tables, without a program */
    MODE_RULES  /* rules, without a program */
} Mode;

typedef struct {
    const ToolArgs *args;
    Mode mode;
    Diag *diag;
    Model model;
    Pipeline pipeline;
    bool verified; /* by the passes */
    CompressPlan compress;
    Buf out;     /* what goes to stdout */
    cJSON *told; /* --check --json: what is reported, or NULL */
} CompilerJob;

static inline const OptValue *compiler_opt(const CompilerJob *j, int id)
{
    return &j->args->value[id];
}

static inline bool compiler_given(const CompilerJob *j, int id)
{
    return compiler_opt(j, id)->count > 0;
}

static inline bool compiler_json(const CompilerJob *j) { return compiler_given(j, ANEC_json); }

static inline bool mode_is_front(Mode m)
{
    return m == MODE_TOKENS || m == MODE_AST || m == MODE_FORMAT;
}

static inline bool mode_is_view(Mode m) { return m == MODE_DOT || m == MODE_JSON; }

/* Of a model whose text is there: all that is asked of it, as the mode says. The exit code. */
int compiler_opened(CompilerJob *j);
void compiler_free(CompilerJob *j);
/* Of a program whose passes have run: to -o, or into j->out, or to the standard output. The
 * exit code. */
int compiler_produce(CompilerJob *j);
/* --compress-report, of a program that was made. The exit code. */
int compiler_report(CompilerJob *j);
/* Tokens, syntax tree or layout of a text that need not compile. */
int compiler_emit_front(CompilerJob *j);

#endif
