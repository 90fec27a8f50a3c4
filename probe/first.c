/* first.c -- trials of assumptions about the engine's framework: compiling, loading,
 * layouts. */
#include "first.h"
#include "../backends/forms.h"

#include <string.h>
#include <unistd.h>

/* Rows of 80 bytes, which are padded; two batches, channels, lines. */
#define TENSOR "tensor<fp16, [2, 2, 2, 40]>"
const char first_program[] =
    "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-component-MIL\", "
    "\"3500.14.1\"}})]\n{\n"
    "    func main<ios16>(" TENSOR " a, " TENSOR " b) {\n"
    "        " TENSOR " r = sub(x = a, y = b)[name = tensor<string, []>(\"r\")];\n"
    "    } -> (r);\n}\n";

FirstVerdict first_say(FirstTrial *t, FirstVerdict v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->said, t->room, fmt, ap);
    va_end(ap);
    return v;
}

/* ---- the program, as far as a trial needs it --------------------------------------------- */

static const char model_path[] = "@model_path/";

static bool put_weights(FirstTrial *t)
{
    bool ok = true;
    for (int i = 0; ok && i < t->nweight; i++) {
        const EngineWeight *w = &t->weight[i];
        const char *to = arena_printf(&t->arena, "%s/%s", t->dir,
                                      w->path + strlen(model_path));
        ok = file_make_dirs(t->diag, file_dir(&t->arena, to))
          && file_write_all(t->diag, to, w->data, w->size);
    }
    return ok;
}

bool first_make(FirstTrial *t, const char *text)
{
    Trouble why;
    if (!t->engine) return first_say(t, FIRST_UNKNOWN, "%s", t->why) == FIRST_HOLDS;
    t->model = engine_model_new(t->engine, &t->arena, text, strlen(text), t->weight,
                                t->nweight, &why);
    t->dir = t->model ? engine_model_dir(t->engine, &t->arena, t->model) : NULL;
    if (!t->dir) {
        first_say(t, FIRST_UNKNOWN, "no model is made of the text");
        return false;
    }
    temp_tree_hold(t->dir); /* whoever ends this process has it removed */
    const char *path = arena_printf(&t->arena, "%s/model.mil", t->dir);
    if (file_make_dirs(t->diag, t->dir)
        && file_write_all(t->diag, path, text, strlen(text)) && put_weights(t))
        return true;
    first_say(t, FIRST_UNKNOWN, "the model's folder cannot be written");
    return false;
}

static bool first_compiled(FirstTrial *t)
{
    Trouble why;
    if (!first_make(t, t->text ? t->text : first_program)) return false;
    if (engine_compile(t->engine, &t->arena, t->model, &why)) return true;
    first_say(t, FIRST_UNKNOWN, "it does not compile: %s", trouble_text(&t->arena, &why));
    return false;
}

static bool first_loaded(FirstTrial *t)
{
    Trouble why;
    if (!first_compiled(t)) return false;
    t->loaded = engine_load(t->engine, &t->arena, t->model, &why);
    if (!t->loaded)
        first_say(t, FIRST_UNKNOWN, "it does not load: %s",
                  trouble_text(&t->arena, &why));
    return t->loaded;
}

bool first_layout(FirstTrial *t, Layout *l)
{
    const char *why = NULL;
    if (!first_loaded(t)) return false;
    if (engine_layout(t->engine, &t->arena, t->model, t->function ? t->function : "main",
                      l, &why)
        == LAYOUT_READ)
        return true;
    first_say(t, FIRST_UNKNOWN, "%s", why ? why : "no layout");
    return false;
}

/* A text of this process alone, which nobody has compiled. */
const char *first_own_text(FirstTrial *t)
{
    const char *at = strstr(first_program, "3500.14.1");
    return arena_printf(&t->arena, "%.*s%ld%s", (int)(at - first_program), first_program,
                        (long)getpid(), at + strlen("3500.14.1"));
}

