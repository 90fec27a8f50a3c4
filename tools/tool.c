/* tool.c -- what the tools share: answers, diagnostics, reading a model, options of the passes. */
#include "tool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- answers --------------------------------------------------------------------------------- */

#ifndef ANEC_VERSION
#define ANEC_VERSION "0.1"
#endif

/* Parts of the design that a build may lack, each with what it would be. */
static const struct {
    const char *name, *state;
} parts[] = {
    { "ref, cpu", "present" },
    { "ane (private framework)", "present" },
    { "coreml", "absent" },
    { "sim:CHIP (simulated engine)", "present" },
    { "libanesim (stand-in for Apple)", "present" },
    { ".mlmodelc, .mlpackage", "present" },
};

static void put_version(const Tool *t, Buf *out)
{
    buf_printf(out, "%s %s\n", t->name, ANEC_VERSION);
    for (size_t i = 0; i < COUNT(parts); i++)
        buf_printf(out, "  %-38s %s\n", parts[i].name, parts[i].state);
}

bool tool_answers(const Args *a)
{
    Buf out = { 0 };
    if (common(a, COM_help)->count) tool_help(a->tool, &out);
    else if (common(a, COM_version)->count) put_version(a->tool, &out);
    else if (common(a, COM_man)->count) tool_man(a->tool, &out);
    if (out.len) fwrite(out.s, 1, out.len, stdout);
    bool answered = out.len > 0;
    buf_free(&out);
    return answered;
}

/* ---- diagnostics ----------------------------------------------------------------------------- */

static void emit(void *ctx, DiagKind kind, const char *message)
{
    (void)kind;
    progress_clear(ctx);
    size_t n = strlen(message);
    fputs(message, stderr);
    if (!n || message[n - 1] != '\n') fputc('\n', stderr);
}

static bool warning_bit(const Args *a, const char *name, uint64_t *bit)
{
    int w = warning_find(name);
    if (w >= 0) {
        *bit = UINT64_C(1) << w;
        return true;
    }
    *bit = 0;
    if (rule_find(name) >= 0) return true; /* apply_wishes sees to it */
    const char *known[WARN_COUNT + RULE_COUNT];
    for (int i = 0; i < WARN_COUNT; i++) known[i] = warning_names[i];
    for (int i = 0; i < RULE_COUNT; i++) known[WARN_COUNT + i] = rules[i].name;
    const char *near = name_nearest(name, known, COUNT(known));
    return near ? usage_error(a->tool, "there is no warning or rule called %s; did you mean %s?", name, near)
                : usage_error(a->tool, "there is no warning or rule called %s; anec --list-rules shows the rules",
                              name);
}

bool tool_diag(Diag *d, const Args *a, Progress *p)
{
    const OptValue *w = common(a, COM_warn);
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is a write that fails, which is reported */
    *d = (Diag){ .emit = emit, .progress = progress_file, .ctx = p };
    d->quiet = common(a, COM_quiet)->count > 0;
    progress_start(p, d->quiet);
    for (int i = 0; i < w->count; i++) {
        const char *s = w->all[i];
        uint64_t bit = 0;
        if (!strcmp(s, "error")) d->promoted = ~UINT64_C(0);
        else if (!strcmp(s, "no-error")) d->promoted = 0;
        else if (!strncmp(s, "no-error=", 9)) {
            if (!warning_bit(a, s + 9, &bit)) return false;
            d->promoted &= ~bit;
        } else if (!strncmp(s, "error=", 6)) {
            if (!warning_bit(a, s + 6, &bit)) return false;
            d->promoted |= bit;
        } else if (!strncmp(s, "no-", 3)) {
            if (!warning_bit(a, s + 3, &bit)) return false;
            d->off |= bit;
        } else {
            if (!warning_bit(a, s, &bit)) return false;
            d->off &= ~bit;
        }
    }
    return true;
}

int tool_main(const Tool *t, int argc, char **argv, int (*run)(Args *, Diag *, Progress *))
{
    Args args;
    Diag diag = { 0 };
    Progress progress = { 0 };
    int code = EXIT_USAGE;
    if (args_parse(&args, t, argc, argv)) {
        if (tool_answers(&args)) code = EXIT_DONE;
        else if (tool_diag(&diag, &args, &progress)) code = run(&args, &diag, &progress);
    }
    progress_clear(&progress);
    diag_free(&diag);
    args_free(&args);
    if (!fflush(stdout) && !ferror(stdout)) return code;
    fprintf(stderr, "%s: cannot write to the standard output\n", t->name);
    return EXIT_WORLD;
}

