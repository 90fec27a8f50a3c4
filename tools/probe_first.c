/* probe_first.c -- aneprobe --first-run: tries the assumptions about a Mac that nobody has
 * seen hold, each in a process of its own, and writes a report. */
#include "../probe/first.h"
#include "../probe/probe.h"
#include "probe_tool.h"

#include <cjson/cJSON.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const verdicts[FIRST_VERDICTS] = { "holds", "differs", "unknown",
                                                      "unclaimed" };

typedef struct {
    const ToolArgs *args;
    Diag *diag;
    Progress *progress;
    Arena arena;
    char *dir; /* where the trials have their files */
    cJSON *root;
    const char *stopped; /* why the rest is not tried; NULL: it is */
    int count[FIRST_VERDICTS];
} FirstJob;

/* ---- being stopped ----------------------------------------------------------------------- */

static volatile sig_atomic_t asked; /* to stop: the signal; 0: not yet */
static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
static struct sigaction before[COUNT(stops)];

static void on_stop(int sig) { asked = sig; }

/* One signal ends the trial under way, and what was seen is written; the next one ends this
 * process. */
static void catch_stops(void)
{
    const struct sigaction act = { .sa_handler = on_stop };
    for (size_t i = 0; i < COUNT(stops); i++)
        if (!sigaction(stops[i], NULL, &before[i]) && before[i].sa_handler != SIG_IGN)
            sigaction(stops[i], &act, NULL);
}

static void let_stops(void)
{
    for (size_t i = 0; i < COUNT(stops); i++) sigaction(stops[i], &before[i], NULL);
}

/* ---- in the child ------------------------------------------------------------------------ */

/* What was measured against what the table says of this chip. A rule that holds on some
 * releases alone is claimed of the one that --os names. */
static FirstVerdict against_table(const ToolArgs *a, const Target *chip, int rule,
                                  Verdict v)
{
    RuleSet table;
    const OptValue *os = probe_opt(a, PROBE_os);
    if (v == VERDICT_UNKNOWN) return FIRST_UNKNOWN;
    if (!chip || chip->chip < 0 || (rules[rule].os && !os->count)) return FIRST_UNCLAIMED;
    ruleset_init(&table, chip, NULL);
    if (os->count) ruleset_release(&table, os->text);
    const Standing s = rule_stands(&table, rule);
    if (s == STAND_UNKNOWN || s == STAND_CONTRADICTED) return FIRST_UNCLAIMED;
    return (s != STAND_NOT) == (v == VERDICT_HOLDS) ? FIRST_HOLDS : FIRST_DIFFERS;
}

static FirstVerdict try_rule(const ToolArgs *a, Diag *d, int rule, char *said,
                             size_t room)
{
    int code = 0;
    Prober p = { .diag = d, .reference = backend_find("ref"), .dir = getenv("TMPDIR") };
    p.engine = probe_backend(a, d, &code);
    const bool raw = p.engine && p.dir && rules[rule].raw
                  && !backend_find(p.engine->name);
    if (!p.engine || !p.dir || (!raw && !probe_start(&p))) {
        snprintf(said, room, "the engine runs nothing");
        backend_close(p.engine);
        return FIRST_UNKNOWN;
    }
    const Verdict v = raw ? first_rule(rule, d, p.dir, p.said, sizeof p.said)
                          : probe_rule(&p, rule);
    const FirstVerdict as = against_table(a, p.engine->target, rule, v);
    const char *seen = v == VERDICT_HOLDS ? "the engine has it"
                                          : "the engine does not have it";
    if (v == VERDICT_UNKNOWN) snprintf(said, room, "%s", p.said);
    else snprintf(said, room, "%s%s%s", seen, p.said[0] ? ": " : "", p.said);
    backend_close(p.engine);
    return as;
}

static int trial_rule(const char *name)
{
    for (int i = 0; i < RULE_COUNT; i++)
        if (probe_has_rule(i) && !rules[i].heavy && rules[i].effect != FX_CRASH
            && !strcmp(rules[i].name, name))
            return i;
    return -1;
}

int probe_trial_one(const ToolArgs *a, Diag *d)
{
    const char *name = probe_opt(a, PROBE_trial)->text;
    const int first = first_find(name), rule = trial_rule(name);
    char said[320] = "";
    Diag quiet = { .quiet = true };
    (void)d;
    if (first < 0 && rule < 0) {
        usage_error(a->tool, "--trial: there is nothing called %s to try", name);
        return EXIT_USAGE;
    }
    const FirstVerdict v = first >= 0 ? first_try(first, &quiet, said, sizeof said)
                                      : try_rule(a, &quiet, rule, said, sizeof said);
    diag_free(&quiet);
    printf("%s %s\n", verdicts[v], said);
    return EXIT_DONE;
}

