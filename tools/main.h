/* main.h -- what all tools share: options, exit codes, messages and progress on stderr.
 *
 * A row of an option table says how an option is written, what it takes and what it does;
 * nothing else in a tool knows these: parsing, --help, usage errors and the man page are from
 * it. Usage errors go to stderr and mean exit 2. */
#ifndef ANEC_MAIN_H
#define ANEC_MAIN_H

#include "../base/option.h"
#include "../include/anec.h"

#include <signal.h>

/* ---- options (options.c, help.c, completion.c) ------------------------------------------- */

typedef struct {
    const char *command, *text;
} Example;

typedef struct Tool Tool;
struct Tool {
    const char *name, *summary; /* "anec", "compiles .." */
    const char *operand;        /* "FILE"; NULL: none is taken */
    bool two;                   /* takes two operands; `operand` names both */
    bool many;                  /* takes any number of them */
    /* paragraphs for --help and the man page, separated by "\n\n" */
    const char *about;
    /* what the tool has for an option's argument of this name (RULE), between blanks, for
     * --completion; NULL: it has no tables */
    void (*words)(Buf *out, const char *arg);
    const Option *option;
    int noption;
    const Example *example;
    int nexample;
    /* one more thing that a machine may lack, for --version; NULL: none */
    const char *part;
    bool (*has_part)(void);
    const Tool *sub;   /* "anec lint" of anec: named by its first operand; NULL: none */
    const Tool *whole; /* of which this is `sub`, and whose script --completion prints */
};

typedef struct {
    int count;        /* how often it was given */
    const char *text; /* the last argument */
    const char **all; /* LIST: every one */
    uint64_t number;  /* COUNT */
    double real;      /* NUMBER */
} OptValue;

typedef struct {
    const Tool *tool;
    const char *program;   /* as it was started */
    OptValue *value;       /* by row */
    const char *operand;   /* NULL: none was given */
    const char *second;    /* of a tool that takes two */
    const char **operands; /* of one that takes many */
    int noperand;
    struct anec_config *config; /* what the library is told (main.c), or NULL */
    Arena arena;
} ToolArgs; /* args_free releases it; texts point into argv */

/* The rows of a Tool that are its two tables, `options` and `examples`. */
#define TOOL_TABLES \
    .option = options, .noption = (int)COUNT(options), .example = examples, \
    .nexample = (int)COUNT(examples)

bool args_parse(ToolArgs *a, const Tool *t, int argc,
                char **argv); /* false: exit 2, all said */
void args_free(ToolArgs *a);
/* Reports wrong usage to stderr as "anec: ..", with a line that points at --help; always
 * false. */
bool usage_error(const Tool *t, const char *fmt, ...) PRINTF(2, 3);

void tool_help(const Tool *t, Buf *out);
void tool_man(const Tool *t, Buf *out);
/* bash, zsh or fish */
void tool_completion(const Tool *t, const char *shell, Buf *out);

/* ---- what a tool is at work (main.c) ----------------------------------------------------- */

enum { EXIT_DONE, EXIT_WRONG, EXIT_USAGE, EXIT_WORLD };

/* The rows of common.def are the last of every tool's table. */
enum {
#define OPT(id, ...) COM_##id,
#include "common.def"
    COM_COUNT
};
static inline const OptValue *common(const ToolArgs *a, int id)
{
    return &a->value[a->tool->noption - COM_COUNT + id];
}

/* A line on the terminal about work that takes long; nothing where stderr is none. */
typedef struct {
    bool on;    /* stderr is a terminal, and nobody asked for quiet */
    bool drawn; /* the line is there now */
    double due; /* when it may be drawn again; 0: the clock has not started */
} Progress;

void progress_start(Progress *p, bool quiet);
void progress_count(Progress *p, const char *what, uint64_t done, uint64_t all); /* a bar */
void progress_file(void *progress, const char *path, uint64_t written);          /* a Diag's */
void progress_clear(Progress *p); /* before anything else is written there */

/* What every tool's main is: parses, answers --help and its like, hands the library's options
 * to args.config, and calls run with messages going to stderr; run does the work, clears the
 * progress before it prints, and gives the exit code. Output that could not be written is the
 * world's failure, whatever else went well. */
int tool_main(const Tool *t, int argc, char **argv, int (*run)(ToolArgs *, Diag *, Progress *));
/* Takes the library's messages (anec_config_messages; ctx: the Diag), which are counted with
 * the tool's own, from which the exit code is. */
void tool_message(void *ctx, anec_severity severity, const char *text);
/* From now on the first SIGINT or SIGTERM is kept where this points, for work that ends when it
 * has come to a good place; the second ends the process at once. */
volatile sig_atomic_t *tool_catch_stop(void);

#endif
