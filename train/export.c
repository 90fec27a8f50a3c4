/* export.c -- writes trained weights for other programs: .safetensors, and models of
 * llama2.c of versions 0 and 1. */
#include "train.h"

#include <cjson/cJSON.h>

/* ---- .safetensors ------------------------------------------------------------------------ */

static bool put_safetensors(OutFile *o, const TrainParam *p, int n)
{
    uint64_t at = 0;
    Buf head = { 0 };
    cJSON *root = json_root(cJSON_CreateObject());
    for (int i = 0; i < n; i++)
        safetensors_entry(root, p[i].path, "F32", p[i].rank, p[i].shape, p[i].count * 4,
                          &at);
    char *text = json_text(root, false);
    buf_add(&head, "\0\0\0\0\0\0\0\0", 8);
    buf_puts(&head, text);
    json_text_free(text);
    json_free(root);
    while (head.len % 64) buf_putc(&head, ' ');
    for (int i = 0; i < 8; i++)
        head.s[i] = (char)((uint64_t)(head.len - 8) >> 8 * i & 255);
    bool ok = out_write(o, head.s, head.len);
    for (int i = 0; ok && i < n; i++) ok = out_write(o, p[i].master, p[i].count * 4);
    buf_free(&head);
    return ok;
}

/* ---- llama2.c ---------------------------------------------------------------------------- */

typedef struct {
    Diag *diag;
    const char *path;
    const TrainParam *param;
    int n, used, layers;
    OutFile *out;
    Buf head;
} Llama;

static const TrainParam *export_find(const Llama *l, const char *path)
{
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->param[i].path, path)) return &l->param[i];
    return NULL;
}

static const TrainParam *part_of(const Llama *l, int layer, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "blocks.%d.%s", layer, name);
    return export_find(l, path);
}

static bool put_weight(Llama *l, const TrainParam *p)
{
    l->used++;
    return out_write(l->out, p->master, p->count * 4);
}

static bool put_kind(Llama *l, const char *name)
{
    for (int i = 0; i < l->layers; i++)
        if (!put_weight(l, part_of(l, i, name))) return false;
    return true;
}

static void put_int(Buf *b, int64_t v)
{
    for (int i = 0; i < 4; i++) buf_putc(b, (char)((uint64_t)v >> 8 * i & 255));
}

/* All weights that a Llama has, by the names of the examples, and of its shapes. */
static bool export_check(Llama *l)
{
    static const char *const parts[] = { "wq", "wk", "wv", "wo", "w1",
                                         "w2", "w3", "g1", "g2" };
    const char *missing = !export_find(l, "embedding") ? "embedding"
                        : !export_find(l, "g")         ? "g"
                                                       : NULL;
    const int more = export_find(l, "classifier") ? 3 : 2;
    while (part_of(l, l->layers, "wq")) l->layers++;
    for (int i = 0; !missing && i < l->layers; i++)
        for (size_t k = 0; !missing && k < COUNT(parts); k++)
            if (!part_of(l, i, parts[k])) missing = parts[k];
    if (!missing && l->layers && l->n == more + 9 * l->layers) return true;
    return diag_error(
        l->diag, (Loc){ 0 },
        "--export %s: llama2.c has the weights embedding, g, blocks.N.wq, wk, wv, "
        "wo, w1, w2, w3, g1, g2 and perhaps classifier; %s%s",
        l->path, missing ? "there is no " : "the model has others",
        missing ? missing : "");
}

static void put_shapes(Llama *l, const TrainExport *o, int64_t vocabulary)
{
    const TrainParam *wq = part_of(l, 0, "wq"), *wk = part_of(l, 0, "wk");
    const int64_t dim = wq->shape[1], heads = o->heads;
    put_int(&l->head, dim);
    put_int(&l->head, part_of(l, 0, "w1")->shape[0]);
    put_int(&l->head, l->layers);
    put_int(&l->head, heads);
    put_int(&l->head, wk->shape[0] * heads / wq->shape[0]);
    put_int(&l->head, vocabulary);
    put_int(&l->head, o->positions);
}

/* Of 256 bytes; a kind of weight behind the other. */
static bool put_llama(Llama *l, const TrainExport *o)
{
    static const char *const first[] = { "g1", "g2" };
    static const char *const rest[] = { "wq", "wk", "wv", "wo", "w1", "w2", "w3" };
    const TrainParam *own = export_find(l, "classifier");
    put_int(&l->head, 0x616b3432);
    put_int(&l->head, 1);
    put_shapes(l, o, export_find(l, "embedding")->shape[0]);
    buf_putc(&l->head, own ? 0 : 1);
    while (l->head.len < 256) buf_putc(&l->head, 0);
    bool ok = out_write(l->out, l->head.s, l->head.len);
    for (size_t i = 0; ok && i < COUNT(first); i++) ok = put_kind(l, first[i]);
    ok = ok && put_weight(l, export_find(l, "g"))
      && put_weight(l, export_find(l, "embedding"));
    for (size_t i = 0; ok && i < COUNT(rest); i++) ok = put_kind(l, rest[i]);
    return ok && (!own || put_weight(l, own));
}

bool export_is_program(const char *path)
{
    static const char *const endings[] = { ".mil", ".mlpackage", ".mlmodelc" };
    for (size_t i = 0; i < COUNT(endings); i++)
        if (file_has_suffix(path, endings[i])) return true;
    return false;
}

bool export_write(const TrainExport *o, Diag *d, const char *path, const TrainParam *p,
                  int n)
{
    OutFile out;
    Llama l = { .diag = d, .path = path, .param = p, .n = n, .out = &out };
    const bool llama = file_has_suffix(path, ".bin");
    if (!llama && !file_has_suffix(path, ".safetensors"))
        return diag_error(
            d, (Loc){ 0 },
            "--export %s: weights are written as .safetensors and, for llama2.c, .bin, the "
            "trained program as .mil, .mlpackage or .mlmodelc",
            path);
    if (llama && !export_check(&l)) return false;
    if (llama && (o->heads < 1 || o->positions < 1))
        return diag_error(
            d, (Loc){ 0 },
            "--export %s: llama2.c has the number of heads and places in its "
            "header: the program needs the parameters heads and positions",
            path);
    if (!out_open(&out, d, path)) return false;
    const bool ok = llama ? put_llama(&l, o) : put_safetensors(&out, p, n);
    buf_free(&l.head);
    if (ok) return out_commit(&out);
    out_abort(&out);
    return false;
}
