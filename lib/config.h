/* config.h -- options as include/options.def has them, for the library and for the compiler's
 * tools. */
#ifndef ANEC_CONFIG_H
#define ANEC_CONFIG_H

#include "../base/base.h"
#include "../include/anec.h"

#include <stdatomic.h>

enum {
#define ONLY_OF_LIBRARY
#define OPT(id, ...) CONFIG_##id,
#include "../include/options.def"
#undef OPT
#undef ONLY_OF_LIBRARY
    CONFIG_COUNT
};

typedef struct {
    int count;        /* how often it was given */
    const char *text; /* the last value, or NULL */
    const char **all; /* of a LIST: every one */
} Setting;

struct anec_config {
    atomic_int refs; /* its owner's, and the devices' that have it */
    bool given_up;   /* by its owner */
    Arena arena;     /* texts are copies */
    Setting value[CONFIG_COUNT];
    uint64_t off, promoted;    /* a Diag's, as the -W words have them */
    uint64_t asked;            /* those that a word has turned on */
    const char *const *helper; /* the caller's */
    anec_message message;
    void *message_ctx;
    anec_written written;
    void *written_ctx;
    anec_stage stage;
    void *stage_ctx;
    anec_phase phase;
    void *phase_ctx;
};

/* The row of a name ("target") or a letter ("W"); -1: none. */
int config_find(const char *name);
/* NULL, or what is wrong with the value, in the config's arena. Names of chips and files are
 * looked at when they are used. */
const char *config_set(anec_config *c, int row, const char *value);
static inline const Setting *config_get(const anec_config *c, int row)
{
    return &c->value[row];
}

#endif
