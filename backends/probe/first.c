/* first.c -- trials of what the runtime assumes of the engine's framework. */
#include "first.h"

#include "../ane/engine.h"

#include <math.h>
#include <string.h>

typedef struct {
    Arena arena;
    Diag *diag;
    Engine *engine; /* NULL: it does not open, and why says so */
    const char *why;
    Id model;
    char *dir; /* of the model's files */
    bool loaded;
    char *said;
    size_t room;
} Trial;

/* Rows of 80 bytes, which are padded; two batches, channels, lines. */
#define TENSOR "tensor<fp16, [2, 2, 2, 40]>"
static const char program[] =
    "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-component-MIL\", "
    "\"3500.14.1\"}})]\n{\n"
    "    func main<ios16>(" TENSOR " a, " TENSOR " b) {\n"
    "        " TENSOR " r = sub(x = a, y = b)[name = tensor<string, []>(\"r\")];\n"
    "    } -> (r);\n}\n";

static FirstVerdict say(Trial *t, FirstVerdict v, const char *fmt, ...) PRINTF(3, 4);
static FirstVerdict say(Trial *t, FirstVerdict v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->said, t->room, fmt, ap);
    va_end(ap);
    return v;
}

/* ---- the program, as far as a trial needs it --------------------------------------------- */

static bool make(Trial *t, const char *text)
{
    Trouble why;
    if (!t->engine) return say(t, FIRST_UNKNOWN, "%s", t->why) == FIRST_HOLDS;
    t->model = engine_model_new(t->engine, &t->arena, text, strlen(text), NULL, 0, &why);
    t->dir = t->model ? engine_model_dir(t->engine, &t->arena, t->model) : NULL;
    if (!t->dir) {
        say(t, FIRST_UNKNOWN, "no model is made of the text");
        return false;
    }
    const char *path = arena_printf(&t->arena, "%s/model.mil", t->dir);
    if (file_make_dirs(t->diag, t->dir) && file_write_all(t->diag, path, text, strlen(text)))
        return true;
    say(t, FIRST_UNKNOWN, "the model's folder cannot be written");
    return false;
}

static bool compiled(Trial *t)
{
    Trouble why;
    if (!make(t, program)) return false;
    if (engine_compile(t->engine, &t->arena, t->model, &why)) return true;
    say(t, FIRST_UNKNOWN, "it does not compile: %s", trouble_text(&t->arena, &why));
    return false;
}

static bool loaded(Trial *t)
{
    Trouble why;
    if (!compiled(t)) return false;
    t->loaded = engine_load(t->engine, &t->arena, t->model, &why);
    if (!t->loaded)
        say(t, FIRST_UNKNOWN, "it does not load: %s", trouble_text(&t->arena, &why));
    return t->loaded;
}

static bool read_layout(Trial *t, Layout *l)
{
    const char *why = NULL;
    if (!loaded(t)) return false;
    if (engine_layout(t->engine, &t->arena, t->model, "main", l, &why) == LAYOUT_READ)
        return true;
    say(t, FIRST_UNKNOWN, "%s", why ? why : "no layout");
    return false;
}

/* ---- trials ------------------------------------------------------------------------------ */

static FirstVerdict try_classes(Trial *t)
{
    return t->engine
             ? say(t, FIRST_HOLDS, "system %s", t->engine->build ? t->engine->build : "?")
             : say(t, FIRST_DIFFERS, "%s", t->why);
}

static FirstVerdict try_chip(Trial *t)
{
    const Engine *e = t->engine;
    if (!e) return say(t, FIRST_UNKNOWN, "%s", t->why);
    return say(t, e->chip ? FIRST_HOLDS : FIRST_DIFFERS, "%s is %s",
               e->arch ? e->arch : "no name", e->chip ? e->chip : "not known");
}

static FirstVerdict try_keys(Trial *t)
{
    static const struct {
        const char *constant, *text;
    } keys[] = {
#define KEY(id, constant, text) { constant, text },
#include "../ane/attributes.def"
    };
    int n = 0;
    if (!t->engine) return say(t, FIRST_UNKNOWN, "%s", t->why);
    for (size_t i = 0; i < COUNT(keys); i++) {
        const char *got = string_text(t->engine->objc, &t->arena, t->engine->attribute[i]);
        if (!keys[i].constant) continue;
        n++;
        if (!got || strcmp(got, keys[i].text) != 0)
            return say(t, FIRST_DIFFERS, "%s is %s, not %s", keys[i].constant,
                       got ? got : "nothing", keys[i].text);
    }
    return say(t, FIRST_HOLDS, "%d constants", n);
}

