/* vault.c -- the store in which the system keeps programs that it has compiled, by build of
 * the system, code identity of the process, and name of the model, which is a hash of text,
 * weights and options. Entries last a day at most. Here it is a folder of empty files:
 * ANESIM_VAULT, else one beside the cache of programs. */
#include "standin.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60 };

static const char *vault_folder(Arena *a)
{
    const char *named = getenv("ANESIM_VAULT");
    if (named && *named) return named;
    const char *cache = file_cache_dir(a);
    return cache && *cache ? arena_printf(a, "%s/anesim-vault", cache) : "anesim-vault";
}

const char *vault_identity(Arena *a)
{
    if (fault("unsigned")) return NULL;
    return arena_printf(a, "anesim.signed.%ld", fault("identity"));
}

static const char *entry_path(Arena *a, const char *name)
{
    const char *identity = vault_identity(a);
    return arena_printf(a, "%s/%s_%s_%s_%s", vault_folder(a), machine().build,
                        machine().chip, identity ? identity : "nobody", name);
}

bool vault_has(const char *name)
{
    Arena a = { 0 };
    struct stat st;
    const bool has = !stat(entry_path(&a, name), &st) && time(NULL) - st.st_mtime < DAY;
    arena_free(&a);
    return has;
}

/* Once a process, what is too old goes. */
static void vault_sweep(void)
{
    Arena a = { 0 };
    struct stat st;
    DIR *dir = opendir(vault_folder(&a));
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        const char *path = arena_printf(&a, "%s/%s", vault_folder(&a), e->d_name);
        if (*e->d_name != '.' && !stat(path, &st) && time(NULL) - st.st_mtime >= DAY)
            unlink(path);
    }
    if (dir) closedir(dir);
    arena_free(&a);
}

void vault_put(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    Arena a = { 0 };
    Diag d = { .quiet = true };
    if (file_make_dirs(&d, vault_folder(&a))) {
        pthread_once(&once, vault_sweep);
        FILE *f = fopen(entry_path(&a, name), "w");
        if (f) fclose(f);
    }
    diag_free(&d);
    arena_free(&a);
}

void vault_drop(const char *name)
{
    Arena a = { 0 };
    unlink(entry_path(&a, name));
    arena_free(&a);
}

/* ---- what a process is signed as --------------------------------------------------------- */

EXPORT Id SecTaskCreateFromSelf(Id allocator);
EXPORT Id SecTaskCreateFromSelf(Id allocator)
{
    may_raise(__func__);
    if (allocator) standin_abort("SecTaskCreateFromSelf: wrong arguments");
    return standin_string("a task");
}

EXPORT Id SecTaskCopySigningIdentifier(Id task, Id *error);
EXPORT Id SecTaskCopySigningIdentifier(Id task, Id *error)
{
    may_raise(__func__);
    Arena a = { 0 };
    if (error) standin_abort("SecTaskCopySigningIdentifier: wrong arguments");
    expect(task, &string_class, "SecTaskCopySigningIdentifier");
    const char *identity = vault_identity(&a);
    Id name = identity ? standin_string(identity) : NULL;
    arena_free(&a);
    return name;
}
