/* runtime.c -- the Objective-C runtime: classes, selectors, messages, reference counts,
 * pools. */
#include "standin.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void standin_abort(const char *fmt, ...)
{
    va_list ap;
    fputs("anesim: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

/* ---- classes ----------------------------------------------------------------------------- */

/* clang-format off */
#define CLASSES(X) \
    X(string_class) X(number_class) X(data_class) X(array_class) \
    X(dict_class) X(error_class) X(surface_class) X(descriptor_class) \
    X(model_class) X(inner_class) X(request_class) X(wrapper_class) \
    X(device_class) X(url_class) X(process_class) X(ml_array_class) \
    X(ml_value_class) X(ml_provider_class) X(ml_options_class) X(ml_configuration_class) \
    X(ml_model_class) X(ml_state_class) X(exception_class) \
    X(plan_class) X(plan_structure_class) X(plan_program_class) X(plan_function_class) \
    X(plan_block_class) X(plan_operation_class) X(plan_value_class) X(plan_usage_class) \
    X(plan_cost_class) X(plan_engine_class) X(plan_gpu_class) X(plan_cpu_class)
/* clang-format on */
#define DECLARE(c) extern Class c;
CLASSES(DECLARE)
#define LIST(c) &c,
static Class *const classes[] = { CLASSES(LIST) };

EXPORT Class *objc_getClass(const char *name);
EXPORT Class *objc_getClass(const char *name)
{
    may_raise(__func__);
    if (fault("ml-class") && !strcmp(name, "MLModel")) return NULL;
    if (fault_names("no-class", name)) return NULL;
    if (system_major() < 14 && !strncmp(name, "MLComputePlan", strlen("MLComputePlan")))
        return NULL;
    if (system_major() < 15 && !strcmp(name, "MLState")) return NULL;
    for (size_t i = 0; i < COUNT(classes); i++)
        if (!strcmp(classes[i]->name, name)) return classes[i];
    return NULL;
}

/* ---- selectors: equal names are one pointer ---------------------------------------------- */

static pthread_mutex_t selectors_lock = PTHREAD_MUTEX_INITIALIZER;
static struct Selector {
    struct Selector *next;
    char name[];
} * selectors;

EXPORT Sel sel_registerName(const char *name);
EXPORT Sel sel_registerName(const char *name)
{
    may_raise(__func__);
    pthread_mutex_lock(&selectors_lock);
    struct Selector *s = selectors;
    while (s && strcmp(s->name, name) != 0) s = s->next;
    if (!s) {
        s = malloc(sizeof *s + strlen(name) + 1);
        if (!s) standin_abort("no memory for a selector");
        strcpy(s->name, name);
        s->next = selectors;
        selectors = s;
    }
    pthread_mutex_unlock(&selectors_lock);
    return s->name;
}

/* ---- sends ------------------------------------------------------------------------------- */

static Class released = { .name = "a released object" };

static Id method_retain(Id self, Sel sel)
{
    (void)sel;
    return object_retain(self);
}
static void method_release(Id self, Sel sel)
{
    (void)sel;
    object_release(self);
}
static Id method_autorelease(Id self, Sel sel)
{
    (void)sel;
    return object_autorelease(self);
}

static Flag method_is_kind(Id self, Sel sel, const Class *c)
{
    if (!c || !c->meta) standin_abort("%s takes a class", sel);
    return self->isa == c; /* nothing here is below another class */
}

static const Method root[] = {
    METHOD("isKindOfClass:", method_is_kind),
    METHOD("retain", method_retain),
    METHOD("release", method_release),
    METHOD("autorelease", method_autorelease),
    { NULL, NULL },
};

static Imp *find_in(const Method *m, Sel sel)
{
    for (; m && m->selector; m++)
        if (!strcmp(m->selector, sel)) return m->fn;
    return NULL;
}

/* What Apple's documentation says came with a later macOS than the classes did. */
static bool is_younger(Sel sel)
{
    static const struct {
        const char *selector;
        long since;
    } added[] = {
        { "setFunctionName:", 15 },
        { "newState", 15 },
        { "predictionFromFeatures:usingState:options:error:", 15 },
        { "getMultiArrayForStateNamed:handler:", 15 },
    };
    for (size_t i = 0; i < COUNT(added); i++)
        if (system_major() < added[i].since && !strcmp(sel, added[i].selector))
            return true;
    return false;
}

static Imp *standin_answer(const Class *c, Sel sel)
{
    if (fault_names("no-selector", sel) || is_younger(sel)) return NULL;
    Imp *fn = find_in(c->method, sel);
    return !fn && c->meta ? find_in(root, sel) : fn; /* instances alone are counted */
}

EXPORT Class *object_getClass(Id o);
EXPORT Class *object_getClass(Id o)
{
    may_raise(__func__);
    return o ? o->isa : NULL;
}

EXPORT Flag class_respondsToSelector(const Class *c, Sel sel);
EXPORT Flag class_respondsToSelector(const Class *c, Sel sel)
{
    may_raise(__func__);
    return c && standin_answer(c, sel);
}

/* A method that makes nothing: nil, and an initialiser gives back what it was sent to. */
static Id give_nil(Id self, Sel sel)
{
    if (self->isa->meta && !strncmp(sel, "init", 4)) object_release(self);
    return NULL;
}

/* Faults name a selector, or one of a class: "MLMultiArray.alloc". */
static bool makes_nothing(const Class *c, Sel sel)
{
    char name[256];
    snprintf(name, sizeof name, "%s.%s", c->name, sel);
    return gives_nil(sel) || gives_nil(name);
}

/* Called by objc_msgSend: the function that answers. */
Imp *standin_find(Id self, Sel sel);
__attribute__((used, visibility("hidden"))) Imp *standin_find(Id self, Sel sel)
{
    Imp *fn = standin_answer(self->isa, sel);
    if (fn && (raises(sel) || raises("objc_msgSend")))
        return (Imp *)(void (*)(void))standin_raise;
    if (!fn || self->isa == &released)
        standin_abort("%s does not understand %s", self->isa->name, sel);
    if (makes_nothing(self->isa, sel)) return (Imp *)(void (*)(void))give_nil;
    return fn;
}

/* The arguments are kept, the method is found, and it is jumped to as if it had been called: it
 * sees the caller's registers and stack. None here takes floating-point numbers. */
#if defined(__APPLE__)
#define SYMBOL(s) "_" #s
#define GLOBAL(s) ".globl _" #s "\n_" #s ":\n"
#else
#define SYMBOL(s) #s
#define GLOBAL(s) ".globl " #s "\n.type " #s ",%function\n" #s ":\n"
#endif
#if defined(__x86_64__)
__asm__(".text\n" GLOBAL(
    objc_msgSend) "   testq %rdi, %rdi\n"
                  "   je 1f\n"
                  "   pushq %rbp\n"
                  "   movq %rsp, %rbp\n"
                  "   pushq %rdi\n   pushq %rsi\n   pushq %rdx\n   pushq %rcx\n   pushq %r8\n   pushq %r9\n"
                  "   call " SYMBOL(
                      standin_find) "\n"
                                    "   movq %rax, %r11\n"
                                    "   popq %r9\n   popq %r8\n   popq %rcx\n   popq %rdx\n   popq %rsi\n   popq %rdi\n"
                                    "   popq %rbp\n"
                                    "   jmpq *%r11\n"
                                    "1: xorl %eax, %eax\n"
                                    "   ret\n");
#elif defined(__aarch64__)
__asm__(".text\n.p2align 2\n" GLOBAL(
    objc_msgSend) "   cbz x0, 1f\n"
                  "   stp x29, x30, [sp, #-96]!\n"
                  "   mov x29, sp\n"
                  "   stp x0, x1, [sp, #16]\n   stp x2, x3, [sp, #32]\n"
                  "   stp x4, x5, [sp, #48]\n   stp x6, x7, [sp, #64]\n   str x8, [sp, #80]\n"
                  "   bl " SYMBOL(
                      standin_find) "\n"
                                    "   mov x16, x0\n"
                                    "   ldp x0, x1, [sp, #16]\n   ldp x2, x3, [sp, #32]\n"
                                    "   ldp x4, x5, [sp, #48]\n   ldp x6, x7, [sp, #64]\n   ldr x8, [sp, #80]\n"
                                    "   ldp x29, x30, [sp], #96\n"
                                    "   br x16\n"
                                    "1: ret\n");
#else
#error "no objc_msgSend for this processor"
#endif

/* ---- counts ------------------------------------------------------------------------------ */

/* The last objects released stay in memory, so that a message to one finds out. */
enum { KEPT = 1024 };
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static Id kept[KEPT];
static size_t kept_at;

void *object_new(Class *c)
{
    Id o = calloc(1, c->size);
    if (!o) standin_abort("no memory for %s", c->name);
    o->isa = c;
    o->count = 1;
    c->live++;
    return o;
}

Id object_retain(Id o)
{
    if (!o) return NULL;
    if (o->isa == &released || o->count <= 0)
        standin_abort("retain of a released object");
    if (o->isa->meta) o->count++; /* classes are not counted */
    return o;
}

void object_release(Id o)
{
    if (!o) return;
    if (o->isa == &released) standin_abort("a release too many");
    if (!o->isa->meta) return;
    int left = --o->count;
    if (left < 0) standin_abort("a release too many of %s", o->isa->name);
    if (left > 0) return;
    Class *c = o->isa;
    if (c->destroy) c->destroy(o);
    c->live--;
    o->isa = &released;
    pthread_mutex_lock(&kept_lock);
    free(kept[kept_at]);
    kept[kept_at] = o;
    kept_at = (kept_at + 1) % KEPT;
    pthread_mutex_unlock(&kept_lock);
}

EXPORT Id objc_retain(Id o);
EXPORT Id objc_retain(Id o)
{
    may_raise(__func__);
    return object_retain(o);
}
EXPORT void objc_release(Id o);
EXPORT void objc_release(Id o)
{
    object_release(o);
    may_raise(__func__);
}

void *expect_or_nil(const void *o, const Class *c, const char *where)
{
    const Object *object = o;
    if (object && object->isa != c)
        standin_abort("%s takes %s, not %s", where, c->name, object->isa->name);
    return (void *)(uintptr_t)o;
}

void *expect(const void *o, const Class *c, const char *where)
{
    if (!o) standin_abort("%s takes %s, not nil", where, c->name);
    return expect_or_nil(o, c, where);
}

/* ---- allocation and blocks --------------------------------------------------------------- */

Id object_alloc(Class *c, Sel sel)
{
    (void)sel;
    return object_new(c);
}

Id object_init(Id self, Sel sel)
{
    (void)sel;
    return self;
}

/* Identifiers that Apple's compiler gives to every block. */
EXPORT extern void *_NSConcreteStackBlock[32];
void *_NSConcreteStackBlock[32];

Imp *block_function(const BlockObject *b, const char *where)
{
    if (!b || b->isa != (const void *)_NSConcreteStackBlock || b->flags || b->reserved
        || !b->invoke || !b->descriptor || b->descriptor->reserved
        || b->descriptor->size < sizeof *b)
        standin_abort("%s: this is no block", where);
    return b->invoke;
}

/* ---- pools: of each thread, nested ------------------------------------------------------- */

typedef struct ReleasePool ReleasePool;
struct ReleasePool {
    ReleasePool *outer;
    Id *item;
    size_t count, room;
};
static _Thread_local ReleasePool *pool;

Id object_autorelease(Id o)
{
    if (!pool) standin_abort("%s is autoreleased, and no pool is open", o->isa->name);
    if (pool->count == pool->room) {
        pool->room = pool->room ? 2 * pool->room : 16;
        pool->item = realloc(pool->item, pool->room * sizeof *pool->item);
        if (!pool->item) standin_abort("no memory for a pool");
    }
    return pool->item[pool->count++] = o;
}

void *pool_push(void)
{
    ReleasePool *p = calloc(1, sizeof *p);
    if (!p) standin_abort("no memory for a pool");
    p->outer = pool;
    return pool = p;
}

void pool_pop(void *token)
{
    if (!pool || token != pool)
        standin_abort("a pool is closed that is not the innermost");
    ReleasePool *p = pool;
    while (p->count) object_release(p->item[--p->count]);
    pool = p->outer;
    free(p->item);
    free(p);
}

EXPORT void *objc_autoreleasePoolPush(void);
EXPORT void *objc_autoreleasePoolPush(void)
{
    may_raise(__func__);
    return pool_push();
}

EXPORT void objc_autoreleasePoolPop(void *token);
EXPORT void objc_autoreleasePoolPop(void *token)
{
    pool_pop(token);
    may_raise(__func__);
}

/* ---- the end ----------------------------------------------------------------------------- */

__attribute__((destructor)) static void look_for_leaks(void)
{
    bool any = false;
    standin_join();
    for (size_t i = 0; i < COUNT(classes); i++) {
        if (!classes[i]->live) continue;
        fprintf(stderr, "anesim: %d objects of %s are left\n", classes[i]->live,
                classes[i]->name);
        any = true;
    }
    for (size_t i = 0; i < KEPT; i++) free(kept[i]);
    while (selectors) {
        struct Selector *next = selectors->next;
        free(selectors);
        selectors = next;
    }
    if (any) abort();
}
