/* lower_number.h -- lists of numbers as steps over columns: what lower_number.c translates an
 * expression into, and lower_column.c computes.
 *
 * Steps work on a small stack. A column has one number for each element that is computed at a
 * time, all of one kind. */
#ifndef ANEC_LOWER_NUMBER_H
#define ANEC_LOWER_NUMBER_H

#include "lower.h"

enum {
    NUMBER_STEPS = 128,
    NUMBER_STACK = 16,
    NUMBER_NAMES = 4,
    NUMBER_CALLS = 8, /* functions in functions */
    NUMBER_BATCH = 256
};

typedef enum {
    DO_PUSH,
    DO_NAME,
    DO_CALL,
    DO_INT,
    DO_FLOAT,
    DO_NOT,
    DO_PICK,
    DO_CHOOSE,
    DO_BINARY
} DoKind;

typedef struct {
    DoKind kind;
    int token;           /* BINARY */
    int name;            /* NAME: which of the loop's; PICK: how many indices */
    double (*f)(double); /* CALL */
    Val value;           /* PUSH, PICK */
} NumberStep;

typedef struct {
    Lower *l;
    const Node *names;
    NumberStep step[NUMBER_STEPS];
    int count, depth;
} NumberSteps;

/* Numbers of one kind, INT, FLOAT or BOOL; truths are ints. */
typedef struct NumberColumn {
    ValKind kind;
    union {
        int64_t i[NUMBER_BATCH];
        double f[NUMBER_BATCH];
    } u;
} NumberColumn;

/* Sets element k, which has to be of the column's kind; the first says which that is. False: it
 * is of another. */
bool column_set(NumberColumn *c, int k, Val v);
Val column_at(const NumberColumn *c, int k);
/* Does all steps to n elements, with the loop's names in the columns `name`; the result is in the
 * first of `stack`. False: something is wrong, which the walk over the tree has the words for. */
bool number_compute(const NumberSteps *s, const NumberColumn *name, NumberColumn *stack,
                    int n);

#endif
