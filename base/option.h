/* option.h -- options as rows of a table: name, kind of value, choices, help. The command lines
 * of the tools, the library's anec_config_set and the settings of a training run are such
 * tables (.def files of OPT rows), so that values are checked, and slips answered with "did you
 * mean", in the same way everywhere. */
#ifndef ANEC_OPTION_H
#define ANEC_OPTION_H

#include "base.h"

typedef enum {
    OPT_FLAG,
    OPT_TEXT,   /* a text; given twice, the last one counts */
    OPT_MAYBE,  /* a text behind `=` that may be left out (it is NULL then) */
    OPT_LIST,   /* a text; given twice, both count */
    OPT_COUNT,  /* a whole number from 0 */
    OPT_NUMBER, /* a number from 0 */
    OPT_CHOICE, /* one of `choices` */
    OPT_HIDDEN  /* a flag that --help does not list */
} OptKind;

typedef struct {
    const char *name; /* without the dashes; NULL: the letter alone */
    char letter;      /* 0: none */
    OptKind kind;
    const char *arg;     /* what --help calls the argument; NULL for flags */
    const char *choices; /* CHOICE: "a|b|c" */
    const char *help;
} Option;

/* A row of a .def file: OPT(id, name, letter, kind, argument, choices, help). */
#define OPTION_ROW(id, n, l, k, a, c, h) \
    { .name = n, .letter = l, .kind = OPT_##k, .arg = a, .choices = c, .help = h },

/* The number of the row of a name (its first len bytes count), or of a letter; -1: none. */
int option_find(const Option *o, int n, const char *name, size_t len);
int option_find_letter(const Option *o, int n, char letter);
/* The name that was probably meant, or NULL. Hidden options are not suggested. */
const char *option_nearest(Arena *a, const Option *o, int n, const char *name,
                           size_t len);

/* Parses a number; false where the text has anything behind it. */
bool option_count(const char *text, uint64_t *out);
bool option_number(const char *text, double *out);
/* What is wrong with the value `text` of an option that the user spelled `spelled`: "--io takes
 * ..", in the arena; NULL where it is right. A missing value is right. */
const char *option_wrong(Arena *a, const Option *o, const char *spelled,
                         const char *text);

#endif
