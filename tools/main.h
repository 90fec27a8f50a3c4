/* main.h -- what all tools share: options, exit codes, messages and progress on stderr. */
#ifndef ANEC_MAIN_H
#define ANEC_MAIN_H

#include "../include/anec.h"
#include "options.h"

#include <signal.h>

enum { EXIT_DONE, EXIT_WRONG, EXIT_USAGE, EXIT_WORLD };

/* The rows of common.def are the last of every tool's table. */
enum {
#define OPT(id, ...) COM_##id,
#include "common.def"
    COM_COUNT
};
static inline const OptValue *common(const ToolArgs *a, int id)
{
    return &a->value[a->tool->noption - COM_COUNT + id];
}

/* A line on the terminal about work that takes long; nothing where stderr is none. */
typedef struct {
    bool on;    /* stderr is a terminal, and nobody asked for quiet */
    bool drawn; /* the line is there now */
    double due; /* when it may be drawn again; 0: the clock has not started */
} Progress;

void progress_start(Progress *p, bool quiet);
void progress_count(Progress *p, const char *what, uint64_t done, uint64_t all); /* a bar */
void progress_file(void *progress, const char *path, uint64_t written);          /* a Diag's */
void progress_clear(Progress *p); /* before anything else is written there */

/* What every tool's main is: parses, answers --help and its like, hands the library's options
 * to args.config, and calls run with messages going to stderr; run does the work, clears the
 * progress before it prints, and gives the exit code. Output that could not be written is the
 * world's failure, whatever else went well. */
int tool_main(const Tool *t, int argc, char **argv, int (*run)(ToolArgs *, Diag *, Progress *));
/* Takes the library's messages (anec_config_messages; ctx: the Diag), which are counted with the
 * tool's own, from which the exit code is. */
void tool_message(void *ctx, anec_severity severity, const char *text);
/* From now on the first SIGINT or SIGTERM is kept where this points, for work that ends when it has
 * come to a good place; the second ends the process at once. */
volatile sig_atomic_t *tool_catch_stop(void);

#endif