/* ---- reading a model ------------------------------------------------------------------------- */

typedef enum { KIND_UNKNOWN, KIND_DSL, KIND_MIL, KIND_CONTAINER } Kind;

static Kind kind_of(const Args *a, const char *path)
{
    const OptValue *from = common(a, COM_from);
    if (from->count) return !strcmp(from->text, "mil") ? KIND_MIL : KIND_DSL;
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    static const struct { const char *suffix; Kind kind;
    } kinds[] = {
        { ".anedsl", KIND_DSL },         { ".mil", KIND_MIL },
        { ".mlmodelc", KIND_CONTAINER }, { ".mlpackage", KIND_CONTAINER },
        { ".mlmodel", KIND_CONTAINER },
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        size_t k = strlen(kinds[i].suffix);
        if (n >= k && !memcmp(path + n - k, kinds[i].suffix, k)) return kinds[i].kind;
    }
    return KIND_UNKNOWN;
}

static int refuse_kind(const Args *a, const char *path)
{
    if (!strcmp(path, "-"))
        usage_error(a->tool, "the standard input can be .anedsl or .mil: --from says which");
    else
        usage_error(a->tool,
                    "%s is no .anedsl, .mil, .mlmodelc or .mlpackage by its name; --from says which",
                    path);
    return EXIT_USAGE;
}

int model_open(Model *m, const Args *a, Diag *d)
{
    *m = (Model){ .path = a->operand };
    if (!a->operand) {
        usage_error(a->tool, "no %s is given", a->tool->operand);
        return EXIT_USAGE;
    }
    Kind kind = kind_of(a, a->operand);
    if (kind == KIND_UNKNOWN) return refuse_kind(a, a->operand);
    m->dsl = kind == KIND_DSL;
    if (!m->dsl && common(a, COM_set)->count) {
        usage_error(a->tool, "--set is for .anedsl; a .mil has no parameters");
        return EXIT_USAGE;
    }
    m->container = kind == KIND_CONTAINER;
    if (m->container) return EXIT_DONE; /* model_parse reads its files */
    bool in = !strcmp(a->operand, "-");
    if (in) m->path = "<stdin>";
    if (!(in ? file_read_stdin(d, FILE_MAX_TEXT, &m->file) : file_map(d, m->path, &m->file)))
        return diag_exit(d);
    if (m->file.size > FILE_MAX_TEXT) {
        diag_error(d, (Loc){ 0 }, "%s is larger than the 1 GiB that a program may have", m->path);
        return diag_exit(d);
    }
    const char *text = m->file.data ? (const char *)m->file.data : "";
    m->src = (Source){ .name = m->path, .text = text, .len = m->file.size };
    return EXIT_DONE;
}

static bool read_dsl(Model *m, const Args *a, Diag *d, const char *dir)
{
    const OptValue *set = common(a, COM_set), *opset = common(a, COM_opset);
    DslOptions o = { .nset = set->count, .opset = OPSET_IOS16, .dir = dir };
    DslSet *list = NEW_ARRAY(&m->arena, set->count + 1, DslSet);
    if (opset->count) o.opset = opset_find(opset->text);
    for (int i = 0; i < set->count; i++) {
        size_t n = strcspn(set->all[i], "=");
        if (!n || !set->all[i][n])
            return usage_error(a->tool, "--set takes NAME=VALUE, not '%s'", set->all[i]);
        list[i] = (DslSet){ .name = arena_strndup(&m->arena, set->all[i], n),
                             .value = set->all[i] + n + 1 };
    }
    o.set = list;
    m->module = dsl_compile(d, &m->src, &o);
    return true;
}

static bool set_missing(Model *m, const Args *a)
{
    const OptValue *v = common(a, COM_missing);
    if (!v->count) return true;
    if (!strcmp(v->text, "zero")) m->module->missing = 1;
    else if (!strncmp(v->text, "random", 6) && (!v->text[6] || v->text[6] == ':'))
        m->module->missing = 2;
    bool seeded = m->module->missing == 2 && v->text[6];
    if (m->module->missing && (!seeded || parse_count(v->text + 7, &m->module->missing_seed)))
        return true;
    return usage_error(a->tool, "--missing-weights takes random, random:SEED or zero, not '%s'",
                       v->text);
}

