/* lower.c -- lowers a program to a Module with a function for each model; errors, with the
 * chain of calls and the name that was probably meant. */
#include "lower.h"
#include "grammar.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- small things ------------------------------------------------------------------------ */

const char *text_arg(Lower *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *s = arena_vprintf(&l->arena, fmt, ap);
    va_end(ap);
    return s;
}

const char *join_path(Lower *l, const char *a, const char *b)
{
    if (!a || !*a) return b;
    return !b || !*b ? a : text_arg(l, "%s.%s", a, b);
}

/* ---- errors ------------------------------------------------------------------------------ */

static bool in_std(const Lower *l, Loc loc)
{
    for (const File *f = l->files; f; f = f->next)
        if (f->std) return loc.src == f->src;
    return false;
}

/* What goes wrong inside the library is shown at the call that led there. */
Loc lower_blame(const Lower *l, Loc loc)
{
    for (const Frame *f = l->frame; f && in_std(l, loc) && f->call.src; f = f->up)
        loc = f->call;
    return loc;
}

void lower_notes(Lower *l, Loc loc)
{
    enum { MAX_NOTES = 6 };
    Loc shown = lower_blame(l, loc);
    int n = 0;
    if (shown.src != loc.src && loc.src)
        diag_note(l->diag, loc, "it is found here, in the library");
    for (const Frame *f = l->frame; f; f = f->up) {
        if (!f->call.src || in_std(l, f->call)) continue;
        bool around = f->call.src == shown.src && f->call.at <= shown.at
                   && f->call.at + f->call.len >= shown.at + shown.len;
        if (around) continue; /* the line shows it already */
        if (n++ < MAX_NOTES)
            diag_note(l->diag, f->call, "in call from here, of %s", f->what);
    }
    if (n > MAX_NOTES) diag_note(l->diag, (Loc){ 0 }, "and %d more calls", n - MAX_NOTES);
}

bool lower_error(Lower *l, Loc loc, const char *fmt, ...)
{
    Buf b = { 0 };
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    Loc at = lower_blame(l, loc);
    bool again = l->last_error && b.s && !strcmp(l->last_error, b.s)
              && l->last_loc.src == at.src && l->last_loc.at == at.at;
    if (++l->wrong == MAX_WRONG)
        l->stopped = true; /* each costs a search for what was meant */
    if (!again) {
        diag_error(l->diag, at, "%s", b.s ? b.s : "");
        lower_notes(l, loc);
        l->last_error = arena_strdup(&l->arena, b.s ? b.s : "");
        l->last_loc = at;
    }
    buf_free(&b);
    return false;
}

bool lower_step(Lower *l, Loc loc)
{
    if (l->stopped) return false;
    if (++l->steps <= MAX_STEPS) return true;
    l->stopped = true;
    return lower_error(l, loc, "the program takes more than %d steps to compile",
                       MAX_STEPS);
}

/* One step of evaluation more, within those under way; lower_leave ends it. */
bool lower_enter(Lower *l, Loc loc)
{
    if (!lower_step(l, loc)) return false;
    if (l->depth == MAX_EVAL_DEPTH) {
        l->stopped = true;
        return lower_error(l, loc, "the program is nested too deeply");
    }
    l->depth++;
    return true;
}

void lower_leave(Lower *l) { l->depth--; }

/* ---- room that is used again ------------------------------------------------------------- */

static int spare_size(size_t bytes)
{
    int size = 4;
    while ((size_t)1 << size < bytes) size++;
    return size;
}

void *lower_take(Lower *l, size_t bytes)
{
    const int size = spare_size(bytes);
    void **p = size < SPARE_SIZES ? l->spare[size] : NULL;
    if (!p) return arena_alloc(&l->arena, size < SPARE_SIZES ? (size_t)1 << size : bytes);
    l->spare[size] = *p;
    *p = NULL;
    return p;
}

void lower_give(Lower *l, void *p, size_t bytes)
{
    const int size = spare_size(bytes);
    if (!p || size >= SPARE_SIZES) return;
    memset(p, 0, bytes);
    *(void **)p = l->spare[size];
    l->spare[size] = p;
}

/* ---- what was meant ---------------------------------------------------------------------- */

