/* placing.h -- where a system would run the statements of a program, as it says itself; and the
 * steps that a backend of ours makes of them. */
#ifndef ANEC_PLACING_H
#define ANEC_PLACING_H

/* All texts live where the list does. */
typedef struct {
    const char *op, *name; /* "conv"; its first result, or "" */
    const char *prefers;   /* "engine", "gpu", "processor", "another device"; NULL: not said */
    const char *can[4];    /* what could run it */
    int ncan, depth;       /* depth: how many blocks are around it */
    double cost;           /* its part of the whole run, 0 to 1; NaN: not said */
} Placing;

/* What the processor does at once. */
typedef struct {
    const char *how;    /* "gemm, packed weights"; "reference": the op's own meaning */
    const char *name;   /* the first result of the last statement in it, or "" */
    const char *ops;    /* the statements in it: "linear relu" */
    double bytes, flop; /* of values that it reads and writes; two for each multiply-add */
} PlanStep;

typedef struct {
    const Placing *at; /* in the program's order, constants left out */
    int n;
    /* in their place: of a backend that has steps, */
    const PlanStep *step;
    int nstep;
    const char *kernels;  /* with these: "avx512"; NULL: there are no steps */
    size_t arena, packed; /* bytes of values at once, and of weights in the kernels' order */
    const char *why;      /* of no steps, a backend's that has such: the reason; or NULL */
} Placings;

#endif
