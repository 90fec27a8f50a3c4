/* coreml_model.c -- Core ML's classes for models, configurations and states. A model is read
 * from its folder, its description is checked against its program, and it runs on the
 * simulated engine, or on the processor where that engine refuses it (Core ML itself divides
 * a program between the two). */
#include "standin.h"

#include "../ir/mil/spec.h"
#include "../backends/backend.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK "anesim.compiled" /* a file in what compileModelAtURL: made */
enum { GENERIC = 0, FEATURE_TYPE = 1, IO = 3 }; /* MLModelError */
enum { CPU_AND_ENGINE = 3 };

typedef struct {
    Object object;
    long units;
    char *function;
} Configuration;
typedef struct {
    Object object;
    pthread_mutex_t lock;
    Module *module;
    Func *func;
    Program *program;
} CoreModel;
typedef struct {
    Object object;
    CoreModel *model;
    Tensor *value;
    int n;
} StateObject;
extern Class ml_model_class, ml_state_class;

/* ---- configuration ----------------------------------------------------------------------- */

static void destroy_configuration(Id o) { free(((Configuration *)o)->function); }

static void configuration_units(Id self, Sel sel, long units)
{
    if (units != CPU_AND_ENGINE) standin_abort("%s %ld", sel, units);
    if (system_major() < 13) standin_abort("%s %ld before macOS 13", sel, units);
    ((Configuration *)self)->units = units;
}

static void configuration_function(Id self, Sel sel, Id name)
{
    ((Configuration *)self)->function = strdup(
        ((String *)expect(name, &string_class, sel))->text);
}

static const Method configuration_methods[] = {
    METHOD("init", object_init),
    METHOD("setComputeUnits:", configuration_units),
    METHOD("setFunctionName:", configuration_function),
    { NULL, NULL },
};
static const Method makers[] = { METHOD("alloc", object_alloc), { NULL, NULL } };
CLASS(ml_configuration_class, "MLModelConfiguration", Configuration,
      destroy_configuration, configuration_methods, makers);

/* ---- the description in the folder, against its program ---------------------------------- */

static const Value *find_value(Value *const *v, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(v[i]->name, name)) return v[i];
    return NULL;
}

/* Every value of the side is described once, and as what it is. */
static bool side_agrees(const struct Features *described, const Func *f, int side,
                        Buf *why)
{
    Value *const *v = side == ABOUT_OUTPUT ? f->body->result : f->body->param;
    const int n = side == ABOUT_OUTPUT ? f->body->nresult : f->body->nparam;
    int here = 0;
    for (int i = 0; i < n; i++)
        here += side == ABOUT_OUTPUT || about_side_of(v[i]) == side;
    for (int i = 0; i < described->count; i++) {
        const Feature *x = &described->at[i];
        const Value *value = find_value(v, n, x->name);
        if (!value || !x->type || !feature_fits(x->type, x->len, value)) {
            buf_printf(why, "the description of %s does not fit the program", x->name);
            return false;
        }
        for (int k = 0; k < i; k++)
            if (!strcmp(described->at[k].name, x->name)) here = -1;
    }
    if (here == described->count) return true;
    buf_printf(why, "the description of %s does not list what the program has", f->name);
    return false;
}

static bool description_agrees(Module *m, Buf *why)
{
    About *a = m->about;
    int n = 0;
    if (!a || !a->spec) {
        buf_puts(why, "the model is not described");
        return false;
    }
    for (const Func *f = m->first; f; f = f->next, n++) {
        const AboutFunc *of = NULL;
        for (int i = 0; i < a->nfunc; i++)
            if (!strcmp(a->func[i].name, f->name)) of = &a->func[i];
        if (!of) buf_printf(why, "the function %s is not described", f->name);
        if (of && a->spec < spec_of_opset(f->opset))
            buf_printf(why, "specification %d, where the program needs %d", a->spec,
                       spec_of_opset(f->opset));
        for (int side = 0; of && !why->len && side < ABOUT_SIDES; side++)
            side_agrees(&of->side[side], f, side, why);
        if (why->len) return false;
    }
    return n == a->nfunc;
}

/* ---- loading ----------------------------------------------------------------------------- */

static void destroy_model(Id o)
{
    CoreModel *m = (CoreModel *)o;
    program_free(m->program);
    module_free(m->module);
    pthread_mutex_destroy(&m->lock);
}

static bool has_file(Arena *a, const char *dir, const char *name)
{
    return file_exists(arena_printf(a, "%s/%s", dir, name));
}

static void first_line(const Diag *d, Buf *why)
{
    const char *s = d->text.s ? d->text.s : "", *error = strstr(s, "error: ");
    if (error) s = error + 7;
    if (!why->len) buf_add(why, s, strcspn(s, "\n"));
}

