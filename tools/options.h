/* options.h -- an option table a tool: parsing, --help, usage errors, the man page are from
 * it.
 *
 * A row says how an option is written, what it takes and what it does; nothing else in a tool
 * knows these. Usage errors go to stderr and mean exit 2. */
#ifndef ANEC_OPTIONS_H
#define ANEC_OPTIONS_H

#include "../base/option.h"

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
#define TOOL_TABLES                                                                            \
    .option = options, .noption = (int)COUNT(options), .example = examples,                    \
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

#endif
