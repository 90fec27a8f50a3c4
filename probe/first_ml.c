/* first_ml.c -- trials of Core ML, the public way to the engine: whether it takes the
 * compiled model that is written here, and what it tells about it. */
#include "first.h"

#include "../ir/mil/mil.h"
#include "../backends/backend.h"

#include <string.h>

enum { ELEMENTS = 4 };

typedef struct {
    FirstTrial *trial;
    const char *dir; /* of what is compiled */
    const Backend *backend;
    Module *module;
    Program *program;
    Diag diag;
} FirstMl;

/* The first error that was said, without folders and the word. */
static const char *first_ml_error(FirstMl *m)
{
    const char *said = m->diag.text.s ? m->diag.text.s : "nothing is said",
               *error = strstr(said, "error: ");
    if (error) said = error + strlen("error: ");
    return arena_strndup(&m->trial->arena, said, strcspn(said, "\n"));
}

static FirstVerdict first_ml_close(FirstMl *m, FirstVerdict v)
{
    program_free(m->program);
    module_free(m->module);
    backend_close(m->backend);
    diag_free(&m->diag);
    temp_tree_end(m->dir);
    return v;
}

/* HOLDS: it is compiled. */
static FirstVerdict first_ml_open(FirstMl *m, FirstTrial *t, const char *text,
                                  const char *func)
{
    const Source src = { .name = "t.mil", .text = text, .len = strlen(text) };
    *m = (FirstMl){ .trial = t, .diag = { .quiet = true } };
    m->dir = temp_folder(&t->arena, t->diag);
    m->backend = m->dir ? backend_open("coreml", &(BackendOptions){ .cache_dir = m->dir },
                                       &m->diag)
                        : NULL;
    if (!m->backend) return first_say(t, FIRST_UNKNOWN, "%s", first_ml_error(m));
    m->module = mil_read(&m->diag, &src, ".");
    if (!m->module || !module_verify(m->module, &m->diag, NULL))
        return first_say(t, FIRST_UNKNOWN, "%s", first_ml_error(m));
    m->program = program_new(m->backend, m->module, module_func(m->module, func),
                             &m->diag);
    return m->program ? FIRST_HOLDS
                      : first_say(t, FIRST_DIFFERS, "%s", first_ml_error(m));
}

/* A run with x = 1, 2, 3, 4, whose result has to be `each` times that. */
static FirstVerdict first_ml_run(FirstMl *m, double each)
{
    static const Shape shape = { .rank = 4, .dim = { 1, 1, 1, ELEMENTS } };
    uint16_t v[ELEMENTS];
    const Binding *out;
    for (int i = 0; i < ELEMENTS; i++) v[i] = f16_from_double(i + 1);
    const Binding in = { .name = "x", .value = tensor_view(DT_FP16, &shape, v) };
    if (!program_run(m->program, &m->diag, &in, 1, &(RunOptions){ 0 }))
        return first_say(m->trial, FIRST_DIFFERS, "%s", first_ml_error(m));
    program_results(m->program, &out);
    for (int i = 0; i < ELEMENTS; i++) {
        const double got = tensor_float(&out[0].value, (size_t)i), want = each * (i + 1);
        if (got != want) /* small whole numbers: exact in fp16 */
            return first_say(m->trial, FIRST_DIFFERS,
                             "element %d is %g, and should be %g", i, got, want);
    }
    return first_say(m->trial, FIRST_HOLDS, "%d elements are right", ELEMENTS);
}

static bool first_ml_since(FirstTrial *t, int major)
{
    Arena a = { 0 };
    const char *why = NULL;
    Objc *o = t->engine ? t->engine->objc : objc_open(&a, &why);
    const bool ok = o && objc_system(o, major);
    if (!ok && o) first_say(t, FIRST_UNKNOWN, "this comes with macOS %d", major);
    if (!o) first_say(t, FIRST_UNKNOWN, "%s", why);
    if (!t->engine) objc_close(o);
    arena_free(&a);
    return ok;
}

