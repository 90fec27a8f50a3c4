/* flat_make.h -- a FlatPlan while it is made, for those who make its steps: flat.c calls, flat_block.c
 * blocks and states. */
#ifndef ANEC_FLAT_MAKE_H
#define ANEC_FLAT_MAKE_H

#include "flat.h"

typedef struct {
    FlatPlan *p;
    const Func *f;
    Diag quiet; /* what cannot be lowered is said by the run that walks it */
    int now;    /* the number of the statement at work, those in blocks counted along */
    int nstep, cap;
    int settled; /* steps before this one are no more open */
    Arena scratch;
} Make;

/* All statements of a block. False: there is something that no plan can have. */
bool make_block(Make *m, const Steps *b);
/* Statement i of b, where it is no call; its number is m->now. */
typedef bool MakeFn(Make *m, const Steps *b, int i);
extern MakeFn *const make_others[OP_COUNT];

/* A new step, of statement s. */
FlatStep *make_step(Make *m, const Step *s);
/* A literal's value is known from here on. */
bool make_literal(Make *m, int slot);
/* The slot is memory of the plan; maker: the step whose elementwise program makes it, or -1. */
void make_out(Make *m, int slot, const Type *t, int maker);
/* What reads a value that an open step makes ends that step, unless it is `but`, which s joins. */
void make_close(Make *m, const Step *s, int but);
/* Ends all steps: what follows runs at another time. */
void make_settle(Make *m);

#endif
