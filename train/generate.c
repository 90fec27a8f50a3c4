/* generate.c -- predicts tokens: runs the function `next` of a model, compiled once for a
 * block of tokens and once for one, with its caches wired from run to run; and draws tokens
 * by their logits. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

/* ---- which token comes next -------------------------------------------------------------- */

typedef struct {
    double p;
    int token;
} Chance;

static int by_chance(const void *a, const void *b)
{
    const Chance *x = a, *y = b;
    return x->p < y->p ? 1 : x->p > y->p ? -1 : x->token - y->token;
}

static int sample_largest(const float *logit, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logit[i] > logit[best]) best = i;
    return (int)best;
}

/* How many of the chances, the largest first, are allowed. */
static size_t sample_allowed(const TrainSampling *s, const Chance *c, size_t n)
{
    double sum = 0;
    if (s->top_k && s->top_k < n) n = (size_t)s->top_k;
    for (size_t i = 1; i < n; i++)
        if (c[i].p < s->min_p * c[0].p) n = i;
    for (size_t i = 0; i < n; i++) {
        sum += c[i].p;
        if (sum >= s->top_p) return i + 1;
    }
    return n;
}

int sample_token(const TrainSampling *s, const float *logit, size_t n, uint64_t index)
{
    if (s->temperature <= 0) return sample_largest(logit, n);
    Arena a = { 0 };
    Chance *c = NEW_ARRAY(&a, n, Chance);
    const double most = logit[sample_largest(logit, n)];
    double all = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        c[i] = (Chance){ exp((logit[i] - most) / s->temperature), (int)i };
        all += c[i].p;
    }
    for (size_t i = 0; i < n; i++) c[i].p /= all;
    qsort(c, n, sizeof *c, by_chance);
    n = sample_allowed(s, c, n);
    for (size_t i = 0; i < n; i++) sum += c[i].p;
    const double u = rng_unit(rng_key(s->seed, "anegen"), index) * sum;
    size_t at = 0;
    for (double so_far = c[0].p; at + 1 < n && so_far <= u; so_far += c[at].p) at++;
    const int token = c[at].token;
    arena_free(&a);
    return token;
}

static bool generate_said(TrainWriter *w, anec_status s, const anec_error *e)
{
    if (s && diag_ok(w->diag)) return diag_fail(w->diag, "%s", e->text);
    return s == ANEC_OK;
}

/* ---- opening ----------------------------------------------------------------------------- */

static bool generate_load(TrainWriter *w, TrainHalf *h, const TrainWriterOptions *o)
{
    anec_error e;
    char block[40];
    const anec_step_options step = { .size = sizeof step,
                                     .function = "next",
                                     .forward = 1 };
    snprintf(block, sizeof block, "block=%zu", h->block);
    h->config = anec_config_new();
    if (!h->config) mem_out(1);
    anec_config_messages(h->config, o->message, o->ctx);
    bool ok = o->path
           || generate_said(w, anec_config_set(h->config, "from", "anedsl", &e), &e);
    for (int i = 0; ok && i < o->noption; i++)
        ok = generate_said(w, anec_config_set(h->config, "set", o->option[i], &e), &e);
    if (ok && h->block > 1)
        ok = generate_said(w, anec_config_set(h->config, "set", block, &e), &e);
    return ok
        && generate_said(w, anec_open_with(o->backend, h->config, &h->device, &e), &e)
        && generate_said(w,
                         o->path ? anec_load(h->device, o->path, &h->model, &e)
                                 : anec_load_text(h->device, o->text, strlen(o->text),
                                                  o->folder, &h->model, &e),
                         &e)
        && generate_said(w, anec_step(h->model, &step, &h->step, &e), &e)
        && generate_said(w, anec_compile(h->step, "next", &h->kernel, &e), &e);
}

