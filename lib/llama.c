/* llama.c -- a checkpoint of llama2.c as a model: the program llama.anedsl, of the file's shapes
 * and with its weights. */
#include "read.h"

#include <string.h>

extern const unsigned char llama_text[];
extern const size_t llama_size;

/* What the file says, as parameters of the program. */
static void llama_shapes(const BinLlama *s, Buf *out)
{
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {
        { "dim", s->dim },
        { "hidden", s->hidden },
        { "layers", s->layers },
        { "heads", s->heads },
        { "kv", s->kv },
        { "vocabulary", s->vocabulary },
        { "positions", s->positions },
    };
    buf_puts(out, "param ");
    for (size_t i = 0; i < COUNT(rows); i++)
        buf_printf(out, "%s = %lld, ", rows[i].name, (long long)rows[i].value);
    buf_printf(out, "shared = %s\n", s->shared ? "true" : "false");
}

bool llama_named(const char *path) { return bin_weights_named(path); }

bool llama_open(Model *m, Diag *d, const char *path)
{
    Mapped file;
    BinLlama shape;
    Buf text = { 0 };
    if (!file_map(d, path, &file)) return false;
    const bool ok = bin_llama(d, path, &file, &shape) && file_stayed(d, &file);
    file_unmap(&file);
    if (!ok) return false;
    llama_shapes(&shape, &text);
    buf_add(&text, (const char *)llama_text, llama_size);
    m->dsl = m->lean = true;
    m->dir = file_dir(&m->arena, path);
    m->stored = m->path;
    m->src = (Source){ .name = "llama2.c",
                       .text = arena_strndup(&m->arena, text.s, text.len),
                       .len = text.len };
    buf_free(&text);
    return true;
}