/* ---- one trial --------------------------------------------------------------------------- */

static void be_trial(FirstJob *j, const char *name, int out)
{
    const OptValue *b = probe_opt(j->args, PROBE_backend),
                   *os = probe_opt(j->args, PROBE_os);
    const char *argv[8] = { j->args->program, "--trial", name };
    int n = 3;
    if (b->count) argv[n++] = "--backend", argv[n++] = b->text;
    if (os->count) argv[n++] = "--os", argv[n++] = os->text;
    setenv("TMPDIR", j->dir, 1);
    if (dup2(out, STDOUT_FILENO) >= 0) execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* What the child prints until it ends; false: it took too long, or this process was asked to
 * stop. */
static bool probe_first_hear(int from, char *to, size_t room, int limit_ms)
{
    size_t n = 0;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const int64_t end = t.tv_sec * 1000 + t.tv_nsec / 1000000 + limit_ms;
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &t);
        const int64_t left = end - (t.tv_sec * 1000 + t.tv_nsec / 1000000);
        struct pollfd p = { .fd = from, .events = POLLIN };
        if (left <= 0) return false;
        const int ready = poll(&p, 1, (int)left);
        if (asked) return false;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return false;
        const ssize_t got = read(from, to + n, room - 1 - n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || n + (size_t)got >= room - 1) return true;
        to[n += (size_t)got] = 0;
    }
}

/* Names of folders are the user's own business. */
static const char *without_paths(FirstJob *j, const char *text)
{
    const char *hide[] = { j->dir, getenv("TMPDIR"), getenv("HOME") };
    for (size_t i = 0; i < COUNT(hide); i++) {
        const char *at;
        if (!hide[i] || strlen(hide[i]) < 2) continue;
        while ((at = strstr(text, hide[i])) != NULL)
            text = arena_printf(&j->arena, "%.*s(folder)%s", (int)(at - text), text,
                                at + strlen(hide[i]));
    }
    return text;
}

/* Ends a child that did not end: first as a user would, so that it removes its files; it may
 * hang in what ignores that. */
static int end_child(pid_t child)
{
    enum { PATIENCE_MS = 2000, STEP_MS = 20 };
    int status = 0;
    kill(child, SIGTERM);
    for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
        const struct timespec step = { .tv_nsec = STEP_MS * 1000000l };
        if (waitpid(child, &status, WNOHANG) == child) return status;
        nanosleep(&step, NULL);
    }
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

/* A process that dies or does not come back is the first sign of trouble, and the last
 * trial. */
static FirstVerdict try_one(FirstJob *j, const char *name, const char **seen)
{
    char said[1024] = "";
    int pipes[2], status = 0;
    const OptValue *limit = probe_opt(j->args, PROBE_limit_seconds);
    const int ms = limit->count ? (int)(limit->real * 1000) : 60000;
    *seen = "not tried";
    if (j->stopped) return FIRST_UNKNOWN;
    fflush(stdout);
    const pid_t child = pipe(pipes) ? -1 : fork();
    if (!child) be_trial(j, name, pipes[1]);
    if (child < 0) {
        j->stopped = "no process can be made";
        return FIRST_UNKNOWN;
    }
    close(pipes[1]);
    const bool ended = probe_first_hear(pipes[0], said, sizeof said, ms);
    close(pipes[0]);
    if (!ended) status = end_child(child);
    else
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    said[strcspn(said, "\n")] = 0;
    const char *space = strchr(said, ' ');
    *seen = without_paths(j, arena_strdup(&j->arena, space ? space + 1 : said));
    if (asked) {
        j->stopped = arena_printf(&j->arena, "it was interrupted during %s", name);
        *seen = "interrupted";
        return FIRST_UNKNOWN;
    }
    if (!ended) j->stopped = arena_printf(&j->arena, "%s did not come back", name);
    else if (WIFSIGNALED(status))
        j->stopped = arena_printf(&j->arena, "%s was ended by signal %d", name,
                                  WTERMSIG(status));
    else if (WEXITSTATUS(status))
        j->stopped = arena_printf(&j->arena, "%s ended with exit %d", name,
                                  WEXITSTATUS(status));
    if (j->stopped) {
        *seen = j->stopped;
        return FIRST_DIFFERS;
    }
    for (int i = 0; i < FIRST_VERDICTS; i++)
        if (space && (size_t)(space - said) == strlen(verdicts[i])
            && !strncmp(said, verdicts[i], strlen(verdicts[i])))
            return (FirstVerdict)i;
    return FIRST_UNKNOWN;
}

/* ---- the report -------------------------------------------------------------------------- */

