/* read.c -- reads a model as the options ask: opens, parses and verifies it, and prepares the
 * passes. */
#include "read.h"

#include "../ir/mil/described.h"
#include "../ir/mil/mil.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

anec_status read_failed(const Diag *d) { return d->fails ? ANEC_WORLD : ANEC_WRONG; }

static anec_status read_misuse(Model *m, const char *fmt, ...) PRINTF(2, 3);
static anec_status read_misuse(Model *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    m->usage = arena_vprintf(&m->arena, fmt, ap);
    va_end(ap);
    return ANEC_USAGE;
}

/* ---- what kind --------------------------------------------------------------------------- */

typedef enum { KIND_UNKNOWN, KIND_DSL, KIND_MIL, KIND_CONTAINER, KIND_LLAMA } ReadKind;

static ReadKind kind_of(const anec_config *c, const char *path)
{
    const Setting *from = config_get(c, CONFIG_from);
    if (from->count) return !strcmp(from->text, "mil") ? KIND_MIL : KIND_DSL;
    if (file_has_suffix(path, ".anedsl")) return KIND_DSL;
    if (llama_named(path)) return KIND_LLAMA;
    const Container *container = container_find(path);
    return !container ? KIND_UNKNOWN : container->text ? KIND_MIL : KIND_CONTAINER;
}

static anec_status refuse_kind(Model *m, const char *path)
{
    if (!strcmp(path, "-"))
        return read_misuse(
            m, "the standard input can be .anedsl or .mil: --from says which");
    if (file_is_dir(path))
        return read_misuse(m,
                           "the folder %s is no %s by its name: give it that "
                           "ending, or give the .mil in it",
                           path, container_endings(&m->arena, true));
    return read_misuse(m, "%s is no .anedsl, %s by its name; --from says which", path,
                       container_endings(&m->arena, false));
}

/* ---- reading ----------------------------------------------------------------------------- */

anec_status read_suits(Model *m, const anec_config *c)
{
    const Container *known = m->container ? container_find(m->path) : NULL;
    if (!m->dsl && !(known && known->named_dims) && config_get(c, CONFIG_set)->count)
        return read_misuse(m, "--set is for .anedsl; a .mil has no parameters");
    if (m->stored && config_get(c, CONFIG_weights)->count)
        return read_misuse(m, "--weights is for .anedsl; %s has its own", m->stored);
    if (!m->dsl && config_get(c, CONFIG_weights)->count)
        return read_misuse(
            m, "--weights is for .anedsl; a compiled model says itself where its "
               "weights are");
    if (!m->container && config_get(c, CONFIG_part)->count)
        return read_misuse(
            m,
            "--part is for pipelines, which a .mlpackage, .mlmodel or .mlmodelc may be");
    return ANEC_OK;
}

anec_status read_open(Model *m, const anec_config *c, Diag *d, const char *path)
{
    const bool in = !strcmp(path, "-");
    const ReadKind kind = kind_of(c, path);
    m->path = arena_strdup(&m->arena, path);
    if (file_has_suffix(path, ".zip") && kind == KIND_UNKNOWN && file_exists(path)) {
        container_is_zip(d, path, NULL);
        return read_failed(d);
    }
    if (kind == KIND_UNKNOWN) return refuse_kind(m, path);
    if (kind == KIND_LLAMA)
        return llama_open(m, d, path) ? read_suits(m, c) : read_failed(d);
    m->dsl = kind == KIND_DSL;
    m->container = kind == KIND_CONTAINER;
    const anec_status suits = read_suits(m, c);
    if (suits) return suits;
    if (m->container) return ANEC_OK; /* read_parse reads its files */
    m->dir = in ? "." : file_dir(&m->arena, path);
    m->beside = !in && !m->dsl;
    if (in) m->path = "<stdin>";
    const bool read = in     ? file_read_stdin(d, FILE_MAX_TEXT, &m->file)
                    : m->dsl ? file_read(d, path, &m->file)
                             : file_map(d, path, &m->file);
    if (!read) return read_failed(d);
    if (m->file.size > FILE_MAX_TEXT) {
        diag_error(d, (Loc){ 0 }, "%s is larger than the 1 GiB that a program may have",
                   m->path);
        return read_failed(d);
    }
    if (!m->dsl && container_is_zip(d, m->path, &m->file)) return read_failed(d);
    m->src = (Source){ .name = m->path };
    file_as_text(&m->file, &m->src);
    return ANEC_OK;
}

static bool find_target(Model *m, const char *name, const Target **out)
{
    if ((*out = target_find(name))) return true;
    read_misuse(m, "%s", target_wrong(&m->arena, name));
    return false;
}

