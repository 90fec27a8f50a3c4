/* rules_view.h -- the rules of the chips as text, JSON and Markdown. */
#ifndef ANEC_RULES_VIEW_H
#define ANEC_RULES_VIEW_H

#include "../ir/targets/rules.h"

/* Every rule a line, or those that stand for the target of rs. */
void rules_list(Buf *out, const RuleSet *rs, bool json);
/* The rules of a name or finding, or what is known of an operation; false: there is none. */
bool rules_explain(Buf *out, const RuleSet *rs, const char *what, bool json);
/* a rule's name that was probably meant, or NULL */
const char *rules_nearest(const char *what);
/* What a program breaks, each an object in an array; errors count in d without being printed. */
struct cJSON;
void rules_check_json(struct cJSON *all, Diag *d, Module *m, const RuleSet *rs);
/* A letter for each chip that has an engine of its own. */
void rules_letters(Buf *out, const ChipFacts *f);
void rules_markdown(Buf *out); /* docs/targets.md */

#endif
