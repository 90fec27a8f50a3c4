/* graph.h -- a program for other programs: as a drawing for graphviz, and as JSON. */
#ifndef ANEC_GRAPH_H
#define ANEC_GRAPH_H

#include "../ir/ir.h"

void graph_dot(Buf *out, const char *path, const Module *m);
void graph_json(Buf *out, const char *path, const Module *m);

/* A literal that is a parameter of its op rather than data: in memory, of few elements. */
enum { SMALL_LITERAL = 16 };
bool literal_is_small(const Const *c);

#endif
