/* lower_file.c -- the top level of a file: imports, params, constants, definitions. */
#include "lower.h"

#include <stdlib.h>
#include <string.h>

/* ---- imports ----------------------------------------------------------------------------- */

/* dir/path with `.` and `..` worked out; what would leave the root keeps its `..`, to be
 * refused. */
static const char *normal_path(Lower *l, const char *dir, const char *path)
{
    const char *all = path[0] == '/' || !*dir ? path : text_arg(l, "%s/%s", dir, path);
    Buf out = { 0 };
    if (all[0] == '/') buf_putc(&out, '/');
    for (const char *s = all; *s;) {
        size_t n = strcspn(s, "/");
        const char *last = out.len ? memchr(out.s, '/', out.len) : NULL;
        for (size_t i = out.len; last && i-- > 0;)
            if (out.s[i] == '/') {
                last = out.s + i;
                break;
            }
        const char *part = last ? last + 1 : out.s;
        bool up = n == 2 && !memcmp(s, "..", 2);
        if (up && out.len && strcmp(part, "..")) {
            out.len = last && last > out.s ? (size_t)(last - out.s) : 0;
            out.s[out.len] = '\0';
        } else if (n && !(n == 1 && *s == '.')) {
            if (out.len && out.s[out.len - 1] != '/') buf_putc(&out, '/');
            buf_add(&out, s, n);
        }
        s += n + (s[n] == '/');
    }
    const char *r = arena_strndup(&l->arena, out.s ? out.s : "", out.len);
    buf_free(&out);
    return r;
}

/* The module keeps imported texts: its Locs point into them. */
static const Source *keep_text(Lower *l, const char *name, Mapped map)
{
    Module *m = l->m;
    Mapped *all = NEW_ARRAY(&m->arena, m->nmaps + 1, Mapped);
    if (m->nmaps) memcpy(all, m->maps, (size_t)m->nmaps * sizeof *all);
    all[m->nmaps++] = map;
    m->maps = all;
    Source *src = NEW(&m->arena, Source);
    *src = (Source){ .name = arena_strdup(&m->arena, name),
                     .text = (const char *)map.data,
                     .len = map.size };
    return src;
}

static bool cycle_error(Lower *l, Loc loc, const File *from, const File *to)
{
    const File *chain[64];
    size_t n = 0;
    for (const File *f = from; f && n < COUNT(chain); f = f->loader) {
        chain[n++] = f;
        if (f == to) break;
    }
    Buf b = { 0 };
    while (n-- > 0) buf_printf(&b, "%s -> ", chain[n]->name);
    lower_error(l, loc, "files import each other in a circle: %s%s", b.s, to->name);
    buf_free(&b);
    return false;
}

static const Source *std_source(Lower *l)
{
    Source *src = NEW(&l->m->arena, Source);
    *src = (Source){ .name = "std", .text = (const char *)std_text, .len = std_size };
    return src;
}

static const Source *open_text(Lower *l, Loc loc, const char *path)
{
    Mapped map;
    const char *full = file_join_linked(&l->arena, l->diag, loc, l->root, path,
                                        l->opt->follow_links);
    if (!full) return NULL;
    if (!file_exists(full)) {
        lower_error(l, loc, "there is no file %s", full);
        return NULL;
    }
    return file_read(l->diag, full, &map) ? keep_text(l, full, map) : NULL;
}

File *load_file(Lower *l, Loc loc, File *from, const char *path)
{
    enum { MAX_FILES = 1000 };
    bool std = !strcmp(path, "std");
    const char *name = std ? path : normal_path(l, from->dir, path);
    int count = 0;
    File **end = &l->files;
    for (; *end; end = &(*end)->next, count++) {
        File *f = *end;
        if (f->std != std || strcmp(f->name, name)) continue;
        if (f->loading) return cycle_error(l, loc, from, f), NULL;
        return f;
    }
    if (count == MAX_FILES)
        return lower_error(l, loc, "more than %d files are imported", MAX_FILES), NULL;
    const Source *src = std ? std_source(l) : open_text(l, loc, name);
    if (!src) return NULL;
    File *f = NEW(&l->arena, File);
    const char *dir = file_dir(&l->arena, name);
    *f = (File){ .name = name,
                 .dir = strcmp(dir, ".") ? dir : "",
                 .src = src,
                 .std = std,
                 .loader = from,
                 .loading = true };
    *end = f;
    if (std) {
        std_load(l, f);
        return f;
    }
    f->root = ast_parse(&l->arena, &l->m->names, l->diag, src);
    if (!f->root) return NULL;
    load_items(l, f);
    return f;
}

static void run_import(Lower *l, File *f, const Node *n)
{
    File *g = load_file(l, n->a->loc, f, n->a->u.s);
    if (!g) return;
    if (n->name) {
        env_set(l, &f->env, n->name, (Val){ .kind = V_FILE, .u.file = g });
        return;
    }
    File **all = NEW_ARRAY(&l->arena, f->nimport + 1, File *);
    if (f->nimport) memcpy(all, f->import, (size_t)f->nimport * sizeof *all);
    all[f->nimport++] = g;
    f->import = all;
}

