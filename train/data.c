/* data.c -- samples from files: opening them, choosing those of a step, copying them into
 * the inputs of the step. */
#include "train.h"

#include <math.h>
#include <stdlib.h>

/* ---- order ------------------------------------------------------------------------------- */

uint64_t order_below(uint64_t u, uint64_t n)
{
    const uint64_t low = (u & 0xffffffff) * n, high = (u >> 32) * n;
    return (high + (low >> 32)) >> 32;
}

/* Fisher and Yates, from the end. */
void order_shuffle(uint64_t seed, uint64_t epoch, size_t n, uint32_t *out)
{
    char label[32];
    snprintf(label, sizeof label, "epoch%llu", (unsigned long long)epoch);
    const uint64_t key = rng_key(seed, label);
    for (size_t i = 0; i < n; i++) out[i] = (uint32_t)i;
    for (size_t i = n; i-- > 1;) {
        const size_t j = (size_t)order_below(rng_u64(key, n - 1 - i), i + 1);
        const uint32_t swap = out[i];
        out[i] = out[j];
        out[j] = swap;
    }
}

/* ---- opening ----------------------------------------------------------------------------- */

/* Inputs that are no weights, nor the scale of the loss. */
static const char *data_input(const anec_kernel *kernel, const anec_model *step, int i,
                              anec_tensor *out)
{
    const char *name, *weight;
    for (int k = 0, at = 0; (name = anec_port(kernel, ANEC_INPUT, k, out)); k++) {
        bool own = strcmp(name, "loss_scale") != 0;
        for (int w = 0; own && anec_weight(step, w, &weight); w++)
            own = strcmp(weight, name) != 0;
        if (own && at++ == i) return name;
    }
    return NULL;
}

static const char *shape_of_port(Arena *a, int rank, const int64_t *shape)
{
    Buf b = { 0 };
    buf_putc(&b, '[');
    for (int i = 0; i < rank; i++)
        buf_printf(&b, "%s%lld", i ? ", " : "", (long long)shape[i]);
    buf_putc(&b, ']');
    const char *s = arena_strdup(a, b.s);
    buf_free(&b);
    return s;
}

/* The dimensions behind the first axis of the file are those of the input, or of one along its
 * first axis. */
static bool data_fit(TrainData *t, TrainColumn *c, const anec_tensor *port)
{
    const NpyArray *a = &c->array;
    const int64_t *rest = a->shape + 1;
    const int rank = a->rank - 1;
    const size_t dims = sizeof *rest;
    c->whole = rank == port->rank && !memcmp(rest, port->shape, (size_t)rank * dims);
    const bool rows = port->rank && rank == port->rank - 1
                   && !memcmp(rest, port->shape + 1, (size_t)rank * dims);
    if (!c->whole && !rows)
        return diag_error(
            t->diag, (Loc){ 0 },
            "%s is %s: for the input %s %s it must be [samples, ..] with the "
            "input's dimensions, or with those behind its first",
            c->file, shape_of_port(&t->arena, a->rank, a->shape), c->input,
            shape_of_port(&t->arena, port->rank, port->shape));
    c->sample = a->shape[0] ? a->count / (size_t)a->shape[0] : 0;
    const size_t batch = c->whole ? 1 : (size_t)port->shape[0];
    if (t->batch && t->batch != batch)
        return diag_error(t->diag, (Loc){ 0 },
                          "%s is read by %zu samples a step, %s by %zu", c->file, batch,
                          t->column[0].file, t->batch);
    t->batch = batch;
    return true;
}

