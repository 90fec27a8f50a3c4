/* raise.c -- exceptions of Objective-C, which C can neither catch nor let pass.
 *
 * An exception is raised by unwinding: the system's unwinder walks the frames above, asks for
 * each a function that belongs to it, its personality, whether it catches, and if one does lets
 * those below it clean up, each by its own code: locks are given back and pools closed as under
 * @catch. So every message goes through one small frame (objc_guarded), made by hand, whose
 * personality catches everything. The send then ends as if the method had returned nil, or NO,
 * which every caller here takes for a refusal, and raise_text tells what was raised.
 *
 * Nothing is linked for it: the unwinder's functions are those of the libraries that were
 * opened. Where they are missing, and on other processors, messages are sent as they are.
 *
 * What stands at file scope is so because a personality can be given nothing: the addresses are
 * the same for all who open the libraries, and what was raised belongs to its thread. */
#include "objc.h"

#include <stdatomic.h>
#include <string.h>

typedef void Method(void);
typedef struct Context Context; /* the unwinder's */

/* Of the unwinder's interface, as the Itanium ABI for C++ has it, on both processors. */
enum { HANDLER_FOUND = 6, INSTALL_CONTEXT = 7, CONTINUE_UNWIND = 8 };
enum { SEARCH_PHASE = 1, HANDLER_FRAME = 4, FORCE_UNWIND = 8 };
enum { RETURNED = 0 }; /* the register of what a function returns */

extern Method *_Atomic objc_guarded_method __attribute__((visibility("hidden")));
Method *_Atomic objc_guarded_method;
static void (*_Atomic set_register)(Context *c, int index, uintptr_t value);
/* Those that nobody has asked for yet; beyond so many they are not given back. */
static _Thread_local struct {
    void *exception[8];
    int n;
} raised;

int objc_guarded_personality(int version, int actions, uint64_t kind, void *exception,
                             Context *c);
__attribute__((used, visibility("hidden"))) int objc_guarded_personality(
    int version, int actions, uint64_t kind, void *exception, Context *c)
{
    (void)kind;
    if (version != 1 || actions & FORCE_UNWIND) return CONTINUE_UNWIND;
    if (actions & SEARCH_PHASE) return HANDLER_FOUND;
    if (!(actions & HANDLER_FRAME)) return CONTINUE_UNWIND;
    if (raised.n < (int)COUNT(raised.exception)) raised.exception[raised.n++] = exception;
    set_register(c, RETURNED, 0);
    return INSTALL_CONTEXT; /* where the method would have returned to */
}

/* The frame: registers go through as they are, and so do the first eight words on the stack, of
 * which no method here has more than three. */
#if defined(__APPLE__)
#define SYMBOL(s) "_" #s
#define BEGIN ".text\n.p2align 2\n.private_extern _objc_guarded\n_objc_guarded:\n"
#define PERSONALITY "    .cfi_personality 155, _objc_guarded_personality\n"
#define END "    .cfi_endproc\n"
#else
#define SYMBOL(s) #s
#define BEGIN                                                                                  \
    ".text\n.p2align 4\n.globl objc_guarded\n.hidden objc_guarded\n"                           \
    ".type objc_guarded, %function\nobjc_guarded:\n"
#define PERSONALITY "    .cfi_personality 27, objc_guarded_personality\n"
#define END "    .cfi_endproc\n    .size objc_guarded, . - objc_guarded\n"
#endif

/* clang-format off */
#if defined(__x86_64__)
__asm__(BEGIN
        "    .cfi_startproc\n" PERSONALITY
        "    pushq %rbp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset %rbp, -16\n"
        "    movq %rsp, %rbp\n"
        "    .cfi_def_cfa_register %rbp\n"
        "    pushq 72(%rbp)\n    pushq 64(%rbp)\n    pushq 56(%rbp)\n    pushq 48(%rbp)\n"
        "    pushq 40(%rbp)\n    pushq 32(%rbp)\n    pushq 24(%rbp)\n    pushq 16(%rbp)\n"
        "    call *" SYMBOL(objc_guarded_method) "(%rip)\n"
        "    movq %rbp, %rsp\n"
        "    popq %rbp\n"
        "    .cfi_def_cfa %rsp, 8\n"
        "    ret\n" END);
#define GUARDED 1
#elif defined(__aarch64__)
#if defined(__APPLE__)
#define ADDRESS                                                                                \
    "    adrp x16, _objc_guarded_method@PAGE\n"                                                \
    "    ldr x16, [x16, _objc_guarded_method@PAGEOFF]\n"
#else
#define ADDRESS                                                                                \
    "    adrp x16, objc_guarded_method\n"                                                      \
    "    ldr x16, [x16, :lo12:objc_guarded_method]\n"
#endif
__asm__(BEGIN
        "    .cfi_startproc\n" PERSONALITY
        "    stp x29, x30, [sp, #-16]!\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset w30, -8\n"
        "    .cfi_offset w29, -16\n"
        "    mov x29, sp\n"
        "    .cfi_def_cfa w29, 16\n"
        "    sub sp, sp, #64\n"
        "    ldp x16, x17, [x29, #16]\n    stp x16, x17, [sp]\n"
        "    ldp x16, x17, [x29, #32]\n    stp x16, x17, [sp, #16]\n"
        "    ldp x16, x17, [x29, #48]\n    stp x16, x17, [sp, #32]\n"
        "    ldp x16, x17, [x29, #64]\n    stp x16, x17, [sp, #48]\n"
        ADDRESS
        "    blr x16\n"
        "    mov sp, x29\n"
        "    ldp x29, x30, [sp], #16\n"
        "    ret\n" END);
#define GUARDED 1
#endif
/* clang-format on */

void raise_guard(Objc *o)
{
#if defined(GUARDED)
    extern void objc_guarded(void) __attribute__((visibility("hidden")));
    void (*set)(Context * c, int index, uintptr_t value) = NULL;
    const bool can = objc_function(o, "_Unwind_SetGR", &set, sizeof set)
                  && objc_function(o, "objc_begin_catch", &o->begin_catch,
                                   sizeof o->begin_catch)
                  && objc_function(o, "objc_end_catch", &o->end_catch, sizeof o->end_catch);
    if (!can) return;
    atomic_store(&set_register, set);
    atomic_store(&objc_guarded_method, o->objc_msgSend);
    o->objc_msgSend = objc_guarded;
#else
    (void)o;
#endif
}

/* What a text of the exception says; NULL: it is none of that kind. */
static const char *text_of(Objc *o, Arena *a, Id exception, Selector selector)
{
    if (!exception
        || !o->class_respondsToSelector(o->object_getClass(exception), o->selector[selector]))
        return NULL;
    return string_text(o, a, SEND0(o, Id, exception, selector));
}

void raise_forget(Objc *o)
{
    while (raised.n) {
        o->begin_catch(raised.exception[--raised.n]);
        o->end_catch();
    }
}

const char *raise_text(Objc *o, Arena *a)
{
    if (!raised.n) return NULL;
    void *last = raised.exception[--raised.n];
    raise_forget(o);
    Id exception = o->begin_catch(last);
    void *pool = objc_pool(o);
    const char *name = text_of(o, a, exception, SEL_exceptionName);
    const char *reason = text_of(o, a, exception, SEL_exceptionReason);
    const char *text = arena_printf(a, "the framework raised %s: %s",
                                    name ? name : "an exception",
                                    reason ? reason : "no reason is given");
    objc_pool_end(o, pool);
    o->end_catch();
    return text;
}
