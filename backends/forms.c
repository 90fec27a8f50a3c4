/* forms.c -- rewrites a program into the forms that an engine may take. */
#include "forms.h"

#include "../ir/ir.h"
#include "../ir/mil/mil.h"
#include "../ir/ops/ops.h"
#include "../ir/passes/passes.h"

#include <string.h>

bool boundary_has(const Func *f, DType t)
{
    bool has = false;
    const Block *b = f->body;
    for (int i = 0; i < b->nparam; i++)
        has |= b->param[i]->type->kind == TY_TENSOR && b->param[i]->type->dtype == t;
    for (int i = 0; i < b->nresult; i++)
        has |= b->result[i]->type->kind == TY_TENSOR && b->result[i]->type->dtype == t;
    return has;
}

static const char *types_text(bool half, bool full)
{
    return half && full ? "mixed" : half ? "fp16" : full ? "fp32" : "none";
}

const char *boundary_text(const Func *f)
{
    return types_text(boundary_has(f, DT_FP16), boundary_has(f, DT_FP32));
}

typedef struct {
    bool half, full;
} Computed;

static bool visit_computed(void *ctx, const Op *op)
{
    Computed *c = ctx;
    if (op->kind == OP_const || op->kind == OP_cast) return true;
    for (int i = 0; i < op->nout; i++) {
        const Type *t = op->out[i]->type;
        c->half |= t->kind == TY_TENSOR && t->dtype == DT_FP16;
        c->full |= t->kind == TY_TENSOR && t->dtype == DT_FP32;
    }
    return true;
}

const char *precision_text(const Func *f)
{
    Computed c = { 0 };
    func_read(f, visit_computed, &c);
    return types_text(c.half, c.full);
}

/* ---- which ------------------------------------------------------------------------------- */

/* The opset that goes with a spelling is that of the first target which is written so. */
static Opset opset_of(const char *version, const Target *chip)
{
    if (!strcmp(target_version(chip), version)) return target_opset(chip);
    for (int i = 0; i < target_count; i++)
        if (!strcmp(target_version(&targets[i]), version))
            return target_opset(&targets[i]);
    return target_opset(chip);
}

static void add_form(Form *out, int *n, const Target *chip, IoMode io,
                     const char *version)
{
    Form f = { .io = io == IO_FP32 ? "fp32" : "fp16",
               .dialect = version,
               .target = *chip };
    f.target.io = io;
    f.target.version = version;
    f.target.opset = opset_of(version, chip);
    bool known = *n == MAX_FORMS;
    for (int i = 0; i < *n; i++)
        known |= !strcmp(out[i].io, f.io) && !strcmp(out[i].dialect, f.dialect);
    if (!known) out[(*n)++] = f;
}

int forms_of(const Func *f, const Target *chip, Form out[MAX_FORMS])
{
    int n = 1;
    if (!chip) chip = target_find("generic");
    out[0] = (Form){ .io = boundary_text(f), .dialect = f->module->version, .own = true };
    const IoMode *io = target_try_io(chip);
    const char *const *version = target_try_version(chip);
    for (int i = 0; io[i] != IO_AUTO; i++)
        for (int k = 0; version[k]; k++) add_form(out, &n, chip, io[i], version[k]);
    return n;
}

/* ---- writing ----------------------------------------------------------------------------- */

bool form_write(const Form *form, const char *tag, const Module *from, const char *to,
                Diag *d)
{
    Module *m = module_clone(from);
    const PassOptions o = { .target = &form->target };
    bool ok = form->own || passes_run(m, &o, d);
    if (ok) build_info_set(m, "anec-program-tag", tag);
    ok = ok && (form->scattered || weights_join(m, d)) && mil_save(m, d, to);
    module_free(m);
    return ok;
}
