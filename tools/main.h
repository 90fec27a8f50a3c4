/* main.h -- shared by all tools: options, exit codes, messages and progress on stderr.
 *
 * A row of an option table tells how an option is written, what value it takes and what it
 * does. Parsing, --help, the man page, completion and messages about wrong usage are all
 * made from it. Wrong usage is reported on stderr, with exit code 2. */
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
    const char *operand;        /* "FILE"; NULL: it takes none */
    bool two;                   /* it takes two operands; `operand` names both */
    bool many;                  /* it takes any number of operands */
    /* paragraphs for --help and the man page, separated by "\n\n" */
    const char *about;
    /* for --completion: writes the possible values, separated by blanks, of an argument with
     * this name (RULE); NULL: the tool has none */
    void (*words)(Buf *out, const char *arg);
    const Option *option;
    int noption;
    const Example *example;
    int nexample;
    /* for --version: the name of something that a machine may lack, or NULL; whether it is
     * there */
    const char *part;
    bool (*has_part)(void);
    /* a subcommand, named by the first operand: "anec lint" of anec; or NULL */
    const Tool *sub;
    const Tool *whole; /* of a subcommand: its tool, whose script --completion prints */
};

typedef struct {
    int count;        /* how often it was given */
    const char *text; /* the last value */
    const char **all; /* of a LIST: all values */
    uint64_t number;  /* of a COUNT */
    double real;      /* of a NUMBER */
} OptValue;

typedef struct {
    const Tool *tool;
    const char *program;   /* as it was started */
    OptValue *value;       /* by row */
    const char *operand;   /* NULL: none was given */
    const char *second;    /* of a tool that takes two operands */
    const char **operands; /* of a tool that takes many */
    int noperand;
    struct anec_config *config; /* options of the library (main.c), or NULL */
    Arena arena;
} ToolArgs; /* args_free releases it; texts point into argv */

/* The rows of a Tool that are its two tables, `options` and `examples`. */
#define TOOL_TABLES \
    .option = options, .noption = (int)COUNT(options), .example = examples, \
    .nexample = (int)COUNT(examples)

/* False: wrong usage, which was reported; the exit code is 2. */
bool args_parse(ToolArgs *a, const Tool *t, int argc, char **argv);
void args_free(ToolArgs *a);
/* Reports wrong usage on stderr as "anec: ..", with a line about --help; always false. */
bool usage_error(const Tool *t, const char *fmt, ...) PRINTF(2, 3);

void tool_help(const Tool *t, Buf *out);
void tool_man(const Tool *t, Buf *out);
/* The script for a shell: bash, zsh or fish. */
void tool_completion(const Tool *t, const char *shell, Buf *out);

/* ---- main, exit codes, progress (main.c) ------------------------------------------------- */

enum { EXIT_DONE, EXIT_WRONG, EXIT_USAGE, EXIT_WORLD };

/* The rows of common.def are the last ones in every tool's table. */
enum {
#define OPT(id, ...) COM_##id,
#include "common.def"
    COM_COUNT
};
static inline const OptValue *common(const ToolArgs *a, int id)
{
    return &a->value[a->tool->noption - COM_COUNT + id];
}

/* A line on the terminal about work that takes long; none where stderr is no terminal. */
typedef struct {
    bool on;    /* stderr is a terminal, and not --quiet */
    bool drawn; /* the line is on the terminal now */
    double due; /* when it may be drawn again; 0: the clock has not started */
} Progress;

void progress_start(Progress *p, bool quiet);
/* a bar */
void progress_count(Progress *p, const char *what, uint64_t done, uint64_t all);
/* for Diag.progress */
void progress_file(void *progress, const char *path, uint64_t written);
/* to be called before anything else is written to stderr */
void progress_clear(Progress *p);

/* The main function of every tool: parses the command line, answers --help and the like,
 * puts options of the library into args.config, and calls run, with messages going to
 * stderr. run does the work, clears the progress before it prints, and returns the exit
 * code. Output that cannot be written is exit code 3 in any case. */
int tool_main(const Tool *t, int argc, char **argv,
              int (*run)(ToolArgs *, Diag *, Progress *));
/* An anec_message whose ctx is the tool's Diag: counts messages of the library for the exit
 * code. */
void tool_message(void *ctx, anec_severity severity, const char *text);
/* After this the first SIGINT or SIGTERM is stored where the result points, so that work can
 * end at a good place; the second one ends the process at once. */
volatile sig_atomic_t *tool_catch_stop(void);

#endif