/* fp32 where the input is of floats, int32 where it is of whole numbers. */
static bool room_of(TrainData *t, TrainColumn *c, const anec_tensor *port)
{
    const bool real = !strncmp(port->dtype, "fp", 2);
    const char of = c->array.descr[1];
    if (!real && of == 'f')
        return diag_error(t->diag, (Loc){ 0 }, "%s has floats, the input %s takes %s",
                          c->file, c->input, port->dtype);
    c->tensor = *port;
    c->tensor.dtype = real ? "fp32" : port->dtype;
    if (!real && strcmp(port->dtype, "int32") != 0)
        return diag_error(
            t->diag, (Loc){ 0 },
            "the input %s is of %s: what is learned from are floats and int32", c->input,
            port->dtype);
    const size_t n = c->sample * (c->whole ? 1 : t->batch);
    c->room = arena_array(&t->arena, n + 1, 4);
    c->tensor.data = c->room;
    c->tensor.bytes = n * 4;
    return true;
}

static bool open_column(TrainData *t, TrainColumn *c, const anec_tensor *port)
{
    const bool pictures = pictures_named(c->file);
    if (pictures ? !pictures_open(t, c, port) : !npy_open(t->diag, c->file, &c->array))
        return false;
    if (!c->array.rank)
        return diag_error(t->diag, (Loc){ 0 },
                          "%s is a scalar: its first axis counts samples", c->file);
    if (!data_fit(t, c, port) || !room_of(t, c, port)) return false;
    const size_t n = (size_t)c->array.shape[0];
    if (c != t->column && n != t->samples)
        return diag_error(t->diag, (Loc){ 0 }, "%s has %zu samples, %s %zu", c->file, n,
                          t->column[0].file, t->samples);
    t->samples = n;
    t->bytes += c->array.bytes;
    return true;
}

/* sin(i / 10) as the one sample of each input, by features where those are on axis 1 of 4: what
 * the net of examples/tiny_train.anedsl learns to repeat. */
static void tiny_column(TrainColumn *c, const anec_tensor *port)
{
    float *v = c->room;
    const size_t n = c->sample;
    const size_t rows = port->rank == 4 ? (size_t)port->shape[1] : 1, columns = n / rows;
    for (size_t i = 0; i < n; i++) {
        const size_t at = (i % columns) * rows + i / columns;
        v[i] = sinf((float)at * .1f);
    }
}

static bool open_tiny(TrainData *t, TrainColumn *c, const anec_tensor *port)
{
    if (strncmp(port->dtype, "fp", 2) != 0)
        return diag_error(t->diag, (Loc){ 0 },
                          "built-in:tiny is of floats, the input %s of %s", c->input,
                          port->dtype);
    c->file = t->text;
    c->whole = true;
    c->sample = 1;
    for (int i = 0; i < port->rank; i++) c->sample *= (size_t)port->shape[i];
    c->array = (NpyArray){ .descr = "<f4" };
    t->samples = t->batch = 1;
    if (!room_of(t, c, port)) return false;
    tiny_column(c, port);
    t->bytes += c->tensor.bytes;
    return true;
}

/* NAME=FILE, or FILE for the inputs in their order. */
static bool name_column(TrainData *t, const char *part, int at, const anec_kernel *kernel,
                        const anec_model *step)
{
    anec_tensor port;
    const char *name;
    const size_t equal = strcspn(part, "=");
    TrainColumn *c = &t->column[t->ncolumn];
    for (int i = 0; (name = data_input(kernel, step, i, &port)); i++)
        if (part[equal] ? strlen(name) == equal && !memcmp(name, part, equal) : i == at) {
            *c = (TrainColumn){ .input = arena_strdup(&t->arena, name),
                                .file = part[equal] ? part + equal + 1 : part };
            for (int k = 0; k < t->ncolumn; k++)
                if (!strcmp(t->column[k].input, name))
                    return diag_error(t->diag, (Loc){ 0 },
                                      "--data gives the input %s twice", name);
            t->ncolumn++;
            return open_column(t, c, &port);
        }
    return diag_error(t->diag, (Loc){ 0 },
                      "there is no input for %s of --data: the model has %d", part, at);
}

static bool all_given(TrainData *t, const anec_kernel *kernel, const anec_model *step)
{
    anec_tensor port;
    const char *name;
    bool ok = true;
    for (int i = 0; (name = data_input(kernel, step, i, &port)); i++) {
        bool there = false;
        for (int k = 0; k < t->ncolumn; k++)
            there = there || !strcmp(t->column[k].input, name);
        if (!there)
            ok = diag_error(t->diag, (Loc){ 0 }, "--data %s has nothing for the input %s",
                            t->text, name);
    }
    return ok;
}

