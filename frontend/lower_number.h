/* lower_number.h -- an expression of numbers as steps on a stack of columns: what
 * lower_number.c translates, and lower_column.c and lower_loop.c compute.
 *
 * A column has the values that an expression has for many elements of a loop at a time. What
 * goes wrong for an element, an index outside a list for instance, is POISON there, and goes on
 * as such until somebody looks: `and`, `or` and a choice do not look at what they do not take,
 * as the walk of the tree does not evaluate it. POISON in a result leaves the list to the walk,
 * which finds the same error, and has the message. */
#ifndef ANEC_LOWER_NUMBER_H
#define ANEC_LOWER_NUMBER_H

#include "lower.h"

#include <string.h>

enum {
    NUMBER_STEPS = 128,
    NUMBER_STACK = 32,
    NUMBER_NAMES = 4, /* of a loop */
    NUMBER_BATCH = 256
};

/* What a step takes is on top of the stack, the first lowest; its result is there then. */
typedef enum {
    DO_PUSH, /* `value` */
    DO_NAME, /* what the loop's name `n` stands for */
    DO_COPY, /* the column `n` of the stack again */
    DO_DROP, /* the top without `n` columns below it */
    DO_KIND, /* the top, which must be of the kind of `value` */
    DO_MATH, /* what the op `math` makes of its numbers */
    DO_CALL, /* what the built-in function makes of `n` values; of a list's elements by `token` */
    DO_INT,    /* int(x) */
    DO_FLOAT,  /* float(x) */
    DO_LEAST,  /* min of two values */
    DO_MOST,   /* max of two values */
    DO_NOT,    /* not x */
    DO_MINUS,  /* -x */
    DO_PICK,   /* a list, an index: the list's element */
    DO_LIST,   /* `n` values: a list of them */
    DO_CHOOSE, /* a truth, two values: the first where it holds, else the second */
    DO_BINARY, /* two values: with the operator `token` between them */
} DoKind;

typedef struct {
    DoKind kind;
    int token, n;
    const NumberFunction *math;
    const Builtin *call;
    Val value;
} NumberStep;

typedef struct {
    NumberStep step[NUMBER_STEPS];
    int count, depth;
} NumberSteps;

/* Values of many elements. */
typedef struct NumberColumn {
    ValKind kind; /* of all; when `mixed`, each has its own */
    bool mixed;
    uint8_t own[NUMBER_BATCH];
    union {
        int64_t i[NUMBER_BATCH]; /* INT, BOOL; the bytes of a LIST, a STRING */
        double f[NUMBER_BATCH];
    } u;
} NumberColumn;

/* ---- one column -------------------------------------------------------------------------- */

static inline bool column_is(const NumberColumn *c, ValKind kind)
{
    return !c->mixed && c->kind == kind;
}

static inline bool column_is_number(const NumberColumn *c)
{
    return column_is(c, V_INT) || column_is(c, V_FLOAT);
}
/* Sets element k; column_settle has to follow when all are set. False: a column has no such
 * values. */
static inline bool column_put(NumberColumn *c, int k, Val v)
{
    c->own[k] = (uint8_t)v.kind;
    switch (v.kind) {
    case V_FLOAT:
        c->u.f[k] = v.u.f;
        return true;
    case V_BOOL:
        c->u.i[k] = v.u.b;
        return true;
    case V_INT:
        c->u.i[k] = v.u.i;
        return true;
    case V_LIST:
    case V_STRING:
        memcpy(&c->u.i[k], &v.u, sizeof v.u);
        return true;
    default:
        return v.kind == V_NONE || v.kind == V_POISON;
    }
}
/* Whether the elements, each of a kind of its own, are of one. */
void column_settle(NumberColumn *c, int n);
void column_copy(NumberColumn *to, const NumberColumn *from, int n);
/* Numbers as floats. False: some are no numbers. */
bool column_float(NumberColumn *c, int n);

/* ---- steps ------------------------------------------------------------------------------- */

/* Does a step to n elements of the columns from `a` on, and returns whether it did: the result is
 * in `a` then. `to` is a column that nobody needs. */
bool step_loop(Lower *l, const NumberStep *s, NumberColumn *a, NumberColumn *to, int n);
/* list[at]; POISON: there is no such element. */
Val val_pick(Val list, Val at);
/* n ints from `from` on. */
void column_count(NumberColumn *c, int64_t from, int n);
/* n values, of which there is one at least. False: a column has no such values. */
bool column_read(NumberColumn *c, const Val *v, int n);
/* The values of n elements. False: something is wrong with one. */
bool column_write(const NumberColumn *c, Val *v, int n);
/* What the steps make of n elements, into the first column of the stack, which has one more
 * than NUMBER_STACK. */
void columns_compute(Lower *l, const NumberSteps *s, const NumberColumn *name,
                     NumberColumn *stack, int n);

#endif
