/* write.c -- the work of anegen: continues a prompt with a model that was trained on text. */
#include "run.h"

#include <cjson/cJSON.h>

/* ---- what the checkpoint says ------------------------------------------------------------ */

/* Parameters of the program as the run had them. */
static bool take_options(TrainWriting *t)
{
    const char *text = t->from.state.options;
    cJSON *root = json_parse(text, strlen(text));
    const bool ok = cJSON_IsArray(root);
    const int n = ok ? cJSON_GetArraySize(root) : 0;
    t->option = NEW_ARRAY(&t->arena, n + 1, const char *);
    for (int i = 0; i < n; i++) {
        const cJSON *v = cJSON_GetArrayItem(root, i);
        if (!cJSON_IsString(v) || strncmp(v->valuestring, "set=", 4) != 0) continue;
        t->option[t->noption++] = arena_strdup(&t->arena, v->valuestring + 4);
    }
    json_free(root);
    return ok
        || diag_error(t->diag, (Loc){ 0 }, "%s: its options are not understood",
                      t->from.path);
}

static bool open_checkpoint(TrainWriting *t, const char *what)
{
    if (!file_is_dir(what)) {
        if (file_exists(what)) return checkpoint_open(&t->from, t->diag, what);
        return diag_fail(t->diag, "there is no run or checkpoint %s", what);
    }
    TrainFolder folder = { .diag = t->diag, .path = what, .lock = -1 };
    const bool ok = folder_newest(&folder, UINT64_MAX, &t->from);
    arena_free(&folder.arena);
    return ok;
}

/* Weights of others, and the program that they are for, which the library has for llama2.c's. */
static bool open_with_model(TrainWriting *t, const TrainWritingJob *job,
                            TrainWriterOptions *o)
{
    Mapped text, vocab;
    if (job->model && !file_read(t->diag, job->model, &text)) return false;
    if (job->model) {
        o->text = arena_strndup(&t->arena, text.data ? (const char *)text.data : "",
                                text.size);
        o->folder = file_dir(&t->arena, job->model);
        file_unmap(&text);
    } else o->path = job->from;
    o->option = job->option;
    o->noption = job->noption;
    if (!job->vocab || !strcmp(job->vocab, "bytes")) vocab_bytes(&t->vocab);
    else {
        if (!file_read(t->diag, job->vocab, &vocab)) return false;
        const bool ok = vocab_parse(&t->vocab, t->diag, job->vocab, vocab.data,
                                    vocab.size);
        file_unmap(&vocab);
        if (!ok) return false;
    }
    return file_map(t->diag, job->from, &t->weights)
        && tensors_parse(&t->arena, t->diag, job->from, &t->weights, &t->tensors);
}

static bool open_run(TrainWriting *t, const TrainWritingJob *job, TrainWriterOptions *o)
{
    if (!open_checkpoint(t, job->from)) return false;
    const TrainState *s = &t->from.state;
    if (!*s->vocab)
        return diag_error(
            t->diag, (Loc){ 0 },
            "%s is of a run over arrays: what is written is text, which a run "
            "over a text or tokens learns",
            t->from.path);
    if (!vocab_load(&t->vocab, t->diag, t->from.path, s->vocab) || !take_options(t))
        return false;
    o->text = s->model;
    o->folder = file_dir(&t->arena, s->model_path);
    o->option = t->option;
    o->noption = t->noption;
    t->tensors = t->from.tensors;
    return true;
}

static bool open_all(TrainWriting *t, const TrainWritingJob *job)
{
    TrainWriterOptions o = { .backend = job->backend ? job->backend : "cpu",
                             .block = (size_t)job->block,
                             .message = job->message,
                             .ctx = job->message_ctx };
    const bool others = job->model || bin_weights_named(job->from);
    if (!(others ? open_with_model : open_run)(t, job, &o)) return false;
    t->open = true;
    return writer_open(&t->writer, t->diag, &o, &t->tensors);
}

/* ---- text goes out ----------------------------------------------------------------------- */

/* Bytes at the end of s that begin a character of UTF-8 which is not there in whole. */
static size_t write_unfinished(const char *s, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        const unsigned char c = (unsigned char)s[n - back];
        if ((c & 0xc0) == 0x80) continue;
        const size_t want = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        return want > back ? back : 0;
    }
    return 0;
}

