/* views.h -- the output of anec and anediff: a program for Graphviz and as JSON, the tables, the
 * rules, and differences between two programs. */
#ifndef ANEC_VIEWS_H
#define ANEC_VIEWS_H

#include "../lib/read.h"
#include "../lib/report.h"
#include "../ir/ir.h"
#include "../ir/passes/passes.h"
#include "../ir/targets/rules.h"

/* ---- a program for other programs -------------------------------------------------------- */

void graph_dot(Buf *out, const char *path, const Module *m);
void graph_json(Buf *out, const char *path, const Module *m);

/* Whether a literal is a parameter rather than data: in memory, and of few elements. */
enum { SMALL_LITERAL = 16 };
bool literal_is_small(const Const *c);

/* ---- layers that operations belong to, by names (frames.c) -------------------------------- */

enum { FRAMES_DEPTH = 12 };

/* The layers that an op is of, each by where it ends in a name below it, the outermost first. */
typedef struct {
    const char *name;
    int count;
    size_t end[FRAMES_DEPTH];
} FramesAt;

typedef struct {
    Arena arena;
    Names names;  /* of the layers: blocks, blocks_0, blocks_0_attn */
    PtrMap ops;   /* by name: how many operations are below it */
    FramesAt *at; /* of each op of the function's body, in order */
} Frames;

void frames_find(Frames *l, const Func *f); /* then frames_free */
void frames_free(Frames *l);
int frames_same(const FramesAt *a, const FramesAt *b); /* how many they have in common */
/* Its own word, or words: 0 of blocks_0 in blocks. It lives as long as the frames. */
const char *frames_label(Frames *l, const FramesAt *at, int depth);

struct CoreWeight;

/* ---- weights as .npy files, for Python --------------------------------------------------- */

/* Writes a folder, whole or not at all: PATH.npy for each weight that an .anedsl declares, and
 * NAME.npy for each constant that is in a weight file or will be. */
bool export_weights(const Model *model, Diag *d, const char *dir);
/* The same of the weights of a Python program for Core AI. */
bool export_core_weights(const Model *model, Diag *d, const char *dir,
                         const struct CoreWeight *w, size_t n);

/* ---- --compress: the forms, and the report ----------------------------------------------- */

struct CompressPlan;
void compressed_list(Buf *out); /* all compressed forms */
void compressed_text(Buf *out, const struct CompressPlan *p);
void compressed_json(Buf *out, const struct CompressPlan *p);

/* ---- where each op would run, and what it costs (placed.c, placed_page.c, placed_graph.c) ----------------- */

void placed_text(Buf *out, const char *path, const Module *m, const RuleSet *rs, Diag *d);
void placed_json(Buf *out, const char *path, const Module *m, const RuleSet *rs, Diag *d);
void placed_page(Buf *out, const char *path, const Module *m, const RuleSet *rs, Diag *d);
const char *placed_side(bool engine);
const char *placed_value(const PlacedOp *o); /* the name of its first result, or "" */
/* Why it runs on the processor, in a word: the rule's name, or "by cost"; and in a sentence. NULL and
 * "": it is the engine's. */
const char *placed_word(const PlacedOp *o);
const char *placed_reason(Arena *a, const PlacedOp *o);
const char *placed_about(Arena *a, CostUs us);          /* about 733 us (653 to 840) */
const char *placed_hint(Arena *a, const Placement *at); /* NULL: there is none */
/* The page in pieces. */
void page_begin(Buf *out, const char *path, const Target *t);
void page_func(Buf *out, const Func *f, const Placement *at);
void page_end(Buf *out, const Module *m, const Target *t);
void placed_graph(Buf *out, const Func *f,
                  const Placement *at); /* a picture with arrows */

/* ---- the tables as text ------------------------------------------------------------------ */

void list_ops(Buf *out);
void list_op(Buf *out, int kind); /* the line of one op */
void list_targets(Buf *out);
void list_targets_json(Buf *out); /* a list of objects */
void list_passes(Buf *out);
/* For Tool.words: names of rules, passes, and rules for -W, for RULE, PASS and [no-]NAME. */
void list_words(Buf *out, const char *arg);

/* ---- the rules of the chips: text, JSON and Markdown ------------------------------------- */

/* Lists all rules, one a line; where rs has a target, those that are known there. */
void rules_list(Buf *out, const RuleSet *rs, bool json);
/* Explains the rules with a name or finding, or an operation; false: there is none. */
bool rules_explain(Buf *out, const RuleSet *rs, const char *what, bool json);
/* The name of a rule that was probably meant, or NULL. */
const char *rules_nearest(const char *what);
/* Adds an object for each broken rule to an array. Errors are counted in d and not printed. */
struct cJSON;
void rules_check_json(struct cJSON *all, Diag *d, Module *m, const RuleSet *rs);
/* Writes the standing of a fact as a letter for each chip that has an engine of its own. */
void rules_letters(Buf *out, const ChipFacts *f);
void rules_markdown(Buf *out); /* docs/targets.md */

/* ---- anediff: differences between two programs, or two folders of arrays ----------------- */

/* A program, and the name that output has for it. */
typedef struct {
    const char *path;
    Module *module;
} DiffSide;

/* DIFF_FAILED: an error was reported. */
typedef enum { DIFF_SAME, DIFF_OTHER, DIFF_FAILED } DiffVerdict;

/* Walks both programs in step and describes the first difference, with both places. Weights
 * are compared by their bytes, wherever they are; where a file is absent by their reference.
 * ignore_names: names of values and the attribute `name` may differ, if they do so
 * consistently. */
DiffVerdict diff_models(Buf *out, Diag *d, const DiffSide *a, const DiffSide *b,
                        bool ignore_names);

/* Compares the .npy files of two folders and describes the first that differs, in the order
 * in which the program `order` computes the values (NULL: in alphabetical order). */
DiffVerdict diff_folders(Buf *out, Diag *d, const char *a, const char *b,
                         const Module *order, const Tolerance *tol);

#endif
