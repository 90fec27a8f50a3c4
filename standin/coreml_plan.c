/* coreml_plan.c -- Core ML's classes for compute plans: the structure of a model, and the
 * device on which each operation would run.
 *
 * The handler is called on another thread, with a copy of the block, as Core ML does it.
 * Where the simulated engine takes the whole function it is preferred for all ops on floats;
 * otherwise the processor is. The cost of an operation is its share of all elements that are
 * computed. */
#include "standin.h"

#include "../ir/mil/mil.h"
#include "../backends/backend.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Object object;
    Module *module;
    double elements; /* of the default function's operations */
    bool engine;
} ComputePlan;
/* Every piece of a structure: what it is of, and the plan whose module that lies in. */
typedef struct {
    Object object;
    ComputePlan *plan;
    const void *of;
} Piece;
typedef struct {
    Object object;
    Id prefers;
    Array *can;
} Usage;
typedef struct {
    Object object;
    double weight;
} Cost;
extern Class plan_class, plan_structure_class, plan_program_class, plan_function_class,
    plan_block_class, plan_operation_class, plan_value_class, plan_usage_class,
    plan_cost_class, plan_engine_class, plan_gpu_class, plan_cpu_class;

/* ---- structure --------------------------------------------------------------------------- */

static void destroy_piece(Id o) { object_release(&((Piece *)o)->plan->object); }

/* Retained. */
static Id standin_plan_piece(Class *c, ComputePlan *plan, const void *of)
{
    Piece *p = object_new(c);
    p->plan = (ComputePlan *)object_retain(&plan->object);
    p->of = of;
    return &p->object;
}

static Id standin_plan_given(Class *c, Id self, const void *of)
{
    return object_autorelease(standin_plan_piece(c, ((Piece *)self)->plan, of));
}

static Id plan_structure(Id self, Sel sel)
{
    (void)sel;
    return object_autorelease(
        standin_plan_piece(&plan_structure_class, (ComputePlan *)self, NULL));
}

static Id structure_program(Id self, Sel sel)
{
    (void)sel;
    return fault("ml-plan-program") ? NULL
                                    : standin_plan_given(&plan_program_class, self, NULL);
}

static Id program_functions(Id self, Sel sel)
{
    enum { MOST = 64 };
    ComputePlan *plan = ((Piece *)self)->plan;
    const char *name[MOST];
    Id value[MOST];
    size_t n = 0;
    (void)sel;
    for (const Func *f = plan->module->first; f && !fault("ml-plan-function");
         f = f->next, n++) {
        if (n == MOST) standin_abort("more than %d functions", MOST);
        name[n] = f->name;
        value[n] = standin_plan_piece(&plan_function_class, plan, f);
    }
    return object_autorelease(standin_dict(n, name, value));
}

static Id function_block(Id self, Sel sel)
{
    (void)sel;
    return standin_plan_given(&plan_block_class, self,
                              ((const Func *)((Piece *)self)->of)->body);
}

static Id block_operations(Id self, Sel sel)
{
    const Piece *p = (Piece *)self;
    const Block *b = p->of;
    size_t n = 0;
    (void)sel;
    for (const Op *op = b->first; op; op = op->next) n++;
    Id *item = calloc(n + 1, sizeof *item);
    if (!item) standin_abort("no memory for operations");
    n = 0;
    for (const Op *op = b->first; op; op = op->next)
        item[n++] = standin_plan_piece(&plan_operation_class, p->plan, op);
    Id all = standin_array(n, item);
    free(item);
    return object_autorelease(all);
}

static bool is_const(const Op *op) { return op->nout && op->out[0]->has_lit; }

static Id operation_name(Id self, Sel sel)
{
    const Op *op = ((Piece *)self)->of;
    char name[200];
    (void)sel;
    snprintf(name, sizeof name, "%s.%s", opset_text(op->parent->func->opset),
             op_name(op));
    return object_autorelease(standin_string(is_const(op) ? op_name(op) : name));
}

static Id operation_outputs(Id self, Sel sel)
{
    const Piece *p = (Piece *)self;
    const Op *op = p->of;
    Id item[16];
    (void)sel;
    if (op->nout > (int)COUNT(item)) standin_abort("more than %zu outputs", COUNT(item));
    for (int i = 0; i < op->nout; i++)
        item[i] = standin_plan_piece(&plan_value_class, p->plan, op->out[i]);
    return object_autorelease(standin_array((size_t)op->nout, item));
}

