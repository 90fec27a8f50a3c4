/* main.c -- the main function of every tool, and the progress line. */
#include "main.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- progress ---------------------------------------------------------------------------- */

static double progress_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(Progress *p, bool quiet)
{
    *p = (Progress){ .on = !quiet && isatty(STDERR_FILENO) };
}

/* Work of less than half a second is not worth a line; later, ten a second are enough. */
static bool is_due(Progress *p)
{
    if (!p->on) return false;
    double t = progress_now();
    if (p->due > 0 && t < p->due) return false;
    bool first = p->due <= 0;
    p->due = t + (first ? 0.5 : 0.1);
    return !first;
}

void progress_count(Progress *p, const char *what, uint64_t done, uint64_t all)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    if (!all || !is_due(p)) return;
    const int full = (int)((double)done / (double)all * WIDTH);
    for (int i = 0; i < WIDTH; i++) bar[i] = i < full ? '#' : ' ';
    bar[WIDTH] = 0;
    fprintf(stderr, "\r\033[K%s [%s] %llu of %llu", what, bar, (unsigned long long)done,
            (unsigned long long)all);
    p->drawn = true;
}

void progress_file(void *progress, const char *path, uint64_t written)
{
    Progress *p = progress;
    if (!is_due(p)) return;
    Buf name = { 0 };
    buf_escape(&name, path, strlen(path));
    fprintf(stderr, "\r\033[Kwriting %s: %.1f MB", name.s ? name.s : "",
            (double)written / 1e6);
    buf_free(&name);
    p->drawn = true;
}

void progress_clear(Progress *p)
{
    if (p->drawn) fputs("\r\033[K", stderr);
    p->drawn = false;
}

/* ---- signals ----------------------------------------------------------------------------- */

/* What is half written goes; then the process ends as it would have. */
static void on_end(int sig)
{
    temp_remove_all();
    signal(sig, SIG_DFL);
    raise(sig);
}

static volatile sig_atomic_t stopped; /* the signal; 0: none yet */

static void on_stop(int sig)
{
    if (stopped) on_end(sig);
    stopped = sig;
}

volatile sig_atomic_t *tool_catch_stop(void)
{
    struct sigaction act = { .sa_handler = on_stop };
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    return &stopped;
}

static void catch_signals(void)
{
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct sigaction old, mine = { .sa_handler = on_end };
        sigfillset(&mine.sa_mask);
        if (!sigaction(ends[i], NULL, &old)
            && old.sa_handler != SIG_IGN) /* nohup stays */
            sigaction(ends[i], &mine, NULL);
    }
    /* a file over the limit is a write that fails, which is reported */
    signal(SIGXFSZ, SIG_IGN);
}

/* ---- the library's messages -------------------------------------------------------------- */

void tool_message(void *ctx, anec_severity severity, const char *text)
{
    static const DiagKind kind[] = { [ANEC_NOTE] = DIAG_NOTE,
                                     [ANEC_WARNING] = DIAG_WARNING,
                                     [ANEC_ERROR] = DIAG_ERROR,
                                     [ANEC_FAILURE] = DIAG_FAIL };
    Diag *d = ctx;
    d->last = kind[severity];
    d->dropped = false;
    d->errors += severity == ANEC_ERROR;
    d->fails += severity == ANEC_FAILURE;
    d->emit(d->ctx, kind[severity], text);
}

/* ---- answers ----------------------------------------------------------------------------- */

/* Parts of the design that a build may lack, each with what it would be. */
static const struct {
    const char *name, *state;
} parts[] = {
    { "ref, cpu", "present" },
    { "ane (private framework)", "present" },
    { "coreml", "present" },
    { "sim:CHIP (simulated engine)", "present" },
    { "libanesim (stand-in for Apple)", "present" },
    { ".mlmodelc, .mlpackage", "present" },
};

static void put_version(const Tool *t, Buf *out)
{
    buf_printf(out, "%s %s\n", t->name, anec_version());
    for (size_t i = 0; i < COUNT(parts); i++)
        buf_printf(out, "  %-38s %s\n", parts[i].name, parts[i].state);
    buf_printf(out, "  %-38s %s\n", "PNG (libpng)",
               anec_has_png() ? "present" : "absent");
    if (t->part)
        buf_printf(out, "  %-38s %s\n", t->part, t->has_part() ? "present" : "absent");
}

static bool tool_answers(const ToolArgs *a)
{
    Buf out = { 0 };
    if (common(a, COM_help)->count) tool_help(a->tool, &out);
    else if (common(a, COM_version)->count) put_version(a->tool, &out);
    else if (common(a, COM_man)->count) tool_man(a->tool, &out);
    else if (common(a, COM_completion)->count)
        tool_completion(a->tool, common(a, COM_completion)->text, &out);
    if (out.len) fwrite(out.s, 1, out.len, stdout);
    bool answered = out.len > 0;
    buf_free(&out);
    return answered;
}

