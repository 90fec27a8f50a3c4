/* neural_request.c -- requests of the engine's private framework: surfaces by the indices of their
 * symbols, what the framework checks of them, and their evaluation by a loaded model. */
#include "standin.h"

#include <pthread.h>

extern Class wrapper_class;

/* ---- requests ---------------------------------------------------------------------------- */

typedef struct {
    Object object;
    Surface *surface;
} Wrapper;
typedef struct {
    Object object;
    Array *in, *in_index, *out, *out_index;
    int64_t procedure;
} Request;

static void destroy_wrapper(Id o) { object_release(&((Wrapper *)o)->surface->object); }

static Id wrapper_make(Id class, Sel sel, Id surface)
{
    (void)class;
    expect(surface, &surface_class, sel);
    Wrapper *w = object_new(&wrapper_class);
    w->surface = (Surface *)object_retain(surface);
    return object_autorelease(&w->object);
}

static const Method wrapper_makers[] = { METHOD("objectWithIOSurface:", wrapper_make),
                                         { NULL, NULL } };
CLASS(wrapper_class, "_ANEIOSurfaceObject", Wrapper, destroy_wrapper, NULL,
      wrapper_makers);

static void destroy_request(Id o)
{
    Request *r = (Request *)o;
    object_release(&r->in->object);
    object_release(&r->in_index->object);
    object_release(&r->out->object);
    object_release(&r->out_index->object);
}

static Array *take_array(Id array, const Class *of, Sel sel)
{
    Array *a = expect(array, &array_class, sel);
    for (size_t i = 0; i < a->count; i++) expect(a->item[i], of, sel);
    return (Array *)object_retain(array);
}

static Id request_make(Id class, Sel sel, Id in, Id in_index, Id out, Id out_index,
                       Id weights, Id statistics, Id procedure)
{
    (void)class;
    if (weights || statistics) standin_abort("%s: a weights buffer or statistics", sel);
    Request *r = object_new(&request_class);
    r->in = take_array(in, &wrapper_class, sel);
    r->in_index = take_array(in_index, &number_class, sel);
    r->out = take_array(out, &wrapper_class, sel);
    r->out_index = take_array(out_index, &number_class, sel);
    r->procedure = ((StandinNumber *)expect(procedure, &number_class, sel))->value;
    return object_autorelease(&r->object);
}

/* What the framework checks of each request (facts 10.2). */
enum { MOST_BUFFERS = 255, LAST_SYMBOL = 254, LAST_PROCEDURE = 128 };

static bool indices_fit(const Array *surface, const Array *index)
{
    bool ok = surface->count && surface->count == index->count;
    for (size_t i = 0; i < index->count; i++) {
        const int64_t at = ((StandinNumber *)index->item[i])->value;
        ok = ok && at >= 0 && at <= LAST_SYMBOL;
    }
    return ok;
}

static bool request_fits(const Request *r)
{
    return r->in->count + r->out->count <= MOST_BUFFERS && indices_fit(r->in, r->in_index)
        && indices_fit(r->out, r->out_index) && r->procedure >= 0
        && r->procedure <= LAST_PROCEDURE;
}

static Flag request_validate(Id self, Sel sel)
{
    (void)sel;
    return !fault("no-request") && request_fits((Request *)self);
}

static const Method request_methods[] = { METHOD("validate", request_validate),
                                          { NULL, NULL } };
static const Method request_makers[] = {
    METHOD(
        "requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:procedureIndex:",
        request_make),
    { NULL, NULL },
};
CLASS(request_class, "_ANERequest", Request, destroy_request, request_methods,
      request_makers);

/* ---- evaluating -------------------------------------------------------------------------- */

static Flag processing_failed(Id *error, unsigned status)
{
    static const char said[] =
        "ANEProgramProcessRequestDirect() Failed with status=0x%x : statusType=0x9: "
        "Program Inference error";
    return refuse(error, NEURAL_INFERENCE, said, status);
}

/* The surface of each place, by its symbol's index. */
static Flag neural_match(const Array *wrapper, const Array *index,
                         const StandinPlace *place, int n, Surface **out, Id *error)
{
    if (wrapper->count != (size_t)n) return processing_failed(error, 0x2);
    for (int i = 0; i < n; i++) {
        out[i] = NULL;
        for (int k = 0; k < n; k++)
            if (((StandinNumber *)index->item[k])->value == place[i].symbol)
                out[i] = ((Wrapper *)wrapper->item[k])->surface;
        if (!out[i]) return processing_failed(error, 0x2);
        if (out[i]->bytes < place[i].bytes || out[i]->row != place[i].row)
            return processing_failed(error, 0x1d);
    }
    return 1;
}

static void take_all(Surface *const *s, int n, bool take)
{
    for (int i = 0; i < n; i++) {
        if (!take) surface_give(s[i]);
        else if (!surface_take(s[i]))
            standin_abort("evaluation while a surface is locked");
    }
}

static pthread_mutex_t evaluations_lock = PTHREAD_MUTEX_INITIALIZER;
static long evaluations, busy_evaluations;

/* The faults that are counted over all models. */
static unsigned status_of_fault(void)
{
    const long from = fault("eval-fails");
    pthread_mutex_lock(&evaluations_lock);
    const bool busy = busy_evaluations < fault("eval-busy"),
               fails = from && ++evaluations >= from;
    busy_evaluations += busy;
    pthread_mutex_unlock(&evaluations_lock);
    return busy ? 0x5 : fails ? 0x2 : 0;
}

Flag request_run(Id request, Compiled *loaded, Id *error)
{
    const Request *r = (const Request *)request;
    const Procedure *p;
    const int n = loaded ? compiled_procedures(loaded, &p) : 0;
    Surface *in[256], *out[256];
    Buf why = { 0 };
    if (!loaded) return refuse(error, NEURAL_NOT_FOUND, "the model is not loaded");
    if (!request_fits(r))
        return refuse(error, NEURAL_BAD_ARGUMENT, "the request is not valid");
    if (r->procedure < 0 || r->procedure >= n) return processing_failed(error, 0x2);
    p += r->procedure;
    const unsigned status = status_of_fault();
    if (status) return processing_failed(error, status);
    if (!neural_match(r->in, r->in_index, p->in, p->nin, in, error)
        || !neural_match(r->out, r->out_index, p->out, p->nout, out, error))
        return 0;
    for (int i = 0; i < p->nin; i++)
        if (in[i]->was_result && fault("result-kept"))
            return processing_failed(error, 0x1d);
    for (int i = 0; i < p->nout; i++) out[i]->was_result = true;
    take_all(in, p->nin, true);
    take_all(out, p->nout, true);
    bool ok = compiled_run(loaded, (int)r->procedure, in, out, &why);
    take_all(in, p->nin, false);
    take_all(out, p->nout, false);
    if (!ok)
        refuse(error, NEURAL_INFERENCE, "Program Inference error: %s",
               why.s ? why.s : "");
    buf_free(&why);
    return ok;
}
