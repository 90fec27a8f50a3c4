/* rule.c -- optimizers: functions of the language, compiled for the processor, once for the
 * weights of each shape. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

/* What the rules of std are called with. Numbers of the run are in the text; what changes with
 * a step is an input. */
static const struct {
    const char *name;
    int states;
    bool decays;
    const char *call;
} rules[] = {
    { "sgd", 0, false, "r = [sgd(w, g * scale, lr)]" },
    { "momentum", 1, false, "r = momentum(w, g * scale, s0, lr, %m)" },
    { "adam", 2, false, "r = adam(w, g * scale, s0, s1, lr, %1, %2, %e, c1, c2)" },
    { "adamw", 2, true, "r = adam(w, g * scale, s0, s1, lr, %1, %2, %e, c1, c2, %d)" },
    { "lion", 1, true, "r = lion(w, g * scale, s0, lr, %1, %2, %d)" },
};

static bool optimizer_said(TrainRule *r, anec_status s, const anec_error *e)
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

static void put_call(const TrainRule *r, bool decays, Buf *b)
{
    const TrainSetting *set = r->set->at;
    for (const char *s = rules[r->kind].call; *s; s++) {
        if (*s != '%') {
            buf_putc(b, *s);
            continue;
        }
        switch (*++s) {
        case 'm': put_number(b, set[SET_momentum].real); break;
        case '1': put_number(b, set[SET_beta1].real); break;
        case '2': put_number(b, set[SET_beta2].real); break;
        case 'e': put_number(b, set[SET_eps].real); break;
        default: put_number(b, decays ? set[SET_decay].real : 0); break;
        }
    }
}

static void put_type(const TrainUpdate *u, Buf *b)
{
    buf_puts(b, ": fp32[");
    for (int i = 0; i < u->rank; i++)
        buf_printf(b, "%s%lld", i ? ", " : "", (long long)u->shape[i]);
    buf_puts(b, "]");
}

static void put_program(const TrainRule *r, const TrainUpdate *u, Buf *b)
{
    static const char *const scalars[] = { "lr", "c1", "c2", "scale", "step" };
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
    for (size_t i = 0; i < COUNT(scalars); i++) buf_printf(b, ", %s: fp32[]", scalars[i]);
    buf_puts(b, ") -> next_w");
    for (int i = 0; i < r->states; i++) buf_printf(b, ", next_s%d", i);
    buf_puts(b, " {\n");
    if (r->file) {
        buf_printf(b, "r = user.%s(w, g, [", r->function);
        for (int i = 0; i < r->states; i++) buf_printf(b, "%ss%d", i ? ", " : "", i);
        buf_puts(b, "], [lr, c1, c2, ");
        put_number(b, u->decays ? r->set->at[SET_decay].real : 0);
        buf_puts(b, ", scale, step])");
    } else put_call(r, u->decays, b);
    buf_puts(b, "\nnext_w = r[0]\n");
    for (int i = 0; i < r->states; i++) buf_printf(b, "next_s%d = r[%d]\n", i, i + 1);
    buf_puts(b, "}\n");
}

/* ---- opening ----------------------------------------------------------------------------- */

