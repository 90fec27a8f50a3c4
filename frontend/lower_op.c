/* lower_op.c -- calls of ops: their arguments are checked against the op's row, and what is no
 * tensor among them becomes a constant of the type that the row and the tensors ask for. */
#include "lower.h"
#include "../ir/passes/passes.h"

#include <stdlib.h>
#include <string.h>

/* ---- element types of what is no tensor -------------------------------------------------- */

typedef struct {
    Lower *l;
    const OpInfo *info;
    Loc loc;
    const char *wish; /* the name of the result */
    struct {
        int n;
        const NamedVal *v;
    } p[MAX_PARAM];
    DType var[128]; /* what each type variable stands for */
    BuildArg arg[MAX_PARAM];
    int narg;
} OpCall;

/* Whether the opset has the op with these parameters, of the types that the tensors have. */
static bool opset_takes(const OpCall *o, Opset opset)
{
    if (o->info->since > opset) return false;
    for (int i = 0; o->info->param[i].id; i++) {
        const Param *p = &o->info->param[i];
        const DTypes set = domain_types(p->dom, opset);
        if (o->p[i].n && !param_in(p, opset)) return false;
        for (int k = 0; k < o->p[i].n; k++) {
            const Val v = o->p[i].v[k].val;
            if (val_is_tensor(v) && set != ~0u && !(set >> val_dtype(v) & 1))
                return false;
        }
    }
    return true;
}

/* The opset that a call is written in: the program's when it takes the call, otherwise the next
 * newer or the next older one that does; the pass `opset` then says it in the words of the
 * program's. */
static Opset call_opset(const OpCall *o)
{
    const Opset own = o->l->b.opset;
    if (opset_takes(o, own)) return own;
    static const Opset all[] = { OPSET_IOS15, OPSET_IOS16, OPSET_IOS17, OPSET_IOS18,
                                 OPSET_IOS26 };
    for (size_t i = 0; i < COUNT(all); i++)
        if (all[i] > own && opset_takes(o, all[i])) return all[i];
    for (size_t i = COUNT(all); i-- > 0;)
        if (all[i] < own && opset_takes(o, all[i])) return all[i];
    return own;
}

static int var_of(const OpCall *o, const Param *p)
{
    if (!p->var[0]) return 0;
    return (p->var[1] && o->l->b.opset >= OPSET_IOS17 ? p->var[1] : p->var[0]) & 127;
}

static void bind_vars(OpCall *o)
{
    for (int i = 0; o->info->param[i].id; i++) {
        int var = var_of(o, &o->info->param[i]);
        for (int k = 0; k < o->p[i].n; k++)
            if (val_is_tensor(o->p[i].v[k].val)) {
                DType t = val_dtype(o->p[i].v[k].val);
                if (var && !o->var[var]) o->var[var] = t;
                int first = o->info->param[i].var[0] & 127;
                if (first && !o->var[first]) o->var[first] = t;
            }
    }
}

static DType first_of(DTypes set)
{
    for (int t = 1; t < DT_COUNT; t++)
        if (set >> t & 1) return (DType)t;
    return DT_NONE;
}

static bool op_has(DTypes set, DType t) { return set >> t & 1; }

/* The element type that numbers, bools or strings take as this argument. */
static DType pick_type(OpCall *o, const Param *p, ValKind leaf)
{
    DTypes set = domain_types(p->dom, o->l->b.opset);
    int var = var_of(o, p), first = p->var[0] & 127;
    DType bound = var && o->var[var] ? o->var[var] : first ? o->var[first] : DT_NONE;
    if (leaf == V_STRING && op_has(set, DT_STRING)) return DT_STRING;
    if (leaf == V_BOOL && op_has(set, DT_BOOL) && !bound) return DT_BOOL;
    if (bound && op_has(set, bound)) return bound;
    if (leaf != V_FLOAT && op_has(set, DT_INT32)) return DT_INT32;
    if (leaf != V_FLOAT && op_has(set, DT_UINT32)) return DT_UINT32;
    if (op_has(set, o->l->float_type)) return o->l->float_type;
    if (op_has(set, DT_FP16)) return DT_FP16;
    return op_has(set, DT_FP32) ? DT_FP32 : first_of(set);
}

/* Arguments without tensors that share a variable: a float among them makes all floats. */
static bool bind_numbers(OpCall *o)
{
    for (int i = 0; o->info->param[i].id; i++) {
        int var = var_of(o, &o->info->param[i]);
        if (!var || o->var[var] || o->var[o->info->param[i].var[0] & 127]) continue;
        ValKind most = V_NONE;
        for (int j = 0; o->info->param[j].id; j++)
            for (int k = 0; var_of(o, &o->info->param[j]) == var && k < o->p[j].n; k++) {
                Shape s;
                ValKind leaf;
                if (!list_shape(o->l, o->p[j].v[k].val, o->p[j].v[k].loc, &s, &leaf))
                    return false;
                if (most == V_NONE || leaf == V_FLOAT) most = leaf;
            }
        if (most != V_NONE) o->var[var] = pick_type(o, &o->info->param[i], most);
    }
    return true;
}

