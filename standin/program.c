/* program.c -- the engine behind the classes: reads a program and its weights from a folder,
 * refuses what the chip refuses, tells the layout of tensors, and runs. */
#include "standin.h"

#include "../ir/mil/mil.h"
#include "../backends/backend.h"
#include "../backends/forms.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct Compiled {
    Arena arena;
    Module *module;
    Mapped text;
    Source source;
    int n;
    Procedure *procedure;
    Program **program;
};

/* ---- layout ------------------------------------------------------------------------------ */

/* The last dimension is a row; the two before are height and channels. */
static void standin_program_place(StandinPlace *p, const Value *v, bool result)
{
    const Type *t = v->type;
    const int rank = t->shape.rank;
    int64_t of_last[3] = { 1, 1, 1 }, batch = 1; /* width, height, channels */
    for (int i = 0; i < rank; i++) {
        int back = rank - 1 - i;
        if (rank == 3 && back == 1) back = 2; /* [batch, channels, width] */
        else if (rank == 3 && back == 2) back = 3;
        if (back < 3) of_last[back] = t->shape.dim[i];
        else batch *= t->shape.dim[i];
    }
    *p = (StandinPlace){ .name = v->name,
                         .batch = batch,
                         .channels = of_last[2],
                         .height = of_last[1],
                         .width = of_last[0],
                         .element = dtypes[t->dtype].bits / 8 };
    p->row = ((size_t)p->width * (size_t)p->element + ENGINE_ROW - 1) / ENGINE_ROW
           * ENGINE_ROW;
    if (result && fault("result-rows")) p->row += ENGINE_ROW;
    p->plane = p->row * (size_t)p->height;
    p->batch_stride = p->plane * (size_t)p->channels
                    + (fault("batch-stride") ? 2 * p->row : 0);
    p->bytes = p->batch_stride * (size_t)batch;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const StandinPlace *)a)->name, ((const StandinPlace *)b)->name);
}

static int by_size(const void *a, const void *b)
{
    const StandinPlace *x = a, *y = b;
    return x->bytes != y->bytes ? (x->bytes < y->bytes ? -1 : 1) : by_name(a, b);
}

static bool standin_program_placeable(const Value *v, Buf *why)
{
    const Type *t = v->type;
    size_t n;
    bool ok = t->kind == TY_TENSOR && shape_known(&t->shape) && shape_count(&t->shape, &n)
           && n
           && (t->dtype == DT_FP16 || t->dtype == DT_FP32 || t->dtype == DT_INT8
               || t->dtype == DT_UINT8);
    if (!ok)
        buf_printf(why, "Unsupported function input or output dtype or shape: %s",
                   v->name);
    return ok;
}

static bool place_all(Compiled *c, Procedure *p, const Func *f, int first[2], Buf *why)
{
    const Block *b = f->body;
    Value *const *values[2] = { b->param, b->result };
    const int n[2] = { b->nparam, b->nresult };
    StandinPlace *place_of[2];
    for (int k = 0; k < 2; k++) {
        place_of[k] = NEW_ARRAY(&c->arena, n[k] + 1, StandinPlace);
        for (int i = 0; i < n[k]; i++) {
            if (!standin_program_placeable(values[k][i], why)) return false;
            standin_program_place(&place_of[k][i], values[k][i], k == 1);
        }
        qsort(place_of[k], (size_t)n[k], sizeof **place_of,
              machine().by_size ? by_size : by_name);
        for (int i = 0; i < n[k]; i++) place_of[k][i].symbol = first[k]++;
    }
    *p = (Procedure){
        .name = f->name, .in = place_of[0], .nin = n[0], .out = place_of[1], .nout = n[1]
    };
    return true;
}

/* ---- what is refused --------------------------------------------------------------------- */

static bool has_boundary(const Func *f, DType t)
{
    bool has = false;
    for (int i = 0; i < f->body->nparam; i++) has |= f->body->param[i]->type->dtype == t;
    for (int i = 0; i < f->body->nresult; i++)
        has |= f->body->result[i]->type->dtype == t;
    return has;
}

static bool standin_program_refused(const Module *m, const Func *f, Buf *why)
{
    const char *what = NULL;
    if (fault_names("refuse", "all")) what = "all";
    if (fault_names("refuse", m->version)) what = m->version;
    if (fault_names("refuse", "fp32") && has_boundary(f, DT_FP32)) what = "fp32";
    if (fault_names("refuse", "fp16") && has_boundary(f, DT_FP16)) what = "fp16";
    if (what) buf_printf(why, "InvalidMILProgram (%s, by ANESIM_FAULT)", what);
    return what != NULL;
}

static const Backend *standin_program_engine(void)
{
    char name[32];
    snprintf(name, sizeof name, "sim:%s", machine().chip);
    return backend_find(name);
}

/* ---- compiling --------------------------------------------------------------------------- */

void compiled_free(Compiled *c)
{
    if (!c) return;
    for (int i = 0; i < c->n; i++) program_free(c->program[i]);
    module_free(c->module);
    file_unmap(&c->text);
    arena_free(&c->arena);
    free(c);
}