static bool read_folder(CoreModel *m, Arena *a, const char *path, Diag *d, Buf *why)
{
    static const char *const files[] = { "model.mil", "coremldata.bin", "metadata.json" };
    for (size_t i = 0; i < COUNT(files); i++)
        if (!has_file(a, path, files[i])) buf_printf(why, "there is no %s", files[i]);
    if (!file_has_suffix(path, ".mlmodelc")) buf_puts(why, "the folder is no .mlmodelc");
    if (why->len) return false;
    m->module = container_read(d, path);
    return m->module && module_verify(m->module, d, NULL)
        && description_agrees(m->module, why);
}

static bool choose_func(CoreModel *m, const Configuration *c, Buf *why)
{
    if (c->units != CPU_AND_ENGINE)
        standin_abort("a model is loaded without its compute units");
    m->func = c->function ? module_func(m->module, c->function) : module_main(m->module);
    if (!m->func)
        buf_printf(why, "the model has no function %s", c->function ? c->function : "");
    return m->func != NULL;
}

static bool standin_ml_start(CoreModel *m, Diag *d)
{
    Diag quiet = { .quiet = true };
    char name[32];
    snprintf(name, sizeof name, "sim:%s", machine().chip);
    m->program = program_new_as_given(backend_find(name), m->module, m->func, &quiet);
    diag_free(&quiet);
    if (!m->program) m->program = program_new(backend_find("cpu"), m->module, m->func, d);
    return m->program != NULL;
}

static Id model_with(Id class, Sel sel, Id url, Id configuration, Id *error)
{
    const char *path = ((Url *)expect(url, &url_class, sel))->path;
    const Configuration *c = expect(configuration, &ml_configuration_class, sel);
    Arena a = { 0 };
    Buf why = { 0 };
    Diag d = { .quiet = true };
    CoreModel *m = object_new(&ml_model_class);
    (void)class;
    pthread_mutex_init(&m->lock, NULL);
    usleep((useconds_t)fault("slow") * 1000);
    if (fault("ml-load")) buf_puts(&why, "Failed to load the model");
    else if (fault("ml-written") && !has_file(&a, path, MARK))
        buf_puts(&why, "Unable to load the model");
    bool ok = !why.len && read_folder(m, &a, path, &d, &why) && choose_func(m, c, &why)
           && standin_ml_start(m, &d);
    first_line(&d, &why);
    if (!ok) {
        ml_refuse(error, IO, "%s", why.s ? why.s : "Failed to load the model");
        object_release(&m->object);
    }
    diag_free(&d);
    buf_free(&why);
    arena_free(&a);
    return ok ? object_autorelease(&m->object) : NULL;
}

static bool standin_ml_compile(Arena *a, const char *from, const char *to, Diag *d)
{
    Module *m = container_read(d, from);
    bool ok = m && module_verify(m, d, NULL) && container_save(m, d, to)
           && file_write_all(d, arena_printf(a, "%s/" MARK, to), "", 0);
    module_free(m);
    return ok;
}

static Id model_compile(Id class, Sel sel, Id url, Id *error)
{
    const char *path = ((Url *)expect(url, &url_class, sel))->path,
               *temp = getenv("TMPDIR");
    Arena a = { 0 };
    Buf why = { 0 };
    Diag d = { .quiet = true };
    Url *made = NULL;
    (void)class;
    if (!file_has_suffix(path, ".mlpackage"))
        standin_abort("%s: %s is no package", sel, path);
    char *to = arena_printf(&a, "%s/anesim-XXXXXX", temp && *temp ? temp : "/tmp");
    if (fault("ml-compile")) buf_puts(&why, "Failed to compile the package");
    /* A folder that is named as Core ML names one, in no folder of its own: whoever removes it
     * leaves nothing. */
    const char *folder = why.len || !mkdtemp(to) ? NULL
                                                 : arena_printf(&a, "%s.mlmodelc", to);
    if (folder && !rename(to, folder) && standin_ml_compile(&a, path, folder, &d)) {
        made = object_new(&url_class);
        made->path = strdup(folder);
    }
    first_line(&d, &why);
    if (!made) ml_refuse(error, GENERIC, "%s", why.s ? why.s : "");
    diag_free(&d);
    buf_free(&why);
    arena_free(&a);
    return made ? object_autorelease(&made->object) : NULL;
}

/* ---- states ------------------------------------------------------------------------------ */

static void destroy_state(Id o)
{
    StateObject *s = (StateObject *)o;
    for (int i = 0; i < s->n; i++) tensor_free(&s->value[i]);
    free(s->value);
    object_release(&s->model->object);
}

static long number_of(DType t)
{
    if (dtypes[t].array) return dtypes[t].array;
    standin_abort("an array of %s", dtypes[t].name);
}

