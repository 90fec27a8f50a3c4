/* op_program.c -- the examples of the op table and the calls of perturbed.def, as programs. */
#include "op_program.h"

#include "../../ir/mil/mil.h"

#include <string.h>

static const OpSeed seeds[] = {
#define SEED(op, opset, args) { #op, opset, args },
#include "perturbed.def"
};

static const OpSeed more_seeds[] = {
#include "op_more.def"
};

static bool has_seed(int op)
{
    return ops[op].example && !(ops[op].flags & F_BLOCKS) && ops[op].infer;
}

int op_seed_count(bool more)
{
    int n = COUNT(seeds);
    for (int i = 0; i < OP_COUNT; i++) n += has_seed(i);
    return more ? n + (int)COUNT(more_seeds) : n;
}

OpSeed op_seed_at(int at)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (has_seed(i) && !at--)
            return (OpSeed){ ops[i].name, (int)ops[i].example_opset, ops[i].example };
    return at < (int)COUNT(seeds) ? seeds[at] : more_seeds[at - (int)COUNT(seeds)];
}

/* ---- programs ---------------------------------------------------------------------------- */

const char *op_seed_arguments(const char *s)
{
    const char *start = s;
    int depth = 0;
    for (bool quoted = false; *s; s++) {
        if (*s == '"') quoted = !quoted;
        if (!quoted && strchr("([{<", *s)) depth++;
        if (!quoted && strchr(")]}>", *s)) depth--;
        if (!quoted && !depth && *s == ';') start = s + 1;
    }
    return start;
}

static Module *read_text(Arena *a, Diag *d, const char *text)
{
    Source *src = NEW(a, Source);
    *src = (Source){ .name = "op.mil", .text = text, .len = strlen(text) };
    return mil_read(d, src, NULL);
}

static const char *with_type(Arena *a, const char *text, const char *type)
{
    char *s = arena_strdup(a, text);
    for (char *at = s; type && strlen(type) <= 5 && (at = strstr(at, "fp32")); at += 4) {
        char *more = arena_printf(a, "%.*s%s%s", (int)(at - s), s, type, at + 4);
        at = more + (at - s);
        s = more;
    }
    return s;
}

typedef struct {
    Arena *arena;
    Buf inputs, call;
    int ninput;
    const OpVariant *how;
} Text;

static void put_lit(Buf *b, const Const *c)
{
    Buf text = { 0 };
    mil_print_const(c, true, &text);
    buf_puts(b, text.s);
    buf_free(&text);
}

static bool is_input(const Text *t, const Param *p, const Value *v, Opset o)
{
    if (v->type->kind != TY_TENSOR || param_flags(p, o) & P_CONST) return false;
    if (v->type->dtype == DT_STRING) return false;
    return t->how->values
        || (v->type->shape.rank && dtype_is_float(v->type->dtype)
            && t->ninput < t->how->inputs);
}

static void put_value(Text *t, const Param *p, const Value *v, Opset o)
{
    Shape s = v->type->shape;
    if (!value_lit(v)) {
        buf_puts(&t->call, v->name);
    } else if (!is_input(t, p, v, o)) {
        put_lit(&t->call, value_lit(v));
    } else {
        for (int i = 0; i < s.rank && i < t->how->unknown; i++) s.dim[i] = DIM_ANY;
        buf_printf(&t->inputs, "%s%s a%d", t->ninput ? ", " : "",
                   type_text(t->arena, type_tensor(t->arena, v->type->dtype, s)),
                   t->ninput);
        buf_printf(&t->call, "a%d", t->ninput++);
    }
}

static void put_arguments(Text *t, const Op *op, Opset o)
{
    for (int i = 0; i < op->narg; i++) {
        const Arg *arg = &op->arg[i];
        buf_printf(&t->call, "%s%s = %s", i ? ", " : "", arg_name(arg),
                   arg_count(arg) > 1 ? "(" : "");
        for (int k = 0; k < arg_count(arg); k++) {
            if (k) buf_puts(&t->call, ", ");
            put_value(t, op_param_of(&ops[op->kind], arg->param), arg->val[k], o);
        }
        buf_puts(&t->call, arg_count(arg) > 1 ? ")" : "");
    }
    buf_puts(&t->call, ")[");
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) {
        if (!strcmp(attrs.at[i].name, "name")) continue;
        buf_printf(&t->call, "%s = ", attrs.at[i].name);
        put_lit(&t->call, attrs.at[i].val);
        buf_puts(&t->call, ", ");
    }
}

typedef struct {
    const OpInfo *info;
    int opset;
    const char *before, *inputs, *call; /* call: `arguments)[attributes` */
} Parts;

static const char *whole_text(Arena *a, const Parts *p, const char *results,
                              const char *names)
{
    return arena_printf(a,
                        "program(1.0)\n{\nfunc main<ios%d>(%s) {\n%s %s = %s(%sname = "
                        "string(\"y0\")];\n} -> (%s);\n}\n",
                        p->opset, p->inputs, p->before, results, p->info->name, p->call,
                        names);
}

/* Its types and names, as inference says; false: it does not take the call, or gives other
 * things than tensors. */
static bool results_of(Arena *a, Diag *d, const Parts *p, Buf *types, Buf *names)
{
    Module *m = read_text(a, d, whole_text(a, p, "tensor<fp32, []> y0", "y0"));
    if (!m) return false;
    Op *op = module_main(m)->body->last;
    Builder b = builder_at(op->parent, NULL, d, op_loc(op));
    bool ok = build_infer(&b, "y", op);
    for (int i = 0; ok && i < op->nout; i++) {
        ok = op->out[i]->type->kind == TY_TENSOR;
        buf_printf(types, "%s%s y%d", i ? ", " : "", type_text(a, op->out[i]->type), i);
        buf_printf(names, "%sy%d", i ? ", " : "", i);
    }
    module_free(m);
    return ok;
}

static bool is_valid(Arena *a, Diag *d, const char *text)
{
    Module *m = read_text(a, d, text);
    const bool ok = m && module_verify(m, d, NULL);
    module_free(m);
    return ok;
}

const char *op_program(Arena *a, const OpSeed *s, const OpVariant *how)
{
    const OpInfo *info = &ops[op_find(s->op)];
    Diag d = { .quiet = true };
    Text t = { .arena = a, .how = how };
    Buf results = { 0 }, names = { 0 };
    const int opset = how->opset ? how->opset : s->opset;
    const char *all = with_type(a, s->args, how->type), *args = op_seed_arguments(all),
               *text = NULL;
    const bool attrs = (info->flags & F_CONSTEXPR) && s->opset < OPSET_IOS18;
    Parts p = { info, s->opset, arena_strndup(a, all, (size_t)(args - all)), "", NULL };
    p.call = attrs ? arena_printf(a, ")[%s, ", args) : arena_printf(a, "%s)[", args);
    Module *m = read_text(a, &d, whole_text(a, &p, "tensor<fp32, []> y0", "y0"));
    if (m) {
        put_arguments(&t, module_main(m)->body->last, (Opset)opset);
        p.opset = opset;
        p.call = t.call.s;
        p.inputs = t.inputs.s ? t.inputs.s : "";
        if (results_of(a, &d, &p, &results, &names))
            text = whole_text(a, &p, results.s, names.s);
        if (text && !is_valid(a, &d, text)) text = NULL;
    }
    module_free(m);
    buf_free(&t.inputs);
    buf_free(&t.call);
    buf_free(&results);
    buf_free(&names);
    diag_free(&d);
    return text;
}