#define VECTOR "tensor<fp16, [1, 1, 1, 4]>"

static const char plain[] = "program(1.0)\n{\n    func main<ios16>(" VECTOR " x) {\n"
                            "        " VECTOR
                            " y = add(x = x, y = x)[name = tensor<string, []>(\"y\")];\n"
                            "    } -> (y);\n}\n";

static const char counting[] =
    "program(1.3)\n{\n    func main<ios18>(state<" VECTOR "> kept, " VECTOR " x) {\n"
    "        " VECTOR " old = read_state(input = kept)[name = string(\"old\")];\n"
    "        " VECTOR " now = add(x = old, y = x)[name = string(\"now\")];\n"
    "        write_state(data = now, input = kept)[name = string(\"w\")];\n"
    "        " VECTOR
    " y = add(x = now, y = x)[name = string(\"y\")];\n    } -> (y);\n}\n";

static const char several[] =
    "program(1.3)\n{\n    func main<ios18>(" VECTOR " x) {\n"
    "        " VECTOR " y = add(x = x, y = x)[name = string(\"y\")];\n    } -> (y);\n"
    "    func more<ios18>(" VECTOR " x) {\n"
    "        " VECTOR
    " y = mul(x = x, y = fp16(5.0))[name = string(\"y\")];\n    } -> (y);\n}\n";

FirstVerdict try_coreml(FirstTrial *t)
{
    FirstMl m;
    FirstVerdict v = first_ml_open(&m, t, plain, "main");
    if (v == FIRST_HOLDS) v = first_ml_run(&m, 2);
    const char *why = m.program ? m.program->as.why : NULL;
    if (v == FIRST_HOLDS && why && strstr(why, "did not load what was written"))
        v = first_say(t, FIRST_DIFFERS, "%s", why);
    return first_ml_close(&m, v);
}

/* Of the second run: what the first has left counts. */
FirstVerdict try_coreml_states(FirstTrial *t)
{
    FirstMl m;
    if (!first_ml_since(t, 15)) return FIRST_UNKNOWN;
    FirstVerdict v = first_ml_open(&m, t, counting, "main");
    if (v == FIRST_HOLDS) v = first_ml_run(&m, 2);
    if (v == FIRST_HOLDS) v = first_ml_run(&m, 3);
    return first_ml_close(&m, v);
}

FirstVerdict try_coreml_functions(FirstTrial *t)
{
    FirstMl m;
    if (!first_ml_since(t, 15)) return FIRST_UNKNOWN;
    FirstVerdict v = first_ml_open(&m, t, several, "more");
    if (v == FIRST_HOLDS) v = first_ml_run(&m, 5);
    return first_ml_close(&m, v);
}

static FirstVerdict first_ml_plan(FirstMl *m)
{
    FirstTrial *t = m->trial;
    Placings plan;
    if (!program_place(m->program, &t->arena, &m->diag, &plan))
        return first_say(t, FIRST_DIFFERS, "%s", first_ml_error(m));
    if (plan.n != 1 || strcmp(plan.at[0].op, "add") != 0)
        return first_say(t, FIRST_DIFFERS, "%d operations, of which the first is %s",
                         plan.n, plan.n ? plan.at[0].op : "none");
    if (!plan.at[0].prefers)
        return first_say(t, FIRST_DIFFERS, "what add prefers is not said");
    return first_say(t, FIRST_HOLDS, "add prefers the %s", plan.at[0].prefers);
}

FirstVerdict try_coreml_plan(FirstTrial *t)
{
    FirstMl m;
    if (!first_ml_since(t, 14)) return FIRST_UNKNOWN;
    FirstVerdict v = first_ml_open(&m, t, plain, "main");
    if (v == FIRST_HOLDS) v = first_ml_plan(&m);
    return first_ml_close(&m, v);
}