void first_end(FirstTrial *t)
{
    if (t->loaded) engine_unload(t->engine, &t->arena, t->model, NULL);
    temp_tree_end(t->dir);
    if (t->model) objc_drop(t->engine->objc, &t->model);
    t->loaded = false;
    t->dir = NULL;
}

bool first_weights(FirstTrial *t, const char *text, int n, const char *dir)
{
    enum { MOST = 64, OFFSET = 128 };
    Mapped m;
    t->weight = NEW_ARRAY(&t->arena, MOST, EngineWeight);
    t->nweight = 0;
    if (!strstr(text, model_path)) return true;
    const char *path = arena_printf(&t->arena, "%s/w.bin", dir);
    if (!probe_record(t->diag, path, (uint64_t)n * 2, OFFSET)
        || !file_read(t->diag, path, &m))
        return false;
    const void *data = memcpy(arena_alloc(&t->arena, m.size + 1), m.data, m.size);
    for (const char *s = text; t->nweight < MOST && (s = strstr(s, model_path)) != NULL;
         s++)
        t->weight[t->nweight++] = (EngineWeight){ .path = arena_strndup(&t->arena, s,
                                                                        strcspn(s, "\"")),
                                                  .data = data,
                                                  .size = m.size };
    file_unmap(&m);
    return true;
}

/* ---- trials ------------------------------------------------------------------------------ */

static FirstVerdict try_classes(FirstTrial *t)
{
    return t->engine ? first_say(t, FIRST_HOLDS, "system %s",
                                 t->engine->build ? t->engine->build : "?")
                     : first_say(t, FIRST_DIFFERS, "%s", t->why);
}

static FirstVerdict try_chip(FirstTrial *t)
{
    const Engine *e = t->engine;
    if (!e) return first_say(t, FIRST_UNKNOWN, "%s", t->why);
    return first_say(t, e->chip ? FIRST_HOLDS : FIRST_DIFFERS, "%s is %s",
                     e->arch ? e->arch : "no name", e->chip ? e->chip : "not known");
}

static FirstVerdict try_keys(FirstTrial *t)
{
    static const struct {
        const char *constant, *text;
    } keys[] = {
#define KEY(id, constant, text) { constant, text },
#include "../backends/ane/attributes.def"
    };
    int n = 0;
    if (!t->engine) return first_say(t, FIRST_UNKNOWN, "%s", t->why);
    for (size_t i = 0; i < COUNT(keys); i++) {
        const char *got = string_text(t->engine->objc, &t->arena,
                                      t->engine->attribute[i]);
        if (!keys[i].constant) continue;
        n++;
        if (!got || strcmp(got, keys[i].text) != 0)
            return first_say(t, FIRST_DIFFERS, "%s is %s, not %s", keys[i].constant,
                             got ? got : "nothing", keys[i].text);
    }
    return first_say(t, FIRST_HOLDS, "%d constants", n);
}

/* The byte itself, which engine_compile makes a bool of. */
static FirstVerdict compile_raw(FirstTrial *t, Flag want)
{
    Objc *o = t->engine->objc;
    Id options = dict_new(o, NULL, NULL, 0), error = NULL;
    Trouble why = { .text = "" };
    void *pool = objc_pool(o);
    const Flag got = SEND(o, Flag, (unsigned, Id, Id *), t->model, SEL_compile, 21,
                          options, &error);
    if (error) trouble_read(o, &t->arena, error, &why);
    objc_pool_end(o, pool);
    objc_drop(o, &options);
    if (got != want) return first_say(t, FIRST_DIFFERS, "BOOL is %d: %s", got, why.text);
    if (!want && !why.code)
        return first_say(t, FIRST_DIFFERS, "BOOL is 0, and no code says why");
    return first_say(t, FIRST_HOLDS, "BOOL is %d%s%s", got, *why.text ? ": " : "",
                     why.text);
}

