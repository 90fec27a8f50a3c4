/* restore.c -- reads checkpoints, and trusts no byte of them. */
#include "train.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#define WRONG(c, ...) diag_error((c)->diag, (Loc){ 0 }, __VA_ARGS__)

typedef struct {
    Diag *diag;
    const char *path;
    TrainCheckpoint *to;
    const cJSON *meta;
} Restore;

/* ---- the header -------------------------------------------------------------------------- */

static const char *text_of(Restore *r, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(r->meta, name);
    if (cJSON_IsString(v)) return arena_strdup(&r->to->arena, v->valuestring);
    WRONG(r, "%s: its metadata has no %s: it is no checkpoint of anetrain", r->path,
          name);
    return NULL;
}

static bool count_of(Restore *r, const char *name, uint64_t *out)
{
    char *end;
    const char *text = text_of(r, name);
    if (!text) return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && !errno) return true;
    return WRONG(r, "%s: %s is %s in its metadata: a whole number is needed", r->path,
                 name, text);
}

static bool real_of(Restore *r, const char *name, double *out)
{
    char *end;
    const char *text = text_of(r, name);
    if (!text) return false;
    *out = strtod(text, &end);
    if (end != text && !*end) return true;
    return WRONG(r, "%s: %s is %s in its metadata: a number is needed", r->path, name,
                 text);
}

static bool read_state(Restore *r)
{
    TrainState *s = &r->to->state;
    uint64_t states;
    const struct {
        const char *name;
        void *at;
        char kind;
    } rows[] = {
#define STATE(name, kind) { #name, &s->name, kind },
#include "state.def"
    };
    for (size_t i = 0; i < COUNT(rows); i++) switch (rows[i].kind) {
        case 'c':
            if (!count_of(r, rows[i].name, rows[i].at)) return false;
            break;
        case 'r':
            if (!real_of(r, rows[i].name, rows[i].at)) return false;
            break;
        default: {
            const bool lacks = rows[i].kind == 'o'
                            && !cJSON_HasObjectItem(r->meta, rows[i].name);
            const char *text = lacks ? "" : text_of(r, rows[i].name);
            if (!text) return false;
            *(const char **)rows[i].at = text;
        }
        }
    if (!count_of(r, "states", &states)) return false;
    if (states > MAX_STATES)
        return WRONG(r, "%s: it has %llu states a weight, %d are the most", r->path,
                     (unsigned long long)states, MAX_STATES);
    s->states = (int)states;
    return true;
}

/* The sum that the header begins with is of itself. */
static bool check_header(Restore *r, uint64_t *length)
{
    const Mapped *f = &r->to->file;
    const size_t start = strlen(CHECKPOINT_START), least = CHECKPOINT_LENGTH + start + 8;
    char want[9] = { 0 }, is[9];
    *length = 0;
    if (f->size < least
        || memcmp(f->data + CHECKPOINT_LENGTH, CHECKPOINT_START, start) != 0)
        return WRONG(r, "%s is no checkpoint of anetrain", r->path);
    for (int i = CHECKPOINT_LENGTH; i-- > 0;) *length = *length << 8 | f->data[i];
    if (*length > f->size - CHECKPOINT_LENGTH || *length < least - CHECKPOINT_LENGTH)
        return WRONG(r,
                     "%s: cut off, or changed: its header has %llu bytes, the file %zu",
                     r->path, (unsigned long long)*length, f->size);
    memcpy(want, f->data + CHECKPOINT_LENGTH + start, 8);
    uint32_t crc = crc32c(0, f->data, CHECKPOINT_LENGTH + start);
    crc = crc32c(crc, "00000000", 8);
    crc = crc32c(crc, f->data + least, CHECKPOINT_LENGTH + (size_t)*length - least);
    snprintf(is, sizeof is, "%08x", crc);
    if (!memcmp(want, is, 8)) return true;
    return WRONG(r, "%s: its header has the sum %s and says %s: it was changed", r->path,
                 is, want);
}

