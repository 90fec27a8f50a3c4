/* aneprobe.c -- measures rules and limits on an engine, and writes them as a profile. */
#include "../probe/probe.h"
#include "probe_tool.h"
#include "views.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const Option options[] = {
#define OPT OPTION_ROW
#include "aneprobe.def"
};

static const Example examples[] = {
    { "aneprobe -o my.profile", "measure this machine's engine" },
    { "aneprobe --first-run -o report.json",
      "on a Mac that is new to the project: is it as we think?" },
    { "aneprobe -o my.profile --resume", "go on after an interruption" },
    { "aneprobe --backend sim:CHIP", "measure a simulated one" },
    { "aneprobe --only width-slice,sdpa-mask,sin", "some rules and operations" },
    { "aneprobe --limits --only tensor-width,buffers", "search for some numbers" },
    { "aneprobe --bisect model.mlpackage -o part.mil",
      "which ops this machine's engine refuses or gets wrong" },
    { "aneprobe --backend sim:CHIP --bisect model.mil", "or a simulated one" },
    { "anec --target CHIP --profile my.profile -o m.mil m.anedsl",
      "compile by what was measured" },
};

static const Tool tool = {
    .name = "aneprobe",
    .summary = "measures which rules hold on this machine's Neural Engine",
    .about =
        "For each rule (anec --list-rules) two small programs are run, one that breaks it and "
        "one that keeps "
        "it, and compared with the reference. Only what they give decides. With --limits programs "
        "grow until one is refused or wrong. With --bisect a model is cut down to what of it fails. The report goes to the standard "
        "output: please attach it to an issue of the project.",
    .words = list_words,
    TOOL_TABLES,
};

typedef struct {
    const ToolArgs *args;
    Diag *diag;
    Progress *progress;
    Arena arena;
    Prober prober;
    const Target *chip;
    Buf profile;        /* as it stands */
    const char *trying; /* of a profile that ends in the middle: what was being tried */
    Search cut;    /* and the search that was cut short, at good and bad; row -1: none */
    int64_t fatal; /* the size of it that the process did not come back from; 0: none */
    int holds, absent, unknown, surprises, found;
} ProbeJob;

static const OptValue *aneprobe_opt(const ProbeJob *j, int id)
{
    return &j->args->value[id];
}

/* ---- the profile ------------------------------------------------------------------------- */

static const char *const words[][2] = {
    [VERDICT_UNKNOWN] = { "unknown", "unknown" },
    [VERDICT_HOLDS] = { "holds", "refused" },
    [VERDICT_ABSENT] = { "absent", "runs" },
};

/* The whole profile each time: it is small, and a reader sees the old one or the new one. */
static bool aneprobe_save(ProbeJob *j, const char *trying)
{
    const OptValue *o = aneprobe_opt(j, PROBE_output);
    if (!o->count) return true;
    Buf all = { 0 };
    buf_add(&all, j->profile.s, j->profile.len);
    if (trying) buf_printf(&all, "# trying %s\n", trying);
    bool ok = file_write_all(j->diag, o->text, all.s, all.len);
    buf_free(&all);
    return ok;
}

static void begin_profile(ProbeJob *j)
{
    char date[32];
    const time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%Y-%m-%d", &tm);
    buf_printf(&j->profile, "anec-profile %d\n# measured by aneprobe on %s\nchip %s\n",
               PROFILE_VERSION, j->prober.engine->name, j->chip->name);
    if (aneprobe_opt(j, PROBE_os)->count)
        buf_printf(&j->profile, "os %s\n", aneprobe_opt(j, PROBE_os)->text);
    buf_printf(&j->profile, "date %s\n", date);
}

/* A line "KIND NAME .." of the profile so far. */
static bool done_already(const ProbeJob *j, const char *kind, const char *name)
{
    char line[128];
    const int n = snprintf(line, sizeof line, "\n%s %s ", kind, name);
    return n > 0 && j->profile.len
        && memmem(j->profile.s, j->profile.len, line, (size_t)n) != NULL;
}