/* By a name that is not known: the same letters, the word of another library, or the nearest
 * name. */

static const struct {
    WordPlace place;
    const char *word, *says;
} lower_words[] = {
#define WORD(place, word, says) { WORD_##place, word, says },
#include "words.def"
};

/* ReduceSum and reduce_sum: but for case and `_` the same. */
static bool word_same(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == '_') a++;
        while (*b == '_') b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
    }
}

static bool word_known(const char *name, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (known[i] && !strcmp(known[i], name)) return true;
    return false;
}

/* What is said of a word of that place; NULL: nothing. Of a parameter: one that is known, or a
 * text with a space in it. */
static const char *word_says(WordPlace place, const char *name, const char *const *known,
                             size_t n)
{
    for (size_t i = 0; i < COUNT(lower_words); i++) {
        const char *says = lower_words[i].says;
        if (lower_words[i].place != place || strcmp(lower_words[i].word, name)) continue;
        if (place != WORD_PARAM || strchr(says, ' ') || word_known(says, known, n))
            return says;
    }
    return NULL;
}

/* The parameters that there are, where these are few. */
static const char *words_all(Lower *l, const char *const *known, size_t n)
{
    enum { FEW = 10 };
    Buf b = { 0 };
    if (!n || n > FEW) return "";
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? ", " : "; it has ", known[i]);
    const char *all = text_arg(l, "%s", b.s);
    buf_free(&b);
    return all;
}

const char *lower_meant(Lower *l, WordPlace place, const char *name,
                        const char *const *known, size_t n)
{
    const char *near = NULL;
    for (size_t i = 0; !near && i < n; i++)
        if (known[i] && word_same(known[i], name) && strcmp(known[i], name))
            near = known[i];
    const char *says = near ? NULL : word_says(place, name, known, n);
    if (!near && !says && place == WORD_MEMBER)
        says = word_says(WORD_NAME, name, known, n);
    if (says && (place != WORD_PARAM || strchr(says, ' ')))
        return text_arg(l, "; %s", says);
    if (!near) near = says ? says : name_nearest(name, known, n);
    if (near) return text_arg(l, "; did you mean %s?", near);
    return place == WORD_PARAM ? words_all(l, known, n) : "";
}

const char *lower_reduces(Lower *l, const char *what)
{
    const char *op = text_arg(l, "reduce_%s", what);
    return op_find(op) == OP_NONE ? ""
                                  : text_arg(l, "; %s(x, axes = [..]) is of axes", op);
}

/* ---- models ------------------------------------------------------------------------------ */

static void rename_value(Lower *l, Value *v, const char *name)
{
    v->name = module_name(l->m, name);
    if (v->def->nout && v->def->out[0] == v) op_set_name(l->m, v->def, name);
}

/* The value that the function gives out under this name: the op's own result where it may be
 * renamed, else a copy. */
static Value *result_value(Lower *l, const char *name, Loc loc, Val v)
{
    Func *f = l->func;
    Value *value = to_value(l, v, l->float_type, name, loc);
    if (!value) return NULL;
    bool own = value->def && value->def->kind != OP_const;
    for (int i = 0; i < f->body->nresult; i++)
        if (f->body->result[i] == value) own = false;
    if (!own) {
        l->b.loc = loc;
        value = mil_identity(&l->b, name, .x = value);
    }
    rename_value(l, value, name);
    return value;
}

static void add_result(Lower *l, const char *name, Loc loc, Val v)
{
    if (v.kind == V_POISON) return;
    if (!val_is_tensor(v) && v.kind != V_LIST && !val_is_number(v) && v.kind != V_BOOL) {
        lower_error(l, loc, "result %s is %s, not a tensor", name, val_kind(l, v));
        return;
    }
    Value *value = result_value(l, name, loc, v);
    if (value) block_result(l->func->body, value);
}