/* ---- options of the library -------------------------------------------------------------- */

/* What the rows that are the library's were given goes to it; false: usage, and said. */
static bool tool_configure(ToolArgs *a)
{
    static const Option rows[] = {
#define OPT OPTION_ROW
#include "../include/options.def"
#undef OPT
    };
    const int n = (int)COUNT(rows);
    anec_error e;
    for (int i = 0; i < a->tool->noption; i++) {
        const Option *o = &a->tool->option[i];
        const OptValue *v = &a->value[i];
        const bool takes = o->name ? option_find(rows, n, o->name, strlen(o->name)) >= 0
                                   : option_find_letter(rows, n, o->letter) >= 0;
        const char letter[] = { o->letter, 0 };
        for (int k = 0; takes && k < v->count; k++)
            switch (anec_config_set(a->config, o->name ? o->name : letter,
                                    v->all ? v->all[k] : v->text, &e)) {
            case ANEC_OK:
                break;
            case ANEC_WORLD:
                mem_out(1);
            default:
                return usage_error(a->tool, "%s", e.text);
            }
    }
    return true;
}

/* ---- main -------------------------------------------------------------------------------- */

/* On a terminal, unless NO_COLOR says otherwise (no-color.org) or it is a dumb one. */
static bool tool_colors(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* "file:1:2: error: what is wrong", then the line and its caret: place and text are bold, the
 * word and the caret have the color of the kind. */
static void tool_emit_colored(DiagKind kind, const char *message)
{
    static const struct {
        const char *word, *color;
    } kinds[] = {
        [DIAG_NOTE] = { "note: ", "\033[36m" },
        [DIAG_WARNING] = { "warning: ", "\033[35m" },
        [DIAG_ERROR] = { "error: ", "\033[31m" },
        [DIAG_FAIL] = { "error: ", "\033[31m" },
    };
    const char *const bold = "\033[1m", *const none = "\033[0m",
                      *color = kinds[kind].color;
    const size_t len = strcspn(message, "\n"), word_len = strlen(kinds[kind].word);
    const char *word = strstr(message, kinds[kind].word);
    if (!word || word + word_len > message + len) {
        fputs(message, stderr);
        return;
    }
    fprintf(stderr, "%s%.*s%s%s%.*s%s%s%.*s%s\n", bold, (int)(word - message), message,
            color, bold, (int)word_len, word, none, bold,
            (int)(message + len - word - (long)word_len), word + word_len, none);
    if (!message[len]) return;
    const char *source = message + len + 1, *caret = strchr(source, '\n');
    if (caret && caret[1])
        fprintf(stderr, "%.*s\n%s%.*s%s\n", (int)(caret - source), source, color,
                (int)strcspn(caret + 1, "\n"), caret + 1, none);
    else fputs(source, stderr);
}

static void tool_emit(void *ctx, DiagKind kind, const char *message)
{
    progress_clear(ctx);
    if (tool_colors()) {
        tool_emit_colored(kind, message);
        return;
    }
    const size_t n = strlen(message);
    fputs(message, stderr);
    if (!n || message[n - 1] != '\n') fputc('\n', stderr);
}

static int tool_guarded(const Tool *t, int argc, char **argv,
                        int (*run)(ToolArgs *, Diag *, Progress *))
{
    ToolArgs args;
    Progress progress = { 0 };
    Diag diag = { .emit = tool_emit, .progress = progress_file, .ctx = &progress };
    int code = EXIT_USAGE;
    FileUse use;
    catch_signals();
    file_use_begin(&use);
    if (args_parse(&args, t, argc, argv)) {
        if (!(args.config = anec_config_new())) mem_out(1);
        diag.quiet = common(&args, COM_quiet)->count > 0;
        progress_start(&progress, diag.quiet);
        if (tool_answers(&args)) code = EXIT_DONE;
        else if (tool_configure(&args)) code = run(&args, &diag, &progress);
        anec_config_free(args.config);
    }
    progress_clear(&progress);
    diag_free(&diag);
    args_free(&args);
    file_use_end(&use);
    return code;
}

int tool_main(const Tool *t, int argc, char **argv,
              int (*run)(ToolArgs *, Diag *, Progress *))
{
    Guard guard;
    if (guard_begin(&guard)) {
        fprintf(stderr, "error: out of memory");
        if (guard.wanted > 1) fprintf(stderr, " (%zu bytes wanted)", guard.wanted);
        fputc('\n', stderr);
        return EXIT_WORLD;
    }
    const int code = tool_guarded(t, argc, argv, run);
    guard_end(&guard);
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout)) return code;
    /* What failed before the flush has left no reason. */
    fprintf(stderr, "%s: cannot write to the standard output%s%s\n", t->name,
            errno ? ": " : "", errno ? strerror(errno) : "");
    return EXIT_WORLD;
}