/* Where a search stands: "limit NAME SIZE GOOD BAD", SIZE being tried or 0. */
static const char *search_text(ProbeJob *j, const Search *s, int64_t size)
{
    return arena_printf(&j->arena, "limit %s %lld %lld %lld",
                        limits[search_limit(s->row)].name, (long long)size,
                        (long long)s->good, (long long)s->bad);
}

/* The size during which the process died is one that does not run. */
static void search_resume(ProbeJob *j)
{
    char name[64];
    long long size, good, bad;
    if (sscanf(j->trying, "limit %63s %lld %lld %lld", name, &size, &good, &bad) != 4)
        return;
    for (int i = 0; search_limit(i) >= 0; i++)
        if (!strcmp(limits[search_limit(i)].name, name)
            && search_restore(&j->cut, i, good, size ? size : bad)) {
            j->fatal = size;
            return;
        }
    j->cut.row = -1;
}

/* Takes over a profile that this chip began. */
static bool aneprobe_resume(ProbeJob *j)
{
    const char *path = aneprobe_opt(j, PROBE_output)->text;
    RuleSet rs;
    Mapped map;
    ruleset_init(&rs, j->chip, NULL);
    if (!file_exists(path)) return true;
    if (!profile_read(&rs, j->diag, path) || !file_map(j->diag, path, &map)) return false;
    buf_add(&j->profile, map.data, map.size);
    file_unmap(&map);
    static const char mark[] = "\n# trying ";
    char *at = j->profile.len
                 ? memmem(j->profile.s, j->profile.len, mark, sizeof mark - 1)
                 : NULL;
    if (!at) return true;
    const char *name = at + sizeof mark - 1;
    j->trying = arena_strndup(&j->arena, name, strcspn(name, "\n"));
    j->profile.len = (size_t)(at + 1 - j->profile.s);
    search_resume(j);
    return true;
}

/* ---- measuring --------------------------------------------------------------------------- */

/* A compiler service that failed restarts; bursts stall every compilation of the machine. */
static void aneprobe_pace(ProbeJob *j, int before)
{
    const double seconds = j->prober.failures > before
                             ? probe_pause(j->args, j->prober.engine)
                             : 0;
    const struct timespec t = { .tv_sec = (time_t)seconds,
                                .tv_nsec = (long)((seconds - (double)(time_t)seconds)
                                                  * 1e9) };
    if (seconds > 0) nanosleep(&t, NULL);
}

static void aneprobe_count(ProbeJob *j, Verdict v)
{
    if (v == VERDICT_HOLDS) j->holds++;
    else if (v == VERDICT_ABSENT) j->absent++;
    else j->unknown++;
}

/* What the table says and what was seen. */
static void aneprobe_report(ProbeJob *j, const char *kind, const char *name, Verdict v,
                            Standing table)
{
    const bool op = !strcmp(kind, "op"), expected = table >= STAND_REPORTED;
    const bool surprise = v != VERDICT_UNKNOWN && table != STAND_UNKNOWN
                       && table != STAND_CONTRADICTED && expected != (v == VERDICT_HOLDS);
    aneprobe_count(j, v);
    if (surprise) j->surprises++;
    buf_printf(&j->profile, "%s %s %s%s%s\n", kind, name, words[v][op],
               j->prober.said[0] ? " # " : "", j->prober.said);
    progress_clear(j->progress);
    printf("%-4s %-30s %-8s table: %-20s%s%s%s\n", kind, name, words[v][op],
           standing_names[table], surprise ? " DIFFERS" : "",
           j->prober.said[0] ? "  " : "", j->prober.said);
}

