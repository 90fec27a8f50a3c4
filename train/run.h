/* run.h -- a run of training while it is under way; for train/ alone. Also processes that train
 * together, and the page that follows a run. */
#ifndef ANEC_TRAIN_RUN_H
#define ANEC_TRAIN_RUN_H

#include "train.h"

typedef struct TrainSums TrainSums;
typedef struct TrainVoice TrainVoice;
typedef struct TrainRanks TrainRanks;
typedef struct TrainServe TrainServe;
typedef struct TrainKeeper TrainKeeper;

/* What steps took, in milliseconds, without evaluations and checkpoints. */
typedef struct {
    uint64_t steps;
    double all, least, data, run, update;
} TrainTimes;

typedef struct {
    TrainJob *job;
    Diag *diag;
    Arena arena;
    TrainFolder folder;
    const char *at;       /* the path of the checkpoint, */
    TrainCheckpoint from; /* and the checkpoint, that it was resumed from */
    bool resumed;
    TrainPrograms programs;
    TrainRule rule;
    TrainScale scale;
    TrainData data, eval;
    bool has_data, has_eval;
    TrainState state;
    uint64_t steps;    /* the step at which the run ends */
    TrainRanks *ranks; /* processes that train together; NULL: this is the only one */
    bool leads;        /* this process writes files and messages */
    TrainVoice *voice;
    TrainKeeper *keeper; /* of the last whole step, where there are several */
    TrainSums *sums;
    TrainServe *serve; /* the page that follows it, or NULL */
    bool stopping;     /* all processes end after this step */
    char *was_zero;    /* by weight: its gradient was all zeros */
    double started, compiled, norm, lr, end_loss, eval_loss, eval_metric;
    double ms_data, ms_run, ms_update;
    TrainTimes times;
    bool evaluated, ended, skipped;
    bool described; /* the state has what is the same for all of the run */
} TrainRun;

/* A text while it is written (write.c). */
typedef struct {
    Diag *diag;
    Arena arena;
    TrainCheckpoint from;
    Mapped weights; /* a weight file that is no checkpoint */
    SafeTensors tensors;
    TrainVocab vocab;
    TrainWriter writer;
    const char **option;
    int noption;
    uint16_t *token;
    size_t n, read,
        room; /* tokens so far, those that the model has read, tokens in the end */
    Buf text;
    size_t prompt, given; /* bytes of the prompt, and bytes handed to `put` */
    bool open, moved;
    uint64_t made;
    double seconds_prompt, seconds;
} TrainWriting;

static inline const TrainSetting *run_set(const TrainRun *r, int id)
{
    return &r->job->set.at[id];
}

/* Whether the command keeps what it does. */
static inline bool run_keeps(const TrainRun *r) { return !r->job->dry && !r->job->bench; }

/* open.c */
bool run_open(TrainRun *r);

/* kept.c: the settings of the run, and the options of the library, for the metadata of a
 * checkpoint; and config.json of the run's folder. */
const char *run_settings_json(TrainRun *r);
const char *run_options_json(TrainRun *r);
bool run_put_config(TrainRun *r);
/* What the checkpoint has of them and the command has not. */
bool run_take_settings(TrainRun *r);
bool run_take_options(TrainRun *r);

/* "x86_64 Linux 6.1.0": the machine that this runs on. */
const char *run_machine(TrainRun *r);
/* The build of its system, and the sum of the rules of chips that this build knows. */
const char *run_os_build(TrainRun *r);
const char *run_rules(void);
/* What a checkpoint kept is what is now, or it kept nothing. */
bool run_same(const char *then, const char *now);
/* What an engine refused is kept for the machine and the system that it was refused by, and for
 * the rules that its programs were written by. */
bool run_same_machine(TrainRun *r);

/* The path of the folder of the run, which may not be open yet. */
const char *run_folder(const TrainRun *r);

/* loop.c: what a checkpoint tells beside its tensors, into r->state; and writes one. */
void run_describe(TrainRun *r);
bool run_save(TrainRun *r, bool best);

/* several.c. Called before the first message; after opening, which was successful or not; and
 * to write a last checkpoint when a process has ended. */
void several_listen(TrainRun *r);
bool several_begin(TrainRun *r, bool ok);
void several_end(TrainRun *r);
/* Around what changes weights and states, or writes a checkpoint. */
void several_lock(TrainRun *r);
void several_unlock(TrainRun *r);
/* Within it: a step was made, and this is what would be kept of the run. */
void several_note(TrainRun *r);