/* ---- arguments --------------------------------------------------------------------------- */

/* What reads and writes them takes a state, and nothing else does. */
static Value *state_arg(OpCall *o, const NamedVal *v)
{
    if (v->val.kind == V_STATE) return state_value(o->l, v->val.u.state);
    lower_error(o->l, v->loc,
                "%s takes a state, not %s: `state name: fp16[..]` declares one",
                o->info->name, val_kind(o->l, v->val));
    return NULL;
}

static Value *arg_value(OpCall *o, const Param *p, const NamedVal *v)
{
    const int op = (int)(o->info - ops);
    if (p->id == P_input && (op == OP_read_state || op == OP_write_state))
        return state_arg(o, v);
    Shape s;
    ValKind leaf = V_NONE;
    DType t = DT_NONE;
    if (!val_is_tensor(v->val)) {
        if (!list_shape(o->l, v->val, v->loc, &s, &leaf)) return NULL;
        t = pick_type(o, p, leaf);
    }
    const char *name = text_arg(o->l, "%s_%s_0", o->wish, param_name(p));
    Value *value = to_value(o->l, v->val, t, name, v->loc);
    if (!value || !(param_flags(p, o->l->b.opset) & P_CONST) || value_is_const(value))
        return value;
    /* what weights alone make is one, too */
    const Const *c = const_of_value(o->l->m, value, &o->l->made);
    if (!c) return value;
    op_let_weights_go(value->def, &o->l->made);
    return build_const(&o->l->b, name, c);
}

static bool add_arg(OpCall *o, const Param *p, int n, const NamedVal *v)
{
    Value **val = NEW_ARRAY(&o->l->arena, n, Value *);
    for (int i = 0; i < n; i++)
        if (!(val[i] = arg_value(o, p, &v[i]))) return false;
    o->arg[o->narg++] = (BuildArg){ .param = p->id, .val = val, .count = n };
    return true;
}

static Val default_val(const Param *p, Opset o)
{
    const char *s = p->def;
    if (op_has(domain_types(p->dom, o), DT_STRING)) return val_string(s);
    if (!strcmp(s, "true") || !strcmp(s, "false")) return val_bool(s[0] == 't');
    return strpbrk(s, ".e") ? val_float(strtod(s, NULL)) : val_int(strtoll(s, NULL, 10));
}

/* Constants with a default are written out: Apple's compiler refuses ops that leave some of
 * them out. */
static bool add_default(OpCall *o, const Param *p)
{
    Opset opset = o->l->b.opset;
    if (!param_default(p) || !(param_flags(p, opset) & P_CONST) || !param_in(p, opset))
        return true;
    NamedVal v = { .val = default_val(p, opset), .loc = o->loc };
    DTypes set = domain_types(p->dom, opset);
    if (v.val.kind == V_INT && !op_has(set, DT_INT32) && !op_has(set, DT_UINT32))
        v.val = val_float((double)v.val.u.i);
    uint64_t off = o->l->diag->off;
    o->l->diag->off |= (uint64_t)1 << WARN_PRECISION;
    bool ok = add_arg(o, p, 1, &v);
    o->l->diag->off = off;
    return ok;
}

/* Dimensions that a run knows are what the model computes. */
static void settle_dims(OpCall *o)
{
    for (int i = 0; o->info->param[i].id; i++) {
        NamedVal *all = NULL;
        for (int k = 0; k < o->p[i].n; k++) {
            const NamedVal *v = &o->p[i].v[k];
            const bool shape = o->info == &ops[OP_reshape]
                            && o->info->param[i].id == P_shape;
            if (v->val.kind != V_DIM && v->val.kind != V_LIST) continue;
            if (!all) all = NEW_ARRAY(&o->l->arena, o->p[i].n, NamedVal);
            if (o->p[i].v != all) memcpy(all, o->p[i].v, (size_t)o->p[i].n * sizeof *all);
            o->p[i].v = all;
            all[k].val = dim_argument(o->l, all[k].val, shape, all[k].loc);
        }
    }
}

static bool add_args(OpCall *o)
{
    settle_dims(o);
    bind_vars(o);
    if (!bind_numbers(o)) return false;
    for (int i = 0; o->info->param[i].id; i++) {
        const Param *p = &o->info->param[i];
        if (o->p[i].n ? !add_arg(o, p, o->p[i].n, o->p[i].v) : !add_default(o, p))
            return false;
    }
    return true;
}

/* ---- ops --------------------------------------------------------------------------------- */