/* False: this process has compiled enough. What is measured is saved. */
static bool may_compile(ProbeJob *j)
{
    const int most = probe_compiles(j->args, j->prober.engine);
    if (most <= 0 || j->prober.compiles < most) return true;
    return diag_fail(
        j->diag,
        "stopped after %d compilations, as many as one process should make: the same command "
        "with -o PROFILE --resume goes on",
        j->prober.compiles);
}

static bool aneprobe_measure(ProbeJob *j, const char *kind, const char *name, int at,
                             Standing table)
{
    const int before = j->prober.failures;
    const bool op = !strcmp(kind, "op");
    Verdict v;
    if (done_already(j, kind, name)) return true;
    if (j->trying && !strcmp(j->trying, name)) {
        snprintf(j->prober.said, sizeof j->prober.said,
                 "the process did not come back from it");
        v = VERDICT_HOLDS;
    } else {
        if (!may_compile(j) || !aneprobe_save(j, name)) return false;
        v = op ? probe_op(&j->prober, at) : probe_rule(&j->prober, at);
    }
    aneprobe_report(j, kind, name, v, table);
    if (!aneprobe_save(j, NULL) || !diag_ok(j->diag)) return false;
    aneprobe_pace(j, before);
    return true;
}

static bool aneprobe_wanted(const ProbeJob *j, const char *name)
{
    const OptValue *only = aneprobe_opt(j, PROBE_only);
    const size_t n = strlen(name);
    for (const char *s = only->count ? only->text : NULL; s; s = list_next(s))
        if (strcspn(s, ",") == n && !memcmp(s, name, n)) return true;
    return !only->count;
}

/* Every rule of programs, those said to crash the compiler in a round of their own at the
 * end. */
static bool measure_rules(ProbeJob *j, const RuleSet *table, bool crash)
{
    bool ok = true;
    for (int i = 0; ok && i < RULE_COUNT; i++) {
        if ((rules[i].effect == FX_CRASH) != crash || !probe_has_rule(i)
            || !aneprobe_wanted(j, rules[i].name))
            continue;
        progress_count(j->progress, "rule", (uint64_t)i, RULE_COUNT);
        ok = aneprobe_measure(j, "rule", rules[i].name, i, rule_stands(table, i));
    }
    return ok;
}

static bool measure_ops(ProbeJob *j, const RuleSet *table)
{
    bool ok = true;
    for (int i = 0; ok && probe_op_name(i); i++)
        if (aneprobe_wanted(j, probe_op_name(i)))
            ok = aneprobe_measure(j, "op", probe_op_name(i), i,
                                  op_refused(table, op_find(probe_op_name(i))));
    return ok;
}

/* ---- searching for limits ---------------------------------------------------------------- */

/* What was found beside what the table says. Where all runs that is tried, it goes into the
 * profile only if the table says less: what is beyond was not seen. */
static void report_limit(ProbeJob *j, const Search *s, int64_t declared)
{
    int64_t value = 0;
    char seen[32] = "unknown", says[32] = "nothing known";
    const Found found = search_result(s, &value);
    const char *name = limits[search_limit(s->row)].name,
               *side = search_is_smallest(s->row) ? "<=" : ">=";
    const bool beyond = search_is_smallest(s->row) ? declared > value
                                                   : declared >= 0 && declared < value;
    const bool surprise = found == FOUND_EXACT ? declared >= 0 && declared != value
                                               : found == FOUND_NO_EDGE && beyond;
    if (found != FOUND_NOTHING)
        snprintf(seen, sizeof seen, "%s%lld", found == FOUND_EXACT ? "" : side,
                 (long long)value);
    if (declared >= 0) snprintf(says, sizeof says, "%lld", (long long)declared);
    if (found == FOUND_NO_EDGE)
        snprintf(j->prober.said, sizeof j->prober.said, "all that is tried runs, to %lld",
                 (long long)value);
    if (found == FOUND_NOTHING) j->unknown++;
    else j->found++;
    if (surprise) j->surprises++;
    if (found == FOUND_EXACT || surprise)
        buf_printf(&j->profile, "limit %s %lld", name, (long long)value);
    else buf_printf(&j->profile, "limit %s unknown", name);
    buf_printf(&j->profile, "%s%s\n", j->prober.said[0] ? " # " : "", j->prober.said);
    progress_clear(j->progress);
    printf("limit %-29s %-10s table: %-20s%s%s%s\n", name, seen, says,
           surprise ? " DIFFERS" : "", j->prober.said[0] ? "  " : "", j->prober.said);
}

