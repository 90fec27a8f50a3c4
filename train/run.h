/* run.h -- a run at work: what open.c, tell.c and loop.c share. */
#ifndef ANEC_TRAIN_RUN_H
#define ANEC_TRAIN_RUN_H

#include "train.h"

typedef struct TrainSums TrainSums;
typedef struct TrainVoice TrainVoice;

typedef struct {
    TrainJob *job;
    Diag *diag;
    Arena arena;
    TrainFolder folder;
    const char *at;       /* where it is, of a run that is resumed */
    TrainCheckpoint from; /* that it was resumed from */
    bool resumed;
    TrainPrograms programs;
    TrainRule rule;
    TrainScale scale;
    TrainData data, eval;
    bool has_data, has_eval;
    TrainState state;
    uint64_t steps;           /* the run ends there */
    struct TrainRanks *ranks; /* processes that train together; NULL: this one alone */
    bool leads;               /* this one writes and tells what there is */
    TrainVoice *voice;
    TrainSums *sums;
    struct TrainServe *serve; /* a page that follows it, or NULL */
    bool stopping;            /* all of them end after this step */
    char *was_zero;           /* by weight: its gradient was all zeros */
    double started, compiled, norm, lr, end_loss, eval_loss, eval_metric;
    double ms_data, ms_run, ms_update;
    bool evaluated, ended, skipped;
} TrainRun;

/* A text at work (write.c). */
typedef struct {
    Diag *diag;
    Arena arena;
    TrainCheckpoint from;
    Mapped weights; /* of others */
    SafeTensors tensors;
    TrainVocab vocab;
    TrainWriter writer;
    const char **option;
    int noption;
    uint16_t *token;
    size_t n, read, room; /* tokens, those that the model has read, those that will be made */
    Buf text;
    size_t prompt, given; /* bytes of the prompt, and those that were given out */
    bool open, moved;
    uint64_t made;
    double seconds_prompt, seconds;
} TrainWriting;

static inline const TrainSetting *run_set(const TrainRun *r, int id)
{
    return &r->job->set.at[id];
}

/* open.c */
bool run_open(TrainRun *r);
/* Of a checkpoint's metadata: what the run and the library were told. */
const char *run_settings_json(TrainRun *r);
const char *run_options_json(TrainRun *r);

/* "x86_64 Linux 6.1.0", of the machine that this runs on. */
const char *run_machine(TrainRun *r);

/* The folder of the run, which may not be open. */
const char *run_folder(const TrainRun *r);

/* loop.c: a checkpoint of the run as it is. */
bool run_save(TrainRun *r, bool best);

/* several.c: before anything is said; after all was opened, or was not; at the end. */
void several_listen(TrainRun *r);
bool several_begin(TrainRun *r, bool ok);
void several_save(TrainRun *r);

/* sums.c: the gradients of a step, which may be of several batches, in each weight's grad, and the
 * sum of their losses. */
bool sums_open(TrainRun *r);
bool sums_make(TrainRun *r, double *loss);

/* samples.c: whether the run can write text where that is asked for; and a sample of it from the
 * checkpoint that was just written. */
bool samples_check(TrainRun *r);
bool run_sample(TrainRun *r);

/* page.c: a page that follows the run, where one is asked for; and its last word. */
bool run_show(TrainRun *r);
void run_show_end(TrainRun *r, bool ok);

/* tell.c */
double run_now(void); /* seconds */
void run_line(TrainRun *r, bool over, const char *fmt, ...) PRINTF(3, 4);
const char *run_loss_text(TrainRun *r, double v);
/* A part of what anec_fact says of the gradients' program, or "". */
const char *run_fact(const TrainRun *r, const char *part);
void run_say_start(TrainRun *r);
void run_say_step(TrainRun *r, uint64_t step, double ms);
void run_say_end(TrainRun *r);
bool run_log_step(TrainRun *r, uint64_t step, double ms);

/* page.c: loss.svg and, with `whole`, report.html from what log.csv has. */
bool run_put_pages(TrainRun *r, bool whole);

#endif