/* sums.c: computes the gradients of a step, which may have several batches, into each
 * weight's grad, and the sum of the losses. */
bool sums_open(TrainRun *r);
bool sums_make(TrainRun *r, double *loss);
/* Whether the loss of a step is computed in fp32; what fp16 makes of one may be 0. */
bool sums_exact(const TrainRun *r, uint64_t step);

/* samples.c: checks whether the run can write text, if that is asked for; writes a sample
 * from the newest checkpoint. */
bool samples_check(TrainRun *r);
bool run_sample(TrainRun *r);

/* page.c: opens the page that follows the run, if one is asked for; and ends it. */
bool run_show(TrainRun *r);
void run_show_end(TrainRun *r, bool ok);

/* tell.c */
double run_now(void); /* seconds */
void run_line(TrainRun *r, bool over, const char *fmt, ...) PRINTF(3, 4);
const char *run_loss_text(TrainRun *r, double v);
/* anec_fact of the program of the gradients, or "". */
const char *run_fact(const TrainRun *r, const char *part);
void run_say_start(TrainRun *r);
void run_say_step(TrainRun *r, uint64_t step, double ms);
void run_say_end(TrainRun *r);
void run_say_bench(TrainRun *r);
double run_tokens(const TrainRun *r); /* of a text, in a step; 0: it is none */
/* Operations a second, in 10^12, at so many milliseconds a step: six for each parameter and
 * token, as is usual for texts. */
double run_teraflops(const TrainRun *r, double ms);
bool run_log_step(TrainRun *r, uint64_t step, double ms);

/* page.c: writes loss.svg and, with `whole`, report.html from log.csv. */
bool run_put_pages(TrainRun *r, bool whole);

/* ---- processes that train together (ranks.c) --------------------------------------------- */

/* Messages between the processes that mpirun has started.
 *
 * One thread of each process makes all calls of MPI. It sends and receives while the process
 * computes, and tells the other processes several times a second that this one is there. The
 * library is that of Open MPI, which is loaded only in a process that mpirun has started. */

typedef struct RanksPost RanksPost;

/* *out is NULL where mpirun has not started this process. */
bool ranks_open(TrainRanks **out, Diag *d, const TrainJob *job);
/* well: all processes have come to the end; otherwise the others are told that this one has
 * failed. */
void ranks_close(TrainRanks *r, bool well);
int ranks_index(const TrainRanks *r);
int ranks_count(const TrainRanks *r);
/* The lowest number of a process that is still there. */
int ranks_first(TrainRanks *r);

/* Begin to send or receive. Messages of one tag between two processes keep their order. The
 * memory must stay until ranks_wait, which is to be called for each. */
RanksPost *ranks_send(TrainRanks *r, int to, int tag, const void *p, size_t bytes);
RanksPost *ranks_get(TrainRanks *r, int from, int tag, void *p, size_t bytes);
/* Waits for one; false: a process has ended, and nothing more will come. */
bool ranks_wait(TrainRanks *r, RanksPost *post);
/* Replaces v, in each process, by the sum over all processes, added in the order of their
 * numbers. */
bool ranks_sum(TrainRanks *r, double *v, size_t n);
enum { RANKS_TAGS = 8 }; /* tags below this are used by ranks.c itself */
/* What is known of a process that has ended; NULL: none has. */
const char *ranks_lost(TrainRanks *r);

/* ---- a page that follows a run, for browsers of this machine (serve.c) ------------------- */

/* Serves the page at 127.0.0.1 only. port 0: one that is free. folder: that of the run,
 * whose log.csv and samples.txt are shown; about: a description of the run as JSON. */
bool serve_open(TrainServe **out, Diag *d, unsigned port, const char *folder,
                const char *about);
unsigned serve_port(const TrainServe *s);
/* Sends an event to all pages that are open: "step", "sample" or "end". s may be NULL. */
void serve_tell(TrainServe *s, const char *name, const char *line);
/* Closes the server; events that were not sent yet are, for a second at most. s may be NULL. */
void serve_close(TrainServe *s);

/* The page (live.html). */
extern const unsigned char live_text[];
extern const size_t live_size;

#endif
