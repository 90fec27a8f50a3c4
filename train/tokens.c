/* tokens.c -- texts and files of tokens as samples: windows of a sequence, with the tokens that
 * follow as targets. */
#include "train.h"

#include <stdlib.h>

enum { LLMC_HEADER = 1024, LLMC_MAGIC = 20240520 };

bool tokens_named(const char *text)
{
    return file_has_suffix(text, ".bin") || file_has_suffix(text, ".txt");
}

/* ---- reading ----------------------------------------------------------------------------- */

/* uint16, little endian, as llama2.c writes them, or behind the header of llm.c. */
static bool read_bin(TrainData *t, const Mapped *m)
{
    size_t start = 0;
    if (m->size >= LLMC_HEADER) {
        const uint32_t magic = m->data[0] | (uint32_t)m->data[1] << 8
                             | (uint32_t)m->data[2] << 16 | (uint32_t)m->data[3] << 24;
        if (magic == LLMC_MAGIC) start = LLMC_HEADER;
    }
    if (m->size % 2)
        return diag_error(
            t->diag, (Loc){ 0 },
            "%s has %zu bytes: tokens are two bytes each, so that one is left", t->text,
            m->size);
    t->tokens = (m->size - start) / 2;
    t->token = NEW_ARRAY(&t->arena, t->tokens + 1, uint16_t);
    for (size_t i = 0; i < t->tokens; i++)
        t->token[i] = (uint16_t)(m->data[start + 2 * i]
                                 | m->data[start + 2 * i + 1] << 8);
    return true;
}

/* --vocab bytes, chars, or the file of a tokenizer. */
static bool open_vocabulary(TrainData *t, const Mapped *text, const char *saved)
{
    Mapped m;
    const char *name = t->vocab_name;
    if (saved) return vocab_load(&t->vocab, t->diag, t->text, saved);
    if (!strcmp(name, "bytes")) vocab_bytes(&t->vocab);
    else if (!strcmp(name, "chars")) vocab_chars(&t->vocab, text->data, text->size);
    else {
        if (!file_read(t->diag, name, &m)) return false;
        const bool ok = vocab_parse(&t->vocab, t->diag, name, m.data, m.size);
        file_unmap(&m);
        return ok;
    }
    return true;
}

static bool read_text(TrainData *t, const Mapped *m, const char *saved)
{
    if (!open_vocabulary(t, m, saved)) return false;
    const int begin = vocab_begin(&t->vocab);
    t->token = NEW_ARRAY(&t->arena, m->size + 2, uint16_t);
    if (begin >= 0) t->token[t->tokens++] = (uint16_t)begin;
    size_t n = 0;
    const bool ok = vocab_encode(&t->vocab, t->diag, t->text, m->data, m->size,
                                 t->token + t->tokens, &n);
    t->tokens += n;
    return ok;
}

/* One input of whole windows, or two: tokens, and the token behind each. */
static bool check_ports(TrainData *t)
{
    const anec_tensor *x = &t->column[0].tensor, *y = &t->column[t->ncolumn - 1].tensor;
    bool ok = t->ncolumn == 1 || t->ncolumn == 2;
    for (int i = 0; ok && i < t->ncolumn; i++) {
        const anec_tensor *p = &t->column[i].tensor;
        ok = p->rank == 2 && !strcmp(p->dtype, "int32") && p->shape[0] > 0
          && p->shape[1] > 0;
    }
    ok = ok && x->shape[0] == y->shape[0] && x->shape[1] == y->shape[1];
    if (ok) return true;
    return diag_error(
        t->diag, (Loc){ 0 },
        "%s is tokens: the model needs an input int32 [samples, window], or two, "
        "tokens and those behind them",
        t->text);
}

bool tokens_open(TrainData *t, const char *saved)
{
    Mapped m;
    if (!check_ports(t) || !file_read(t->diag, t->text, &m)) return false;
    const bool bin = file_has_suffix(t->text, ".bin");
    const bool named = strcmp(t->vocab_name, "bytes") != 0
                    && strcmp(t->vocab_name, "chars") != 0;
    /* tokens are what a tokenizer's file says, if one is named */
    if (bin && (saved || named) && !open_vocabulary(t, NULL, saved)) {
        file_unmap(&m);
        return false;
    }
    const bool ok = bin ? read_bin(t, &m) : read_text(t, &m, saved);
    t->bytes = m.size;
    file_unmap(&m);
    if (!ok) return false;
    const size_t wide = (size_t)t->column[0].tensor.shape[1];
    t->batch = (size_t)t->column[0].tensor.shape[0];
    t->window = wide + (size_t)(t->ncolumn == 2);
    if (t->tokens < t->window)
        return diag_error(t->diag, (Loc){ 0 }, "%s has %zu tokens, a window takes %zu",
                          t->text, t->tokens, t->window);
    t->samples = t->window > 1 ? (t->tokens - 1) / (t->window - 1) : t->tokens;
    for (int i = 0; i < t->ncolumn; i++) {
        TrainColumn *c = &t->column[i];
        c->file = t->text;
        c->sample = wide;
        c->room = arena_array(&t->arena, wide * t->batch, sizeof(int32_t));
        c->tensor.data = c->room;
        c->tensor.bytes = wide * t->batch * sizeof(int32_t);
    }
    return true;
}

/* ---- windows ----------------------------------------------------------------------------- */

static void lay_window(TrainData *t, size_t k, size_t start)
{
    for (int i = 0; i < t->ncolumn; i++) {
        int32_t *to = (int32_t *)t->column[i].room + k * t->column[i].sample;
        for (size_t n = 0; n < t->column[i].sample; n++)
            to[n] = t->token[start + n + (size_t)i];
    }
}

/* Windows begin anywhere, as the seed and the batch's number say. */
void tokens_batch(TrainData *t, uint64_t seed, uint64_t index)
{
    char label[32];
    snprintf(label, sizeof label, "step%llu", (unsigned long long)(index / t->parts));
    const uint64_t key = rng_key(seed, label);
    const uint64_t first = index % t->parts * t->batch;
    const size_t places = t->tokens - t->window + 1;
    for (size_t k = 0; k < t->batch; k++)
        lay_window(t, k, (size_t)order_below(rng_u64(key, first + k), places));
}

/* One window behind the other, which share a token. */
void tokens_range(TrainData *t, size_t first, size_t n)
{
    const size_t step = t->window > 1 ? t->window - 1 : 1;
    for (size_t k = 0; k < n; k++) lay_window(t, k, (first + k) * step);
}