static bool open_files(TrainData *t, const anec_kernel *kernel, const anec_model *step)
{
    bool ok = true;
    int at = 0;
    for (const char *s = pictures_pairs(&t->arena, t->text); ok && *s; at++) {
        const size_t n = strcspn(s, ",");
        ok = name_column(t, arena_strndup(&t->arena, s, n), at, kernel, step);
        s += n + (s[n] == ',');
    }
    return ok && all_given(t, kernel, step);
}

/* A column for each input, which is not of a file of its own. */
static void all_columns(TrainData *t, const anec_kernel *kernel, const anec_model *step)
{
    anec_tensor port;
    const char *name;
    for (int i = 0; (name = data_input(kernel, step, i, &port)); i++)
        t->column[t->ncolumn++] = (TrainColumn){ .input = arena_strdup(&t->arena, name),
                                                 .tensor = port };
}

static bool open_built_in(TrainData *t)
{
    for (int i = 0; i < t->ncolumn; i++) {
        const anec_tensor port = t->column[i].tensor;
        if (!open_tiny(t, &t->column[i], &port)) return false;
    }
    return true;
}

static void data_hash(TrainData *t)
{
    Sha256 sum = sha256_start();
    if (t->token) sha256_add(&sum, t->token, t->tokens * sizeof *t->token);
    for (int i = 0; i < t->ncolumn; i++) {
        const TrainColumn *c = &t->column[i];
        if (c->array.data) sha256_add(&sum, c->array.data, c->array.bytes);
        else if (!t->token) sha256_add(&sum, c->tensor.data, c->tensor.bytes);
    }
    sha256_end(&sum, t->sha256);
}

bool data_open(TrainData *t, Diag *d, const char *text, const anec_kernel *kernel,
               const anec_model *step, const char *saved)
{
    anec_tensor port;
    int n = 0;
    *t = (TrainData){ .diag = d,
                      .text = text,
                      .vocab_name = t->vocab_name,
                      .parts = t->parts ? t->parts : 1 };
    while (data_input(kernel, step, n, &port)) n++;
    t->column = NEW_ARRAY(&t->arena, n + 1, TrainColumn);
    const bool tiny = !strcmp(text, "built-in:tiny"), tokens = tokens_named(text);
    if (tiny || tokens) all_columns(t, kernel, step);
    const bool ok = tokens ? tokens_open(t, saved)
                  : tiny   ? open_built_in(t)
                           : open_files(t, kernel, step);
    if (!ok) return false;
    const size_t takes = t->batch * (tokens ? 1 : t->parts);
    if (t->samples < takes || !t->samples)
        return diag_error(d, (Loc){ 0 }, "%s has %zu samples, a step takes %zu", text,
                          t->samples, takes);
    if (t->samples > UINT32_MAX)
        return diag_error(d, (Loc){ 0 }, "%s has %zu samples: 4294967295 at most", text,
                          t->samples);
    if (!tokens) t->order = NEW_ARRAY(&t->arena, t->samples, uint32_t);
    t->epoch = UINT64_MAX;
    data_hash(t);
    return true;
}

void data_first_weights(const TrainData *t, TrainParam *p, int n)
{
    if (strcmp(t->text, "built-in:tiny") != 0 || n != 2 || strcmp(p[0].path, "w1") != 0
        || strcmp(p[1].path, "w2") != 0)
        return;
    for (size_t i = 0; i < p[0].count; i++)
        p[0].master[i] = .01f * sinf((float)i * 1.3f + .7f);
    for (size_t i = 0; i < p[1].count; i++)
        p[1].master[i] = .01f * cosf((float)i * .9f + 1.1f);
}

