/* mutant.h -- what mutated sources ask: is mutant n the one at work? It is included before each
 * of them (gcc -include). Which ones were asked for is noted in the file that MUTANT_SEEN
 * names. */
#ifndef ANEC_MUTANT_H
#define ANEC_MUTANT_H

extern unsigned mutant_on;         /* the environment's MUTANT; 0: none */
extern unsigned char *mutant_seen; /* a byte for each */

static inline int mutant(unsigned n)
{
    mutant_seen[n] = 1;
    return n == mutant_on;
}

/* The same, of one that makes a difference only where `differs`. */
static inline int mutant_if(unsigned n, int differs)
{
    if (differs) mutant_seen[n] = 1;
    return n == mutant_on;
}

#endif