bool read_target(Model *m, const anec_config *c, const Target **out)
{
    const Setting *target = config_get(c, CONFIG_target);
    *out = !m->dsl ? NULL : m->target ? m->target : &targets[TARGET_generic];
    return !target->count || find_target(m, target->text, out);
}

/* The opset of the compile holds from the start: a program is checked against what its target
 * has. */
static anec_status read_dsl(Model *m, const anec_config *c, Diag *d)
{
    const Target *target;
    const Setting *set = config_get(c, CONFIG_set), *opset = config_get(c, CONFIG_opset);
    const Setting *from = config_get(c, CONFIG_weights);
    if (!read_target(m, c, &target)) return ANEC_USAGE;
    DslOptions o = { .nset = set->count,
                     .opset = target_opset(target),
                     .dir = m->dir ? m->dir : ".",
                     .follow_links = config_get(c, CONFIG_links)->count > 0,
                     .from = m->stored ? &m->stored : from->all,
                     .nfrom = m->stored ? 1 : from->count,
                     .lean = m->lean,
                     .straight = config_get(c, CONFIG_straight)->count > 0,
                     .promote = m->promote,
                     .promoted = m->promoted,
                     .given = m->given,
                     .ngiven = m->ngiven,
                     .weights = &m->weights,
                     .declared = &m->declared,
                     .bound = m->bound,
                     .bound_ctx = m->bound_ctx };
    DslSet *list = NEW_ARRAY(&m->arena, set->count + 1, DslSet);
    if (opset->count) o.opset = opset_find(opset->text);
    for (int i = 0; i < set->count; i++) {
        size_t n = strcspn(set->all[i], "=");
        if (!n || !set->all[i][n])
            return read_misuse(m, "--set takes NAME=VALUE, not '%s'", set->all[i]);
        list[i] = (DslSet){ .name = arena_strndup(&m->arena, set->all[i], n),
                            .value = set->all[i] + n + 1 };
    }
    o.set = list;
    m->module = dsl_compile(d, &m->src, &o);
    return ANEC_OK;
}

static bool whole_number(const char *text, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    *out = v;
    return !*end && !errno;
}

static anec_status set_missing(Model *m, const anec_config *c)
{
    const Setting *v = config_get(c, CONFIG_missing);
    if (!v->count) return ANEC_OK;
    if (!strcmp(v->text, "zero")) m->module->missing = 1;
    else if (!strncmp(v->text, "random", 6) && (!v->text[6] || v->text[6] == ':'))
        m->module->missing = 2;
    bool seeded = m->module->missing == 2 && v->text[6];
    if (m->module->missing
        && (!seeded || whole_number(v->text + 7, &m->module->missing_seed)))
        return ANEC_OK;
    return read_misuse(m, "--missing-weights takes random, random:SEED or zero, not '%s'",
                       v->text);
}

enum { MAX_BUCKETS = 64 };

/* Whether row `of` is for a dimension: it names it, or none does. */
static bool bucket_is_for(const Module *m, const BucketSizes *of, const char *input,
                          int axis)
{
    const BucketSizes *found = NULL;
    for (int i = 0; i < m->nbucket; i++) {
        const BucketSizes *row = &m->bucket[i];
        const bool named = row->input && row->axis == axis && !strcmp(row->input, input);
        if (named || (!row->input && !found)) found = row;
    }
    return found == of;
}

typedef struct {
    int64_t low, high;
} BucketEnds;

static void bucket_ends(const Func *f, const Flex *x, int input, const BucketSizes *row,
                        BucketEnds *ends)
{
    const Value *v = f->body->param[input];
    const FlexInput *in = &x->input[input];
    for (int k = 0; v->type->kind == TY_TENSOR && k < v->type->shape.rank; k++) {
        if (v->type->shape.dim[k] != DIM_ANY) continue;
        if (!bucket_is_for(f->module, row, v->name, k)) continue;
        if (in->has_range && in->lo[k] < ends->low) ends->low = in->lo[k];
        if (!in->has_range || in->hi[k] < 0) ends->high = INT64_MAX;
        else if (in->hi[k] > ends->high) ends->high = in->hi[k];
    }
}

/* Powers of two from the least that a dimension may have up to the first that none exceeds. */
static int bucket_powers(const Model *m, Diag *d, const BucketSizes *row, int64_t *size)
{
    BucketEnds ends = { INT64_MAX, 0 };
    int n = 0;
    for (const Func *f = m->module->first; f; f = f->next) {
        Arena a = { 0 };
        Flex x;
        const bool ok = flex_read(f, d, &a, &x);
        for (int i = 0; ok && i < f->body->nparam; i++) bucket_ends(f, &x, i, row, &ends);
        arena_free(&a);
        if (!ok) return 0;
    }
    if (ends.high == INT64_MAX) return 0;
    for (int64_t s = 1; ends.low <= ends.high && n < MAX_BUCKETS; s *= 2) {
        if (s >= ends.low) size[n++] = s;
        if (s >= ends.high) break;
    }
    return n;
}