static Id model_new_state(Id self, Sel sel)
{
    CoreModel *m = (CoreModel *)self;
    Binding *from;
    Diag d = { .quiet = true };
    (void)sel;
    if (fault("ml-no-state")) return NULL;
    StateObject *s = object_new(&ml_state_class);
    s->model = (CoreModel *)object_retain(self);
    s->n = program_states(m->program, &from);
    s->value = calloc((size_t)s->n + 1, sizeof *s->value);
    for (int i = 0; s->value && i < s->n; i++)
        if (!tensor_alloc(&s->value[i], &d, from[i].value.dtype, &from[i].value.shape))
            standin_abort("no memory");
    diag_free(&d);
    return &s->object;
}

static MultiArray *array_of(const Tensor *t, bool row_more)
{
    int64_t dim[ARRAY_RANK] = { 1 };
    const int rank = t->shape.rank ? t->shape.rank : 1;
    for (int i = 0; i < t->shape.rank; i++) dim[i] = t->shape.dim[i];
    dim[0] += row_more;
    return multi_new(number_of(t->dtype), rank, dim);
}

static void state_array(Id self, Sel sel, Id name, BlockObject *handler)
{
    StateObject *s = (StateObject *)self;
    const char *key = ((String *)expect(name, &string_class, sel))->text;
    typedef void Handler(BlockObject *, Id);
    Handler *fn = (Handler *)block_function(handler, sel);
    Binding *b;
    const int n = program_states(s->model->program, &b);
    int k = 0;
    while (k < n && strcmp(b[k].name, key) != 0) k++;
    if (k == n) standin_abort("%s: there is no state %s", sel, key);
    if (fault("ml-state-nil")) {
        fn(handler, NULL);
        return;
    }
    MultiArray *m = array_of(&s->value[k], fault("ml-state"));
    if (!fault("ml-state")) multi_copy(m, s->value[k].data, true);
    fn(handler, &m->object);
    if (!fault("ml-state")) multi_copy(m, s->value[k].data, false);
    if (m->object.count != 1) standin_abort("%s: the handler has kept the array", sel);
    object_release(&m->object);
}

static const Method state_methods[] = {
    METHOD("getMultiArrayForStateNamed:handler:", state_array),
    { NULL, NULL },
};
CLASS(ml_state_class, "MLState", StateObject, destroy_state, state_methods, NULL);

/* ---- predictions ------------------------------------------------------------------------- */

typedef struct {
    CoreModel *model;
    StateObject *state;
    const Dict *in, *backing;
    Binding *bind;
    int n;
    Diag d;
} Prediction;

static bool bind_one(Prediction *p, const Value *v, Id *error)
{
    const FeatureValue *value = (FeatureValue *)dict_find(p->in, v->name);
    if (!value)
        return ml_refuse(error, FEATURE_TYPE, "Feature %s is required but not specified.",
                         v->name);
    MultiArray *m = value->array;
    Binding *b = &p->bind[p->n];
    Shape shape = { .rank = m->rank };
    for (int i = 0; i < m->rank; i++) shape.dim[i] = m->dim[i];
    if (m->type != number_of(v->type->dtype))
        return ml_refuse(error, FEATURE_TYPE,
                         "MultiArray for %s has another type of data", v->name);
    *b = (Binding){ .name = v->name };
    if (!tensor_alloc(&b->value, &p->d, v->type->dtype, &shape))
        standin_abort("no memory for %s", v->name);
    p->n++;
    multi_copy(m, b->value.data, false);
    return true;
}

static bool bind_all(Prediction *p, Id *error)
{
    const Block *b = p->model->func->body;
    p->bind = calloc((size_t)b->nparam + 1, sizeof *p->bind);
    if (!p->bind) standin_abort("no memory for inputs");
    for (int i = 0; i < b->nparam; i++)
        if (!param_is_state(b->param[i]) && !bind_one(p, b->param[i], error))
            return false;
    if (p->in->count == (size_t)p->n) return true;
    return ml_refuse(error, FEATURE_TYPE, "%zu features are given, and the model has %d",
                     p->in->count, p->n);
}

static void move_states(Prediction *p, bool in)
{
    Binding *b;
    const int n = program_states(p->model->program, &b);
    for (int i = 0; i < n; i++) {
        if (in) memcpy(b[i].value.data, p->state->value[i].data, b[i].value.bytes);
        else memcpy(p->state->value[i].data, b[i].value.data, b[i].value.bytes);
    }
}

static bool backing_fits(const MultiArray *m, const Tensor *t)
{
    bool same = m->type == number_of(t->dtype) && m->rank == t->shape.rank;
    for (int i = 0; same && i < m->rank; i++) same = m->dim[i] == t->shape.dim[i];
    return same;
}

