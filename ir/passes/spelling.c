/* spelling.c -- the program version, which decides how scalars are written, and buildInfo. */
#include "pass.h"

#include <string.h>

/* Which versions Apple's compiler writes an opset with; NULL: either, the target decides. */
static const struct {
    Opset opset;
    const char *version;
} written_with[] = {
    { OPSET_IOS15, "1.0" }, { OPSET_IOS16, "1.0" }, { OPSET_IOS17, NULL },
    { OPSET_IOS18, "1.3" }, { OPSET_IOS26, "1.3" },
};

/* Without buildInfo the in-memory route of the engine's framework gives a nil descriptor; which
 * versions it names is immaterial. */
static const char *const build_info[] = {
    "coremlc-component-MIL",
    "3510.2.1",
    "coremlc-version",
    "3505.4.1",
};

static const Const *make_build_info(Module *m)
{
    Const *c = NEW(&m->arena, Const);
    const Type *string = type_scalar(DT_STRING);
    c->type = type_dict(&m->arena, string, string);
    c->kind = CONST_GROUP;
    c->nelem = (int64_t)COUNT(build_info);
    c->elem = NEW_ARRAY(&m->arena, COUNT(build_info), const Const *);
    for (size_t i = 0; i < COUNT(build_info); i++)
        c->elem[i] = const_string(&m->arena, build_info[i]);
    return c;
}

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
    if (!attr_get(&m->attrs, "buildInfo")) {
        attr_set(m, &m->attrs, "buildInfo", make_build_info(m));
        m->has_attrs = true;
        changes++;
    }
    return changes;
}
