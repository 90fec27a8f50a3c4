/* tokens.c -- texts and files of tokens as samples: windows of a sequence, whose next tokens are
 * what is learned. */
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
        return diag_error(t->diag, (Loc){ 0 },
                          "%s has %zu bytes: tokens are two bytes each, so that one is left",
                          t->text, m->size);
    t->tokens = (m->size - start) / 2;
    t->token = NEW_ARRAY(&t->arena, t->tokens + 1, uint16_t);
    for (size_t i = 0; i < t->tokens; i++)
        t->token[i] = (uint16_t)(m->data[start + 2 * i] | m->data[start + 2 * i + 1] << 8);
    return true;
}

/* Bytes as they are, or by their rank among those that the text of the training has. */
static bool read_text(TrainData *t, const Mapped *m, const TrainData *vocabulary)
{
    t->tokens = m->size;
    t->token = NEW_ARRAY(&t->arena, t->tokens + 1, uint16_t);
    if (vocabulary) memcpy(t->rank, vocabulary->rank, sizeof t->rank);
    else {
        bool there[256] = { false };
        for (size_t i = 0; i < m->size; i++) there[m->data[i]] = true;
        int next = 0;
        for (int c = 0; c < 256; c++) t->rank[c] = t->chars ? there[c] ? next++ : -1 : c;
    }
    for (size_t i = 0; i < m->size; i++) {
        const int rank = t->rank[m->data[i]];
        if (rank < 0)
            return diag_error(t->diag, (Loc){ 0 },
                              "%s has the byte 0x%02x at %zu, which the text that is learned "
                              "from does not have",
                              t->text, m->data[i], i);
        t->token[i] = (uint16_t)rank;
    }
    return true;
}

/* One input of whole windows, or two: tokens, and the token behind each. */
static bool check_ports(TrainData *t)
{
    const anec_tensor *x = &t->column[0].tensor, *y = &t->column[t->ncolumn - 1].tensor;
    bool ok = t->ncolumn == 1 || t->ncolumn == 2;
    for (int i = 0; ok && i < t->ncolumn; i++) {
        const anec_tensor *p = &t->column[i].tensor;
        ok = p->rank == 2 && !strcmp(p->dtype, "int32") && p->shape[0] > 0 && p->shape[1] > 0;
    }
    ok = ok && x->shape[0] == y->shape[0] && x->shape[1] == y->shape[1];
    if (ok) return true;
    return diag_error(t->diag, (Loc){ 0 },
                      "%s is tokens: the model needs an input int32 [samples, window], or two, "
                      "tokens and those behind them",
                      t->text);
}

bool tokens_open(TrainData *t, const TrainData *vocabulary)
{
    Mapped m;
    if (!check_ports(t) || !file_read(t->diag, t->text, &m)) return false;
    const bool ok = file_has_suffix(t->text, ".bin") ? read_bin(t, &m)
                                                     : read_text(t, &m, vocabulary);
    t->bytes = m.size;
    file_unmap(&m);
    if (!ok) return false;
    const size_t wide = (size_t)t->column[0].tensor.shape[1];
    t->batch = (size_t)t->column[0].tensor.shape[0];
    t->window = wide + (size_t)(t->ncolumn == 2);
    if (t->tokens < t->window)
        return diag_error(t->diag, (Loc){ 0 }, "%s has %zu tokens, a window takes %zu", t->text,
                          t->tokens, t->window);
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
    snprintf(label, sizeof label, "step%llu", (unsigned long long)index);
    const uint64_t key = rng_key(seed, label);
    for (size_t k = 0; k < t->batch; k++)
        lay_window(t, k, (size_t)order_below(rng_u64(key, k), t->tokens - t->window + 1));
}

/* One window behind the other, which share a token. */
void tokens_range(TrainData *t, size_t first, size_t n)
{
    const size_t step = t->window > 1 ? t->window - 1 : 1;
    for (size_t k = 0; k < n; k++) lay_window(t, k, (first + k) * step);
}