/* The array of a result, retained. */
static MultiArray *standin_ml_deliver(Prediction *p, const Binding *r, Id *error)
{
    Tensor copy = { 0 };
    const Tensor *t = &r->value;
    const bool other = fault("ml-shape") || fault("ml-type") || fault("ml-own")
                    || fault("ml-kind") || fault("ml-short");
    MultiArray *m = p->backing ? (MultiArray *)dict_find(p->backing, r->name) : NULL;
    if (m && !backing_fits(m, t)) {
        ml_refuse(error, FEATURE_TYPE, "the output backing of %s does not fit it",
                  r->name);
        return NULL;
    }
    if (other) m = NULL;
    if (fault("ml-type") || fault("ml-shape")) { /* nothing of use is in it */
        copy = *t;
        if (fault("ml-type")) copy.dtype = DT_FP64;
        return array_of(&copy, fault("ml-shape"));
    }
    if (m) object_retain(&m->object);
    else m = array_of(t, false);
    multi_copy(m, t->data, true);
    return m;
}

static Id standin_ml_collect(Prediction *p, Id *error)
{
    const Binding *r;
    const int n = program_results(p->model->program, &r),
              first = fault("ml-missing") ? 1 : 0;
    const char *name[256];
    Id value[256];
    if (n > (int)COUNT(name)) standin_abort("more than %zu results", COUNT(name));
    for (size_t i = 0; p->backing && i < p->backing->count; i++) {
        int k = 0;
        while (k < n && strcmp(r[k].name, ((String *)p->backing->key[i])->text) != 0) k++;
        if (k == n)
            standin_abort("an output backing for %s, which the model has not",
                          ((String *)p->backing->key[i])->text);
    }
    int made = 0;
    for (int i = first; i < n; i++) {
        MultiArray *m = standin_ml_deliver(p, &r[i], error);
        if (!m) break;
        name[made] = r[i].name;
        value[made++] = value_made(m);
    }
    Provider *out = object_new(&ml_provider_class);
    out->features = (Dict *)standin_dict((size_t)made, name, value);
    object_autorelease(&out->object);
    return made == n - first ? &out->object : NULL;
}

static Id standin_ml_predict(Prediction *p, Id *error)
{
    Binding *b;
    Id out = NULL;
    const int states = program_states(p->model->program, &b);
    if (fault("ml-nil")) return NULL;
    if (fault("ml-predict"))
        return ml_refuse(error, GENERIC, "Unable to compute the prediction"), NULL;
    if (states && !p->state)
        return ml_refuse(error, GENERIC, "The model has states, and none is given"), NULL;
    if (p->state && p->state->model != p->model)
        standin_abort("a state of another model");
    if (bind_all(p, error)) {
        if (p->state) move_states(p, true);
        if (program_run(p->model->program, &p->d, p->bind, p->n,
                        &(RunOptions){ .max_steps = 1000000 })) {
            if (p->state) move_states(p, false);
            out = standin_ml_collect(p, error);
        } else {
            ml_refuse(error, GENERIC, "%s", p->d.text.s ? p->d.text.s : "");
        }
    }
    for (int i = 0; i < p->n; i++) tensor_free(&p->bind[i].value);
    free(p->bind);
    return out;
}

static Id predict_with(Id self, Sel sel, Id features, Id state, Id options, Id *error)
{
    CoreModel *m = (CoreModel *)self;
    const Provider *in = expect(features, &ml_provider_class, sel);
    const PredictionOptions *o = expect(options, &ml_options_class, sel);
    Prediction p = { .model = m,
                     .state = (StateObject *)state,
                     .in = in->features,
                     .backing = o->backings,
                     .d = { .quiet = true } };
    if (!p.in) standin_abort("%s: features without a dictionary", sel);
    pthread_mutex_lock(&m->lock);
    Id out = standin_ml_predict(&p, error);
    pthread_mutex_unlock(&m->lock);
    diag_free(&p.d);
    return out;
}

static Id model_predict(Id self, Sel sel, Id features, Id options, Id *error)
{
    return predict_with(self, sel, features, NULL, options, error);
}

static Id model_predict_state(Id self, Sel sel, Id features, Id state, Id options,
                              Id *error)
{
    expect(state, &ml_state_class, sel);
    return predict_with(self, sel, features, state, options, error);
}

static const Method model_methods[] = {
    METHOD("newState", model_new_state),
    METHOD("predictionFromFeatures:options:error:", model_predict),
    METHOD("predictionFromFeatures:usingState:options:error:", model_predict_state),
    { NULL, NULL },
};
static const Method model_makers[] = {
    METHOD("modelWithContentsOfURL:configuration:error:", model_with),
    METHOD("compileModelAtURL:error:", model_compile),
    { NULL, NULL },
};
CLASS(ml_model_class, "MLModel", CoreModel, destroy_model, model_methods, model_makers);