static bool search_one(ProbeJob *j, int row, int64_t declared)
{
    Search s;
    char refusal[sizeof j->prober.said] = "";
    uint64_t trials = 0;
    const char *name = limits[search_limit(row)].name;
    if (done_already(j, "limit", name)) return true;
    if (j->cut.row == row) s = j->cut;
    else search_begin(&s, row);
    if (j->cut.row == row && j->fatal)
        snprintf(refusal, sizeof refusal, "the process did not come back from %lld",
                 (long long)j->fatal);
    for (int64_t size; (size = search_next(&s)) != 0;) {
        const int before = j->prober.failures;
        if (!may_compile(j)) return aneprobe_save(j, search_text(j, &s, 0)) && false;
        if (!aneprobe_save(j, search_text(j, &s, size))) return false;
        progress_count(j->progress, name, trials++, (uint64_t)search_trials(row));
        search_step(&s, &j->prober);
        if (j->prober.said[0]) memcpy(refusal, j->prober.said, sizeof refusal);
        aneprobe_pace(j, before);
    }
    memcpy(j->prober.said, refusal, sizeof refusal);
    report_limit(j, &s, declared);
    return aneprobe_save(j, NULL) && diag_ok(j->diag);
}

static bool search_all(ProbeJob *j, const RuleSet *table)
{
    bool ok = true;
    for (int i = 0; ok && search_limit(i) >= 0; i++)
        if (aneprobe_wanted(j, limits[search_limit(i)].name)
            && (!search_is_heavy(i) || aneprobe_opt(j, PROBE_only)->count))
            ok = search_one(j, i, rule_limit(table, search_limit(i)));
    return ok;
}

static bool measure_all(ProbeJob *j)
{
    RuleSet table;
    ruleset_init(&table, j->chip, NULL);
    if (!probe_start(&j->prober)) return false;
    bool ok = measure_rules(j, &table, false) && measure_ops(j, &table);
    if (ok && aneprobe_opt(j, PROBE_limits)->count) ok = search_all(j, &table);
    if (ok && aneprobe_opt(j, PROBE_crash)->count) ok = measure_rules(j, &table, true);
    return ok;
}

/* ---- the command ------------------------------------------------------------------------- */

static bool check_only(const ProbeJob *j)
{
    const OptValue *only = aneprobe_opt(j, PROBE_only);
    for (const char *s = only->count ? only->text : NULL; s; s = list_next(s)) {
        bool known = false;
        const size_t n = strcspn(s, ",");
        for (int i = 0; i < RULE_COUNT; i++)
            known = known
                 || (probe_has_rule(i) && strlen(rules[i].name) == n
                     && !memcmp(rules[i].name, s, n));
        for (int i = 0; probe_op_name(i); i++)
            known = known
                 || (strlen(probe_op_name(i)) == n && !memcmp(probe_op_name(i), s, n));
        bool number = false;
        for (int i = 0; search_limit(i) >= 0; i++)
            number = number
                  || (strlen(limits[search_limit(i)].name) == n
                      && !memcmp(limits[search_limit(i)].name, s, n));
        if (number && !known && !aneprobe_opt(j, PROBE_limits)->count)
            return usage_error(&tool,
                               "--only: %.*s is a number, which --limits searches for",
                               (int)n, s);
        if (!known && !number)
            return usage_error(&tool, "--only: no program tells of '%.*s'", (int)n, s);
    }
    return true;
}

