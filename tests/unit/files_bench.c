/* files_bench.c -- a folder of a test's own, and files in it. */
#include "files_bench.h"

#include <dirent.h>

int files_setup(void **state)
{
    FilesBench *w = calloc(1, sizeof *w);
    w->dir = make_folder(&w->arena);
    *state = w;
    return 0;
}

int files_teardown(void **state)
{
    FilesBench *w = *state;
    remove_folder(w->dir);
    diag_free(&w->d);
    arena_free(&w->arena);
    free(w);
    return 0;
}

char *files_in(FilesBench *w, const char *name)
{
    return arena_printf(&w->arena, "%s/%s", w->dir, name);
}

void files_put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

void files_expect(FilesBench *w, const char *path, const char *text)
{
    Mapped m;
    assert_true(file_map(&w->d, path, &m));
    assert_int_equal(m.size, strlen(text));
    if (m.size) assert_memory_equal(m.data, text, m.size);
    file_unmap(&m);
}

int files_entries(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}