static bool may_emit(Lower *l, Loc loc, const OpInfo *info)
{
    if (!l->func)
        return lower_error(l, loc, "%s makes a tensor, which only a model can hold",
                           info->name);
    if (info == &ops[OP_const] || (info->flags & F_PRIVATE))
        return lower_error(l, loc, "%s is not called in a program", info->name);
    if (++l->ops <= MAX_OPS) return true;
    l->stopped = true;
    return lower_error(l, loc, "the program has more than %d operations", MAX_OPS);
}

static Val op_results(Lower *l, const Op *op)
{
    if (op->nout == 1) return val_tensor(op->out[0]);
    Val v = val_list(l, op->nout);
    for (int i = 0; i < op->nout; i++) {
        v.u.list->at[i] = val_tensor(op->out[i]);
        if (v.u.list->at[i].kind == V_POISON) return val_poison();
    }
    return v;
}

static Val op_finish(OpCall *o)
{
    Lower *l = o->l;
    const int errors = diag_wrong(l->diag);
    const Opset own = l->b.opset;
    l->b.opset = call_opset(o);
    Op *op = NULL;
    Value *promoted = NULL;
    if (add_args(o)) {
        l->b.loc = lower_blame(l, o->loc);
        if (l->promote)
            promoted = promoted_form(&l->b, o->wish, (int)(o->info - ops), o->arg,
                                     o->narg);
        if (!promoted)
            op = build_op(&l->b, o->wish, (int)(o->info - ops), o->arg, o->narg);
        if (op && l->b.opset != own) op->opset = (uint8_t)l->b.opset;
    }
    l->b.opset = own;
    const bool said = diag_wrong(l->diag) != errors;
    if (!op && !promoted && !said) return val_poison();
    if (said) {
        if (lower_std_missed(l, o->info->name))
            diag_note(
                l->diag, (Loc){ 0 },
                "this is the op of MIL; the library's %s is another: import \"std\"",
                o->info->name);
        lower_notes(l, o->loc);
        return val_poison();
    }
    return promoted ? val_tensor(promoted) : op_results(l, op);
}

static OpCall op_begin(Lower *l, Loc loc, const char *hint, const OpInfo *info)
{
    const char *wish = hint ? hint : join_path(l, l->frame->prefix, info->name);
    Buf b = { 0 };
    for (const char *s = wish; *s; s++) buf_putc(&b, *s == '.' ? '_' : *s);
    OpCall o = {
        .l = l, .info = info, .loc = loc, .wish = arena_strndup(&l->arena, b.s, b.len)
    };
    buf_free(&b);
    return o;
}

static int param_index(const OpInfo *info, const char *name)
{
    for (int i = 0; info->param[i].id; i++)
        if (!strcmp(param_name(&info->param[i]), name)) return i;
    return -1;
}

Val emit(Lower *l, Loc loc, const char *hint, int op, const NamedVal *arg, int narg)
{
    OpCall o = op_begin(l, loc, hint, &ops[op]);
    if (!may_emit(l, loc, o.info)) return val_poison();
    for (int i = 0; i < narg; i++) {
        const int at = o.info->place[arg[i].param] - 1;
        if (at < 0)
            bug("%s has no parameter %s", o.info->name, param_names[arg[i].param]);
        o.p[at].n = 1;
        o.p[at].v = &arg[i];
    }
    return op_finish(&o);
}

/* ---- calls by name ----------------------------------------------------------------------- */

/* Arguments without names go to the required parameters, then to the optional ones. */
static int op_positional(const OpInfo *info, int k)
{
    for (int optional = 0; optional < 2; optional++)
        for (int i = 0; info->param[i].id; i++)
            if (!!(info->param[i].flags & P_OPT) == optional && k-- == 0) return i;
    return -1;
}

static size_t op_params(const OpInfo *info, const char *known[MAX_PARAM])
{
    size_t n = 0;
    for (int i = 0; info->param[i].id; i++) known[n++] = param_name(&info->param[i]);
    return n;
}

static bool unknown_param(Lower *l, const OpInfo *info, const NamedVal *v)
{
    const char *known[MAX_PARAM];
    const size_t n = op_params(info, known);
    return lower_error(l, v->name_loc, "%s has no parameter %s%s", info->name, v->name,
                       lower_meant(l, WORD_PARAM, v->name, known, n));
}

/* A variadic parameter takes a list, or all arguments without a name. */
static void set_param(OpCall *o, int at, int n, const NamedVal *v)
{
    Lower *l = o->l;
    if (n == 1 && v->val.kind == V_NONE) return; /* as if it were not there */
    if ((o->info->param[at].flags & P_VARIADIC) && n == 1 && v->val.kind == V_LIST) {
        const List *list = v->val.u.list;
        NamedVal *all = NEW_ARRAY(&l->arena, list->n, NamedVal);
        for (int64_t i = 0; i < list->n; i++)
            all[i] = (NamedVal){ .val = list->at[i], .loc = v->loc };
        o->p[at].n = (int)list->n;
        o->p[at].v = all;
        return;
    }
    o->p[at].n = n;
    o->p[at].v = v;
}

