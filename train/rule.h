/* rule.h -- what updates weights: settings of a run, weights with their gradients and states, rules
 * (optimizers), the loss scale. train.h includes it. */
#ifndef ANEC_TRAIN_RULE_H
#define ANEC_TRAIN_RULE_H

#include "../base/base.h"
#include "../include/anec.h"

/* ---- settings ---------------------------------------------------------------------------- */

enum {
#define SET(id, ...) SET_##id,
#include "settings.def"
    SET_COUNT
};

typedef struct {
    const char *text; /* as given, or the default; NULL: there is neither */
    bool given;       /* it was given on the command line */
    uint64_t count;
    double real;
} TrainSetting;

typedef struct {
    TrainSetting at[SET_COUNT];
} TrainSettings;

extern const char *const train_setting_names[SET_COUNT];
void settings_init(TrainSettings *s);
/* Sets one; text must outlive s. False: it does not take this value. */
bool settings_put(TrainSettings *s, int id, const char *text);
/* Checks what the steps compute with against its bounds; false: an error was reported. */
bool settings_check(const TrainSettings *s, Diag *d);
/* The learning rate of a step, of `steps` in all. */
double schedule_lr(const TrainSettings *s, uint64_t step, uint64_t steps);

/* ---- weights ----------------------------------------------------------------------------- */

enum { MAX_STATES = 8 };

typedef struct TrainUpdate TrainUpdate;

typedef struct {
    const char *path, *input, *gradient;
    int rank;
    int64_t shape[ANEC_MAX_RANK];
    size_t count;
    /* the weight in fp32, its gradient, and its states (moments). At first in memory of the
     * run's, after an update they are results of `own` */
    float *master, *grad, *state[MAX_STATES];
    bool frozen; /* it is not trained, and has neither gradient nor states */
    int part;    /* of the step that makes its gradient; -1: the step is one program */
    float *room; /* memory for a gradient that is no result in fp32, or has to be kept */
    anec_kernel *own; /* an instance of the program that updates weights of its shape */
    /* in place of that, where updates are the engine's: its program and the processor's */
    TrainUpdate *half, *whole;
} TrainParam;

/* ---- rules: optimizers ------------------------------------------------------------------- */

enum { RULE_NUMBERS = 5 };

struct TrainUpdate { /* the program that updates weights of one shape */
    TrainUpdate *next;
    int rank;
    int64_t shape[ANEC_MAX_RANK];
    bool decays, half; /* half: it is in fp16, for the engine */
    anec_model *model;
    anec_kernel *kernel; /* its instances are TrainParam.own */
};

typedef struct {
    Diag *diag;
    Arena arena;
    anec_device *host;
    anec_device *engine; /* that updates are on, or NULL */
    bool low;            /* it was told that a rate is too small for fp16 */
    const TrainSettings *set;
    const char *name, *file,
        *function; /* file, function: where the user has written it */
    int states, kind;
    TrainUpdate *first;
    int programs;
    /* inputs of the update, which all instances are bound to: lr, c1, c2, scale, step */
    float number[RULE_NUMBERS];
} TrainRule;

/* The numbers of an update. */
typedef struct {
    float lr, correct1, correct2, factor, step;
} TrainStep;

/* Whether the optimizer divides by the size of gradients (Adam and its kin), so that very
 * small ones matter. */
bool rule_divides(const TrainSettings *s);
bool rule_has_eps(const TrainSettings *s); /* whether it takes --eps */
bool rule_open(TrainRule *r, Diag *d, anec_device *host, const TrainSettings *s);
/* The program for a weight's shape, compiled unless it was. why: receives what refused it, and
 * nothing is reported; NULL: it is. */
TrainUpdate *update_program(TrainRule *r, const TrainParam *p, bool half,
                            const char **why);
void rule_close(TrainRule *r);
/* Compiles the update of a weight, unless that was done for its shape, and wires its
 * results, weight and states, to its own inputs for the next run. r must not be moved
 * afterwards. */
bool rule_prepare(TrainRule *r, TrainParam *p);
void rule_release(TrainParam *p);
bool rule_update(TrainRule *r, TrainParam *p, const TrainStep *h);
TrainStep rule_step(const TrainRule *r, double lr, uint64_t t, double factor);
/* The names of a state and of what becomes of it; -1 is the weight. */
void update_names(int state, char in[16], char out[24]);
/* Where one is kept. */
float **update_part(TrainParam *p, int state);
bool update_misshapen(TrainRule *r, const TrainParam *p, const char *result);
bool update_said(TrainRule *r, anec_status s, const anec_error *e);
extern const char *const update_scalars[RULE_NUMBERS];

/* rule_engine.c: updates on the engine, in fp16. What divides by the size of gradients gets
 * these, and its eps, times ENGINE_LIFT, as do its states: a second moment is times 2^20. */
#define ENGINE_LIFT 0x1p10
#define ENGINE_EPS 1e-4
#define ENGINE_RATE 0x1p-14 /* smaller numbers are 0 on some engines */
bool engine_prepare(TrainRule *r, TrainParam *p);
bool engine_update(TrainRule *r, TrainParam *p, const TrainStep *h);

/* ---- loss scale -------------------------------------------------------------------------- */

typedef struct {
    bool dynamic, on;
    double value;
    uint64_t good, skipped, in_a_row;
} TrainScale;

bool scale_open(TrainScale *s, Diag *d, const char *text, bool half);
/* Adjusts the scale after a step. It falls where gradients were not finite, and rises where
 * they were small, since otherwise rising would gain nothing and risk overflow. False: it
 * cannot fall any more. */
bool scale_after(TrainScale *s, bool finite, bool small);
/* Whether the elements of some weight's gradient, as the device gave them, are so small in
 * the mean square that fp16 may lose many of them. */
bool scale_small(const TrainParam *p, int n);
/* The first whose gradient, as the device gave it, has an element at the end of fp16: some ops
 * hold there what is larger. NULL: none. */
const TrainParam *scale_saturated(const TrainParam *p, int n);
/* The norm of all gradients; *bad is the first weight with an element that is not finite, or
 * NULL. */
double scale_norm(const TrainParam *p, int n, const TrainParam **bad);

#endif
