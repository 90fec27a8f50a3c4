/* clock.c -- a clock that does not run: what each evaluation would cost by the figures of costs.def,
 * as `anec --plan` reckons, so that a run here can be held against what others published. No clock of
 * the machine is asked, and nothing of it was verified on a device. */
#include "standin.h"

#include "../ir/targets/cost.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static CostUs clock_sum;

static void clock_put(FILE *to, const char *what, CostUs us)
{
    fprintf(to, " %s %.3f %.3f %.3f", what, us.least, us.middle, us.most);
}

void clock_tell(const Func *f)
{
    const char *path = getenv("ANESIM_CLOCK");
    const Target *t = path ? target_find(machine().chip) : NULL;
    if (!t) return;
    RuleSet rs;
    ruleset_init(&rs, t, NULL);
    const CostUs one = cost_run(&rs, f);
    pthread_mutex_lock(&clock_lock);
    FILE *to = fopen(path, "a");
    if (!to) standin_abort("ANESIM_CLOCK: cannot write %s", path);
    clock_sum = cost_add(clock_sum, one);
    fprintf(to, "%s %s", t->name, f->name);
    clock_put(to, "dispatch", cost_dispatch(t));
    clock_put(to, "run", one);
    clock_put(to, "all", clock_sum);
    putc('\n', to);
    fclose(to);
    pthread_mutex_unlock(&clock_lock);
}
