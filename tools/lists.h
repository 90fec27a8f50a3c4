/* lists.h -- --list-ops, --list-targets, --list-passes: the tables as text. */
#ifndef ANEC_LISTS_H
#define ANEC_LISTS_H

#include "../base/base.h"

void list_ops(Buf *out);
void list_targets(Buf *out);
void list_targets_json(Buf *out); /* a list of objects */
void list_passes(Buf *out);

#endif