static bool standin_program_compile(Compiled *c, const char *dir, Diag *d, Buf *why)
{
    const char *path = arena_printf(&c->arena, "%s/model.mil", dir);
    int first[2] = { 0, 0 }, n = 0;
    if (!file_map(d, path, &c->text)) return false;
    c->source =
        (Source){ .name = path, .text = (const char *)c->text.data, .len = c->text.size };
    c->module = mil_read(d, &c->source, arena_strdup(&c->arena, dir));
    if (!c->module || !module_verify(c->module, d, NULL)) return false;
    for (Func *f = c->module->first; f; f = f->next) n++;
    c->procedure = NEW_ARRAY(&c->arena, n + 1, Procedure);
    c->program = NEW_ARRAY(&c->arena, n + 1, Program *);
    for (Func *f = c->module->first; f; f = f->next, c->n++) {
        if (standin_program_refused(c->module, f, why)
            || !place_all(c, &c->procedure[c->n], f, first, why))
            return false;
        c->program[c->n] = program_new_as_given(standin_program_engine(), c->module, f,
                                                d);
        if (!c->program[c->n]) return false;
    }
    return n > 0;
}

/* The first message, without its place: what the compiler itself would say. */
static void standin_program_tell(const Diag *d, Buf *why)
{
    static const char *const before[] = { "refuses this program: ", "error: " };
    const char *s = d->text.s ? d->text.s : "InvalidMILProgram", *found = NULL;
    for (size_t i = 0; i < COUNT(before) && !found; i++)
        if ((found = strstr(s, before[i])) != NULL) s = found + strlen(before[i]);
    buf_add(why, s, strcspn(s, "\n"));
}

Compiled *compiled_new(const char *dir, Buf *why)
{
    Compiled *c = calloc(1, sizeof *c);
    Diag d = { .quiet = true };
    if (!c) standin_abort("no memory for a program");
    bool ok = standin_program_compile(c, dir, &d, why);
    if (!ok && !why->len) standin_program_tell(&d, why);
    diag_free(&d);
    if (ok) return c;
    compiled_free(c);
    return NULL;
}

int compiled_procedures(const Compiled *c, const Procedure **out)
{
    *out = c->procedure;
    return c->n;
}

/* ---- running ----------------------------------------------------------------------------- */

/* Rows between a tensor and a surface; `rows` bounds how many. */
static void standin_program_move(const StandinPlace *p, unsigned char *surface,
                                 unsigned char *tensor, bool in, int64_t rows)
{
    const size_t line = (size_t)p->width * (size_t)p->element;
    for (int64_t r = 0; r < p->batch * p->channels * p->height && r < rows; r++) {
        const int64_t plane = r / p->height;
        unsigned char *at = surface + (size_t)(plane / p->channels) * p->batch_stride
                          + (size_t)(plane % p->channels) * p->plane
                          + (size_t)(r % p->height) * p->row;
        if (in) memcpy(tensor + (size_t)r * line, at, line);
        else memcpy(at, tensor + (size_t)r * line, line);
    }
}

static const Value *value_of(Value *const *v, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(v[i]->name, name)) return v[i];
    standin_abort("there is no %s", name);
}

/* The fault inf-once, counted over all models. */
static void make_infinite(const StandinPlace *p, unsigned char *surface)
{
    static atomic_long evaluations;
    static const uint16_t half = 0x7c00;
    static const uint32_t single = 0x7f800000;
    if (!fault("inf-once") || ++evaluations != fault("inf-once")) return;
    if (p->element == 2) memcpy(surface, &half, sizeof half);
    if (p->element == 4) memcpy(surface, &single, sizeof single);
}

static bool standin_program_run(Compiled *c, int k, Binding *in, Surface *const *out,
                                Diag *d)
{
    const Procedure *p = &c->procedure[k];
    const Binding *result;
    const int64_t rows = fault("silent-zeros") ? 0
                       : fault("half-written") ? 1
                                               : INT64_MAX;
    if (!program_run(c->program[k], d, in, p->nin, &(RunOptions){ .max_steps = 1000000 }))
        return false;
    const int n = program_results(c->program[k], &result);
    for (int i = 0; i < p->nout; i++)
        for (int r = 0; r < n; r++)
            if (!strcmp(result[r].name, p->out[i].name))
                standin_program_move(&p->out[i], out[i]->base, result[r].value.data,
                                     false, rows);
    if (p->nout) make_infinite(&p->out[p->nout - 1], out[p->nout - 1]->base);
    clock_tell(c->program[k]->func);
    return true;
}

bool compiled_run(Compiled *c, int k, Surface *const *in, Surface *const *out, Buf *why)
{
    const Procedure *p = &c->procedure[k];
    const Block *b = c->program[k]->func->body;
    Binding *bind = calloc((size_t)p->nin + 1, sizeof *bind);
    Diag d = { .quiet = true };
    bool ok = bind != NULL;
    for (int i = 0; ok && i < p->nin; i++) {
        const Value *v = value_of(b->param, b->nparam, p->in[i].name);
        bind[i].name = v->name;
        ok = tensor_alloc(&bind[i].value, &d, v->type->dtype, &v->type->shape);
        if (ok)
            standin_program_move(&p->in[i], in[i]->base, bind[i].value.data, true,
                                 INT64_MAX);
    }
    ok = ok && standin_program_run(c, k, bind, out, &d);
    if (!ok) buf_puts(why, d.text.s ? d.text.s : "no memory");
    for (int i = 0; bind && i < p->nin; i++) tensor_free(&bind[i].value);
    free(bind);
    diag_free(&d);
    return ok;
}