static Id operation_blocks(Id self, Sel sel)
{
    const Piece *p = (Piece *)self;
    const Op *op = p->of;
    Id item[8];
    (void)sel;
    if (op_nblock(op) > (int)COUNT(item))
        standin_abort("more than %zu blocks", COUNT(item));
    for (int i = 0; i < op_nblock(op); i++)
        item[i] = standin_plan_piece(&plan_block_class, p->plan, op_block(op, i));
    return object_autorelease(standin_array((size_t)op_nblock(op), item));
}

static Id value_name(Id self, Sel sel)
{
    (void)sel;
    return object_autorelease(standin_string(((const Value *)((Piece *)self)->of)->name));
}

/* ---- usage and cost ---------------------------------------------------------------------- */

static double elements_of(const Op *op)
{
    double all = 0;
    size_t n;
    for (int i = 0; i < op->nout && !is_const(op); i++)
        if (op->out[i]->type->kind == TY_TENSOR
            && shape_count(&op->out[i]->type->shape, &n))
            all += (double)n;
    return all;
}

static bool standin_plan_counts(void *ctx, Op *op)
{
    ComputePlan *plan = ctx;
    plan->elements += elements_of(op);
    return true;
}

static bool for_engine(const ComputePlan *plan, const Op *op)
{
    return plan->engine && op->nout && op->out[0]->type->kind == TY_TENSOR
        && dtype_is_float(op->out[0]->type->dtype);
}

static const Op *operation_of(Id self, Sel sel, Id operation)
{
    const Piece *p = expect(operation, &plan_operation_class, sel);
    if (p->plan != (ComputePlan *)self)
        standin_abort("%s: an operation of another plan", sel);
    return p->of;
}

static Id device_new(Class *c) { return object_new(c); }

static void destroy_usage(Id o)
{
    object_release(((Usage *)o)->prefers);
    object_release(&((Usage *)o)->can->object);
}

static Id plan_usage(Id self, Sel sel, Id operation)
{
    const Op *op = operation_of(self, sel, operation);
    const bool engine = for_engine((ComputePlan *)self, op);
    const long other = fault("ml-plan-device");
    Class *prefers = engine ? &plan_engine_class : &plan_cpu_class;
    Id can[2];
    size_t n = 0;
    if (is_const(op) || fault("ml-plan-usage")) return NULL;
    if (other) prefers = other == 1 ? &plan_gpu_class : &plan_value_class;
    if (engine) can[n++] = device_new(&plan_engine_class);
    can[n++] = device_new(&plan_cpu_class);
    Usage *u = object_new(&plan_usage_class);
    u->prefers = prefers == &plan_value_class
                   ? standin_plan_piece(prefers, (ComputePlan *)self, NULL)
                   : device_new(prefers);
    u->can = (Array *)standin_array(n, can);
    return object_autorelease(&u->object);
}

static Id usage_prefers(Id self, Sel sel)
{
    (void)sel;
    return ((Usage *)self)->prefers;
}

static Id usage_can(Id self, Sel sel)
{
    (void)sel;
    return &((Usage *)self)->can->object;
}

static Id plan_cost(Id self, Sel sel, Id operation)
{
    const Op *op = operation_of(self, sel, operation);
    if (is_const(op) || fault("ml-plan-cost")) return NULL;
    Cost *c = object_new(&plan_cost_class);
    c->weight = elements_of(op) / ((ComputePlan *)self)->elements;
    return object_autorelease(&c->object);
}

static double cost_weight(Id self, Sel sel)
{
    (void)sel;
    return ((Cost *)self)->weight;
}

/* ---- making one -------------------------------------------------------------------------- */

static void destroy_plan(Id o) { module_free(((ComputePlan *)o)->module); }

/* Retained; NULL: the folder cannot be read. */
static ComputePlan *plan_made(const char *path)
{
    Diag d = { .quiet = true };
    char name[32];
    snprintf(name, sizeof name, "sim:%s", machine().chip);
    Module *m = container_read(&d, path);
    ComputePlan *plan = m ? object_new(&plan_class) : NULL;
    if (plan) {
        plan->module = m;
        func_walk(module_main(m), standin_plan_counts, plan);
        Program *p = program_new_as_given(backend_find(name), m, module_main(m), &d);
        plan->engine = p != NULL;
        program_free(p);
    }
    diag_free(&d);
    return plan;
}

typedef struct {
    BlockObject *handler; /* a copy on the heap */
    char *path;
} PlanMaking;