/* `next` declares anew what the main model does: its own weights are called next.PATH. */
static const SafeTensor *weight_of(TrainWriter *w, const SafeTensors *s, const char *path,
                                   const anec_tensor *port)
{
    const SafeTensor *t = NULL;
    if (!strncmp(path, "next.", 5)) path += 5;
    for (size_t i = 0; i < s->count && !t; i++)
        if (!strcmp(s->tensor[i].name, path)) t = &s->tensor[i];
    if (!t) {
        diag_error(w->diag, (Loc){ 0 }, "%s has no weight %s, which `next` needs",
                   s->path, path);
        return NULL;
    }
    if (t->rank == port->rank
        && !memcmp(t->shape, port->shape, (size_t)t->rank * sizeof *t->shape)
        && !strcmp(t->dtype, "F32") && !strcmp(port->dtype, "fp32"))
        return t;
    diag_error(
        w->diag, (Loc){ 0 },
        "%s: the weight %s has %zu bytes of %s there, and is %s of other dimensions or "
        "type in `next`",
        s->path, path, t->bytes, t->dtype, port->dtype);
    return NULL;
}

static bool port_of(const anec_kernel *k, anec_kind kind, const char *name,
                    anec_tensor *out)
{
    const char *other;
    for (int i = 0; (other = anec_port(k, kind, i, out)); i++)
        if (!strcmp(other, name)) return true;
    return false;
}

static bool bind_weights(TrainWriter *w, TrainHalf *h, const SafeTensors *s)
{
    anec_error e;
    const char *path, *input;
    for (int i = 0; (path = anec_weight(h->step, i, &input)); i++) {
        anec_tensor t;
        if (!port_of(h->kernel, ANEC_INPUT, input, &t)) continue;
        const SafeTensor *from = weight_of(w, s, path, &t);
        if (!from) return false;
        t.data = (void *)(uintptr_t)from->data;
        t.bytes = from->bytes;
        if (!generate_said(w, anec_bind(h->kernel, input, &t, &e), &e)) return false;
    }
    return true;
}

/* What is handed on: inputs that are neither tokens, places nor weights. */
static bool is_kept(const TrainHalf *h, const char *name)
{
    const char *input;
    if (!strcmp(name, "tokens") || !strcmp(name, "at")) return false;
    for (int i = 0; anec_weight(h->step, i, &input); i++)
        if (!strcmp(input, name)) return false;
    return true;
}

static bool same_type(const anec_tensor *a, const anec_tensor *b)
{
    return a->rank == b->rank && !strcmp(a->dtype, b->dtype)
        && !memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape);
}

static bool add_kept(TrainWriter *w, const TrainHalf *h, const char *name,
                     const anec_tensor *t)
{
    anec_tensor result;
    TrainKept *k = &w->kept[w->nkept++];
    size_t bytes = 4;
    *k = (TrainKept){ name, arena_printf(&w->arena, "new_%s", name), *t };
    if (strcmp(t->dtype, "fp32") != 0 || !t->rank
        || !port_of(h->kernel, ANEC_RESULT, k->result, &result) || !same_type(t, &result))
        return diag_error(
            w->diag, (Loc){ 0 },
            "the input %s of `next` is handed on from run to run: a result %s of "
            "its type is needed, fp32 [.., places]",
            name, k->result);
    for (int i = 0; i < t->rank; i++) bytes *= (size_t)t->shape[i];
    k->zero.data = arena_alloc(&w->arena, bytes);
    memset(k->zero.data, 0, bytes);
    k->zero.bytes = bytes;
    const size_t places = (size_t)t->shape[t->rank - 1];
    w->places = w->nkept == 1 || places < w->places ? places : w->places;
    return true;
}

static bool find_kept(TrainWriter *w)
{
    const TrainHalf *h = &w->half[0];
    anec_tensor t;
    const char *name;
    int n = 0;
    while (anec_port(h->kernel, ANEC_INPUT, n, &t)) n++;
    w->kept = NEW_ARRAY(&w->arena, n + 1, TrainKept);
    for (int i = 0; (name = anec_port(h->kernel, ANEC_INPUT, i, &t)); i++)
        if (is_kept(h, name) && !add_kept(w, h, name, &t)) return false;
    if (w->nkept) return true;
    return diag_error(w->diag, (Loc){ 0 },
                      "`next` hands nothing on: inputs beside tokens, at and weights are "
                      "needed, such as keys and values of the tokens so far");
}

