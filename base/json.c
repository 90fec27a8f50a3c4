/* json.c -- cJSON's trees and texts on the guard's list, so that they are freed when memory
 * runs out. */
#include "base.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static void release_tree(void *root, size_t size)
{
    (void)size;
    cJSON_Delete(root);
}

static void release_text(void *text, size_t size)
{
    (void)size;
    cJSON_free(text);
}

cJSON *json_root(cJSON *made)
{
    if (!made) mem_out(sizeof *made);
    mem_own(made, 0, release_tree);
    return made;
}

void json_free(cJSON *root)
{
    mem_disown(root);
    cJSON_Delete(root);
}

/* cJSON does not say why there is no tree: a second time, and a look at what memory there
 * is. */
cJSON *json_parse(const char *text, size_t n)
{
    cJSON *root = cJSON_ParseWithLength(text, n);
    if (!root) root = cJSON_ParseWithLength(text, n);
    if (root) return json_root(root);
    const size_t enough = n < SIZE_MAX / 2 ? n + 4096 : n;
    void *probe = malloc(enough);
    if (!probe) mem_out(enough);
    free(probe);
    return NULL;
}

cJSON *json_item(cJSON *parent, const char *name, cJSON *made)
{
    if (!made) mem_out(sizeof *made);
    mem_disown(made);
    if (name ? cJSON_AddItemToObject(parent, name, made)
             : cJSON_AddItemToArray(parent, made))
        return made;
    cJSON_Delete(made);
    mem_out(sizeof *made);
}

char *json_text(const cJSON *root, bool lines)
{
    char *text = lines ? cJSON_Print(root) : cJSON_PrintUnformatted(root);
    if (!text) mem_out(1);
    mem_own(text, 0, release_text);
    return text;
}

void json_text_free(char *text)
{
    mem_disown(text);
    cJSON_free(text);
}
