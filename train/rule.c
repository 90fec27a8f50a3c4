/* rule.c -- optimizers: functions of the language, compiled for the processor, once for each
 * shape of weights. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

/* What the rules of std are called with. Numbers of the run are in the text; what changes with
 * a step is an input. */
static const struct {
    const char *name;
    int states;
    bool decays;
    bool divides; /* by the size of gradients: small ones count as much as large ones */
    const char *call;
} rules[] = {
    { "sgd", 0, false, false, "r = [sgd(w, g * scale, lr)]" },
    { "momentum", 1, false, false, "r = momentum(w, g * scale, s0, lr, %m)" },
    { "adam", 2, false, true, "r = adam(w, g * scale, s0, s1, lr, %1, %2, %e, c1, c2)" },
    { "adamw", 2, true, true,
      "r = adam(w, g * scale, s0, s1, lr, %1, %2, %e, c1, c2, %d)" },
    { "lion", 1, true, true, "r = lion(w, g * scale, s0, lr, %1, %2, %d)" },
};

const char *const update_scalars[RULE_NUMBERS] = { "lr", "c1", "c2", "scale", "step" };

bool update_said(TrainRule *r, anec_status s, const anec_error *e)
{
    if (s && diag_ok(r->diag)) return diag_fail(r->diag, "%s", e->text);
    return s == ANEC_OK;
}

/* ---- the text of a program --------------------------------------------------------------- */

static void put_number(Buf *b, double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", v);
    buf_puts(b, text);
    if (!strpbrk(text, ".e")) buf_puts(b, ".0");
}

static void put_call(const TrainRule *r, bool decays, bool half, Buf *b)
{
    const TrainSetting *set = r->set->at;
    for (const char *s = rules[r->kind].call; *s; s++) {
        if (*s != '%') {
            buf_putc(b, *s);
            continue;
        }
        switch (*++s) {
        case 'm':
            put_number(b, set[SET_momentum].real);
            break;
        case '1':
            put_number(b, set[SET_beta1].real);
            break;
        case '2':
            put_number(b, set[SET_beta2].real);
            break;
        case 'e':
            put_number(b, set[SET_eps].real * (half ? ENGINE_LIFT : 1));
            break;
        default:
            put_number(b, decays ? set[SET_decay].real : 0);
            break;
        }
    }
}

static void put_type(const TrainUpdate *u, Buf *b)
{
    buf_puts(b, u->half ? ": fp16[" : ": fp32[");
    for (int i = 0; i < u->rank; i++)
        buf_printf(b, "%s%lld", i ? ", " : "", (long long)u->shape[i]);
    buf_puts(b, "]");
}

static void put_program(const TrainRule *r, const TrainUpdate *u, Buf *b)
{
    if (r->file) buf_printf(b, "import \"%s\" as user\n", r->file);
    else buf_puts(b, "import \"std\"\n");
    buf_puts(b, "model main(w");
    put_type(u, b);
    buf_puts(b, ", g");
    put_type(u, b);
    for (int i = 0; i < r->states; i++) {
        buf_printf(b, ", s%d", i);
        put_type(u, b);
    }
    for (int i = 0; i < RULE_NUMBERS; i++)
        buf_printf(b, ", %s: %s[]", update_scalars[i], u->half ? "fp16" : "fp32");
    buf_puts(b, ") -> next_w");
    for (int i = 0; i < r->states; i++) buf_printf(b, ", next_s%d", i);
    buf_puts(b, " {\n");
    if (r->file) {
        buf_printf(b, "r = user.%s(w, g, [", r->function);
        for (int i = 0; i < r->states; i++) buf_printf(b, "%ss%d", i ? ", " : "", i);
        buf_puts(b, "], [lr, c1, c2, ");
        put_number(b, u->decays ? r->set->at[SET_decay].real : 0);
        buf_puts(b, ", scale, step])");
    } else put_call(r, u->decays, u->half, b);
    buf_puts(b, "\nnext_w = r[0]\n");
    for (int i = 0; i < r->states; i++) buf_printf(b, "next_s%d = r[%d]\n", i, i + 1);
    buf_puts(b, "}\n");
}

/* ---- opening ----------------------------------------------------------------------------- */

static bool optimizer_load(TrainRule *r, const Buf *text, const char *folder,
                           anec_model **m, anec_kernel **k)
{
    anec_error e;
    return update_said(r, anec_load_text(r->host, text->s, text->len, folder, m, &e), &e)
        && update_said(r, anec_compile(*m, NULL, k, &e), &e);
}

