/* lint_report.c -- findings as text, JSON and SARIF 2.1.0. */
#include "lint.h"

#include "../lib/report.h"

#include <ctype.h>

static const char *const level_words[LINT_LEVELS] = { "note", "warning", "error" };

/* ---- text -------------------------------------------------------------------------------- */

static void put_place(Buf *out, const Finding *f)
{
    buf_escape(out, f->file, strlen(f->file));
    if (f->line) buf_printf(out, ":%d:%d", f->line, f->column);
    if (!f->line && f->value) buf_printf(out, ": %s of %s", f->value, f->func);
}

static void put_finding(Buf *out, const Finding *f)
{
    put_place(out, f);
    buf_printf(out, ": %s: %s [%s:", level_words[f->level], f->message, f->id);
    for (int i = 0; i < f->ntarget; i++) buf_printf(out, " %s", f->target[i]);
    buf_puts(out, "]\n");
    if (f->rule >= 0 && f->level > LINT_NOTE)
        buf_printf(out, "    fix: %s\n", rules[f->rule].fix);
    for (const char *s = f->notes; s && *s;) {
        const size_t n = strcspn(s, "\n");
        buf_printf(out, "    note: %.*s\n", (int)n, s);
        s += n + (s[n] == '\n');
    }
}

static void put_count(Buf *out, int n, const char *what)
{
    buf_printf(out, "%d %s%s", n, what, n == 1 ? "" : "s");
}

void lint_text(Buf *out, const Findings *all, LintLevel least)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->item[i].level >= least) put_finding(out, &all->item[i]);
    put_count(out, (int)all->models->count, "model");
    buf_puts(out, " for");
    for (int i = 0; i < all->ntarget; i++)
        buf_printf(out, "%s %s", i ? "," : "", all->target[i]);
    for (int level = LINT_ERROR; level >= LINT_NOTE; level--) {
        buf_puts(out, level == LINT_ERROR ? ": " : ", ");
        put_count(out, all->levels[level], level_words[level]);
    }
    buf_putc(out, '\n');
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void add_number(cJSON *o, const char *key, int n)
{
    json_item(o, key, cJSON_CreateNumber(n));
}

static void add_targets(cJSON *o, const char *const *target, int n)
{
    cJSON *list = json_item(o, "targets", cJSON_CreateArray());
    for (int i = 0; i < n; i++) json_item(list, NULL, cJSON_CreateString(target[i]));
}

static void add_finding(cJSON *list, const Finding *f)
{
    cJSON *o = json_item(list, NULL, cJSON_CreateObject());
    json_word(o, "level", level_words[f->level]);
    json_word(o, "rule", f->id);
    json_word(o, "message", f->message);
    json_item(o, "file", json_path(f->file));
    if (f->line) {
        add_number(o, "line", f->line);
        add_number(o, "column", f->column);
        add_number(o, "length", f->length);
    }
    json_word(o, "function", f->func);
    json_word(o, "operation", f->op);
    json_word(o, "value", f->value);
    add_targets(o, f->target, f->ntarget);
    json_word(o, "notes", f->notes);
    if (f->rule < 0) return;
    const Rule *r = &rules[f->rule];
    json_word(o, "says", r->says);
    json_word(o, "happens", r->happens);
    json_word(o, "fix", r->fix);
    json_word(o, f->left ? "no_pass" : "pass", f->left ? f->left : r->pass);
}

void lint_json(Buf *out, const Findings *all)
{
    cJSON *o = json_root(cJSON_CreateObject());
    cJSON *models = json_item(o, "models", cJSON_CreateArray());
    for (size_t i = 0; i < all->models->count; i++)
        json_item(models, NULL, json_path(all->models->item[i]));
    add_targets(o, all->target, all->ntarget);
    for (int level = LINT_ERROR; level >= LINT_NOTE; level--) {
        const char *const key[LINT_LEVELS] = { "note_count", "warning_count",
                                               "error_count" };
        add_number(o, key[level], all->levels[level]);
    }
    cJSON *list = json_item(o, "findings", cJSON_CreateArray());
    for (size_t i = 0; i < all->count; i++) add_finding(list, &all->item[i]);
    json_item(o, "verified_on_a_device", cJSON_CreateBool(false));
    json_put(out, o);
}

/* ---- SARIF ------------------------------------------------------------------------------- */

static cJSON *add_object(cJSON *o, const char *key)
{
    return json_item(o, key, cJSON_CreateObject());
}

static void add_message(cJSON *o, const char *key, const char *text)
{
    json_word(add_object(o, key), "text", text);
}

/* What a finding that is no rule's stands for. */
static const char *id_text(const char *id)
{
    const int w = warning_find(id);
    return w >= 0                    ? warning_texts[w]
         : !strcmp(id, "unreadable") ? "a file of the model cannot be read"
                                     : "the program is not valid";
}

