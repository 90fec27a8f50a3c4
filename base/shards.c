/* shards.c -- the index of a checkpoint that lies in several .safetensors files: JSON, whose
 * "weight_map" says for each tensor which file has it. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

static int by_tensor(const void *a, const void *b)
{
    return strcmp(((const ShardPlace *)a)->tensor, ((const ShardPlace *)b)->tensor);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files, each once: they are opened in the order of their names. */
static void name_files(Arena *a, Shards *s)
{
    const char **all = NEW_ARRAY(a, s->count + 1, const char *);
    for (size_t i = 0; i < s->count; i++) all[i] = s->place[i].file;
    if (s->count) qsort(all, s->count, sizeof *all, by_text);
    for (size_t i = 0; i < s->count; i++)
        if (!s->files || strcmp(all[s->files - 1], all[i]) != 0) all[s->files++] = all[i];
    s->file = all;
}

static bool read_places(Arena *a, Diag *d, Loc loc, const cJSON *map, Shards *s)
{
    const cJSON *item;
    s->place = NEW_ARRAY(a, cJSON_GetArraySize(map) + 1, ShardPlace);
    cJSON_ArrayForEach(item, map)
    {
        if (!cJSON_IsString(item))
            return diag_error(d, loc, "%s: the file of tensor '%s' is no string", s->path,
                              item->string);
        s->place[s->count++] = (ShardPlace){ arena_strdup(a, item->string),
                                             arena_strdup(a, item->valuestring) };
    }
    if (s->count) qsort(s->place, s->count, sizeof *s->place, by_tensor);
    for (size_t i = 1; i < s->count; i++)
        if (!strcmp(s->place[i - 1].tensor, s->place[i].tensor))
            return diag_error(d, loc, "%s names tensor '%s' twice", s->path,
                              s->place[i].tensor);
    name_files(a, s);
    return true;
}

bool shards_parse(Arena *a, Diag *d, Loc loc, const char *path, const Mapped *file,
                  Shards *out)
{
    *out = (Shards){ .path = arena_strdup(a, path) };
    cJSON *root = json_parse((const char *)file->data, file->size);
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(root, "weight_map");
    const bool ok = cJSON_IsObject(map)
                      ? read_places(a, d, loc, map, out)
                      : diag_error(
                          d, loc,
                          "%s: an index of .safetensors files is a JSON object with "
                          "a \"weight_map\" from tensors to files",
                          path);
    if (root) json_free(root);
    return ok;
}