/* A list with a tensor for each weight: new[weights] is new_w1, new_blocks_0_wq .. */
static void add_list(Lower *l, const Node *r, Val v)
{
    int n;
    const char *const *paths = weight_paths(l, r->loc, &n);
    if (!paths || v.kind == V_POISON) return;
    if (v.kind != V_LIST || v.u.list->n != n) {
        lower_error(
            l, r->loc,
            "result %s[weights] is a list of a tensor for each of %d weights, not %s%s",
            r->name, n, v.kind == V_LIST ? "of " : "",
            v.kind == V_LIST ? text_arg(l, "%lld", (long long)v.u.list->n)
                             : val_kind(l, v));
        return;
    }
    for (int i = 0; i < n; i++) {
        char *name = arena_printf(&l->arena, "%s_%s", r->name, paths[i]);
        for (char *c = name; *c; c++)
            if (*c == '.') *c = '_';
        if (func_claim_name(l->func, module_name(l->m, name)))
            add_result(l, name, r->loc, v.u.list->at[i]);
        else lower_error(l, r->loc, "%s is the name of two inputs or results", name);
    }
}

static void add_results(Lower *l, const Node *decl, Val out)
{
    int n = 0;
    for (const Node *r = decl->b; r; r = r->next) n++;
    if (out.kind == V_POISON) return;
    int i = 0;
    for (const Node *r = decl->b; r; r = r->next, i++) {
        const Val v = n == 1 ? out : out.u.list->at[i];
        if (r->b) add_list(l, r, v);
        else add_result(l, r->name, r->loc, v);
    }
}

static bool claim_results(Lower *l, const Node *decl)
{
    if (!decl->b)
        return lower_error(l, decl->loc, "model %s names no result: `model %s(..) -> y`",
                           decl->name, decl->name);
    for (const Node *r = decl->b; r; r = r->next)
        if (!r->b && !func_claim_name(l->func, module_name(l->m, r->name)))
            return lower_error(l, r->loc, "%s is the name of two inputs or results",
                               r->name);
    return true;
}

static void compile_model(Lower *l, const Node *decl)
{
    Closure c = { .decl = decl, .file = l->entry };
    int n = 0;
    for (const Node *a = decl->a; a; a = a->next) n++;
    Val *args = NEW_ARRAY(&l->arena, n, Val);
    Func *f = func_new(l->m, decl->name, l->opt->opset ? l->opt->opset : OPSET_IOS16);
    f->loc = decl->loc;
    l->func = f;
    l->b = builder_at(f->body, NULL, l->diag, decl->loc);
    l->promote = l->opt->promote
              && (*l->opt->promote == '*' || !strcmp(l->opt->promote, decl->name));
    l->model_path = strcmp(decl->name, "main") ? decl->name : "";
    Frame top = { .file = l->entry,
                  .env = &l->entry->env,
                  .what = decl->name,
                  .path = "",
                  .prefix = "" };
    l->frame = &top;
    if (add_inputs(l, decl, args) && claim_results(l, decl)) {
        add_results(l, decl, call_entry(l, &c, args));
        keep_weights(l, false);
        if (l->promote) tell_promoted(l, l->opt->weights);
    }
    l->promote = false;
    l->frame = NULL;
}

/* ---- the program ------------------------------------------------------------------------- */

/* The element type that numbers and weights take: that of main's first float input. */
static DType main_float(const Node *file)
{
    for (const Node *n = file->a; n; n = n->next) {
        if (n->kind != N_MODEL || strcmp(n->name, "main")) continue;
        for (const Node *a = n->a; a; a = a->next)
            if (a->a && a->a->name) {
                DType t = dtype_find(a->a->name, strlen(a->a->name));
                if (t == DT_FP16 || t == DT_FP32) return t;
            }
    }
    return DT_FP16;
}