static bool check_ports(TrainWriter *w, const TrainHalf *h)
{
    anec_tensor tokens, at, logits;
    const int64_t n = (int64_t)h->block;
    w->logits = anec_port(h->kernel, ANEC_RESULT, 0, &logits);
    if (port_of(h->kernel, ANEC_INPUT, "tokens", &tokens) && tokens.rank == 2
        && tokens.shape[0] == 1 && tokens.shape[1] == n && !strcmp(tokens.dtype, "int32")
        && port_of(h->kernel, ANEC_INPUT, "at", &at) && at.rank == 1 && at.shape[0] == n
        && !strcmp(at.dtype, "int32") && w->logits && logits.rank == 1
        && !strcmp(logits.dtype, "fp32")) {
        w->vocabulary = (size_t)logits.shape[0];
        return true;
    }
    return diag_error(w->diag, (Loc){ 0 },
                      "`next` of %zu tokens needs the inputs tokens: int32[1, %zu] and "
                      "at: int32[%zu], and as its first result logits, fp32 [vocabulary]",
                      h->block, h->block, h->block);
}

bool writer_open(TrainWriter *w, Diag *d, const TrainWriterOptions *o,
                 const SafeTensors *s)
{
    *w = (TrainWriter){ .diag = d, .last = -1 };
    w->half[0] = (TrainHalf){ .block = 1, .wired = -2 };
    w->half[1] = (TrainHalf){ .block = o->block, .wired = -2 };
    for (int i = 0; i < (o->block > 1 ? 2 : 1); i++) {
        TrainHalf *h = &w->half[i];
        if (!generate_load(w, h, o) || !check_ports(w, h) || !bind_weights(w, h, s))
            return false;
    }
    return find_kept(w);
}

void writer_close(TrainWriter *w)
{
    for (int i = 0; i < 2; i++) {
        TrainHalf *h = &w->half[i];
        anec_free(h->kernel);
        anec_model_free(h->step);
        anec_model_free(h->model);
        anec_close(h->device);
        anec_config_free(h->config);
    }
    arena_free(&w->arena);
}

/* ---- running ----------------------------------------------------------------------------- */

/* What the run before handed on comes in; none: zeros. */
static bool generate_wire(TrainWriter *w, int to)
{
    anec_error e;
    TrainHalf *h = &w->half[to];
    for (int i = 0; i < w->nkept; i++) {
        const TrainKept *k = &w->kept[i];
        const bool first = w->last < 0;
        if (!generate_said(w,
                           anec_rewire(h->kernel, k->input,
                                       first ? NULL : w->half[w->last].kernel,
                                       first ? NULL : k->result, &e),
                           &e)
            || (first
                && !generate_said(w, anec_bind(h->kernel, k->input, &k->zero, &e), &e)))
            return false;
    }
    h->wired = w->last;
    return true;
}

static bool generate_run(TrainWriter *w, int which, const uint16_t *token)
{
    anec_error e;
    TrainHalf *h = &w->half[which];
    const size_t n = h->block;
    int32_t tokens[512], at[512];
    const anec_tensor t = { "int32", 2, { 1, (int64_t)n }, tokens, 4 * n };
    const anec_tensor p = { "int32", 1, { (int64_t)n }, at, 4 * n };
    const anec_input in[] = { { "tokens", "the tokens", &t },
                              { "at", "their places", &p } };
    anec_run_options o = { .size = sizeof o, .threads = w->threads };
    for (size_t i = 0; i < n; i++) {
        tokens[i] = token[i];
        at[i] = (int32_t)(w->at + i);
    }
    if ((w->last < 0 || h->wired != w->last) && !generate_wire(w, which)) return false;
    if (!generate_said(w, anec_run_with(h->kernel, in, 2, &o, &e), &e)) return false;
    w->last = which;
    w->at += n;
    return true;
}

void writer_restart(TrainWriter *w)
{
    w->last = -1;
    w->at = 0;
}

bool writer_push(TrainWriter *w, const uint16_t *token, size_t n, const float **logits)
{
    anec_error e;
    anec_tensor t;
    for (size_t i = 0; i < n; i++)
        if (token[i] >= w->vocabulary)
            return diag_error(w->diag, (Loc){ 0 },
                              "token %d: the model has a vocabulary of %zu", token[i],
                              w->vocabulary);
    if (w->at + n > w->places) bug("%zu places, %zu are there", w->at + n, w->places);
    while (n) {
        const int which = w->half[1].block > 1 && n >= w->half[1].block;
        const size_t took = w->half[which].block;
        if (!generate_run(w, which, token)) return false;
        token += took;
        n -= took;
    }
    if (!generate_said(w, anec_result(w->half[w->last].kernel, w->logits, &t, &e), &e))
        return false;
    *logits = t.data;
    return true;
}
