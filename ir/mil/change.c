/* change.c -- replaces FILE.json together with its model. The two are files of their own, so
 * there are two renames, and a reader or a crash may come between them.
 *
 * Meanwhile FILE.json therefore has the content for both models: that for the new one, with
 * its SHA-256 under "text", and under "before" that for the old one, likewise. A reader
 * takes "before" as long as the old model is there (beside_now). When both files are in
 * place "before" is removed. */
#include "spec.h"

#include <errno.h>
#include <unistd.h>

#include <cjson/cJSON.h>

static const char sum_key[] = "text", before_key[] = "before";

/* ---- which half holds -------------------------------------------------------------------- */

bool beside_sum(Diag *d, const char *path, char hex[65])
{
    Mapped map;
    Sha256 sha = sha256_start();
    if (!file_map(d, path, &map)) return false;
    sha256_add(&sha, map.data, map.size);
    sha256_end(&sha, hex);
    const bool ok = file_stayed(d, &map);
    file_unmap(&map);
    return ok;
}

static const char *model_file(Arena *a, const char *path, int form)
{
    return form == BESIDE_PACKAGE ? arena_printf(a, "%s/Data/" MODEL_FILE, path) : path;
}

/* Of what was read the part that goes with the model of this sum; takes `json`. */
static cJSON *part_of(cJSON *json, const char *hex)
{
    cJSON *before = cJSON_DetachItemFromObjectCaseSensitive(json, before_key);
    if (before) json_root(before);
    const char *sum = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(before, sum_key));
    const bool old = sum && !strcmp(sum, hex);
    cJSON *part = old ? before : json;
    json_free(old ? json : before);
    cJSON_DeleteItemFromObjectCaseSensitive(part, sum_key);
    return part;
}

void *beside_now(void *json, Diag *d, const char *path)
{
    Arena a = { 0 };
    char hex[65];
    cJSON *part = json;
    if (cJSON_GetObjectItemCaseSensitive(json, before_key)) {
        const int form = file_is_dir(path) ? BESIDE_PACKAGE : BESIDE_MIL;
        const bool known = beside_sum(d, model_file(&a, path, form), hex);
        if (known) part = part_of(json, hex);
        else json_free(json);
        if (!known) part = NULL;
    }
    arena_free(&a);
    return part;
}

/* ---- a change ---------------------------------------------------------------------------- */

/* Without what no reader asks for: a part that says nothing is none. */
static char *text_of(cJSON *part)
{
    return part && part->child && part->child->next ? json_text(part, true) : NULL;
}

bool beside_open(Beside *b, const Module *m, Diag *d, const char *path, int form)
{
    *b = (Beside){ .diag = d };
    b->model = model_file(&b->arena, arena_strdup(&b->arena, path), form);
    b->file = beside_file(&b->arena, path);
    const bool there = file_exists(b->file), ours = there && beside_is_ours(b->file);
    Diag quiet = { .quiet = true }; /* what cannot be said the model's own writer tells */
    cJSON *now = beside_make(m, &quiet, form), *old = ours ? json_read(d, b->file) : NULL;
    b->now = text_of(now);
    json_free(now);
    diag_free(&quiet);
    quiet = (Diag){ .quiet = true };
    if (b->now && there && !ours) {
        diag_error(d, (Loc){ .src = NULL },
                   "%s is another's file: there is no place for what %s cannot hold",
                   b->file, file_base(path));
        beside_close(b);
        return false;
    }
    b->replaces = file_exists(b->model) && beside_sum(&quiet, b->model, b->old_sum);
    diag_free(&quiet);
    if (old && b->replaces) old = part_of(old, b->old_sum);
    b->old = text_of(old);
    json_free(old);
    b->changes = ours != (b->now != NULL)
              || (b->now && (!b->old || strcmp(b->old, b->now) != 0));
    return true;
}

static bool change_put(Beside *b, const char *text)
{
    return file_write_all(b->diag, b->file, text, strlen(text));
}

static bool change_drop(Beside *b)
{
    if (!unlink(b->file) || errno == ENOENT) return true;
    return diag_fail(b->diag, "cannot remove %s: %s", b->file, strerror(errno));
}

static cJSON *change_half(const char *text, const char *sum)
{
    cJSON *o = text ? json_parse(text, strlen(text)) : json_root(cJSON_CreateObject());
    if (!o) bug("what was written as JSON is none");
    if (!text) json_item(o, "format", cJSON_CreateString(beside_format));
    json_item(o, sum_key, cJSON_CreateString(sum));
    return o;
}

bool beside_prepare(Beside *b, const char *new_sum)
{
    if (!b->changes) return true;
    if (!b->replaces && b->now) return change_put(b, b->now);
    if (!b->replaces) return change_drop(b); /* what it says is of another model */
    if (!strcmp(new_sum, b->old_sum))
        return true; /* the model stays: one change is left */
    cJSON *both = change_half(b->now, new_sum);
    json_item(both, before_key, change_half(b->old, b->old_sum));
    char *text = json_text(both, true);
    const bool ok = change_put(b, text);
    json_text_free(text);
    json_free(both);
    return ok;
}

bool beside_finish(Beside *b)
{
    if (!b->changes || !b->replaces) return true;
    return b->now ? change_put(b, b->now) : change_drop(b);
}

void beside_undo(Beside *b)
{
    if (!b->changes) return;
    if (!b->old) unlink(b->file);
    else if (!change_put(b, b->old))
        change_put(b, b->old); /* else both stay in it, and it reads as the old one */
}

void beside_close(Beside *b)
{
    if (b->old) json_text_free(b->old);
    if (b->now) json_text_free(b->now);
    b->old = b->now = NULL;
    arena_free(&b->arena);
}