static const int64_t *bucket_keep(Arena *a, const int64_t *size, int n)
{
    int64_t *kept = NEW_ARRAY(a, n + 1, int64_t);
    memcpy(kept, size, (size_t)n * sizeof *kept);
    return kept;
}

/* Sizes that grow, up to the end of the text or a `;`. False: they are not. */
static bool bucket_list(const char **text, int64_t *size, int *n)
{
    *n = 0;
    for (const char *s = *text;; s++) {
        char *end;
        const int64_t v = strtoll(s, &end, 10);
        if (end == s || v < 1 || v > INT32_MAX || *n == MAX_BUCKETS
            || (*n && v <= size[*n - 1]))
            return false;
        size[(*n)++] = v;
        *text = s = end;
        if (!*s || *s == ';') return true;
        if (*s != ',') return false;
    }
}

/* INPUT.AXIS= in front of sizes, or INPUT.AXIS+, which the next row is one with. */
static bool bucket_name(Module *m, const char **text, BucketSizes *row)
{
    const size_t part = strcspn(*text, ";"), n = strcspn(*text, "=+");
    if (n >= part) return true;
    char *name = arena_strndup(&m->arena, *text, n);
    char *dot = strrchr(name, '.'), *end;
    if (!dot || dot == name || dot[1] < '0' || dot[1] > '9') return false;
    const long axis = strtol(dot + 1, &end, 10);
    if (*end || axis >= MAX_RANK) return false;
    *dot = 0;
    row->input = name;
    row->axis = (int)axis;
    *text += n + 1;
    return true;
}

static bool bucket_twice(const BucketSizes *row, int n)
{
    for (int i = 0; i < n; i++) {
        if (!row[i].input != !row[n].input) continue;
        if (!row[n].input) return true;
        if (row[i].axis == row[n].axis && !strcmp(row[i].input, row[n].input))
            return true;
    }
    return false;
}

/* INPUT.AXIS+INPUT.AXIS=SIZES, rows of one dimension, or SIZES, the row of all others. Rows of powers
 * have no sizes yet. */
static bool bucket_item(Module *m, const char **text, BucketSizes *row, int *n)
{
    const int first = *n;
    int64_t size[MAX_BUCKETS];
    int count = 0;
    do {
        BucketSizes *r = &row[*n];
        if (*n == MAX_BUCKETS || !bucket_name(m, text, r) || bucket_twice(row, *n))
            return false;
        r->joined = *n > first;
        if (r->joined && !r->input) return false;
        ++*n;
    } while (row[*n - 1].input && (*text)[-1] == '+');
    if (!strncmp(*text, "powers", 6)) *text += 6;
    else if (!bucket_list(text, size, &count)) return false;
    for (int i = first; i < *n; i++) {
        row[i].size = bucket_keep(&m->arena, size, count);
        row[i].n = count;
    }
    return true;
}

/* False: the text is of another form. */
static bool bucket_rows(Module *m, const char *text, BucketSizes *row)
{
    for (; bucket_item(m, &text, row, &m->nbucket); text++) {
        if (!*text) return true;
        if (*text != ';') return false;
    }
    return false;
}

static anec_status set_buckets(Model *m, const anec_config *c, Diag *d)
{
    const Setting *v = config_get(c, CONFIG_buckets);
    Module *of = m->module;
    if (!v->count) return ANEC_OK;
    if (config_get(c, CONFIG_target)->count)
        return read_misuse(
            m, "--buckets compiles for what runs it: it goes without --target");
    BucketSizes *row = NEW_ARRAY(&of->arena, MAX_BUCKETS, BucketSizes);
    of->bucket = row;
    if (!bucket_rows(of, v->text, row))
        return read_misuse(
            m,
            "--buckets takes growing sizes, as in 64,128,256, or powers, or these by "
            "dimension, as in x.0=1,4;x.2=64,128, or x.0+z.0=1,4 for two that are one, not '%s'",
            v->text);
    for (int i = 0; i < of->nbucket; i++) {
        int64_t size[MAX_BUCKETS];
        if (row[i].n) continue;
        if (row[i].joined) {
            row[i].size = row[i - 1].size;
            row[i].n = row[i - 1].n;
            continue;
        }
        row[i].n = bucket_powers(m, d, &row[i], size);
        if (!diag_ok(d)) return read_failed(d);
        if (!row[i].n)
            return read_misuse(
                m, "--buckets powers is for flexible dimensions that have an end; "
                   "name the sizes: --buckets 64,128,256");
        row[i].size = bucket_keep(&of->arena, size, row[i].n);
    }
    return ANEC_OK;
}

