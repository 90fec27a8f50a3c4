/* views.h -- what anec and anediff show: a program as a drawing for graphviz and as JSON, the
 * tables, the rules, and in what two programs differ. */
#ifndef ANEC_VIEWS_H
#define ANEC_VIEWS_H

#include "../lib/read.h"
#include "../lib/report.h"
#include "../ir/ir.h"
#include "../ir/targets/rules.h"

/* ---- a program for other programs -------------------------------------------------------- */

void graph_dot(Buf *out, const char *path, const Module *m);
void graph_json(Buf *out, const char *path, const Module *m);

/* A literal that is a parameter of its op rather than data: in memory, of few elements. */
enum { SMALL_LITERAL = 16 };
bool literal_is_small(const Const *c);

/* ---- its weights, for Python ------------------------------------------------------------- */

/* Writes the folder, as one thing: PATH.npy for each weight that an .anedsl declares, and
 * NAME.npy for each constant that lies in a weight file, or would. */
bool export_weights(const Model *model, Diag *d, const char *dir);

/* ---- what --compress made of them ---------------------------------------------------------- */

struct CompressPlan;
void compressed_list(Buf *out); /* the forms that there are */
void compressed_text(Buf *out, const struct CompressPlan *p);
void compressed_json(Buf *out, const struct CompressPlan *p);

/* ---- the tables as text ------------------------------------------------------------------ */

void list_ops(Buf *out);
void list_op(Buf *out, int kind); /* the line of one */
void list_targets(Buf *out);
void list_targets_json(Buf *out); /* a list of objects */
void list_passes(Buf *out);
/* names of an argument's kind, between blanks: RULE, PASS, [no-]NAME (rules, for -W) */
void list_words(Buf *out, const char *arg);

/* ---- the rules of the chips: text, JSON and Markdown ------------------------------------- */

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

/* ---- what anediff compares: two programs, or two folders of arrays ----------------------- */

/* A side of the comparison: a program and what to call it. */
typedef struct {
    const char *path;
    Module *module;
} DiffSide;

typedef enum { DIFF_SAME, DIFF_OTHER, DIFF_FAILED } DiffVerdict; /* FAILED: reported */

/* Walks both programs in step and describes the first thing that differs, with both places.
 * Weights are compared by their bytes, or by their reference where a file is absent; where they
 * lie is not compared. names: values and the attribute `name` may differ, if they do so
 * consistently. */
DiffVerdict diff_models(Buf *out, Diag *d, const DiffSide *a, const DiffSide *b,
                        bool ignore_names);

/* Compares the .npy files of two folders, in the order in which `order` computes their values
 * (NULL: alphabetically), and describes the first that differs. */
DiffVerdict diff_folders(Buf *out, Diag *d, const char *a, const char *b, const Module *order,
                         const Tolerance *tol);

#endif
