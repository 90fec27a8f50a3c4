/* samples.c -- writes text with a model during training, as anegen would from the newest
 * checkpoint, to samples.txt. */
#include "run.h"

enum { PROMPT = 12, MADE = 64, BLOCK = 16 };

static void samples_message(void *ctx, anec_severity severity, const char *text)
{
    Buf *b = ctx;
    if (severity == ANEC_ERROR || severity == ANEC_FAILURE) buf_puts(b, text);
}

static void samples_put(void *ctx, const char *text, size_t n) { buf_add(ctx, text, n); }

bool samples_check(TrainRun *r)
{
    const char *name = NULL;
    if (!run_set(r, SET_sample_every)->text || !run_set(r, SET_sample_every)->count)
        return true;
    if (!r->data.token || r->data.vocab.kind == VOCAB_NONE)
        return diag_error(
            r->diag, (Loc){ 0 },
            "--sample-every writes text, and %s has none: a .txt, or tokens with "
            "the --vocab that they are of",
            r->data.text);
    for (int i = 0; (name = anec_function(r->programs.model, i)); i++)
        if (!strcmp(name, "next")) return true;
    return diag_error(r->diag, (Loc){ 0 },
                      "--sample-every: the program has no model `next` that writes "
                      "(docs/training.md)");
}

/* It begins as the data does. */
static void samples_prompt(const TrainRun *r, Buf *b)
{
    unsigned char room;
    for (size_t i = 0; i < PROMPT && i < r->data.tokens; i++) {
        size_t n;
        const char *s = vocab_text(&r->data.vocab, r->data.token[i], &n, &room);
        if (memchr(s, 0, n)) break;
        buf_add(b, s, n);
    }
    if (!b->len) buf_puts(b, "");
}

static bool samples_keep(TrainRun *r, const char *text)
{
    Arena a = { 0 };
    Mapped old = { 0 };
    Buf b = { 0 };
    const char *path = arena_printf(&a, "%s/samples.txt", r->folder.path);
    bool ok = !file_exists(path) || file_read(r->diag, path, &old);
    if (old.size) buf_add(&b, old.data, old.size);
    buf_printf(&b, "step %llu: %s\n", (unsigned long long)r->state.step, text);
    ok = ok && file_write_all(r->diag, path, b.s, b.len);
    serve_tell(r->serve, "sample", b.s + old.size);
    file_unmap(&old);
    buf_free(&b);
    arena_free(&a);
    return ok;
}

bool run_sample(TrainRun *r)
{
    Buf prompt = { 0 }, text = { 0 }, said = { 0 };
    Diag own = { .quiet = true };
    TrainWritten written;
    samples_prompt(r, &prompt);
    const TrainWritingJob job = {
        .from = folder_checkpoint(&r->folder, r->state.step),
        .prompt = prompt.s,
        .backend = "cpu",
        .tokens = MADE,
        .block = BLOCK,
        .threads = (int)r->job->threads,
        .sampling = { .temperature = .8, .top_p = .9, .seed = r->state.step },
        .message = samples_message,
        .message_ctx = &said,
        .put = samples_put,
        .put_ctx = &text,
        .stop_now = r->job->stop
    };
    bool ok = writing_run(&job, &own, &written);
    if (!ok)
        diag_error(r->diag, (Loc){ 0 }, "--sample-every: %s",
                   said.len     ? said.s
                   : own.text.s ? own.text.s
                                : "no text was made");
    else {
        run_line(r, false, "step %llu  sample: %s", (unsigned long long)r->state.step,
                 text.s ? text.s : "");
        ok = samples_keep(r, text.s ? text.s : "");
    }
    buf_free(&prompt);
    buf_free(&text);
    buf_free(&said);
    diag_free(&own);
    return ok;
}