static void *make_apart(void *ctx)
{
    typedef void Handler(BlockObject *, Id, Id);
    PlanMaking *m = ctx;
    void *pool = pool_push();
    Id plan = NULL, error = NULL;
    if (fault("ml-plan")) ml_refuse(&error, 0, "Failed to load the compute plan");
    else if (!fault("ml-plan-nil")) plan = (Id)plan_made(m->path);
    if (plan) object_autorelease(plan);
    ((Handler *)m->handler->invoke)(m->handler, plan, error);
    pool_pop(pool);
    free(m->handler);
    free(m->path);
    free(m);
    return NULL;
}

/* The last thread is joined before the next one, and at the end. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static pthread_t last;
static bool any;

void standin_join(void)
{
    pthread_mutex_lock(&making);
    if (any) pthread_join(last, NULL);
    any = false;
    pthread_mutex_unlock(&making);
}

static void plan_load(Id class, Sel sel, Id url, Id configuration, BlockObject *handler)
{
    const char *path = ((Url *)expect(url, &url_class, sel))->path;
    PlanMaking *m = calloc(1, sizeof *m);
    (void)class;
    expect(configuration, &ml_configuration_class, sel);
    block_function(handler, sel);
    if (!m || !(m->path = strdup(path))
        || !(m->handler = malloc(handler->descriptor->size)))
        standin_abort("no memory for a plan");
    memcpy(m->handler, handler, handler->descriptor->size);
    standin_join();
    pthread_mutex_lock(&making);
    standin_hold(true); /* a thread's stack is the system's */
    any = !pthread_create(&last, NULL, make_apart, m);
    standin_hold(false);
    if (!any) standin_abort("no thread for a plan");
    pthread_mutex_unlock(&making);
}

/* ---- classes ----------------------------------------------------------------------------- */

#define END \
    { \
        NULL, NULL \
    }
static const Method plan_methods[] = {
    METHOD("modelStructure", plan_structure),
    METHOD("computeDeviceUsageForMLProgramOperation:", plan_usage),
    METHOD("estimatedCostOfMLProgramOperation:", plan_cost),
    END,
};
static const Method plan_makers[] = {
    METHOD("loadContentsOfURL:configuration:completionHandler:", plan_load),
    END,
};
static const Method structure_methods[] = { METHOD("program", structure_program), END };
static const Method program_methods[] = { METHOD("functions", program_functions), END };
static const Method function_methods[] = { METHOD("block", function_block), END };
static const Method block_methods[] = { METHOD("operations", block_operations), END };
static const Method operation_methods[] = {
    METHOD("operatorName", operation_name),
    METHOD("outputs", operation_outputs),
    METHOD("blocks", operation_blocks),
    END,
};
static const Method value_methods[] = { METHOD("name", value_name), END };
static const Method usage_methods[] = {
    METHOD("preferredComputeDevice", usage_prefers),
    METHOD("supportedComputeDevices", usage_can),
    END,
};
static const Method cost_methods[] = { METHOD("weight", cost_weight), END };
static const Method none[] = { END };

CLASS(plan_class, "MLComputePlan", ComputePlan, destroy_plan, plan_methods, plan_makers);
CLASS(plan_structure_class, "MLModelStructure", Piece, destroy_piece, structure_methods,
      NULL);
CLASS(plan_program_class, "MLModelStructureProgram", Piece, destroy_piece,
      program_methods, NULL);
CLASS(plan_function_class, "MLModelStructureProgramFunction", Piece, destroy_piece,
      function_methods, NULL);
CLASS(plan_block_class, "MLModelStructureProgramBlock", Piece, destroy_piece,
      block_methods, NULL);
CLASS(plan_operation_class, "MLModelStructureProgramOperation", Piece, destroy_piece,
      operation_methods, NULL);
CLASS(plan_value_class, "MLModelStructureProgramNamedValueType", Piece, destroy_piece,
      value_methods, NULL);
CLASS(plan_usage_class, "MLComputePlanDeviceUsage", Usage, destroy_usage, usage_methods,
      NULL);
CLASS(plan_cost_class, "MLComputePlanCost", Cost, NULL, cost_methods, NULL);
CLASS(plan_engine_class, "MLNeuralEngineComputeDevice", Object, NULL, none, NULL);
CLASS(plan_gpu_class, "MLGPUComputeDevice", Object, NULL, none, NULL);
CLASS(plan_cpu_class, "MLCPUComputeDevice", Object, NULL, none, NULL);
