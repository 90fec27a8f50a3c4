/* placing.h -- where a system would run the statements of a program, as it says itself. */
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

typedef struct {
    const Placing *at; /* in the program's order, constants left out */
    int n;
} Placings;

#endif