/* What a file says in RULE_states, by a program that results in it. */
static bool count_states(TrainRule *r)
{
    anec_model *m = NULL;
    anec_kernel *k = NULL;
    anec_tensor t = { 0 };
    anec_error e;
    float zero = 0;
    double n = -1;
    Buf b = { 0 };
    const anec_tensor in = { .dtype = "fp32", .data = &zero, .bytes = 4 };
    buf_printf(
        &b,
        "import \"%s\" as user\nmodel main(x: fp32[]) -> n = x + user.%s_states * 1.0\n",
        r->file, r->function);
    const bool ok = optimizer_load(r, &b, r->name, &m, &k)
                 && update_said(r, anec_bind(k, "x", &in, &e), &e)
                 && update_said(r, anec_run(k, &e), &e)
                 && update_said(r, anec_result(k, "n", &t, &e), &e)
                 && anec_doubles(&t, 0, 1, &n);
    anec_free(k);
    anec_model_free(m);
    buf_free(&b);
    if (!ok) return false;
    if (n >= 0 && n <= MAX_STATES && floor(n) == n) {
        r->states = (int)n;
        return true;
    }
    return diag_error(r->diag, (Loc){ 0 },
                      "%s_states of %s is %g: a rule has 0 to %d states", r->function,
                      r->file, n, MAX_STATES);
}

/* Of a user's own it is not known. */
bool rule_divides(const TrainSettings *s)
{
    const char *text = s->at[SET_optimizer].text;
    for (size_t i = 0; i < COUNT(rules); i++)
        if (!strcmp(rules[i].name, text)) return rules[i].divides;
    return true;
}

bool rule_has_eps(const TrainSettings *s)
{
    const char *text = s->at[SET_optimizer].text;
    for (size_t i = 0; i < COUNT(rules); i++)
        if (!strcmp(rules[i].name, text)) return strstr(rules[i].call, "%e") != NULL;
    return false;
}

bool rule_open(TrainRule *r, Diag *d, anec_device *host, const TrainSettings *s)
{
    const char *text = s->at[SET_optimizer].text, *colon = strrchr(text, ':');
    *r = (TrainRule){ .diag = d, .host = host, .set = s, .name = text };
    for (size_t i = 0; i < COUNT(rules); i++)
        if (!strcmp(rules[i].name, text)) {
            r->kind = (int)i;
            r->states = rules[i].states;
            return true;
        }
    if (!colon || !colon[1])
        return diag_error(
            d, (Loc){ 0 },
            "there is no optimizer %s: sgd, momentum, adam, adamw and lion are, "
            "or FILE.anedsl:rule",
            text);
    const char *path = arena_strndup(&r->arena, text, (size_t)(colon - text));
    r->file = file_base(path);
    r->function = colon + 1;
    r->name = file_dir(&r->arena, path);
    return count_states(r);
}

void rule_close(TrainRule *r)
{
    for (TrainUpdate *u = r->first; u; u = u->next) {
        anec_free(u->kernel);
        anec_model_free(u->model);
    }
    arena_free(&r->arena);
}

static anec_tensor rule_tensor(const TrainParam *p, float *data)
{
    anec_tensor t = {
        .dtype = "fp32", .rank = p->rank, .data = data, .bytes = p->count * 4
    };
    memcpy(t.shape, p->shape, sizeof t.shape);
    return t;
}

void update_names(int state, char in[16], char out[24])
{
    if (state < 0) snprintf(in, 16, "w");
    else snprintf(in, 16, "s%d", state);
    snprintf(out, 24, "next_%s", in);
}

float **update_part(TrainParam *p, int state)
{
    return state < 0 ? &p->master : &p->state[state];
}

bool update_misshapen(TrainRule *r, const TrainParam *p, const char *result)
{
    return diag_error(
        r->diag, (Loc){ 0 },
        "the optimizer %s makes %s of the weight %s, which is not its shape",
        r->set->at[SET_optimizer].text, result, p->path);
}

/* A part as it begins, and from then on as the run before has left it. */
static bool wire_part(TrainRule *r, TrainParam *p, int state)
{
    char in[16], out[24];
    anec_error e;
    anec_tensor t = rule_tensor(p, *update_part(p, state)), made;
    update_names(state, in, out);
    const char *name;
    for (int i = 0; (name = anec_port(p->own, ANEC_RESULT, i, &made)); i++)
        if (!strcmp(name, out)
            && (made.bytes != t.bytes || strcmp(made.dtype, "fp32") != 0))
            return update_misshapen(r, p, out);
    return update_said(r, anec_bind(p->own, in, &t, &e), &e)
        && update_said(r, anec_rewire(p->own, in, p->own, out, &e), &e);
}

