/* spelling.c -- the program version, which decides how scalars are written, and buildInfo, without which
 * the in-memory route of the engine's framework gives a nil descriptor. */
#include "pass.h"

#include "../build_info.h"

#include <string.h>

/* Which versions Apple's compiler writes an opset with; NULL: either, the target decides. */
static const struct {
    Opset opset;
    const char *version;
} written_with[] = {
    { OPSET_IOS15, "1.0" }, { OPSET_IOS16, "1.0" }, { OPSET_IOS17, NULL },
    { OPSET_IOS18, "1.3" }, { OPSET_IOS26, "1.3" },
};

int pass_spelling(Module *m, const PassOptions *o, Diag *d)
{
    (void)d;
    const char *version = target_version(o->target);
    int changes = 0;
    Opset newest = OPSET_NONE;
    for (const Func *f = m->first; f; f = f->next)
        if (f->opset > newest) newest = f->opset;
    for (size_t i = 0; i < COUNT(written_with); i++)
        if (written_with[i].opset == newest && written_with[i].version)
            version = written_with[i].version;
    if (strcmp(m->version, version) != 0) {
        m->version = version;
        changes++;
    }
    return changes + build_info_make(m);
}