static bool too_many_args(OpCall *o, Loc loc, int takes, int n)
{
    const char *known[MAX_PARAM];
    const size_t count = op_params(o->info, known);
    Buf b = { 0 };
    for (size_t i = 0; i < count; i++) buf_printf(&b, "%s%s", i ? ", " : " (", known[i]);
    lower_error(o->l, loc, "%s takes at most %d argument%s%s%s, not %d", o->info->name,
                takes, takes == 1 ? "" : "s", b.s ? b.s : "", b.s ? ")" : "", n);
    buf_free(&b);
    return false;
}

/* Where all values without a name are one parameter's, others need theirs. */
static bool names_are_given(OpCall *o, Loc loc)
{
    for (int i = 0; o->info->param[i].id; i++) {
        const Param *p = &o->info->param[i];
        if (!o->p[i].n && !(p->flags & P_OPT))
            return lower_error(
                o->l, loc,
                "%s: parameter %s is missing; behind the values it has its name, %s = ..",
                o->info->name, param_name(p), param_name(p));
    }
    return true;
}

static bool place_args(OpCall *o, NamedVal *v, int n)
{
    int plain = 0;
    while (plain < n && !v[plain].name) plain++;
    int first = op_positional(o->info, 0);
    const bool several = plain && first >= 0 && (o->info->param[first].flags & P_VARIADIC)
                      && (plain == 1 || v[0].val.kind != V_LIST);
    if (several) {
        set_param(o, first, plain, v);
    } else {
        for (int i = 0; i < plain; i++) {
            int at = op_positional(o->info, i);
            if (at < 0) return too_many_args(o, v[i].loc, i, n);
            set_param(o, at, 1, &v[i]);
        }
    }
    for (int i = plain; i < n; i++) {
        int at = param_index(o->info, v[i].name);
        if (at < 0) return unknown_param(o->l, o->info, &v[i]);
        if (o->p[at].n)
            return lower_error(o->l, v[i].name_loc, "argument %s is given twice",
                               v[i].name);
        set_param(o, at, 1, &v[i]);
    }
    return !several || names_are_given(o, v[plain - 1].loc);
}

/* A weight takes the shape it is used in: nothing is moved for it when the model runs. */
static bool reshape_weight(OpCall *o, Val *out)
{
    size_t have, want;
    Shape s = { .rank = 0 };
    if (o->info != &ops[OP_reshape] || o->p[0].n != 1 || o->p[1].n != 1) return false;
    Val w = o->p[0].v->val, dims = o->p[1].v->val;
    if (w.kind != V_WEIGHT || dims.kind != V_LIST || dims.u.list->n > MAX_RANK)
        return false;
    for (int64_t i = 0; i < dims.u.list->n; i++) {
        if (dims.u.list->at[i].kind != V_INT || dims.u.list->at[i].u.i < 1) return false;
        s.dim[s.rank++] = dims.u.list->at[i].u.i;
    }
    if (!shape_count(val_shape(w), &have) || !shape_count(&s, &want)) return false;
    if (have != want) {
        lower_error(o->l, o->loc, "reshape: weight %s is %s, which is not %s",
                    w.u.view->weight->path, shape_text(&o->l->arena, val_shape(w)),
                    shape_text(&o->l->arena, &s));
        *out = val_poison();
        return true;
    }
    View *view = NEW(&o->l->arena, View);
    *view = (View){ .weight = w.u.view->weight, .shape = s };
    *out = (Val){ .kind = V_WEIGHT, .u.view = view };
    return true;
}

/* Not inlined: its frame is large, and evaluating arguments nests. */
__attribute__((noinline)) static Val emit_args(Lower *l, Loc loc, int op,
                                               const char *hint, Args *a)
{
    Val out;
    OpCall o = op_begin(l, loc, hint, &ops[op]);
    if (!may_emit(l, loc, o.info)) return val_poison();
    if (o.info->flags & F_BLOCKS) {
        const Op *made = emit_blocks(l, loc, o.info, o.wish, a);
        return made ? op_results(l, made) : val_poison();
    }
    if (!place_args(&o, a->at, a->n)) return val_poison();
    return reshape_weight(&o, &out) ? out : op_finish(&o);
}

Val emit_call(Lower *l, Loc loc, int op, Args *a, const char *hint)
{
    Val out;
    return fold_math(l, loc, ops[op].name, a->n, a->at, &out)
             ? out
             : emit_args(l, loc, op, hint, a);
}
