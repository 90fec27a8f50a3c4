/* promote.h -- weights as inputs. */
#ifndef ANEC_PASSES_PROMOTE_H
#define ANEC_PASSES_PROMOTE_H

#include "../ops/ops.h"

/* A statement's result in a form that takes computed values where its op wants constants: products
 * and sums outside of it. arg may say anything that build_op takes. NULL: it has no such form, or
 * all such arguments are constants, or an error was reported. */
Value *promoted_form(Builder *b, const char *wish, int kind, const BuildArg *arg, int narg);
/* Float constants of more than one element of m's main function become inputs of it, under their
 * names: all that may (names NULL), or those that a list of names, in which * stands for any
 * characters, has. False: reported. */
bool promote_module(Module *m, const char *names, Diag *d);
/* Whether a name is as one of "a,blocks.*.wq". */
bool promote_listed(const char *names, const char *name);

#endif