void data_close(TrainData *t)
{
    for (int i = 0; i < t->ncolumn; i++)
        if (t->column[i].array.data) npy_close(&t->column[i].array);
    vocab_free(&t->vocab);
    arena_free(&t->arena);
}

/* ---- elements ---------------------------------------------------------------------------- */

/* What a .npy may hold, as the step takes it. */
static void data_take(const TrainColumn *c, size_t from, size_t n, size_t to)
{
    const NpyArray *a = &c->array;
    const size_t size = a->bytes / a->count;
    const char *p = (const char *)a->data + from * size, of = a->descr[1];
    const bool real = !strcmp(c->tensor.dtype, "fp32");
    float *f = (float *)c->room + to;
    int32_t *whole = (int32_t *)c->room + to;
    if (real && of == 'f' && size == 4) {
        memcpy(f, p, n * 4);
        return;
    }
    for (size_t i = 0; i < n; i++, p += size) {
        double v;
        if (of == 'f' && size == 2) v = f16_to_double(*(const uint16_t *)(const void *)p);
        else if (of == 'f' && size == 4) v = *(const float *)(const void *)p;
        else if (of == 'f') v = *(const double *)(const void *)p;
        else {
            uint64_t u = 0;
            memcpy(&u, p, size);
            const uint64_t sign = 1ull << (8 * size - 1);
            v = of == 'i' && u & sign ? (double)(int64_t)(u | ~(sign * 2 - 1))
                                      : (double)u;
        }
        if (real) f[i] = (float)v;
        else whole[i] = (int32_t)fmax(fmin(v, INT32_MAX), INT32_MIN);
    }
}

static void data_lay(TrainData *t, size_t k, size_t sample)
{
    for (int i = 0; i < t->ncolumn; i++) {
        const TrainColumn *c = &t->column[i];
        if (c->array.data && c->sample)
            data_take(c, sample * c->sample, c->sample, k * c->sample);
    }
}

void data_batch(TrainData *t, uint64_t seed, uint64_t index)
{
    if (t->token) {
        tokens_batch(t, seed, index);
        return;
    }
    const size_t all = t->batch * t->parts, batches = t->samples / all;
    const uint64_t epoch = index / t->parts / batches;
    const size_t first = (size_t)(index / t->parts % batches) * all
                       + (size_t)(index % t->parts) * t->batch;
    if (t->epoch != epoch) order_shuffle(seed, epoch, t->samples, t->order);
    t->epoch = epoch;
    for (size_t k = 0; k < t->batch; k++) data_lay(t, k, t->order[first + k]);
}

void data_range(TrainData *t, size_t first, size_t n)
{
    if (t->token) tokens_range(t, first, n);
    for (size_t k = 0; !t->token && k < n; k++) data_lay(t, k, first + k);
}

/* Operations of MIL count an index below 0 from the end: another class would be learned. */
static bool data_counts(TrainData *t, const TrainColumn *c)
{
    const int32_t *v = c->room;
    for (size_t k = 0; k < c->tensor.bytes / 4; k++)
        if (v[k] < 0)
            return diag_error(
                t->diag, (Loc){ 0 },
                "%s has %d (sample %zu of the batch): whole numbers are classes "
                "and tokens, which are counted from 0",
                c->file, (int)v[k], c->sample ? k / c->sample : 0);
    return true;
}

static bool data_finite(TrainData *t, const TrainColumn *c)
{
    const float *v = c->room;
    for (size_t k = 0; k < c->tensor.bytes / 4; k++)
        if (!isfinite(v[k]))
            return diag_error(t->diag, (Loc){ 0 },
                              "%s has an element that is no finite number (sample %zu of "
                              "the batch)",
                              c->file, c->sample ? k / c->sample : 0);
    return true;
}

bool data_sound(TrainData *t)
{
    bool ok = true;
    for (int i = 0; ok && i < t->ncolumn; i++) {
        const TrainColumn *c = &t->column[i];
        ok = !strcmp(c->tensor.dtype, "fp32") ? data_finite(t, c) : data_counts(t, c);
    }
    return ok;
}