int model_parse(Model *m, const Args *a, Diag *d)
{
    bool in = !strcmp(a->operand, "-");
    const char *dir = in ? "." : file_dir(&m->arena, m->path);
    if (m->dsl) {
        if (!read_dsl(m, a, d, dir)) return EXIT_USAGE;
    } else if (m->container) {
        m->module = container_read(d, a->operand);
    } else {
        m->module = mil_read(d, &m->src, dir);
        if (m->module && !in && !container_beside(m->module, d, m->path)) return diag_exit(d);
    }
    if (!m->module) return diag_exit(d);
    if (!set_missing(m, a)) return EXIT_USAGE;
    return m->dsl ? model_check(m, d) : EXIT_DONE;
}

int model_check(Model *m, Diag *d)
{
    return module_verify(m->module, d, m->dsl ? "lower" : NULL) ? EXIT_DONE : diag_exit(d);
}

int model_read(Model *m, const Args *a, Diag *d)
{
    int code = model_open(m, a, d);
    if (!code) code = model_parse(m, a, d);
    return code || m->dsl ? code : model_check(m, d);
}

void model_free(Model *m)
{
    module_free(m->module);
    if (m->src.text) file_unmap(&m->file);
    arena_free(&m->arena);
}

/* ---- passes ---------------------------------------------------------------------------------- */

bool model_wants_passes(const Model *m, const Args *a)
{
    return m->dsl || common(a, COM_target)->count || common(a, COM_io)->count
           || common(a, COM_opset)->count || common(a, COM_profile)->count;
}

/* A target that asks for what the model already is. */
static Target own_target(const Module *m)
{
    Target t = *target_find("generic");
    const Func *f = module_main(m);
    t.name = "the model's own";
    t.version = m->version;
    t.opset = f->opset;
    t.io = boundary_has(f, DT_FP32) ? IO_FP32 : IO_FP16;
    return t;
}

static const Target *find_target(const Args *a, const char *name)
{
    const Target *t = target_find(name);
    const char *known[16];
    size_t n = 0;
    if (t) return t;
    for (int i = 0; i < target_count && n < COUNT(known); i++) known[n++] = targets[i].name;
    const char *near = name_nearest(name, known, n);
    if (near) usage_error(a->tool, "there is no target %s; did you mean %s?", name, near);
    else usage_error(a->tool, "there is no target %s; anec --list-targets shows all", name);
    return NULL;
}

/* -W words that name rules. */
static void apply_wishes(RuleSet *rs, const OptValue *w)
{
    static const struct { const char *before; Wish wish; } forms[] = {
        { "no-error=", WISH_WARNING }, { "error=", WISH_ERROR }, { "no-", WISH_OFF }, { "", WISH_ON },
    };
    for (int i = 0; i < w->count; i++)
        for (size_t k = 0; k < COUNT(forms); k++) {
            size_t n = strlen(forms[k].before);
            if (strncmp(w->all[i], forms[k].before, n) != 0) continue;
            int rule = rule_find(w->all[i] + n);
            if (rule < 0) continue;
            rs->wish[rule] = (unsigned char)forms[k].wish;
            break;
        }
}

int model_pipeline(const Model *m, const Args *a, Diag *d, Pipeline *p)
{
    const OptValue *target = common(a, COM_target), *io = common(a, COM_io),
                   *opset = common(a, COM_opset), *profile = common(a, COM_profile);
    PassOptions *o = &p->pass;
    *p = (Pipeline){ .pass = { .io = IO_AUTO }, .chip = target->count > 0 };
    if (target->count) {
        o->target = find_target(a, target->text);
    } else if (m->dsl) {
        o->target = m->target ? m->target : target_find("generic");
    } else {
        p->own = own_target(m->module);
        o->target = &p->own;
    }
    if (!o->target) return EXIT_USAGE;
    if (profile->count && !target->count && !m->dsl) {
        usage_error(a->tool, "--profile goes with --target: it says which chip the rules are of");
        return EXIT_USAGE;
    }
    if (io->count)
        o->io = !strcmp(io->text, "fp16") ? IO_FP16 : !strcmp(io->text, "fp32") ? IO_FP32 : IO_AUTO;
    if (opset->count) o->opset = opset_find(opset->text);
    ruleset_init(&p->rules, o->target, target->text);
    if (profile->count && !profile_read(&p->rules, d, profile->text)) return diag_exit(d);
    apply_wishes(&p->rules, common(a, COM_warn));
    /* Who asks for fp32 against the table gets it, with a warning. */
    if (o->io == IO_FP32 && rule_holds(&p->rules, RULE_io_fp32))
        p->rules.stand[RULE_io_fp32] = STAND_REPORTED;
    o->rules = &p->rules;
    return EXIT_DONE;
}