/* With the nearest that there is; false. */
static bool no_chip(const char *name)
{
    Arena a = { 0 };
    const char *near = target_nearest(&a, name);
    const Target *t = near ? target_find(near) : NULL;
    if (t && t->chip >= 0)
        usage_error(&tool, "there is no chip %s; did you mean %s?", name, t->name);
    else usage_error(&tool, "there is no chip %s; anec --list-targets shows all", name);
    arena_free(&a);
    return false;
}

static bool find_chip(ProbeJob *j)
{
    const OptValue *o = aneprobe_opt(j, PROBE_chip);
    const Target *known = j->prober.engine->target;
    if (!o->count && (!known || known->chip < 0)) {
        Arena a = { 0 };
        usage_error(&tool, "--chip says which chip this is: %s", chip_list(&a));
        arena_free(&a);
        return false;
    }
    j->chip = o->count ? target_find(o->text) : known;
    return (j->chip && j->chip->chip >= 0) || no_chip(o->text);
}

static int aneprobe_prepare(ProbeJob *j)
{
    int code = EXIT_DONE;
    if (!check_only(j)) return EXIT_USAGE;
    j->prober.reference = backend_find("ref");
    j->prober.engine = probe_backend(j->args, j->diag, &code);
    if (!j->prober.engine) return code;
    if (!find_chip(j)) return EXIT_USAGE;
    if (aneprobe_opt(j, PROBE_resume)->count && !aneprobe_opt(j, PROBE_output)->count) {
        usage_error(&tool, "--resume goes with -o PROFILE");
        return EXIT_USAGE;
    }
    if (aneprobe_opt(j, PROBE_resume)->count && !aneprobe_resume(j))
        return diag_exit(j->diag);
    if (!j->profile.len) begin_profile(j);
    return EXIT_DONE;
}

static int run_job(ProbeJob *j)
{
    const char *top = getenv("TMPDIR");
    char *dir = arena_printf(&j->arena, "%s/aneprobe.XXXXXX", top ? top : "/tmp");
    int code = aneprobe_prepare(j);
    if (code) return code;
    if (!mkdtemp(dir)) {
        diag_fail(j->diag, "cannot make the folder %s for the weights of micro-programs",
                  dir);
        return EXIT_WORLD;
    }
    j->prober.dir = dir;
    j->prober.diag = j->diag;
    printf(
        "aneprobe: %s as %s; rules and operations, what was seen, what the table says\n",
        j->prober.engine->name, j->chip->name);
    if (measure_all(j)) {
        printf("%d hold or are refused, %d do not, ", j->holds, j->absent);
        if (aneprobe_opt(j, PROBE_limits)->count) printf("%d numbers found, ", j->found);
        printf("%d unknown; %d differ from the table\n", j->unknown, j->surprises);
    }
    unlink(arena_printf(&j->arena, "%s/w.bin", dir));
    rmdir(dir);
    return diag_exit(j->diag);
}

static int aneprobe_run(ToolArgs *args, Diag *d, Progress *progress)
{
    ProbeJob job = {
        .args = args, .diag = d, .progress = progress, .cut = { .row = -1 }
    };
    tool_warnings(d, args);
    if (probe_opt(args, PROBE_bisect)->count) return probe_bisect(args, d, progress);
    if (probe_opt(args, PROBE_first_run)->count) return probe_first(args, d, progress);
    if (probe_opt(args, PROBE_trial)->count) return probe_trial_one(args, d);
    if (probe_opt(args, PROBE_doc_first)->count) {
        probe_first_doc();
        return EXIT_DONE;
    }
    int code = run_job(&job);
    progress_clear(progress);
    backend_close(job.prober.engine);
    buf_free(&job.profile);
    arena_free(&job.arena);
    return code;
}

int main(int argc, char **argv) { return tool_main(&tool, argc, argv, aneprobe_run); }