static bool optimizer_load(TrainRule *r, const Buf *text, const char *folder, anec_model **m,
                           anec_kernel **k)
{
    anec_error e;
    return optimizer_said(r, anec_load_text(r->host, text->s, text->len, folder, m, &e), &e)
        && optimizer_said(r, anec_compile(*m, NULL, k, &e), &e);
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
    buf_printf(&b,
               "import \"%s\" as user\nmodel main(x: fp32[]) -> n = x + user.%s_states * 1.0\n",
               r->file, r->function);
    const bool ok = optimizer_load(r, &b, r->name, &m, &k)
                 && optimizer_said(r, anec_bind(k, "x", &in, &e), &e)
                 && optimizer_said(r, anec_run(k, &e), &e)
                 && optimizer_said(r, anec_result(k, "n", &t, &e), &e)
                 && anec_doubles(&t, 0, 1, &n);
    anec_free(k);
    anec_model_free(m);
    buf_free(&b);
    if (!ok) return false;
    if (n >= 0 && n <= MAX_STATES && floor(n) == n) {
        r->states = (int)n;
        return true;
    }
    return diag_error(r->diag, (Loc){ 0 }, "%s_states of %s is %g: a rule has 0 to %d states",
                      r->function, r->file, n, MAX_STATES);
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
        return diag_error(d, (Loc){ 0 },
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

bool rule_prepare(TrainRule *r, TrainParam *p)
{
    const bool may = r->file || rules[r->kind].decays;
    const bool decays = may && (p->rank >= 2 || r->set->at[SET_decay_all].text);
    for (TrainUpdate *u = r->first; u; u = u->next)
        if (u->decays == decays && u->rank == p->rank
            && !memcmp(u->shape, p->shape, (size_t)p->rank * sizeof *p->shape)) {
            p->update = u;
            return true;
        }
    TrainUpdate *u = NEW(&r->arena, TrainUpdate);
    *u = (TrainUpdate){ .next = r->first, .rank = p->rank, .decays = decays };
    memcpy(u->shape, p->shape, sizeof u->shape);
    r->first = p->update = u;
    r->programs++;
    Buf b = { 0 };
    put_program(r, u, &b);
    const bool ok = optimizer_load(r, &b, r->file ? r->name : NULL, &u->model, &u->kernel);
    buf_free(&b);
    return ok;
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

static anec_tensor tensor_of(const TrainParam *p, float *data)
{
    anec_tensor t = { .dtype = "fp32", .rank = p->rank, .data = data, .bytes = p->count * 4 };
    memcpy(t.shape, p->shape, sizeof t.shape);
    return t;
}

static bool take_back(TrainRule *r, const TrainParam *p, const char *name, float *to)
{
    anec_tensor t;
    anec_error e;
    if (!optimizer_said(r, anec_result(p->update->kernel, name, &t, &e), &e)) return false;
    if (strcmp(t.dtype, "fp32") != 0 || t.bytes != p->count * 4)
        return diag_error(r->diag, (Loc){ 0 },
                          "the optimizer %s makes %s of the weight %s, which is not its shape",
                          r->set->at[SET_optimizer].text, name, p->path);
    memcpy(to, t.data, t.bytes);
    return true;
}

bool rule_update(TrainRule *r, TrainParam *p, const TrainStep *h)
{
    TrainStep own = *h;
    anec_tensor w = tensor_of(p, p->master), g = tensor_of(p, p->grad), s[MAX_STATES];
    float *const number[] = { &own.lr, &own.correct1, &own.correct2, &own.factor, &own.step };
    static const char *const scalar[] = { "lr", "c1", "c2", "scale", "step" };
    anec_tensor one[COUNT(number)];
    anec_input in[2 + MAX_STATES + COUNT(number)];
    char name[MAX_STATES][16];
    anec_run_options o = { .size = sizeof o };
    anec_error e;
    int n = 0;
    in[n++] = (anec_input){ .name = "w", .tensor = &w };
    in[n++] = (anec_input){ .name = "g", .tensor = &g };
    for (int i = 0; i < r->states; i++) {
        snprintf(name[i], sizeof name[i], "s%d", i);
        s[i] = tensor_of(p, p->state[i]);
        in[n++] = (anec_input){ .name = name[i], .tensor = &s[i] };
    }
    for (size_t i = 0; i < COUNT(number); i++) {
        one[i] = (anec_tensor){ .dtype = "fp32", .data = number[i], .bytes = 4 };
        in[n++] = (anec_input){ .name = scalar[i], .tensor = &one[i] };
    }
    if (!optimizer_said(r, anec_run_with(p->update->kernel, in, n, &o, &e), &e)) return false;
    bool ok = take_back(r, p, "next_w", p->master);
    for (int i = 0; ok && i < r->states; i++) {
        char next[24];
        snprintf(next, sizeof next, "next_s%d", i);
        ok = take_back(r, p, next, p->state[i]);
    }
    return ok;
}
