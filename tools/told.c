/* told.c -- reports as JSON. */
#include "told.h"

#include "../lib/report.h"

static const char *const told_levels[] = {
    [DIAG_NOTE] = "note",
    [DIAG_WARNING] = "warning",
    [DIAG_ERROR] = "error",
    [DIAG_FAIL] = "failure",
};

void told_message(cJSON *o, const char *level, const char *message, Loc loc)
{
    int line, column;
    json_item(o, "level", cJSON_CreateString(level));
    json_item(o, "message", cJSON_CreateString(message));
    if (!loc.src) return;
    json_item(o, "file", json_path(loc.src->name));
    if (!loc.src->text) return;
    loc_line_col(loc, &line, &column);
    json_item(o, "line", cJSON_CreateNumber(line));
    json_item(o, "column", cJSON_CreateNumber(column));
    json_item(o, "length", cJSON_CreateNumber(loc.len));
}

/* A note belongs to the message before it. */
static cJSON *told_place(cJSON *all, DiagKind kind)
{
    cJSON *last = cJSON_GetArrayItem(all, cJSON_GetArraySize(all) - 1);
    if (kind != DIAG_NOTE || !last) return all;
    cJSON *notes = cJSON_GetObjectItem(last, "notes");
    return notes ? notes : json_item(last, "notes", cJSON_CreateArray());
}

static void told_item(void *ctx, const DiagItem *item)
{
    cJSON *o = json_item(told_place(ctx, item->kind), NULL, cJSON_CreateObject());
    told_message(o, told_levels[item->kind], item->message, item->loc);
    if (item->warning) json_item(o, "warning", cJSON_CreateString(item->warning));
}

cJSON *told_begin(Diag *d)
{
    cJSON *all = json_root(cJSON_CreateArray());
    d->item = told_item;
    d->item_ctx = all;
    return all;
}