/* The byte itself, which engine_compile makes a bool of. */
static FirstVerdict compile_raw(Trial *t, Flag want)
{
    Objc *o = t->engine->objc;
    Id options = dict_new(o, NULL, NULL, 0), error = NULL;
    Trouble why = { .text = "" };
    void *pool = objc_pool(o);
    const Flag got = SEND(o, Flag, (unsigned, Id, Id *), t->model, SEL_compile, 21, options,
                          &error);
    if (error) trouble_read(o, &t->arena, error, &why);
    objc_pool_end(o, pool);
    objc_drop(o, &options);
    if (got != want) return say(t, FIRST_DIFFERS, "BOOL is %d: %s", got, why.text);
    if (!want && !why.code) return say(t, FIRST_DIFFERS, "BOOL is 0, and no code says why");
    return say(t, FIRST_HOLDS, "BOOL is %d%s%s", got, *why.text ? ": " : "", why.text);
}

static FirstVerdict try_compile(Trial *t)
{
    return make(t, program) ? compile_raw(t, 1) : FIRST_UNKNOWN;
}

static FirstVerdict try_refusal(Trial *t)
{
    return make(t, "program(1.0)\n{\n}\n") ? compile_raw(t, 0) : FIRST_UNKNOWN;
}

static FirstVerdict try_files(Trial *t)
{
    if (!compiled(t)) return FIRST_UNKNOWN;
    const bool plist = file_exists(arena_printf(&t->arena, "%s/net.plist", t->dir)),
               data = file_exists(arena_printf(&t->arena, "%s/data", t->dir));
    return say(t, plist && data ? FIRST_HOLDS : FIRST_DIFFERS, "net.plist %s, data %s",
               plist ? "there" : "missing", data ? "there" : "missing");
}

static FirstVerdict try_layout(Trial *t)
{
    Layout l;
    const char *why = NULL;
    if (!loaded(t)) return FIRST_UNKNOWN;
    if (engine_layout(t->engine, &t->arena, t->model, "main", &l, &why) != LAYOUT_READ)
        return say(t, FIRST_DIFFERS, "%s", why ? why : "no layout");
    return say(t, FIRST_HOLDS, "%d inputs, %d results", l.nin, l.nout);
}

static FirstVerdict try_ports(Trial *t)
{
    Layout l;
    if (!read_layout(t, &l)) return FIRST_UNKNOWN;
    const bool ok = l.nin == 2 && l.nout == 1 && port_find(l.in, l.nin, "a")
                 && port_find(l.in, l.nin, "b") && port_find(l.out, l.nout, "r");
    return say(t, ok ? FIRST_HOLDS : FIRST_DIFFERS, "%s, %s and %s", l.nin ? l.in[0].name : "-",
               l.nin > 1 ? l.in[1].name : "-", l.nout ? l.out[0].name : "-");
}

static FirstVerdict try_rows(Trial *t)
{
    enum { ROW = 64 };
    Layout l;
    if (!read_layout(t, &l)) return FIRST_UNKNOWN;
    for (int i = 0; i < l.nin + l.nout; i++) {
        const Port *p = i < l.nin ? &l.in[i] : &l.out[i - l.nin];
        const size_t row = ((size_t)p->width * (size_t)p->element + ROW - 1) / ROW * ROW;
        if (p->row != row || p->plane != row * (size_t)p->height
            || p->batch_stride != p->plane * (size_t)p->channels)
            return say(t, FIRST_DIFFERS,
                       "%s has rows of %zu bytes, planes of %zu, batches of %zu", p->name,
                       p->row, p->plane, p->batch_stride);
    }
    return say(t, FIRST_HOLDS, "rows of %zu bytes for 40 elements", l.in[0].row);
}

/* ---- a run ------------------------------------------------------------------------------- */

enum {
    BATCHES = 2,
    CHANNELS = 2,
    LINES = 2,
    WIDTH = 40,
    ALL = BATCHES * CHANNELS * LINES * WIDTH
};

static uint16_t *element(void *base, const Port *p, int i)
{
    const size_t w = (size_t)i % WIDTH, h = (size_t)i / WIDTH % LINES,
                 c = (size_t)i / (WIDTH * LINES) % CHANNELS,
                 n = (size_t)i / (WIDTH * LINES * CHANNELS);
    return (uint16_t *)(void *)((char *)base + n * p->batch_stride + c * p->plane + h * p->row
                                + w * 2);
}

static bool fits(const Port *p)
{
    return p->batch == BATCHES && p->channels == CHANNELS && p->height == LINES
        && p->width == WIDTH && p->element == 2;
}

/* a is 2 i, b is i / 2, so that r is 1.5 i: exchanged they are seen. */
static bool fill(Trial *t, Id surface, const Port *p)
{
    void *base = surface && fits(p) ? engine_lock(t->engine, surface, 0) : NULL;
    for (int i = 0; base && i < ALL; i++)
        *element(base, p, i) = f16_from_double(!strcmp(p->name, "a") ? 2.0 * i : i / 2.0);
    if (base) engine_unlock(t->engine, surface, 0);
    return base != NULL;
}

