/* lower_std.c -- the library std.anedsl: an item is parsed when its name is first used.
 *
 * Most programs use a few of its functions, and parsing all took longer than compiling a small
 * program. The library has functions and layers only, each of which begins a line. */
#include "lower.h"

#include <string.h>

static bool std_begins(const char *line, const char *word)
{
    return !strncmp(line, word, strlen(word));
}

static size_t line_length(const char *s, size_t left)
{
    const char *end = memchr(s, '\n', left);
    return end ? (size_t)(end - s) + 1 : left;
}

/* Of an item that begins here the offset of its name, else 0. */
static size_t item_name(const char *line)
{
    if (std_begins(line, "fn ")) return 3;
    if (std_begins(line, "layer ")) return 6;
    if (!strchr(" #})\n", *line))
        bug("the library holds more than functions and layers: %.40s", line);
    return 0;
}

void std_load(Lower *l, File *f)
{
    enum { MAX_ITEMS = 500 };
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const char *text = f->src->text;
    int n = 0;
    f->item = NEW_ARRAY(&l->arena, MAX_ITEMS, struct Item);
    for (size_t at = 0, size; at < f->src->len; at += size) {
        size = line_length(text + at, f->src->len - at);
        const size_t name = item_name(text + at);
        if (name) {
            const char *s = text + at + name;
            if (n == MAX_ITEMS) bug("the library has more than %d items", MAX_ITEMS);
            env_set(l, &f->items, name_intern(&l->m->names, s, strspn(s, letters)),
                    val_int(n));
            f->item[n++].at = at;
        }
        if (n) f->item[n - 1].len = at + size - f->item[n - 1].at;
    }
    f->loading = false;
}

Val *file_get(Lower *l, File *f, const char *name)
{
    Val *v = env_get(&f->env, name);
    if (v || !f->std || !(v = env_get(&f->items, name))) return v;
    const struct Item *item = &f->item[v->u.i];
    const Node *file = ast_parse_part(&l->arena, &l->m->names, l->diag, f->src, item->at,
                                      item->len);
    if (!file) bug("the library has an error in %s: %s", name, l->diag->text.s);
    define_item(l, f, file->a);
    return env_get(&f->env, name);
}

bool lower_std_missed(Lower *l, const char *name)
{
    const File *at = l->frame->file;
    if (name[0] == '_' || at->std) return false;
    for (int i = 0; i < at->nimport; i++)
        if (at->import[i]->std) return false;
    const File *std = load_file(l, (Loc){ .src = NULL }, l->entry, "std");
    return std && env_get(&std->items, name);
}

Val *lower_std_composite(Lower *l, const char *name)
{
    File *std = load_file(l, (Loc){ .src = NULL }, l->entry, "std");
    const char *called = arena_printf(&l->arena, "_mil_%s", name);
    return std ? file_get(l, std, name_intern(&l->m->names, called, strlen(called)))
               : NULL;
}

const Env *file_names(const File *f) { return f->std ? &f->items : &f->env; }