/* ---- params ------------------------------------------------------------------------------ */

/* The text of --set as a value of the default's kind. */
static bool parse_set(Lower *l, const Node *n, const char *text, Val *v)
{
    char *end = NULL;
    static const char *const wants[] = {
        [V_INT] = "an integer", [V_FLOAT] = "a number", [V_BOOL] = "true or false"
    };
    if (v->kind == V_STRING) v->u.s = arena_strdup(&l->arena, text);
    if (v->kind == V_INT) v->u.i = strtoll(text, &end, 0);
    if (v->kind == V_FLOAT) v->u.f = strtod(text, &end);
    if (v->kind == V_BOOL) {
        v->u.b = !strcmp(text, "true");
        if (!v->u.b && strcmp(text, "false")) end = (char *)(uintptr_t)text;
    }
    if (!end || (*end == '\0' && end != text)) return true;
    return lower_error(l, n->loc, "--set %s=%s: param %s takes %s", n->name, text,
                       n->name, wants[v->kind]);
}

static void run_param(Lower *l, File *f, const Node *n)
{
    Val v = eval(l, n->a, NULL);
    bool scalar = val_is_number(v) || v.kind == V_BOOL || v.kind == V_STRING;
    if (!scalar && v.kind != V_POISON) {
        lower_error(l, n->loc, "a param is an int, float, bool or string; %s is %s",
                    n->name, val_kind(l, v));
        v = val_poison();
    }
    if (f == l->entry)
        for (int i = 0; i < l->opt->nset; i++)
            if (!strcmp(l->opt->set[i].name, n->name)) {
                l->set_used[i] = true;
                if (scalar && !parse_set(l, n, l->opt->set[i].value, &v))
                    v = val_poison();
            }
    env_set(l, &f->env, n->name, v);
    lower_tell_bound(l, n, v);
}

/* ---- items ------------------------------------------------------------------------------- */

void define_item(Lower *l, File *f, const Node *n)
{
    const ValKind kind = n->kind == N_FN       ? V_FN
                       : n->kind == N_LAYERDEF ? V_LAYER
                       : n->kind == N_MODEL    ? V_MODEL
                                               : V_NONE;
    if (kind == V_NONE) return;
    Closure *c = NEW(&l->arena, Closure);
    *c = (Closure){ .decl = n, .file = f };
    env_set(l, &f->env, n->name, (Val){ .kind = kind, .u.fn = c });
}

static void check_twice(Lower *l, const File *f)
{
    Env seen = { 0 };
    for (const Node *n = f->root->a; n; n = n->next) {
        if (n->kind != N_FN && n->kind != N_MODEL && n->kind != N_LAYERDEF
            && n->kind != N_PARAM)
            continue;
        Val *first = env_get(&seen, n->name);
        if (first) {
            diag_error(l->diag, n->loc, "%s is defined a second time", n->name);
            diag_note(l->diag, ((const Node *)(const void *)first->u.s)->loc,
                      "the first definition is here");
        }
        env_set(l, &seen, n->name,
                (Val){ .kind = V_NONE, .u.s = (const char *)(const void *)n });
    }
}

static void run_item(Lower *l, File *f, const Node *n)
{
    switch (n->kind) {
    case N_PARAM:
        run_param(l, f, n);
        return;
    case N_WEIGHT:
        run_weight(l, n);
        return;
    case N_STATE:
        run_state(l, n);
        return;
    case N_WEIGHTS:
        if (f == l->entry) set_weight_source(l, n);
        else
            lower_error(
                l, n->loc,
                "`weights` stands in the program's own file, not in one that it imports");
        return;
    case N_ASSIGN:
    case N_ASSERT: {
        Node block = { .kind = N_BLOCK, .loc = n->loc }, one = *n;
        one.next = NULL;
        block.a = &one;
        run_block(l, &block);
        return;
    }
    default:
        return;
    }
}

void load_items(Lower *l, File *f)
{
    const char *stem = f == l->entry ? "" : file_base(f->name);
    Frame frame = { .up = l->frame,
                    .file = f,
                    .env = &f->env,
                    .what = f->name,
                    .prefix = "",
                    .path = arena_strndup(&l->arena, stem, strcspn(stem, ".")) };
    l->frame = &frame;
    for (const Node *n = f->root->a; n; n = n->next)
        if (n->kind == N_IMPORT) run_import(l, f, n);
    check_twice(l, f);
    for (const Node *n = f->root->a; n; n = n->next) define_item(l, f, n);
    for (const Node *n = f->root->a; n && !l->stopped; n = n->next) run_item(l, f, n);
    l->frame = frame.up;
    f->loading = false;
}