/* Bytes at its end with which `stop` might begin. */
static size_t write_held(const char *s, size_t n, const char *stop)
{
    const size_t len = stop ? strlen(stop) : 0;
    for (size_t k = len < n ? len : n; k > 0; k--)
        if (!memcmp(s + n - k, stop, k)) return k;
    return 0;
}

/* What is certain is given out; all of it with `end`. */
static void give_out(TrainWriting *t, const TrainWritingJob *job, bool end)
{
    size_t n = t->text.len - t->given;
    const char *s = t->text.s ? t->text.s + t->given : "";
    if (!end) {
        const size_t a = write_unfinished(s, n), b = write_held(s, n, job->stop);
        n -= a > b ? a : b;
    }
    if (n) job->put(job->put_ctx, s, n);
    t->given += n;
}

/* Whether the text has come to `stop`, which it then ends before. */
static bool write_stopped(TrainWriting *t, const TrainWritingJob *job, size_t before)
{
    const size_t len = job->stop ? strlen(job->stop) : 0;
    if (!len) return false;
    for (size_t at = before > len ? before - len : 0; at + len <= t->text.len; at++)
        if (at >= t->prompt && !memcmp(t->text.s + at, job->stop, len)) {
            t->text.len = at;
            return true;
        }
    return false;
}

/* ---- tokens ------------------------------------------------------------------------------ */

static bool write_encode(TrainWriting *t, const char *prompt)
{
    const size_t n = strlen(prompt);
    size_t count = 0;
    t->token = NEW_ARRAY(&t->arena, n + t->room + 2, uint16_t);
    const int begin = vocab_begin(&t->vocab);
    if (begin >= 0) t->token[t->n++] = (uint16_t)begin;
    if (!vocab_encode(&t->vocab, t->diag, "the prompt", (const unsigned char *)prompt, n,
                      t->token + t->n, &count))
        return false;
    t->n += count;
    return t->n > 0
        || diag_error(t->diag, (Loc){ 0 },
                      "the prompt has no token: --prompt TEXT begins it");
}

/* All tokens that were not read yet; where there are no places left, the last half of the
 * places is read anew from the beginning. */
static bool read_on(TrainWriting *t, const float **logits)
{
    TrainWriter *w = &t->writer;
    const size_t left = t->n - t->read, half = w->places / 2 ? w->places / 2 : 1;
    if (w->at + left > w->places) {
        if (!t->moved)
            diag_note(
                t->diag, (Loc){ 0 },
                "the model sees %zu tokens: from here on what is older than the last "
                "%zu to %zu is out of its sight",
                w->places, half, w->places);
        t->moved = true;
        t->read = t->n > half ? t->n - half : 0;
        writer_restart(w);
    }
    const size_t first = t->read;
    t->read = t->n;
    return writer_push(w, t->token + first, t->n - first, logits);
}

static bool write_tokens(TrainWriting *t, const TrainWritingJob *job)
{
    unsigned char room;
    const float *logits;
    const double start = run_now();
    for (uint64_t i = 0; i < job->tokens && !*job->stop_now; i++) {
        size_t len;
        if (!read_on(t, &logits)) return false;
        if (!i) t->seconds_prompt = run_now() - start;
        const int token = sample_token(&job->sampling, logits, t->writer.vocabulary, i);
        if (vocab_ends(&t->vocab, token)) break;
        const char *text = vocab_text(&t->vocab, token, &len, &room);
        const size_t before = t->text.len;
        buf_add(&t->text, text, len);
        t->token[t->n++] = (uint16_t)token;
        t->made = i + 1;
        if (write_stopped(t, job, before)) break;
        give_out(t, job, false);
    }
    give_out(t, job, true);
    t->seconds = run_now() - start;
    return true;
}

bool writing_run(const TrainWritingJob *job, Diag *d, TrainWritten *out)
{
    TrainWriting t = { .diag = d, .room = (size_t)job->tokens };
    bool ok = open_all(&t, job);
    t.writer.threads = job->threads;
    ok = ok && write_encode(&t, job->prompt);
    const size_t prompt = t.n;
    if (ok) {
        buf_puts(&t.text, job->prompt);
        t.prompt = t.text.len;
        ok = write_tokens(&t, job);
    }
    *out = (TrainWritten){ prompt, t.made, t.seconds_prompt, t.seconds };
    buf_free(&t.text);
    if (t.open) writer_close(&t.writer);
    vocab_free(&t.vocab);
    file_unmap(&t.weights);
    if (t.from.path) checkpoint_close(&t.from);
    arena_free(&t.arena);
    return ok;
}