/* Each tensor begins where the one before ends, and the last ends with the file. */
static bool check_data(Restore *r, uint64_t length)
{
    const Mapped *f = &r->to->file;
    const SafeTensors *t = &r->to->tensors;
    const unsigned char *start = f->data + CHECKPOINT_LENGTH + length, *at = start;
    char is[9];
    for (size_t i = 0; i < t->count; i++) {
        if ((const unsigned char *)t->tensor[i].data != at)
            return WRONG(r, "%s: tensor '%s' does not begin where the one before it ends",
                         r->path, t->tensor[i].name);
        at += t->tensor[i].bytes;
    }
    if (at != f->data + f->size)
        return WRONG(r, "%s: its tensors end at byte %zu, the file at %zu", r->path,
                     (size_t)(at - f->data), f->size);
    const char *want = text_of(r, "crc32c");
    if (!want) return false;
    snprintf(is, sizeof is, "%08x", crc32c(0, start, (size_t)(at - start)));
    if (!strcmp(want, is)) return true;
    return WRONG(r, "%s: its data has the sum %s, the header says %s: it was changed",
                 r->path, is, want);
}

static bool read_all(Restore *r)
{
    uint64_t length;
    TrainCheckpoint *c = r->to;
    if (!check_header(r, &length)
        || !safetensors_parse(&c->arena, r->diag, (Loc){ 0 }, r->path, &c->file,
                              &c->tensors))
        return false;
    cJSON *root = json_parse((const char *)c->file.data + CHECKPOINT_LENGTH,
                             (size_t)length);
    r->meta = cJSON_GetObjectItemCaseSensitive(root, "__metadata__");
    const char *format = text_of(r, "format"),
               *version = format ? text_of(r, "version") : NULL;
    bool ok = version != NULL;
    if (ok
        && (strcmp(format, CHECKPOINT_FORMAT) != 0
            || strcmp(version, CHECKPOINT_VERSION) != 0))
        ok = WRONG(r, "%s is %s of version %s, this anetrain reads %s of version %s",
                   r->path, format, version, CHECKPOINT_FORMAT, CHECKPOINT_VERSION);
    ok = ok && read_state(r) && check_data(r, length);
    json_free(root);
    return ok;
}

bool checkpoint_parse(TrainCheckpoint *c, Diag *d, const char *path, const Mapped *file)
{
    *c = (TrainCheckpoint){ .file = *file };
    c->path = arena_strdup(&c->arena, path);
    Restore r = { .diag = d, .path = c->path, .to = c };
    if (read_all(&r) && file_stayed(d, &c->file)) return true;
    checkpoint_close(c);
    return false;
}

bool checkpoint_open(TrainCheckpoint *c, Diag *d, const char *path)
{
    Mapped file;
    return file_map(d, path, &file) && checkpoint_parse(c, d, path, &file);
}

void checkpoint_close(TrainCheckpoint *c)
{
    file_unmap(&c->file);
    arena_free(&c->arena);
    *c = (TrainCheckpoint){ 0 };
}

/* ---- tensors ----------------------------------------------------------------------------- */

static const char *shape_of_tensor(Arena *a, int rank, const int64_t *shape)
{
    const char *s = "[";
    for (int i = 0; i < rank; i++)
        s = arena_printf(a, "%s%s%lld", s, i ? ", " : "", (long long)shape[i]);
    return arena_printf(a, "%s]", s);
}

static const SafeTensor *restore_find(const SafeTensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->tensor[i].name, name)) return &s->tensor[i];
    return NULL;
}

/* NULL where t is what a weight of p's shape needs; else what it is in words. */
static const char *restore_unlike(Arena *a, const SafeTensor *t, const TrainParam *p)
{
    if (!t) return "is not there";
    if (t->rank == p->rank
        && !memcmp(t->shape, p->shape, (size_t)p->rank * sizeof *p->shape)) {
        if (!strcmp(t->dtype, "F32") || !strcmp(t->dtype, "F16")) return NULL;
        return arena_printf(a, "is of %s", t->dtype);
    }
    return arena_printf(a, "is %s", shape_of_tensor(a, t->rank, t->shape));
}

