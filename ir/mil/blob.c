/* blob.c -- weight files. */
#include "mil.h"

#include <string.h>

WeightFile *weight_file(Module *m, Diag *d, Loc loc, const char *path)
{
    for (WeightFile *w = m->files; w; w = w->next)
        if (!strcmp(w->path, path)) return w;
    WeightFile *w = NEW(&m->arena, WeightFile);
    *w = (WeightFile){ .owner = m, .path = path, .absent = true, .next = m->files };
    diag_warn(d, WARN_MISSING_WEIGHTS, loc, "weight files cannot be read yet: %s", path);
    return m->files = w;
}

const void *weight_data(const WeightFile *w, Diag *d, Loc loc, uint64_t offset, DType t, size_t nelem)
{
    (void)offset, (void)t, (void)nelem;
    diag_error(d, loc, "weight files cannot be read yet: %s", w->path);
    return NULL;
}

void weight_files_close(Module *m) { m->files = NULL; }
