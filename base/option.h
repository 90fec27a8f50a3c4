/* option.h -- options as rows of a table: what one is called, takes and means. The tools'
 * command lines, the library's anec_config_set and the settings of a run are such tables (.def
 * files of OPT rows), so that a kind, a choice or a "did you mean" is the same in all of them. */
#ifndef ANEC_OPTION_H
#define ANEC_OPTION_H

#include "base.h"

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

/* A row of a .def file: OPT(id, name, letter, kind, argument, choices, help). */
#define OPTION_ROW(id, n, l, k, a, c, h) \
    { .name = n, .letter = l, .kind = OPT_##k, .arg = a, .choices = c, .help = h },

/* The row of a name, of which len bytes are read, or of a letter; -1: none. */
int option_find(const Option *o, int n, const char *name, size_t len);
int option_find_letter(const Option *o, int n, char letter);
/* The name that was probably meant, or NULL; hidden ones are not told. */
const char *option_nearest(Arena *a, const Option *o, int n, const char *name, size_t len);

/* A number that fills all of the text. */
bool option_count(const char *text, uint64_t *out);
bool option_number(const char *text, double *out);
/* What is wrong with a value of an option that is spelled so: "--io takes ..", in a; NULL:
 * nothing. A value that is missing is not looked at. */
const char *option_wrong(Arena *a, const Option *o, const char *spelled, const char *text);

#endif