static FirstVerdict try_compile(FirstTrial *t)
{
    return first_make(t, first_program) ? compile_raw(t, 1) : FIRST_UNKNOWN;
}

static FirstVerdict try_refusal(FirstTrial *t)
{
    return first_make(t, "program(1.0)\n{\n}\n") ? compile_raw(t, 0) : FIRST_UNKNOWN;
}

static FirstVerdict try_files(FirstTrial *t)
{
    if (!first_compiled(t)) return FIRST_UNKNOWN;
    const bool plist = file_exists(arena_printf(&t->arena, "%s/net.plist", t->dir)),
               data = file_exists(arena_printf(&t->arena, "%s/data", t->dir));
    return first_say(t, plist && data ? FIRST_HOLDS : FIRST_DIFFERS,
                     "net.plist %s, data %s", plist ? "there" : "missing",
                     data ? "there" : "missing");
}

static FirstVerdict try_layout(FirstTrial *t)
{
    Layout l;
    const char *why = NULL;
    if (!first_loaded(t)) return FIRST_UNKNOWN;
    if (engine_layout(t->engine, &t->arena, t->model, "main", &l, &why) != LAYOUT_READ)
        return first_say(t, FIRST_DIFFERS, "%s", why ? why : "no layout");
    return first_say(t, FIRST_HOLDS, "%d inputs, %d results", l.nin, l.nout);
}

static FirstVerdict try_ports(FirstTrial *t)
{
    Layout l;
    if (!first_layout(t, &l)) return FIRST_UNKNOWN;
    const bool ok = l.nin == 2 && l.nout == 1 && port_find(l.in, l.nin, "a")
                 && port_find(l.in, l.nin, "b") && port_find(l.out, l.nout, "r");
    return first_say(t, ok ? FIRST_HOLDS : FIRST_DIFFERS, "%s, %s and %s",
                     l.nin ? l.in[0].name : "-", l.nin > 1 ? l.in[1].name : "-",
                     l.nout ? l.out[0].name : "-");
}

/* The first entry of a list that the compiled model has of its only network. */
static Id first_port(Engine *e, Id attributes, int list)
{
    Objc *o = e->objc;
    Id network = array_at(o, dict_get(o, attributes, e->attribute[ATTRIBUTE_NETWORKS]),
                          0);
    return array_at(o, dict_get(o, network, e->attribute[list]), 0);
}

static const char *name_in(FirstTrial *t, Id port, int key)
{
    Objc *o = t->engine->objc;
    const char *name = string_text(o, &t->arena,
                                   dict_get(o, port, t->engine->attribute[key]));
    return name ? name : "nothing";
}

static FirstVerdict try_suffix(FirstTrial *t)
{
    if (!first_loaded(t)) return FIRST_UNKNOWN;
    Objc *o = t->engine->objc;
    const bool may = o->may[SEL_innerModel] && o->may[SEL_attributes];
    void *pool = objc_pool(o);
    Id inner = may ? SEND0(o, Id, t->model, SEL_innerModel) : NULL;
    Id all = inner ? SEND0(o, Id, inner, SEL_attributes) : NULL;
    Id in = first_port(t->engine, all, ATTRIBUTE_LIVE_INPUTS),
       out = first_port(t->engine, all, ATTRIBUTE_LIVE_OUTPUTS);
    const char *input = name_in(t, in, ATTRIBUTE_SYMBOL),
               *symbol = name_in(t, out, ATTRIBUTE_SYMBOL),
               *name = name_in(t, out, ATTRIBUTE_NAME);
    objc_pool_end(o, pool);
    const bool ok = (!strcmp(input, "a") || !strcmp(input, "b"))
                 && !strcmp(symbol, "r@output") && !strcmp(name, "r@output");
    return first_say(t, ok ? FIRST_HOLDS : FIRST_DIFFERS,
                     "the result is %s by symbol, %s by name", symbol, name);
}

