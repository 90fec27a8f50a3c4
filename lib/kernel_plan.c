/* kernel_plan.c -- the public library: anec_plan, the devices or steps of a kernel, as text
 * and as JSON. */
#include "library.h"
#include "report.h"

#include <math.h>
#include <string.h>

static const char *plan_device(const char *name) { return name ? name : "not said"; }

static const char *can_text(Arena *a, const Placing *p)
{
    const char *all = "";
    for (int i = 0; i < p->ncan; i++)
        all = arena_printf(a, "%s%s%s", all, i ? ", " : "", p->can[i]);
    return p->ncan ? all : "not said";
}

/* How many of them each device is preferred for, in the order in which they are met. */
typedef struct {
    const char *name;
    int n;
} PlanCount;
enum { MOST_DEVICES = 8 };

static int count_devices(const Placings *p, PlanCount *out)
{
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        const char *name = plan_device(p->at[i].prefers);
        int k = 0;
        while (k < n && strcmp(out[k].name, name) != 0) k++;
        if (k == n && n < MOST_DEVICES) out[n++] = (PlanCount){ .name = name };
        if (k < n) out[k].n++;
    }
    return n;
}

/* ---- text -------------------------------------------------------------------------------- */

static void put_head(Buf *out, const char *func, const Placings *p)
{
    PlanCount count[MOST_DEVICES];
    const int n = count_devices(p, count);
    buf_printf(out, "func %s, %d operation%s", func, p->n, p->n == 1 ? "" : "s");
    for (int i = 0; i < n; i++)
        buf_printf(out, "%s %d %s", i ? "," : ":", count[i].n, count[i].name);
    buf_putc(out, '\n');
}

static void put_text(Buf *out, Arena *a, const char *func, const Placings *p)
{
    int op = (int)strlen("operation"), name = (int)strlen("result");
    put_head(out, func, p);
    for (int i = 0; i < p->n; i++) {
        const int wide = 2 * p->at[i].depth + (int)strlen(p->at[i].op),
                  long_ = (int)strlen(p->at[i].name);
        if (wide > op) op = wide;
        if (long_ > name) name = long_;
    }
    if (p->n)
        buf_printf(out, "  %-*s  %-*s  %-14s  %7s  %s\n", op, "operation", name, "result",
                   "prefers", "cost", "can run on");
    for (int i = 0; i < p->n; i++) {
        const Placing *x = &p->at[i];
        const char *cost = isnan(x->cost) ? "?"
                                          : arena_printf(a, "%.1f %%", 100 * x->cost);
        buf_printf(out, "  %*s%-*s  ", 2 * x->depth, "", op - 2 * x->depth, x->op);
        buf_message(out, "%-*s", name, x->name);
        buf_printf(out, "  %-14s  %7s  %s\n", plan_device(x->prefers), cost,
                   can_text(a, x));
    }
}

static void put_steps_head(Buf *out, const char *func, const Placings *p)
{
    buf_printf(out, "func %s, %d step%s", func, p->nstep, p->nstep == 1 ? "" : "s");
    if (p->why) buf_printf(out, ": %s", p->why);
    else
        buf_printf(out, " by %s: values %zu bytes, packed weights %zu bytes%s%s",
                   p->kernels, p->arena, p->packed, p->cache ? ", cache=" : "",
                   p->cache ? p->cache : "");
    buf_putc(out, '\n');
}

/* Seconds that all steps took together in a run, each as fast as it was in any; 0: no run was
 * timed. */
static double steps_took(const Placings *p)
{
    double sum = 0;
    for (int i = 0; i < p->nstep; i++) sum += p->step[i].took * (double)p->step[i].times;
    return sum;
}

/* What a step took, its part of the whole, and how often it ran; blank where it did not. */
static void put_took(Buf *out, const PlanStep *s, double all)
{
    if (!s->times) buf_printf(out, "  %9s  %6s  %6s", "", "", "");
    else
        buf_printf(out, "  %9.1f  %4.1f %%  %6llu", 1e6 * s->took,
                   100 * s->took * (double)s->times / all, (unsigned long long)s->times);
}

