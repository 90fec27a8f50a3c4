/* core_py_expr.c -- the expressions and conditions of an op's word (core_py.h), for one op of a program. */
#include "core_py.h"

#include "../ops/geometry.h"
#include "core_import.h"

#include <ctype.h>
#include <string.h>

/* ---- expressions ------------------------------------------------------------------------- */

/* A parameter's default in the table, as Python has it. */
static void core_py_default(Buf *b, const char *def)
{
    if (!def) buf_puts(b, "None");
    else if (!strcmp(def, "true") || !strcmp(def, "false"))
        buf_puts(b, *def == 't' ? "True" : "False");
    else if (isdigit((unsigned char)*def) || *def == '-') buf_puts(b, def);
    else core_py_text(b, def);
}

static bool core_py_literal(CorePyCall *c, const Param *param, ParamId id)
{
    const Value *v = op_value(c->op, id);
    const char *text = v ? value_string(v) : NULL;
    Tensor t;
    if (!v) core_py_default(&c->text, param_default(param));
    else if (text) core_py_text(&c->text, text);
    else if (!value_is_const(v))
        return diag_error(
            c->p->d, op_loc(c->op),
            "%s: %s is computed, and its form in Core AI's Python has it as a constant; "
            "make it one",
            op_name(c->op), param_name(param));
    else {
        if (!value_tensor(v, c->p->d, &t)) return false;
        core_py_elements(&c->text, &t);
        tensor_free(&t);
    }
    return true;
}

static bool core_py_window(CorePyCall *c)
{
    Arena scratch = { 0 };
    Call call;
    Conv conv = { 0 };
    Window *w = &conv.window;
    int64_t kernel[MAX_SPATIAL];
    bool ok = call_of_op(&call, c->op, &scratch, c->p->d) && call_check(&call);
    if (ok && (c->op->kind == OP_conv || c->op->kind == OP_conv_transpose))
        ok = conv_of(&call, c->op->kind == OP_conv_transpose, &conv);
    else if (ok) {
        const Shape *x = call_shape(&call, P_x);
        ok = call_ints_or(&call, P_kernel_sizes, x->rank - 2, 1, kernel)
          && window_of(&call, WINDOW_POOL, x, kernel, w);
    }
    if (ok) {
        const int64_t *part[] = { w->kernel, w->stride, w->dilation,
                                  w->before, w->after,  w->out };
        const int from = MAX_SPATIAL - w->n;
        for (size_t i = 0; i < COUNT(part); i++) {
            buf_puts(&c->text, i ? ", " : "(");
            core_py_dims(&c->text, part[i] + from, w->n);
        }
        buf_putc(&c->text, ')');
    }
    arena_free(&scratch);
    return ok;
}

static bool core_py_values(CorePyCall *c)
{
    const Arg *a = op_find_arg(c->op, P_values);
    buf_putc(&c->text, '[');
    for (int i = 0; a && i < arg_count(a); i++) {
        const char *var = core_py_var(c->p, a->val[i], op_loc(c->op));
        if (!var) return false;
        buf_printf(&c->text, "%s%s", i ? ", " : "", var);
    }
    buf_putc(&c->text, ']');
    return true;
}

/* Whether types of an op may be mixed from ios17 on, so that it computes in the result's. */
static bool core_py_mixes(const OpInfo *info)
{
    const Param *p = info->param;
    while (p->id != P_NONE && strcmp(p->var, "TU") != 0) p++;
    return p->id != P_NONE;
}

/* Whether v is of another type than the op computes in: Core AI's operands are of one type. */
static bool core_py_other_type(const CorePyCall *c, const Param *param, const Value *v)
{
    const DType own = v->type->dtype, r = c->op->out[0]->type->dtype;
    if (own == r) return false;
    if (*param->var == 'M') return dtype_is_float(own);
    return *param->var == 'T' && core_py_mixes(&ops[c->op->kind]);
}