static void add_rule(cJSON *list, const Finding *f)
{
    cJSON *o = json_item(list, NULL, cJSON_CreateObject());
    Arena a = { 0 };
    json_word(o, "id", f->id);
    if (f->rule < 0) {
        add_message(o, "shortDescription", id_text(f->id));
        arena_free(&a);
        return;
    }
    const Rule *r = &rules[f->rule];
    add_message(o, "shortDescription", r->says);
    add_message(o, "fullDescription",
                arena_printf(&a, "%s. On the engine: %s.", r->says, r->happens));
    cJSON *help = add_object(o, "help");
    json_word(help, "text",
              arena_printf(&a,
                           "The fix: %s.\nEvidence: %s.%s%s\nNot verified on a device "
                           "by this project.",
                           r->fix, r->evidence, r->against ? "\nAgainst it: " : "",
                           r->against ? r->against : ""));
    cJSON *more = add_object(o, "properties"), *tags;
    json_word(more, "effect", effect_names[r->effect]);
    json_word(more, "pass", r->pass);
    tags = json_item(more, "tags", cJSON_CreateArray());
    json_item(tags, NULL, cJSON_CreateString(effect_names[r->effect]));
    arena_free(&a);
}

/* The rules that findings name, each once, and for each finding which it is. */
static void add_rules(cJSON *driver, const Findings *all, int *index)
{
    cJSON *list = json_item(driver, "rules", cJSON_CreateArray());
    int count = 0;
    for (size_t i = 0; i < all->count; i++) {
        size_t k = 0;
        while (k < i && strcmp(all->item[k].id, all->item[i].id) != 0) k++;
        index[i] = k < i ? index[k] : count++;
        if (k == i) add_rule(list, &all->item[i]);
    }
}

/* A path as a reference that a URI may be: relative ones stay so. */
static const char *path_uri(Arena *a, const char *path)
{
    Buf out = { 0 };
    if (*path == '/') buf_puts(&out, "file://");
    while (!strncmp(path, "./", 2)) path += 2;
    for (const char *c = path; *c; c++) {
        const unsigned char u = (unsigned char)*c;
        if (u < 128 && (isalnum(u) || strchr("/-._~", u))) buf_putc(&out, *c);
        else buf_printf(&out, "%%%02X", u);
    }
    const char *uri = arena_strdup(a, out.s ? out.s : "");
    buf_free(&out);
    return uri;
}

static void add_location(cJSON *result, Arena *a, const Finding *f)
{
    cJSON *list = json_item(result, "locations", cJSON_CreateArray());
    cJSON *place = json_item(list, NULL, cJSON_CreateObject());
    cJSON *physical = add_object(place, "physicalLocation");
    json_word(add_object(physical, "artifactLocation"), "uri", path_uri(a, f->file));
    if (f->line) {
        cJSON *region = add_object(physical, "region");
        add_number(region, "startLine", f->line);
        add_number(region, "startColumn", f->column);
        if (f->length) add_number(region, "endColumn", f->column + f->length);
    }
    if (!f->func) return;
    cJSON *logical = json_item(place, "logicalLocations", cJSON_CreateArray());
    cJSON *name = json_item(logical, NULL, cJSON_CreateObject());
    json_word(name, "name", f->value ? f->value : f->func);
    json_word(name, "fullyQualifiedName",
              f->value ? arena_printf(a, "%s/%s", f->func, f->value) : f->func);
    json_word(name, "kind", f->value ? "variable" : "function");
}

static void add_result(cJSON *list, Arena *a, const Finding *f, int index)
{
    cJSON *o = json_item(list, NULL, cJSON_CreateObject());
    Buf text = { 0 };
    json_word(o, "ruleId", f->id);
    add_number(o, "ruleIndex", index);
    json_word(o, "level", level_words[f->level]);
    buf_printf(&text, "%s (", f->message);
    for (int i = 0; i < f->ntarget; i++)
        buf_printf(&text, "%s%s", i ? ", " : "for ", f->target[i]);
    buf_puts(&text, ")");
    if (f->rule >= 0) buf_printf(&text, "; fix: %s", rules[f->rule].fix);
    if (f->notes) buf_printf(&text, "; %s", f->notes);
    add_message(o, "message", text.s);
    add_location(o, a, f);
    add_targets(add_object(o, "properties"), f->target, f->ntarget);
    buf_free(&text);
}

void lint_sarif(Buf *out, const Findings *all)
{
    Arena a = { 0 };
    int *index = NEW_ARRAY(&a, all->count + 1, int);
    cJSON *o = json_root(cJSON_CreateObject());
    json_word(o, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    json_word(o, "version", "2.1.0");
    cJSON *run = json_item(json_item(o, "runs", cJSON_CreateArray()), NULL,
                           cJSON_CreateObject());
    cJSON *driver = add_object(add_object(run, "tool"), "driver");
    json_word(driver, "name", "anec lint");
    json_word(driver, "version", anec_version());
    add_rules(driver, all, index);
    json_word(run, "columnKind", "unicodeCodePoints");
    cJSON *list = json_item(run, "results", cJSON_CreateArray());
    for (size_t i = 0; i < all->count; i++) add_result(list, &a, &all->item[i], index[i]);
    json_put(out, o);
    arena_free(&a);
}
