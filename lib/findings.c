/* findings.c -- what is wrong with a model for a target, found without running it: what reading and
 * the verifier report, and each rule of the target that the program breaks. */
#include "library.h"

/* Who hears of what is found, and in whose terms. */
typedef struct {
    CheckHear *hear;
    void *ctx;
} FindingSink;

static void check_item(void *sink, const DiagItem *item)
{
    const FindingSink *c = sink;
    const char *id = item->warning           ? item->warning
                   : item->kind == DIAG_FAIL ? "unreadable"
                                             : "invalid";
    const CheckFinding f = {
        .kind = item->kind,
        .note = item->kind == DIAG_NOTE,
        .id = id,
        .message = item->message,
        .loc = item->loc,
    };
    c->hear(c->ctx, &f);
}

/* What is contradicted is worth knowing, and no reason to stop. */
static DiagKind break_kind(const RuleBreak *b)
{
    if (b->level == LEVEL_ERROR) return DIAG_ERROR;
    return b->standing == STAND_CONTRADICTED ? DIAG_NOTE : DIAG_WARNING;
}

static void check_break(void *sink, const RuleBreak *b)
{
    const FindingSink *c = sink;
    const CheckFinding f = {
        .kind = break_kind(b),
        .rule = b->rule,
        .id = b->rule->name,
        .message = b->message,
        .left = b->left,
        .loc = b->loc,
        .func = b->func ? b->func->name : NULL,
        .op = b->op ? op_name(b->op) : NULL,
        .value = b->op && b->op->nout ? b->op->out[0]->name : NULL,
    };
    c->hear(c->ctx, &f);
}

static anec_status check_told(Model *m, const anec_config *config, const char *path,
                              bool compiled, Diag *d, FindingSink *sink)
{
    Pipeline p;
    anec_status s = read_open(m, config, d, path);
    if (!s && read_closed(m)) return container_check(d, path) ? ANEC_OK : read_failed(d);
    if (!s) s = read_parse(m, config, d);
    if (!s && !m->dsl) s = read_check(m, d);
    if (!s) s = read_pipeline(m, config, d, &p);
    if (!s && (m->dsl || compiled) && !passes_run(m->module, &p.pass, d))
        s = read_failed(d);
    if (s) return s;
    p.rules.doubts = true;
    int errors = 0;
    if (p.enforced) errors = rules_check(m->module, &p.rules, d, check_break, sink);
    if (!module_stayed(m->module, d)) return ANEC_WORLD;
    return errors || !diag_ok(d) ? ANEC_WRONG : ANEC_OK;
}

anec_status check_model(Model *m, const anec_config *config, const char *path,
                        bool compiled, Diag *d, CheckHear *hear, void *ctx)
{
    FindingSink sink = { hear, ctx };
    d->item = check_item;
    d->item_ctx = &sink;
    const anec_status s = check_told(m, config, path, compiled, d, &sink);
    /* how many more there are is told now: the sink ends with this call */
    diag_end(d);
    d->item = NULL;
    return s;
}

/* ---- as a call of the library ------------------------------------------------------------ */

typedef struct {
    anec_found fn;
    void *ctx;
    int errors;
} Hearer;

static void hear_finding(void *hearer, const CheckFinding *f)
{
    Hearer *h = hearer;
    anec_finding out = {
        .size = sizeof out,
        .severity = severity_of(f->kind),
        .id = f->note ? NULL : f->id,
        .is_rule = f->rule != NULL,
        .text = f->message,
        .file = f->loc.src ? f->loc.src->name : NULL,
        .function = f->func,
        .op = f->op,
        .value = f->value,
        .pass = f->rule && !f->left ? f->rule->pass : NULL,
        .left = f->rule && !f->left && !f->rule->pass ? f->rule->left : f->left,
    };
    if (f->loc.src && f->loc.src->text) loc_line_col(f->loc, &out.line, &out.column);
    h->errors += out.severity >= ANEC_ERROR;
    Guard *g = guard_pause();
    h->fn(h->ctx, &out);
    guard_resume(g);
}

anec_status anec_check(const anec_config *config, const char *path, anec_found found,
                       void *ctx, anec_error *error)
{
    ApiCall c;
    Model m = { 0 };
    Hearer h = { found, ctx, 0 };
    GIVEN(path);
    GIVEN(found);
    if (call_start(&c, config, error)) return call_status(&c);
    c.d.quiet = config_get(c.config, CONFIG_quiet)->count > 0;
    const anec_status s = check_model(&m, c.config, path, false, &c.d, hear_finding, &h);
    Buf text = { 0 };
    if (s == ANEC_USAGE) buf_puts(&text, m.usage);
    else
        buf_message(&text, "%s has %d error%s", path, h.errors, h.errors == 1 ? "" : "s");
    read_free(&m);
    call_end(&c, true);
    if (s) say(error, s, text.s);
    buf_free(&text);
    return s;
}