static bool wire_all(TrainRule *r, TrainParam *p)
{
    anec_error e;
    bool ok = true;
    for (int i = -1; ok && i < r->states; i++) ok = wire_part(r, p, i);
    for (int i = 0; ok && i < RULE_NUMBERS; i++) {
        const anec_tensor one = { .dtype = "fp32", .data = &r->number[i], .bytes = 4 };
        ok = update_said(r, anec_bind(p->own, update_scalars[i], &one, &e), &e);
    }
    return ok;
}

/* What the engine refuses is none of the run's errors: *why says it. */
static bool rule_try(TrainRule *r, const Buf *text, TrainUpdate *u, const char **why)
{
    anec_error e;
    const char *folder = r->file ? r->name : NULL;
    if (!anec_load_text(r->engine, text->s, text->len, folder, &u->model, &e)
        && !anec_compile(u->model, NULL, &u->kernel, &e))
        return true;
    const char *said = strstr(e.text, "error: ");
    said = said ? said + strlen("error: ") : e.text;
    *why = arena_strndup(&r->arena, said, strcspn(said, "\n"));
    return false;
}

TrainUpdate *update_program(TrainRule *r, const TrainParam *p, bool half,
                            const char **why)
{
    const bool may = r->file || rules[r->kind].decays;
    const bool decays = may && (p->rank >= 2 || r->set->at[SET_decay_all].text);
    TrainUpdate *u = r->first;
    while (u
           && (u->decays != decays || u->half != half || u->rank != p->rank
               || memcmp(u->shape, p->shape, (size_t)p->rank * sizeof *p->shape) != 0))
        u = u->next;
    if (u) return u;
    u = NEW(&r->arena, TrainUpdate);
    *u = (TrainUpdate){
        .next = r->first, .rank = p->rank, .decays = decays, .half = half
    };
    memcpy(u->shape, p->shape, sizeof u->shape);
    r->first = u;
    r->programs++;
    Buf b = { 0 };
    put_program(r, u, &b);
    const bool ok = half ? rule_try(r, &b, u, why)
                         : optimizer_load(r, &b, r->file ? r->name : NULL, &u->model,
                                          &u->kernel);
    buf_free(&b);
    return ok ? u : NULL;
}

bool rule_prepare(TrainRule *r, TrainParam *p)
{
    anec_error e;
    if (r->engine) return engine_prepare(r, p);
    TrainUpdate *u = update_program(r, p, false, NULL);
    return u && update_said(r, anec_instance(u->kernel, &p->own, &e), &e)
        && wire_all(r, p);
}

void rule_release(TrainParam *p)
{
    anec_free(p->own);
    p->own = NULL;
}

/* ---- a step ------------------------------------------------------------------------------ */

TrainStep rule_step(const TrainRule *r, double lr, uint64_t t, double factor)
{
    const double b1 = r->set->at[SET_beta1].real, b2 = r->set->at[SET_beta2].real;
    return (TrainStep){ .lr = (float)lr,
                        .correct1 = (float)(1 / (1 - pow(b1, (double)t))),
                        .correct2 = (float)(1 / (1 - pow(b2, (double)t))),
                        .factor = (float)factor,
                        .step = (float)t };
}

/* Nothing is copied: the gradient is read where it is, and what was made stays where it was
 * made. */
bool rule_update(TrainRule *r, TrainParam *p, const TrainStep *h)
{
    const float now[RULE_NUMBERS] = { h->lr, h->correct1, h->correct2, h->factor,
                                      h->step };
    const anec_tensor g = rule_tensor(p, p->grad);
    const anec_input in = { .name = "g", .tensor = &g };
    const anec_run_options o = { .size = sizeof o };
    anec_error e;
    if (r->engine) return engine_update(r, p, h);
    memcpy(r->number, now, sizeof now);
    bool ok = update_said(r, anec_run_with(p->own, &in, 1, &o, &e), &e);
    for (int i = -1; ok && i < r->states; i++) {
        char name[16], next[24];
        anec_tensor t;
        update_names(i, name, next);
        ok = update_said(r, anec_result(p->own, next, &t, &e), &e);
        if (ok) *update_part(p, i) = t.data;
    }
    return ok;
}
