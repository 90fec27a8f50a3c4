/* options.h -- an option table a tool: parsing, --help, usage errors, the man page are from
 * it.
 *
 * A row says how an option is written, what it takes and what it does; nothing else in a tool
 * knows these. Usage errors go to stderr and mean exit 2. */
#ifndef ANEC_OPTIONS_H
#define ANEC_OPTIONS_H

#include "../base/base.h"

typedef enum {
    OPT_FLAG,
    OPT_TEXT,   /* the last one given holds */
    OPT_MAYBE,  /* the same; its argument may be missing (text is NULL), and stands behind = */
    OPT_LIST,   /* may be repeated; all hold */
    OPT_COUNT,  /* a whole number from 0 */
    OPT_NUMBER, /* a number from 0 */
    OPT_CHOICE, /* one of `choices` */
    OPT_HIDDEN  /* a flag that --help leaves out */
} OptKind;

typedef struct {
    const char *name; /* without the dashes; NULL: the letter alone */
    char letter;      /* 0: none */
    OptKind kind;
    const char *arg;     /* what --help calls the argument; NULL for flags */
    const char *choices; /* CHOICE: "a|b|c" */
    const char *help;
} Option;

/* A row of a tool's .def file: OPT(id, name, letter, kind, argument, choices, help). */
#define OPTION_ROW(id, n, l, k, a, c, h)                                                       \
    { .name = n, .letter = l, .kind = OPT_##k, .arg = a, .choices = c, .help = h },

typedef struct {
    const char *command, *text;
} Example;

typedef struct {
    const char *name, *summary; /* "anec", "compiles .." */
    const char *operand;        /* "FILE"; NULL: none is taken */
    bool two;                   /* takes two operands; `operand` names both */
    /* paragraphs for --help and the man page, separated by "\n\n" */
    const char *about;
    const Option *option;
    int noption;
    const Example *example;
    int nexample;
} Tool;

typedef struct {
    int count;        /* how often it was given */
    const char *text; /* the last argument */
    const char **all; /* LIST: every one */
    uint64_t number;  /* COUNT */
    double real;      /* NUMBER */
} OptValue;

typedef struct {
    const Tool *tool;
    const char *program;        /* as it was started */
    OptValue *value;            /* by row */
    const char *operand;        /* NULL: none was given */
    const char *second;         /* of a tool that takes two */
    struct anec_config *config; /* what the library is told (main.c), or NULL */
    Arena arena;
} Args; /* args_free releases it; texts point into argv */

/* The rows of a Tool that are its two tables, `options` and `examples`. */
#define TOOL_TABLES                                                                            \
    .option = options, .noption = (int)COUNT(options), .example = examples,                    \
    .nexample = (int)COUNT(examples)

bool args_parse(Args *a, const Tool *t, int argc, char **argv); /* false: exit 2, all said */
void args_free(Args *a);
/* Reports wrong usage to stderr as "anec: ..", with a line that points at --help; always
 * false. */
bool usage_error(const Tool *t, const char *fmt, ...) PRINTF(2, 3);
/* Reads a whole number from 0 that fills all of `text`. */
bool parse_count(const char *text, uint64_t *out);

void tool_help(const Tool *t, Buf *out);
void tool_man(const Tool *t, Buf *out);

#endif
