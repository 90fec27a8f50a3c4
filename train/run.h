/* run.h -- a run at work: what open.c, tell.c and loop.c share, processes that train together,
 * and a page that follows it. */
#ifndef ANEC_TRAIN_RUN_H
#define ANEC_TRAIN_RUN_H

#include "train.h"

typedef struct TrainSums TrainSums;
typedef struct TrainVoice TrainVoice;
typedef struct TrainRanks TrainRanks;
typedef struct TrainServe TrainServe;

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
    uint64_t steps;    /* the run ends there */
    TrainRanks *ranks; /* processes that train together; NULL: this one alone */
    bool leads;        /* this one writes and tells what there is */
    TrainVoice *voice;
    TrainSums *sums;
    TrainServe *serve; /* a page that follows it, or NULL */
    bool stopping;     /* all of them end after this step */
    char *was_zero;    /* by weight: its gradient was all zeros */
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

/* sums.c: the gradients of a step, which may be of several batches, in each weight's grad, and
 * the sum of their losses. */
bool sums_open(TrainRun *r);
bool sums_make(TrainRun *r, double *loss);

/* samples.c: whether the run can write text where that is asked for; and a sample of it from
 * the checkpoint that was just written. */
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

/* ---- processes that train together (ranks.c) --------------------------------------------- */

/* As mpirun starts them; what goes between them.
 *
 * One thread of each process makes all calls of MPI: what is posted goes out or comes in while
 * the process computes, and the processes tell each other several times a second that they are
 * there. The library is Open MPI's, loaded where mpirun has started the process and nowhere
 * else. */

typedef struct RanksPost RanksPost;

/* *out is NULL where mpirun did not start this process. stop: not 0, the run is asked to end. */
bool ranks_open(TrainRanks **out, Diag *d, const volatile sig_atomic_t *stop);
/* well: all processes have come to their end, and part; else the others are told that this one
 * has failed. */
void ranks_close(TrainRanks *r, bool well);
int ranks_index(const TrainRanks *r);
int ranks_count(const TrainRanks *r);
/* The first of those that are there still, this one included. */
int ranks_first(TrainRanks *r);

/* Posts, which are taken up in their order between two processes where tags are equal; the
 * memory must stay until ranks_wait, which each of them needs. */
RanksPost *ranks_send(TrainRanks *r, int to, int tag, const void *p, size_t bytes);
RanksPost *ranks_get(TrainRanks *r, int from, int tag, void *p, size_t bytes);
/* False: a process is gone, and nothing more will come. */
bool ranks_wait(TrainRanks *r, RanksPost *post);
/* Sums over all processes, in the order of their numbers; v is the sum in each of them then. */
bool ranks_sum(TrainRanks *r, double *v, size_t n);
enum { RANKS_TAGS = 8 }; /* tags below it are its own */
/* What is known of the process that is gone; NULL: none is. */
const char *ranks_lost(TrainRanks *r);

/* ---- a page that follows a run, for browsers of this machine (serve.c) ------------------- */

/* Listens at 127.0.0.1 and there alone. port 0: one that is free. folder: of the run, whose
 * log.csv and samples.txt are shown; about: JSON, what the run is. */
bool serve_open(TrainServe **out, Diag *d, unsigned port, const char *folder,
                const char *about);
unsigned serve_port(const TrainServe *s);
/* A line to all pages that are open, under a name: "step", "sample", "end". s may be NULL. */
void serve_tell(TrainServe *s, const char *name, const char *line);
/* What was told goes out first, for a second at most. s may be NULL. */
void serve_close(TrainServe *s);

/* The page (live.html). */
extern const unsigned char live_text[];
extern const size_t live_size;

#endif