static bool core_py_param(CorePyCall *c, char mark, const char *name)
{
    const Param *param = op_param(&ops[c->op->kind], name);
    if (!param) bug("ops.def: %s has no parameter %s", op_name(c->op), name);
    const Value *v = op_value(c->op, param->id);
    if (mark == '#') return core_py_literal(c, param, param->id);
    if (!v) {
        buf_puts(&c->text, "None");
        return true;
    }
    const char *text = mark == '@' ? core_py_type(c->p, v, op_loc(c->op))
                                   : core_py_var(c->p, v, op_loc(c->op));
    if (!text) return false;
    if (mark == '@') buf_printf(&c->text, "np.%s", text);
    else if (core_py_other_type(c, param, v))
        buf_printf(&c->text, "ops.cast(%s, np.%s)", text,
                   core_elem_of(c->op->out[0]->type->dtype)->numpy);
    else buf_puts(&c->text, text);
    return true;
}

/* What stands between braces. */
static bool core_py_place(CorePyCall *c, const char *what, size_t n)
{
    const Value *r = c->op->out[0];
    char name[64];
    if (n >= sizeof name) bug("ops.def: %.*s is too long", (int)n, what);
    memcpy(name, what, n);
    name[n] = 0;
    if (!strcmp(name, "dims"))
        core_py_dims(&c->text, r->type->shape.dim, r->type->shape.rank);
    else if (!strcmp(name, "dtype"))
        buf_printf(&c->text, "np.%s", core_elem_of(r->type->dtype)->numpy);
    else if (!strcmp(name, "window")) return core_py_window(c);
    else if (!strcmp(name, "values")) return core_py_values(c);
    else if (*name == '#' || *name == '@') return core_py_param(c, *name, name + 1);
    else return core_py_param(c, 0, name);
    return true;
}

bool core_py_expression(CorePyCall *c, const char *s)
{
    while (*s) {
        const size_t plain = strcspn(s, "{");
        buf_add(&c->text, s, plain);
        s += plain;
        if (!*s) break;
        const size_t n = strcspn(s, "}");
        if (!core_py_place(c, s + 1, n - 1)) return false;
        s += n + 1;
    }
    return true;
}

/* ---- conditions -------------------------------------------------------------------------- */

/* "p=word": a parameter, or its default, has that value. */
static bool core_py_has(CorePyCall *c, const char *name, const char *word)
{
    const Param *param = op_param(&ops[c->op->kind], name);
    if (!param) bug("ops.def: %s has no parameter %s", op_name(c->op), name);
    const Value *v = op_value(c->op, param->id);
    const char *text = v ? value_string(v) : param_default(param);
    int64_t n;
    bool is;
    if (v && !text)
        text = value_bool(v, &is) ? (is ? "true" : "false")
             : value_int(v, &n)   ? arena_printf(&c->p->out->arena, "%lld", (long long)n)
                                  : "computed";
    return (text && !strcmp(text, word))
        || diag_error(
               c->p->d, op_loc(c->op),
               "%s has no equivalent in Core AI where %s is %s; where it is %s, it has",
               op_name(c->op), name, text ? text : "absent", word);
}

static bool core_py_floats(CorePyCall *c, const char *name)
{
    const Param *param = op_param(&ops[c->op->kind], name);
    if (!param) bug("ops.def: %s has no parameter %s", op_name(c->op), name);
    const Value *v = op_value(c->op, param->id);
    return !v || dtype_is_float(v->type->dtype)
        || diag_error(
            c->p->d, op_loc(c->op),
            "%s of whole numbers: what Core AI makes of them is not public; cast %s to a float",
            op_name(c->op), name);
}

bool core_py_only(CorePyCall *c, const char *only)
{
    if (!only) return true;
    char *name = arena_strdup(&c->p->out->arena, only), *word = strpbrk(name, "=:");
    if (!word) bug("ops.def: %s is no condition", only);
    const bool value = *word == '=';
    *word++ = 0;
    return value ? core_py_has(c, name, word) : core_py_floats(c, name);
}