anec_status read_parse(Model *m, const anec_config *c, Diag *d)
{
    anec_status s = ANEC_OK;
    const MilReading how = { .follow_links = config_get(c, CONFIG_links)->count > 0,
                             .part = config_get(c, CONFIG_part)->text,
                             .set = config_get(c, CONFIG_set)->all,
                             .nset = config_get(c, CONFIG_set)->count };
    if (m->dsl) {
        s = read_dsl(m, c, d);
    } else if (m->container) {
        m->module = container_read_as(d, m->path, &how);
    } else {
        m->module = mil_read_as(d, &m->src, m->dir, &how);
        if (!file_stayed(d, &m->file)) return read_failed(d);
        if (m->module && m->beside && !container_beside(m->module, d, m->path))
            return read_failed(d);
    }
    if (s) return s;
    if (!m->module) return read_failed(d);
    m->module->straight = config_get(c, CONFIG_straight)->count > 0;
    s = set_missing(m, c);
    if (!s) s = set_buckets(m, c, d);
    return s || !m->dsl ? s : read_check(m, d);
}

bool read_closed(const Model *m)
{
    const Container *c = m->container ? container_find(m->path) : NULL;
    return c && c->check;
}

anec_status read_check(Model *m, Diag *d)
{
    const bool ok = module_verify(m->module, d, m->dsl ? "lower" : NULL);
    return module_stayed(m->module, d) && ok ? ANEC_OK : read_failed(d);
}

void read_free(Model *m)
{
    if (m->module) module_free(m->module);
    file_unmap(&m->file);
    arena_free(&m->arena);
}

/* ---- passes ------------------------------------------------------------------------------ */

bool read_wants_passes(const Model *m, const anec_config *c)
{
    return m->dsl || config_get(c, CONFIG_target)->count
        || config_get(c, CONFIG_io)->count || config_get(c, CONFIG_opset)->count
        || config_get(c, CONFIG_profile)->count || config_get(c, CONFIG_passes)->count
        || config_get(c, CONFIG_states_as_io)->count;
}

/* A target that asks for what the model already is. */
static Target own_target(const Module *m)
{
    Target t = targets[TARGET_generic];
    const Func *f = module_main(m);
    t.name = "the model's own";
    t.version = m->version;
    t.opset = f->opset;
    t.io = boundary_has(f, DT_FP32) ? IO_FP32 : IO_FP16;
    return t;
}

/* -W words that name rules. */
static void apply_wishes(RuleSet *rs, const Setting *w)
{
    static const struct {
        const char *before;
        Wish wish;
    } forms[] = {
        { "no-error=", WISH_WARNING },
        { "error=", WISH_ERROR },
        { "no-", WISH_OFF },
        { "", WISH_ON },
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

anec_status read_pipeline(Model *m, const anec_config *c, Diag *d, Pipeline *p)
{
    const Setting *target = config_get(c, CONFIG_target), *io = config_get(c, CONFIG_io),
                  *opset = config_get(c, CONFIG_opset),
                  *profile = config_get(c, CONFIG_profile);
    PassOptions *o = &p->pass;
    *p = (Pipeline){ .pass = { .io = IO_AUTO }, .named = target->count > 0 };
    if (!read_target(m, c, &o->target)) return ANEC_USAGE;
    p->enforced = o->target != NULL;
    if (!o->target) {
        p->own = own_target(m->module);
        o->target = &p->own;
    }
    if (profile->count && !target_has_rules(o->target))
        return read_misuse(
            m, "--profile goes with --target CHIP: it says which chip the rules are of");
    if (io->count)
        o->io = !strcmp(io->text, "fp16") ? IO_FP16
              : !strcmp(io->text, "fp32") ? IO_FP32
                                          : IO_AUTO;
    if (opset->count) o->opset = opset_find(opset->text);
    o->only = config_get(c, CONFIG_passes)->text;
    o->lift = m->lift;
    o->states_as_io = config_get(c, CONFIG_states_as_io)->count > 0;
    /* An opset alone changes no precision and makes nothing legal; nor do states. */
    if (o->target == &p->own && (opset->count || o->states_as_io) && !io->count)
        p->own.passes = "names";
    ruleset_init(&p->rules, o->target, target->text);
    if (profile->count && !profile_read(&p->rules, d, profile->text))
        return read_failed(d);
    apply_wishes(&p->rules, config_get(c, CONFIG_warn));
    p->rules.each_doubt = c->asked >> WARN_CONTRADICTED & 1;
    /* Who asks for fp32 against the table gets it, with a warning. */
    if (o->io == IO_FP32 && rule_holds(&p->rules, RULE_io_fp32))
        p->rules.stand[RULE_io_fp32] = STAND_REPORTED;
    o->rules = &p->rules;
    return ANEC_OK;
}