static bool check_sets(Lower *l)
{
    bool ok = true;
    const char *known[256];
    size_t n = 0;
    for (const Node *i = l->entry->root->a; i && n < COUNT(known); i = i->next)
        if (i->kind == N_PARAM) known[n++] = i->name;
    for (int i = 0; i < l->opt->nset; i++) {
        if (l->set_used[i] || names_dim(l->entry->root, l->opt->set[i].name)) continue;
        const char *near = name_nearest(l->opt->set[i].name, known, n);
        ok = diag_error(l->diag, (Loc){ 0 }, "--set %s: %s has no such param%s%s%s",
                        l->opt->set[i].name, l->entry->name,
                        near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return ok;
}

/* Whether anybody asks for a model. */
static bool model_wanted(const Lower *l, const Node *n)
{
    const char *promote = l->opt->promote;
    return !l->opt->lean || !strcmp(n->name, "main")
        || (promote && !strcmp(n->name, promote));
}

static void compile_models(Lower *l)
{
    const Node *any = NULL, *main_model = NULL;
    for (const Node *n = l->entry->root->a; n; n = n->next)
        if (n->kind == N_MODEL) {
            any = n;
            if (!strcmp(n->name, "main")) main_model = n;
        }
    if (!main_model) {
        Loc loc = any ? any->loc : (Loc){ .src = l->entry->src };
        diag_error(
            l->diag, loc,
            any ? "there is no model called main, which is where a program begins"
                : "the program has no model: `model main(x: fp16[..]) -> y { .. }`");
        return;
    }
    for (const Node *n = l->entry->root->a; n; n = n->next)
        if (n->kind == N_MODEL && !l->stopped && model_wanted(l, n)) compile_model(l, n);
    l->func = module_func(l->m, "main");
    l->b = builder_at(l->func->body, NULL, l->diag, main_model->loc);
    keep_weights(l, true);
    if (diag_ok(l->diag)) check_given(l);
    if (diag_ok(l->diag) || l->source.missed) tell_unread(l);
}

static File *entry_file(Lower *l, const Source *src)
{
    File *f = NEW(&l->arena, File);
    *f = (File){ .name = file_base(src->name ? src->name : "<text>"),
                 .dir = "",
                 .src = src,
                 .loading = true };
    l->files = l->entry = f;
    f->root = ast_parse(&l->arena, &l->m->names, l->diag, src);
    return f->root ? f : NULL;
}

static bool lower_compile(Lower *l, const Source *src)
{
    if (!entry_file(l, src)) return false;
    l->float_type = main_float(l->entry->root);
    open_named_weights(l);
    load_items(l, l->entry);
    if (check_sets(l) && diag_ok(l->diag)) compile_models(l);
    return diag_ok(l->diag);
}

Module *dsl_compile(Diag *d, const Source *src, const DslOptions *opt)
{
    static const DslOptions none = { 0 };
    Lower l = { .m = module_new(), .diag = d, .opt = opt ? opt : &none };
    l.m->straight = l.opt->straight;
    int before = diag_wrong(d);
    Diag *outer = d;
    l.m->src = src;
    if (l.opt->opset >= OPSET_IOS18) l.m->version = "1.3";
    l.root = l.opt->dir
               ? l.opt->dir
               : file_dir(&l.arena, src->name && src->name[0] != '<' ? src->name : "x");
    l.set_used = NEW_ARRAY(&l.arena, l.opt->nset, bool);
    l.given_used = NEW_ARRAY(&l.arena, l.opt->ngiven + 1, bool);
    bool ok = lower_compile(&l, src) && diag_wrong(outer) == before;
    if (ok && l.opt->declared) tell_declared(&l, l.opt->declared);
    ptrmap_free(&l.made);
    arena_free(&l.arena);
    if (ok) return l.m;
    module_free(l.m);
    return NULL;
}

/* ---- --emit tokens, --emit ast ----------------------------------------------------------- */

bool dsl_print_tokens(Diag *d, const Source *src, Buf *out)
{
    Lexer lx;
    Token t;
    if (!lexer_open(&lx, d, src)) return false;
    int line = 0, col = 0;
    do {
        if (!lexer_next(&lx, d, &t)) return false;
        loc_line_col(t.loc, &line, &col);
        const char *name = ast_token_name(t.kind);
        buf_printf(out, "%d:%d %s", line, col, name);
        if (t.kind && t.kind != TK_SEP
            && (t.loc.len != strlen(name)
                || memcmp(name, src->text + t.loc.at, t.loc.len)))
            buf_printf(out, " %.*s", (int)t.loc.len, src->text + t.loc.at);
        buf_putc(out, '\n');
    } while (t.kind);
    return true;
}

bool dsl_print_ast(Diag *d, const Source *src, Buf *out)
{
    Arena a = { 0 };
    Names names = { .arena = &a };
    const Node *root = ast_parse(&a, &names, d, src);
    if (root) ast_print(root, out);
    names_free(&names);
    arena_free(&a);
    return root != NULL;
}