static void restore_copy(const SafeTensor *t, float *to, size_t n)
{
    if (!strcmp(t->dtype, "F32")) memcpy(to, t->data, n * 4);
    else {
        const unsigned char *p = t->data;
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, p + 2 * i, 2);
            to[i] = (float)f16_to_double(h);
        }
    }
}

/* Each tensor is a weight's, or a state of one. */
static bool known_only(const TrainCheckpoint *c, Diag *d, const TrainParam *p, int n,
                       const char *model_sha256)
{
    Arena a = { 0 };
    const char *unknown = NULL;
    for (size_t i = 0; i < c->tensors.count && !unknown; i++) {
        const char *name = c->tensors.tensor[i].name;
        bool known = !strncmp(name, CHECKPOINT_FILL, strlen(CHECKPOINT_FILL));
        for (int k = 0; !known && k < 1 + c->state.states; k++)
            for (int m = 0; !known && m < n; m++)
                known = !strcmp(name, checkpoint_name(&a, &p[m], k));
        if (!known) unknown = name;
    }
    arena_free(&a);
    return !unknown
        || diag_error(
            d, (Loc){ 0 },
            "%s is of another model (sha256 %.12s, here %.12s), which has no weight %s",
            c->path, c->state.model_sha256, model_sha256, unknown);
}

bool checkpoint_fill(const TrainCheckpoint *c, Diag *d, TrainParam *p, int n,
                     const char *model_sha256)
{
    Arena a = { 0 };
    bool ok = known_only(c, d, p, n, model_sha256);
    for (int k = 0; ok && k < 1 + c->state.states; k++)
        for (int i = 0; ok && i < n; i++) {
            const char *name = checkpoint_name(&a, &p[i], k);
            const SafeTensor *t = restore_find(&c->tensors, name);
            /* what was frozen so far begins with states of zeros */
            if (!checkpoint_part(&p[i], k) || (k && !t)) continue;
            const char *why = restore_unlike(&a, t, &p[i]);
            if (why)
                ok = diag_error(
                    d, (Loc){ 0 },
                    "%s is of another model (sha256 %.12s, here %.12s): %s %s, "
                    "here it is %s",
                    c->path, c->state.model_sha256, model_sha256, name, why,
                    shape_of_tensor(&a, p[i].rank, p[i].shape));
            else
                restore_copy(t, (float *)(uintptr_t)checkpoint_part(&p[i], k),
                             p[i].count);
        }
    arena_free(&a);
    return ok && file_stayed(d, &c->file);
}

bool tensors_parse(Arena *a, Diag *d, const char *path, const Mapped *file,
                   SafeTensors *out)
{
    return (bin_weights_named(path) ? bin_weights_parse : safetensors_parse)(
        a, d, (Loc){ 0 }, path, file, out);
}

bool weights_fill(Diag *d, const char *path, TrainParam *p, int n, bool partial,
                  int *left)
{
    Arena a = { 0 };
    Mapped file = { 0 };
    SafeTensors s;
    bool ok = file_map(d, path, &file) && tensors_parse(&a, d, path, &file, &s);
    *left = 0;
    for (int i = 0; ok && i < n; i++) {
        const SafeTensor *t = restore_find(&s, p[i].path);
        if (!t && partial && !p[i].frozen) {
            ++*left;
            continue;
        }
        const char *why = restore_unlike(&a, t, &p[i]);
        if (why)
            ok = diag_error(d, (Loc){ 0 }, "--init %s: %s %s, the weight is %s", path,
                            p[i].path, why, shape_of_tensor(&a, p[i].rank, p[i].shape));
        else restore_copy(t, p[i].master, p[i].count);
    }
    ok = ok && file_stayed(d, &file);
    file_unmap(&file);
    arena_free(&a);
    return ok;
}