static FirstVerdict try_rows(FirstTrial *t)
{
    Layout l;
    if (!first_layout(t, &l)) return FIRST_UNKNOWN;
    for (int i = 0; i < l.nin + l.nout; i++) {
        const Port *p = i < l.nin ? &l.in[i] : &l.out[i - l.nin];
        const size_t row = ((size_t)p->width * (size_t)p->element + ENGINE_ROW - 1)
                         / ENGINE_ROW * ENGINE_ROW;
        if (p->row != row || p->plane != row * (size_t)p->height
            || p->batch_stride != p->plane * (size_t)p->channels)
            return first_say(t, FIRST_DIFFERS,
                             "%s has rows of %zu bytes, planes of %zu, batches of %zu",
                             p->name, p->row, p->plane, p->batch_stride);
    }
    return first_say(t, FIRST_HOLDS, "rows of %zu bytes for 40 elements", l.in[0].row);
}

/* ---- the folder's life ------------------------------------------------------------------- */

static bool first_unload(FirstTrial *t, Trouble *why)
{
    t->loaded = false;
    return engine_unload(t->engine, &t->arena, t->model, why);
}

static FirstVerdict try_unloaded(FirstTrial *t)
{
    Trouble why;
    if (!first_loaded(t)) return FIRST_UNKNOWN;
    if (!first_unload(t, &why))
        return first_say(t, FIRST_UNKNOWN, "it is not unloaded: %s", why.text);
    const bool there = file_exists(t->dir);
    return first_say(t, there ? FIRST_DIFFERS : FIRST_HOLDS, "the folder is %s",
                     there ? "there still" : "gone");
}

static FirstVerdict try_reload(FirstTrial *t)
{
    static const char *const names[] = { "model.mil", "net.plist", "data" };
    Mapped kept[COUNT(names)];
    Trouble why;
    bool ok = first_loaded(t);
    size_t n = 0;
    if (!ok) return FIRST_UNKNOWN;
    for (; ok && n < COUNT(names); n++)
        ok = file_read(t->diag, arena_printf(&t->arena, "%s/%s", t->dir, names[n]),
                       &kept[n]);
    if (!ok) n--;
    ok = ok && first_unload(t, &why) && file_make_dirs(t->diag, t->dir);
    for (size_t i = 0; i < n; i++) {
        const char *path = arena_printf(&t->arena, "%s/%s", t->dir, names[i]);
        ok = ok && file_write_all(t->diag, path, kept[i].data, kept[i].size);
        file_unmap(&kept[i]);
    }
    if (!ok) return first_say(t, FIRST_UNKNOWN, "its files cannot be kept and put back");
    t->loaded = engine_load(t->engine, &t->arena, t->model, &why);
    return t->loaded ? first_say(t, FIRST_HOLDS, "it loads again")
                     : first_say(t, FIRST_DIFFERS, "it does not: %s",
                                 trouble_text(&t->arena, &why));
}

static FirstVerdict try_unloading_twice(FirstTrial *t)
{
    Trouble why;
    if (!first_loaded(t)) return FIRST_UNKNOWN;
    if (!first_unload(t, &why))
        return first_say(t, FIRST_UNKNOWN, "it is not unloaded: %s", why.text);
    if (first_unload(t, &why))
        return first_say(t, FIRST_DIFFERS, "the second time is no error");
    return first_say(t, FIRST_HOLDS, "%s", why.text);
}

static FirstVerdict try_store(FirstTrial *t)
{
    Trouble why;
    if (!first_make(t, first_own_text(t))) return FIRST_UNKNOWN;
    const int before = engine_has_compiled(t->engine, t->model);
    if (before < 0) return first_say(t, FIRST_UNKNOWN, "this system does not tell");
    if (!engine_compile(t->engine, &t->arena, t->model, &why))
        return first_say(t, FIRST_UNKNOWN, "it does not compile: %s",
                         trouble_text(&t->arena, &why));
    const int after = engine_has_compiled(t->engine, t->model);
    return first_say(t, !before && after == 1 ? FIRST_HOLDS : FIRST_DIFFERS,
                     "it is %sthere before compiling, and %sthere after it",
                     before ? "" : "not ", after == 1 ? "" : "not ");
}

