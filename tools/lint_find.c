/* lint_find.c -- finds the models below a folder. */
#include "lint.h"

#include "../ir/mil/mil.h"

#include <sys/stat.h>

enum { LINT_DEPTH = 64 };

static bool is_language(const char *path) { return file_has_suffix(path, ".anedsl"); }

/* A program of the language without a model is a library: what imports it is looked at. One
 * that cannot be read is no library. */
static bool is_library(const char *path)
{
    Diag quiet = { .quiet = true };
    Mapped file;
    Buf tree = { 0 };
    bool library = false;
    if (is_language(path) && file_read(&quiet, path, &file)) {
        Source src = { .name = path };
        file_as_text(&file, &src);
        library = dsl_print_ast(&quiet, &src, &tree) && !strstr(tree.s, "\n  model ");
        file_unmap(&file);
    }
    buf_free(&tree);
    diag_free(&quiet);
    return library;
}

static void paths_add(Paths *out, Arena *a, const char *path)
{
    ARENA_ROOM(a, out->item, out->count, out->room);
    out->item[out->count++] = path;
}

static bool find_below(Paths *out, Arena *a, Diag *d, const char *dir, int depth)
{
    size_t n;
    const char **name = folder_names(a, dir, &n);
    if (!name) return diag_fail(d, "cannot read the folder %s", dir);
    for (size_t i = 0; i < n; i++) {
        const char *path = arena_printf(a, "%s%s%s", dir,
                                        dir[strlen(dir) - 1] == '/' ? "" : "/", name[i]);
        struct stat st;
        if (name[i][0] == '.' || lstat(path, &st) || S_ISLNK(st.st_mode)) continue;
        const Container *c = container_find(path);
        const bool folder = S_ISDIR(st.st_mode);
        if (folder && !(c && c->folder)) {
            if (depth < LINT_DEPTH && !find_below(out, a, d, path, depth + 1))
                return false;
        } else if ((c && c->folder == folder)
                   || (is_language(path) && !is_library(path))) {
            paths_add(out, a, path);
        }
    }
    return true;
}

bool lint_find(Paths *out, Arena *a, Diag *d, const char *path)
{
    const size_t before = out->count;
    const Container *c = container_find(path);
    if (!file_exists(path))
        return diag_fail(d, "%s: there is no such file or folder", path);
    if (!file_is_dir(path) || (c && c->folder)) {
        if (!c && !is_language(path))
            return diag_error(d, (Loc){ 0 }, "%s is no .anedsl, %s by its name", path,
                              container_endings(a, false));
        paths_add(out, a, path);
        return true;
    }
    if (!find_below(out, a, d, path, 0)) return false;
    return out->count > before
        || diag_error(
               d, (Loc){ 0 },
               "there is no model below %s: files that end in .anedsl, %s are looked for",
               path, container_endings(a, false));
}
