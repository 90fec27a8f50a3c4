/* words.c -- what MIL text cannot express though other containers and the language can: values
 * named like a reserved word, and large data inside of an argument. */
#include "mil.h"

#include <string.h>

/* ---- words that text keeps for itself ---------------------------------------------------- */

static const char *const words[] = {
    "any",   "program",       "func",     "tensor", "list",  "dict", "tuple",
    "state", "tensor_buffer", "BLOBFILE", "true",   "false", "inf",  "nan",
};

bool mil_is_word(const char *name)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (!strcmp(name, words[i])) return true;
    return dtype_find(name, strlen(name)) != DT_NONE;
}

void mil_rename_word(Func *f, Value *v)
{
    Arena scratch = { 0 };
    const char *was = v->name, *said = v->def ? op_said_name(v->def) : NULL;
    v->name = func_unique_name(f, arena_printf(&scratch, "%s_v", was));
    arena_free(&scratch);
    if (said && !strcmp(said, was)) op_set_name(f->module, v->def, v->name);
}

typedef struct {
    Func *func;
    Diag *diag;
} Words;

/* By these the caller knows them. */
static bool refuse_word(const Words *w, Loc loc, const char *what, const char *name)
{
    return diag_error(
        w->diag, loc,
        "%s is called %s, which is a word of MIL text: rename it where it is "
        "written, or write a .mlpackage",
        what, name);
}

static void free_value(const Words *w, Value *v)
{
    if (!v->name || !mil_is_word(v->name)) return;
    if (is_result(v)) refuse_word(w, value_loc(v), "a result", v->name);
    else mil_rename_word(w->func, v);
}

static bool free_op(void *ctx, Op *op)
{
    const Words *w = ctx;
    for (int i = 0; i < op->nout; i++) free_value(w, op->out[i]);
    for (int b = 0; b < op_nblock(op); b++)
        for (int i = 0; i < op_block(op, b)->nparam; i++)
            free_value(w, op_block(op, b)->param[i]);
    return true;
}

bool mil_free_words(Module *m, Diag *d)
{
    const int before = d->errors;
    for (Func *f = m->first; f; f = f->next) {
        Words w = { f, d };
        if (mil_is_word(f->name)) refuse_word(&w, f->loc, "a function", f->name);
        for (int i = 0; i < f->body->nparam; i++) {
            const Value *v = f->body->param[i];
            if (mil_is_word(v->name)) refuse_word(&w, value_loc(v), "an input", v->name);
        }
        func_walk(f, free_op, &w);
    }
    return d->errors == before;
}

/* ---- literals of arguments --------------------------------------------------------------- */

/* One that is in a weight file, or goes to one, becomes a const: MIL text of Apple's compiler
 * has BLOBFILE in constants and in the attributes of constexpr operations alone, and no
 * compiler is known to read it inside of an argument. */
static bool hoist_value(void *ctx, Op *op)
{
    Module *m = ctx;
    const Func *f = op->parent->func;
    Diag quiet = { .quiet = true };
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (v->name || !value_lit(v)) continue;
            if (value_lit(v)->kind != CONST_BLOB
                && !const_leaves_text(f, value_lit(v), CONST_FILE_MIN))
                continue;
            Builder b = builder_at(op->parent, op, &quiet, op_loc(op));
            const char *of = op->nout ? op->out[0]->name : op_name(op);
            const char *name = arena_printf(&m->arena, "%s_%s", of,
                                            arg_name(&op->arg[i]));
            op_put_arg(op, i, k, build_const(&b, name, value_lit(v)));
        }
    diag_free(&quiet);
    return true;
}

void mil_hoist(Module *m)
{
    for (Func *f = m->first; f; f = f->next) func_walk(f, hoist_value, m);
}