static FirstVerdict try_identity(FirstTrial *t)
{
    if (!t->engine) return first_say(t, FIRST_UNKNOWN, "%s", t->why);
    return t->engine->identity
             ? first_say(t, FIRST_HOLDS, "signed as %s", t->engine->identity)
             : first_say(t, FIRST_DIFFERS,
                         "no signature, or the system does not tell it");
}

/* ---- errors ------------------------------------------------------------------------------ */

static FirstVerdict try_codes(FirstTrial *t)
{
    Trouble load, unloading;
    if (!first_make(t, first_own_text(t)) || !file_remove_tree(t->dir))
        return FIRST_UNKNOWN;
    t->loaded = engine_load(t->engine, &t->arena, t->model, &load);
    if (t->loaded) return first_say(t, FIRST_DIFFERS, "it loads");
    if (engine_unload(t->engine, &t->arena, t->model, &unloading))
        return first_say(t, FIRST_DIFFERS,
                         "what is not loaded is unloaded without an error");
    const bool known = load.meaning && unloading.meaning;
    return first_say(t, known ? FIRST_HOLDS : FIRST_DIFFERS,
                     "loading: code %lld, %s; unloading: code %lld, %s",
                     (long long)load.code, load.meaning ? load.meaning : load.text,
                     (long long)unloading.code,
                     unloading.meaning ? unloading.meaning : unloading.text);
}

/* A URL of no path: -[NSURL fileURLWithPath:] is documented to raise
 * NSInvalidArgumentException. */
static FirstVerdict try_exceptions(FirstTrial *t)
{
    if (!t->engine) return first_say(t, FIRST_UNKNOWN, "%s", t->why);
    Objc *o = t->engine->objc;
    Id class = o->objc_getClass("NSURL");
    const bool may = class
                  && o->class_respondsToSelector(o->object_getClass(class),
                                                 o->selector[SEL_url]);
    if (!may)
        return first_say(t, FIRST_UNKNOWN,
                         "there is no +[NSURL fileURLWithPath:isDirectory:]");
    void *pool = objc_pool(o);
    Id url = SEND(o, Id, (Id, Flag), class, SEL_url, NULL, 1);
    const char *raised = raise_text(o, &t->arena);
    objc_pool_end(o, pool);
    if (url || !raised) return first_say(t, FIRST_UNKNOWN, "nothing was raised");
    return first_say(
        t, strstr(raised, "NSInvalidArgumentException") ? FIRST_HOLDS : FIRST_DIFFERS,
        "%s", raised);
}

/* ---- the list ---------------------------------------------------------------------------- */

static const struct {
    Assumption is;
    FirstVerdict (*try)(FirstTrial *);
} rows[] = {
#define ASSUMPTION(id, name, what, how, otherwise) \
    { { name, what, how, otherwise }, try_##id },
#include "assumptions.def"
};

const Assumption *first_at(int i) { return i < (int)COUNT(rows) ? &rows[i].is : NULL; }

int first_find(const char *name)
{
    for (int i = 0; i < (int)COUNT(rows); i++)
        if (!strcmp(rows[i].is.name, name)) return i;
    return -1;
}

FirstVerdict first_try(int i, Diag *d, char *said, size_t room)
{
    FirstTrial t = { .diag = d, .said = said, .room = room };
    *said = 0;
    t.engine = engine_open(&t.arena, &t.why);
    const FirstVerdict v = rows[i].try(&t);
    first_end(&t);
    if (t.engine) engine_close(t.engine);
    arena_free(&t.arena);
    return v;
}
