/* save.h -- shared by the files that write a module into a folder: save.c writes the text and
 * makes all of it appear at once, save_weights.c the weight files. */
#ifndef ANEC_SAVE_H
#define ANEC_SAVE_H

#include "mil_text.h"
#include "spec.h"

/* A literal that leaves the text, and where it is in the new weight file. */
typedef struct {
    const Const *c;
    uint64_t offset;
} SavePlace;

typedef struct {
    Arena arena;
    Module *m;
    Diag *d;
    const char *path, *dir;
    MilWriter *write;
    SavePlace *place; /* literals that leave the text, sorted by address later */
    int nplace, place_cap;
    bool fresh; /* among them, some that no weight file holds yet */
    /* save_reference_stays, once per file */
    struct Asked {
        const WeightFile *file;
        bool stays;
    } * asked;
    int nasked, asked_cap;
    /* real paths of the folder's weight files that references stay with */
    const char **kept;
    int nkept, kept_cap;
    OutFile *copy;       /* weight files of another folder, copied whole */
    const char **copied; /* their paths */
    int ncopy;
    const char *weights; /* a new weight file, by its last name */
    bool aside;          /* which is not the usual one: that belongs to others */
    const char *made;    /* the folder of weights, where it was not there before */
    Beside *beside;      /* what changes with the text, or NULL */
} Save;

/* Weight files by their path below the folder. */
typedef struct {
    const char **at;
    int count, cap;
} SaveRels;

/* What the new weight file is called where that is free. */
extern const char save_usual[];

/* The path of a file of the folder. */
const char *save_in_folder(Save *s, const char *rel);
/* Whether the reference leads to the same file from the folder, or to none at all. */
bool save_reference_stays(Save *s, const Const *c);

/* Whether every file that a leaving reference needs can stand under its own name there. */
bool save_can_copy(Save *s);
/* Copies them, to files that wait for their commit; the references stay as they are. */
bool save_copy_files(Save *s);

/* Finds the offsets without writing anything. */
bool save_count_weights(Save *s, uint32_t *weights, uint64_t *bytes);
/* Writes all places to a file that waits for its commit; NULL: it failed, and was reported. */
BlobWriter *save_write_weights(Save *s);
/* The name for what was written, which no text of now refers to: until the new text is in
 * its place the old one finds its weights. NULL: failed. there: a file holds these bytes
 * already. */
const char *save_pick_name(Save *s, BlobWriter *b, bool *there);
/* Where a literal is in the new weight file: MilPlaces.find, whose ctx is the Save. */
bool save_find_place(const void *save, const Const *c, uint64_t *offset);

/* Adds the weight files of ours that a text refers to. */
void save_references(Save *s, const char *text, SaveRels *out);
/* Removes those of them that no text refers to. */
void save_remove_unused(Save *s, const SaveRels *n);
/* Removes what a run left that was killed between its weights and its text. */
void save_sweep(Save *s);

#endif