static void put_steps(Buf *out, Arena *a, const char *func, const Placings *p)
{
    int how = (int)strlen("step"), name = (int)strlen("result");
    const double all = steps_took(p);
    put_steps_head(out, func, p);
    for (int i = 0; i < p->nstep; i++) {
        const int one = (int)strlen(p->step[i].how), other = (int)strlen(p->step[i].name);
        if (one > how) how = one;
        if (other > name) name = other;
    }
    if (p->nstep)
        buf_printf(out, "  %-*s  %-*s  %12s  %12s  %9s  %9s%s  %s\n", how, "step", name,
                   "result", "bytes", "of weights", "MFLOP", "us, least",
                   all > 0 ? "    us, ran    part   times" : "", "operations");
    for (int i = 0; i < p->nstep; i++) {
        const PlanStep *s = &p->step[i];
        const char *flop = s->flop > 0 ? arena_printf(a, "%.3f", s->flop / 1e6) : "";
        buf_printf(out, "  %-*s  ", how, s->how);
        buf_message(out, "%-*s", name, s->name);
        buf_printf(out, "  %12.0f  %12.0f  %9s  %9.1f", s->bytes, s->weights, flop,
                   1e6 * s->least);
        if (all > 0) put_took(out, s, all);
        buf_printf(out, "  %s\n", s->ops);
    }
}

/* ---- JSON -------------------------------------------------------------------------------- */

static cJSON *text_or_null(const char *s)
{
    return s ? cJSON_CreateString(s) : cJSON_CreateNull();
}

static void json_placing(cJSON *list, const Placing *p)
{
    cJSON *o = json_item(list, NULL, cJSON_CreateObject());
    json_item(o, "op", cJSON_CreateString(p->op));
    json_item(o, "result", cJSON_CreateString(p->name));
    if (p->depth) json_item(o, "depth", json_int(p->depth));
    json_item(o, "prefers", text_or_null(p->prefers));
    cJSON *can = json_item(o, "can", cJSON_CreateArray());
    for (int i = 0; i < p->ncan; i++) json_item(can, NULL, cJSON_CreateString(p->can[i]));
    json_item(o, "cost", isnan(p->cost) ? cJSON_CreateNull() : json_real(p->cost));
}

static void json_steps(cJSON *root, const Placings *p)
{
    if (p->why) json_item(root, "why", cJSON_CreateString(p->why));
    if (p->kernels) {
        json_item(root, "kernels", cJSON_CreateString(p->kernels));
        json_item(root, "values", json_int((int64_t)p->arena));
        json_item(root, "packed", json_int((int64_t)p->packed));
        if (p->cache) json_item(root, "cache", cJSON_CreateString(p->cache));
        json_item(root, "flops", json_real(p->flops));
        json_item(root, "rate", json_real(p->bytes));
    }
    cJSON *list = json_item(root, "steps", cJSON_CreateArray());
    for (int i = 0; i < p->nstep; i++) {
        const PlanStep *s = &p->step[i];
        cJSON *o = json_item(list, NULL, cJSON_CreateObject());
        json_item(o, "step", cJSON_CreateString(s->how));
        json_item(o, "result", cJSON_CreateString(s->name));
        json_item(o, "operations", cJSON_CreateString(s->ops));
        json_item(o, "bytes", json_real(s->bytes));
        json_item(o, "weights", json_real(s->weights));
        json_item(o, "flop", json_real(s->flop));
        json_item(o, "least", json_real(s->least));
        if (!s->times) continue;
        json_item(o, "took", json_real(s->took));
        json_item(o, "times", json_int((int64_t)s->times));
    }
}

static void put_json(Buf *out, const char *func, const Placings *p)
{
    PlanCount count[MOST_DEVICES];
    const int n = count_devices(p, count);
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "function", cJSON_CreateString(func));
    if (p->kernels || p->why) {
        json_steps(root, p);
        json_put(out, root);
        return;
    }
    cJSON *sums = json_item(root, "prefers", cJSON_CreateObject());
    for (int i = 0; i < n; i++) json_item(sums, count[i].name, json_int(count[i].n));
    cJSON *list = json_item(root, "operations", cJSON_CreateArray());
    for (int i = 0; i < p->n; i++) json_placing(list, &p->at[i]);
    json_put(out, root);
}

/* ---- the call ---------------------------------------------------------------------------- */

anec_status anec_plan(anec_kernel *kernel, const char *format, char **out,
                      anec_error *error)
{
    ApiCall c;
    Arena a = { 0 };
    Buf text = { 0 };
    Placings p = { 0 };
    GIVEN(out);
    *out = NULL;
    GIVEN(kernel);
    GIVEN(format);
    const bool json = !strcmp(format, "json");
    if (!json && strcmp(format, "text") != 0)
        return say(error, ANEC_WRONG, "a plan is told as text or as json");
    ENTER(&c, kernel, false, error);
    join(kernel);
    const bool ok = program_place(kernel->program, &a, &c.d, &p);
    if (ok && json) put_json(&text, kernel->func->name, &p);
    else if (ok && (p.kernels || p.why)) put_steps(&text, &a, kernel->func->name, &p);
    else if (ok) put_text(&text, &a, kernel->func->name, &p);
    arena_free(&a);
    const anec_status s = call_end(&c, ok);
    *out = text.s;
    return s;
}