static FirstVerdict look(Trial *t, Id surface, const Port *p)
{
    void *base = engine_lock(t->engine, surface, SURFACE_READ);
    if (!base) return say(t, FIRST_UNKNOWN, "the result's surface cannot be read");
    FirstVerdict v = say(t, FIRST_HOLDS, "%d elements are right", ALL);
    for (int i = ALL - 1; i >= 0; i--) {
        const double got = f16_to_double(*element(base, p, i)), want = 1.5 * i;
        if (!(fabs(got - want) <= 0.5))
            v = say(t, FIRST_DIFFERS, "element %d is %g, and should be %g", i, got, want);
    }
    engine_unlock(t->engine, surface, SURFACE_READ);
    return v;
}

static FirstVerdict run(Trial *t, const Layout *l, const Id *in, const Id *out)
{
    Trouble why;
    Objc *o = t->engine->objc;
    Id request = engine_request_new(t->engine, l, in, out);
    if (!request) return say(t, FIRST_DIFFERS, "the framework does not take the request");
    const bool ok = engine_run(t->engine, &t->arena, t->model, request, &why);
    objc_drop(o, &request);
    return ok ? look(t, out[0], &l->out[0])
              : say(t, FIRST_DIFFERS, "it does not run: %s", trouble_text(&t->arena, &why));
}

static FirstVerdict try_result(Trial *t)
{
    Layout l;
    Id in[2], out[1];
    if (!read_layout(t, &l)) return FIRST_UNKNOWN;
    if (l.nin != 2 || l.nout != 1 || !fits(&l.out[0]))
        return say(t, FIRST_UNKNOWN, "the ports are others than the program's");
    for (int i = 0; i < 2; i++) in[i] = engine_surface_new(t->engine, &l.in[i]);
    out[0] = engine_surface_new(t->engine, &l.out[0]);
    FirstVerdict v = FIRST_UNKNOWN;
    if (!fill(t, in[0], &l.in[0]) || !fill(t, in[1], &l.in[1]) || !out[0])
        say(t, v, "no surface, or it cannot be locked");
    else v = run(t, &l, in, out);
    for (int i = 0; i < 2; i++) objc_drop(t->engine->objc, &in[i]);
    objc_drop(t->engine->objc, &out[0]);
    return v;
}

/* ---- the folder's life ------------------------------------------------------------------- */

static bool unload(Trial *t, Trouble *why)
{
    t->loaded = false;
    return engine_unload(t->engine, &t->arena, t->model, why);
}

static FirstVerdict try_unloaded(Trial *t)
{
    Trouble why;
    if (!loaded(t)) return FIRST_UNKNOWN;
    if (!unload(t, &why)) return say(t, FIRST_UNKNOWN, "it is not unloaded: %s", why.text);
    const bool there = file_exists(t->dir);
    return say(t, there ? FIRST_DIFFERS : FIRST_HOLDS, "the folder is %s",
               there ? "there still" : "gone");
}

static FirstVerdict try_reload(Trial *t)
{
    static const char *const names[] = { "model.mil", "net.plist", "data" };
    Mapped kept[COUNT(names)];
    Trouble why;
    bool ok = loaded(t);
    size_t n = 0;
    if (!ok) return FIRST_UNKNOWN;
    for (; ok && n < COUNT(names); n++)
        ok = file_read(t->diag, arena_printf(&t->arena, "%s/%s", t->dir, names[n]), &kept[n]);
    if (!ok) n--;
    ok = ok && unload(t, &why) && file_make_dirs(t->diag, t->dir);
    for (size_t i = 0; i < n; i++) {
        const char *path = arena_printf(&t->arena, "%s/%s", t->dir, names[i]);
        ok = ok && file_write_all(t->diag, path, kept[i].data, kept[i].size);
        file_unmap(&kept[i]);
    }
    if (!ok) return say(t, FIRST_UNKNOWN, "its files cannot be kept and put back");
    t->loaded = engine_load(t->engine, &t->arena, t->model, &why);
    return t->loaded ? say(t, FIRST_HOLDS, "it loads again")
                     : say(t, FIRST_DIFFERS, "it does not: %s", trouble_text(&t->arena, &why));
}

static FirstVerdict try_unloading_twice(Trial *t)
{
    Trouble why;
    if (!loaded(t)) return FIRST_UNKNOWN;
    if (!unload(t, &why)) return say(t, FIRST_UNKNOWN, "it is not unloaded: %s", why.text);
    if (unload(t, &why)) return say(t, FIRST_DIFFERS, "the second time is no error");
    return say(t, FIRST_HOLDS, "%s", why.text);
}

/* ---- the list ---------------------------------------------------------------------------- */

static const struct {
    Assumption is;
    FirstVerdict (*try)(Trial *);
} rows[] = {
#define ASSUMPTION(id, name, what, how, otherwise) { { name, what, how, otherwise }, try_##id },
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
    Trial t = { .diag = d, .said = said, .room = room };
    *said = 0;
    t.engine = engine_open(&t.arena, &t.why);
    const FirstVerdict v = rows[i].try(&t);
    if (t.loaded) engine_unload(t.engine, &t.arena, t.model, NULL);
    if (t.dir) file_remove_tree(t.dir);
    if (t.model) objc_drop(t.engine->objc, &t.model);
    if (t.engine) engine_close(t.engine);
    arena_free(&t.arena);
    return v;
}