static bool probe_first_wanted(const FirstJob *j, const char *name)
{
    const OptValue *only = probe_opt(j->args, PROBE_only);
    const size_t n = strlen(name);
    for (const char *s = only->count ? only->text : NULL; s; s = list_next(s))
        if (strcspn(s, ",") == n && !memcmp(s, name, n)) return true;
    return !only->count;
}

static void try_and_note(FirstJob *j, cJSON *list, const char *name, const char *assumed,
                         const char *otherwise)
{
    const char *seen;
    if (!probe_first_wanted(j, name)) return;
    const FirstVerdict v = try_one(j, name, &seen);
    cJSON *one = json_item(list, NULL, cJSON_CreateObject());
    json_item(one, "name", cJSON_CreateString(name));
    json_item(one, "assumed", cJSON_CreateString(assumed));
    json_item(one, "verdict", cJSON_CreateString(verdicts[v]));
    json_item(one, "seen", cJSON_CreateString(seen));
    if (v == FIRST_DIFFERS && otherwise)
        json_item(one, "then", cJSON_CreateString(otherwise));
    j->count[v]++;
    progress_clear(j->progress);
    printf("%-9s %-20s %s\n", verdicts[v], name, seen);
}

static void begin_report(FirstJob *j)
{
    struct utsname u;
    char date[32];
    const time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%Y-%m-%d", &tm);
    j->root = json_root(cJSON_CreateObject());
    json_item(j->root, "report", cJSON_CreateString("aneprobe --first-run 1"));
    json_item(j->root, "date", cJSON_CreateString(date));
    if (uname(&u) < 0) return;
    json_item(j->root, "system",
              cJSON_CreateString(
                  arena_printf(&j->arena, "%s %s %s", u.sysname, u.release, u.machine)));
}

static void try_all(FirstJob *j)
{
    cJSON *list = json_item(j->root, "assumptions", cJSON_CreateArray());
    for (int i = 0; first_at(i); i++)
        try_and_note(j, list, first_at(i)->name, first_at(i)->what,
                     first_at(i)->otherwise);
    list = json_item(j->root, "rules", cJSON_CreateArray());
    for (int i = 0; i < RULE_COUNT; i++)
        if (trial_rule(rules[i].name) >= 0) {
            progress_count(j->progress, "rule", (uint64_t)i, RULE_COUNT);
            try_and_note(j, list, rules[i].name, rules[i].says, NULL);
        }
    if (j->stopped) json_item(j->root, "stopped", cJSON_CreateString(j->stopped));
}

static int finish_report(FirstJob *j)
{
    const OptValue *o = probe_opt(j->args, PROBE_output);
    char *text = json_text(j->root, true);
    printf("%d as assumed, %d otherwise, %d unclaimed, %d unknown\n",
           j->count[FIRST_HOLDS], j->count[FIRST_DIFFERS], j->count[FIRST_UNCLAIMED],
           j->count[FIRST_UNKNOWN]);
    if (o->count && file_write_all(j->diag, o->text, text, strlen(text)))
        printf("the report is %s: please attach it to an issue of the project\n",
               o->text);
    json_text_free(text);
    json_free(j->root);
    if (j->stopped)
        diag_fail(j->diag, "stopped%s: %s; the rest was not tried",
                  asked ? "" : " at the first sign of trouble", j->stopped);
    return diag_exit(j->diag);
}

int probe_first(const ToolArgs *a, Diag *d, Progress *progress)
{
    FirstJob j = { .args = a, .diag = d, .progress = progress };
    const OptValue *only = probe_opt(a, PROBE_only);
    for (const char *s = only->count ? only->text : NULL; s; s = list_next(s)) {
        const char *name = arena_strndup(&j.arena, s, strcspn(s, ","));
        if (first_find(name) >= 0 || trial_rule(name) >= 0) continue;
        usage_error(a->tool, "--only: there is nothing called %s to try", name);
        arena_free(&j.arena);
        return EXIT_USAGE;
    }
    int code = EXIT_WORLD;
    j.dir = temp_folder(&j.arena, d);
    if (j.dir) {
        begin_report(&j);
        catch_stops();
        try_all(&j);
        let_stops();
        code = finish_report(&j);
        temp_tree_end(j.dir);
    }
    arena_free(&j.arena);
    return code;
}

/* docs/first-run-on-a-mac.md has this list: tests/pages.sh. */
void probe_first_doc(void)
{
    puts(
        "| trial | what is assumed | how a Mac tells | when it is otherwise |\n|---|---|---|---|");
    for (int i = 0; first_at(i); i++)
        printf("| `%s` | %s | %s | %s |\n", first_at(i)->name, first_at(i)->what,
               first_at(i)->how, first_at(i)->otherwise);
}
