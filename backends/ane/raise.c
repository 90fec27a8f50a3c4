/* raise.c -- catches exceptions of Objective-C, which C itself can neither catch nor pass on.
 *
 * An exception unwinds the stack: the system's unwinder walks up the frames, and asks the
 * personality function of each whether it catches. When one does, the frames below it are
 * cleaned up by their own code, so that locks are released and pools closed as under @catch.
 * Here every message, and every call of a function of the system's (objc.def), goes through one
 * small frame, raise_frame, written by hand, whose personality catches everything. The call
 * then returns 0, which is nil or NO and a refusal for every caller here, and raise_text tells
 * what was raised.
 *
 * Nothing is linked for this: the unwinder's functions are those of the libraries that were
 * opened. Where they are missing, and on other processors, everything is called directly.
 *
 * Some variables have file scope because neither a frame nor a personality can be given an
 * argument. The addresses are the same for all who open the libraries; the exception belongs
 * to its thread. */
#include "objc.h"

#include <stdatomic.h>
#include <string.h>

typedef void Method(void);
typedef struct Context Context; /* the unwinder's */
#define HIDDEN __attribute__((visibility("hidden")))

/* Of the unwinder's interface, as the Itanium ABI for C++ has it, on both processors. */
enum { HANDLER_FOUND = 6, INSTALL_CONTEXT = 7, CONTINUE_UNWIND = 8 };
enum { SEARCH_PHASE = 1, HANDLER_FRAME = 4, FORCE_UNWIND = 8 };
enum { RETURNED = 0 }; /* the register of what a function returns */

static void (*_Atomic set_register)(Context *c, int index, uintptr_t value);
/* Those that nobody has asked for yet; beyond so many they are not given back. A process has
 * little room for what is a thread's own in libraries that it opens late, so no more is kept of
 * one. */
static _Thread_local struct {
    void *at[64];
    int n;
} raised;

int raise_personality(int version, int actions, uint64_t kind, void *exception,
                      Context *c);
__attribute__((used)) HIDDEN int raise_personality(int version, int actions,
                                                   uint64_t kind, void *exception,
                                                   Context *c)
{
    if (version != 1 || actions & FORCE_UNWIND) return CONTINUE_UNWIND;
    if (actions & SEARCH_PHASE) return HANDLER_FOUND;
    if (!(actions & HANDLER_FRAME)) return CONTINUE_UNWIND;
    (void)kind;
    if (raised.n < (int)COUNT(raised.at)) raised.at[raised.n++] = exception;
    set_register(c, RETURNED, 0);
    return INSTALL_CONTEXT; /* where the function would have returned to */
}

/* ---- the frame --------------------------------------------------------------------------- */

/* Each function has a stub that is called in its place. It leaves the place where the
 * function's address is in a register that no argument is in, and goes on in the frame. There
 * registers go through as they are, and so do the first eight words on the stack, of which no
 * function here has more than three. */
#if defined(__APPLE__)
#define SYMBOL "_"
#define BEGIN ".text\n.p2align 2\n.private_extern _raise_frame\n_raise_frame:\n"
#define PERSONALITY "    .cfi_personality 155, _raise_personality\n"
#define END "    .cfi_endproc\n"
#define STUB_BEGIN(name) \
    ".text\n.p2align 2\n.private_extern _raise_stub_" name "\n_raise_stub_" name ":\n"
#define STUB_END(name) ""
#define HIGH(name) "_raise_target_" name "@PAGE"
#define LOW(name) "_raise_target_" name "@PAGEOFF"
#else
/* gcc goes on in the section that it was in, and does not look whether this changed it. */
#define SYMBOL ""
/* What the compiler puts into a section goes on there: without optimizing it writes variables
 * between these texts. */
#define BEGIN \
    ".pushsection .text\n.p2align 4\n.globl raise_frame\n.hidden raise_frame\n" \
    ".type raise_frame, %function\nraise_frame:\n"
#define PERSONALITY "    .cfi_personality 27, raise_personality\n"
#define END "    .cfi_endproc\n    .size raise_frame, . - raise_frame\n.popsection\n"
#define STUB_BEGIN(name) \
    ".pushsection .text\n.p2align 2\n.globl raise_stub_" name \
    "\n.hidden raise_stub_" name "\n" \
    ".type raise_stub_" name ", %function\nraise_stub_" name ":\n"
#define STUB_END(name) \
    "    .size raise_stub_" name ", . - raise_stub_" name "\n.popsection\n"
#define HIGH(name) "raise_target_" name
#define LOW(name) ":lo12:raise_target_" name
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
        "    call *(%r11)\n"
        "    movq %rbp, %rsp\n"
        "    popq %rbp\n"
        "    .cfi_def_cfa %rsp, 8\n"
        "    ret\n" END);
#define STUB(name)                                                                             \
    STUB_BEGIN(name)                                                                           \
    "    leaq " SYMBOL "raise_target_" name "(%rip), %r11\n"                                   \
    "    jmp " SYMBOL "raise_frame\n" STUB_END(name)
#define GUARDED 1
#elif defined(__aarch64__)
__asm__(BEGIN
        "    .cfi_startproc\n" PERSONALITY
        "    stp x29, x30, [sp, #-16]!\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset w30, -8\n"
        "    .cfi_offset w29, -16\n"
        "    mov x29, sp\n"
        "    .cfi_def_cfa w29, 16\n"
        "    ldr x9, [x9]\n"
        "    sub sp, sp, #64\n"
        "    ldp x16, x17, [x29, #16]\n    stp x16, x17, [sp]\n"
        "    ldp x16, x17, [x29, #32]\n    stp x16, x17, [sp, #16]\n"
        "    ldp x16, x17, [x29, #48]\n    stp x16, x17, [sp, #32]\n"
        "    ldp x16, x17, [x29, #64]\n    stp x16, x17, [sp, #48]\n"
        "    blr x9\n"
        "    mov sp, x29\n"
        "    ldp x29, x30, [sp], #16\n"
        "    ret\n" END);
#define STUB(name)                                                                             \
    STUB_BEGIN(name)                                                                           \
    "    adrp x9, " HIGH(name) "\n"                                                            \
    "    add x9, x9, " LOW(name) "\n"                                                          \
    "    b " SYMBOL "raise_frame\n" STUB_END(name)
#define GUARDED 1
#endif
/* clang-format on */

/* ---- every function ---------------------------------------------------------------------- */

#if defined(GUARDED)
#define MAY(ret, name, args) \
    extern Method *_Atomic raise_target_##name HIDDEN; \
    Method *_Atomic raise_target_##name; \
    void raise_stub_##name(void) HIDDEN; \
    __asm__(STUB(#name));
#define FN(lib, ret, name, args) MAY(ret, name, args)
#include "objc.def"

/* function: a pointer to a function, of whatever type, that is called through its stub from
 * here on; NULL stays NULL. */
static void guard_function(void *function, Method *stub, Method *_Atomic *target)
{
    Method *now;
    memcpy(&now, function, sizeof now);
    if (!now || now == stub) return;
    atomic_store(target, now);
    memcpy(function, &stub, sizeof stub);
}
#endif

void raise_guard(Objc *o)
{
#if defined(GUARDED)
    void (*set)(Context * c, int index, uintptr_t value) = NULL;
    const bool can =
        objc_function(o, "_Unwind_SetGR", &set, sizeof set)
        && objc_function(o, "objc_begin_catch", &o->begin_catch, sizeof o->begin_catch)
        && objc_function(o, "objc_end_catch", &o->end_catch, sizeof o->end_catch);
    if (!can) return;
    objc_function(o, "_Unwind_DeleteException", &o->delete_foreign,
                  sizeof o->delete_foreign);
    objc_function(o, "objc_ehtype_vtable", &o->objc_types, sizeof o->objc_types);
    atomic_store(&set_register, set);
#define MAY(ret, name, args) \
    guard_function(&o->name, raise_stub_##name, &raise_target_##name);
#define FN(lib, ret, name, args) MAY(ret, name, args)
#include "objc.def"
#else
    (void)o;
#endif
}

/* ---- what was raised --------------------------------------------------------------------- */

/* What is raised by Objective-C and C++, whose exceptions are of one kind: "CLNGC++", and a
 * byte that is 0 for the exception itself. */
#define KIND_MASK 0xffffffffffffff00u
#define KIND 0x434c4e47432b2b00u

/* Which language raised it: the first word of the unwinder's part of an exception. */
static uint64_t kind_of(const void *exception)
{
    uint64_t kind;
    memcpy(&kind, exception, sizeof kind);
    return kind;
}

/* What lies behind the unwinder's part of an exception, which is 32 bytes. Of C++ it is the
 * object that was thrown, of which this much may be read. */
typedef struct {
    Id object;
    const void *type; /* of Objective-C: the third word of objc_types */
} Thrown;

/* Words of these addresses may be signed in their upper bits. */
static bool same_address(const void *a, const void *b)
{
    return !(((uintptr_t)a ^ (uintptr_t)b) & (((uintptr_t)1 << 47) - 1));
}

/* The exception's object, which lives as long as it does; NULL: it is none of Objective-C. The
 * runtime gives the object to who catches by its own personality, and nothing to others, so it
 * is taken from where it lies. */
static Id object_of(const Objc *o, const void *exception)
{
    Thrown t;
    if (kind_of(exception) != KIND || !o->objc_types) return NULL;
    memcpy(&t, (const char *)exception + 32, sizeof t);
    return same_address(t.type, (const char *)o->objc_types + 2 * sizeof(void *))
             ? t.object
             : NULL;
}

static void give_back(Objc *o, void *exception)
{
    if ((kind_of(exception) & KIND_MASK) == KIND) {
        o->begin_catch(exception);
        o->end_catch();
    } else if (o->delete_foreign) {
        o->delete_foreign(exception);
    }
}

/* What a text of the exception says; NULL: it is none of that kind. */
static const char *text_of(Objc *o, Arena *a, Id exception, Selector selector)
{
    const Sel sel = o->selector[selector]; /* NULL: it could not be registered */
    if (!sel || !o->class_respondsToSelector(o->object_getClass(exception), sel))
        return NULL;
    return string_text(o, a, SEND0(o, Id, exception, selector));
}

bool raise_any(void) { return raised.n > 0; }

void raise_forget(Objc *o)
{
    while (raised.n) give_back(o, raised.at[--raised.n]);
}

const char *raise_text(Objc *o, Arena *a)
{
    if (!raised.n) return NULL;
    void *last = raised.at[--raised.n];
    raise_forget(o);
    Id exception = object_of(o, last);
    const char *text = "the framework raised an exception that is none of Objective-C";
    if (exception) {
        void *pool = objc_pool(o);
        const char *name = text_of(o, a, exception, SEL_exceptionName);
        const char *reason = text_of(o, a, exception, SEL_exceptionReason);
        text = arena_printf(a, "the framework raised %s: %s",
                            name ? name : "an exception",
                            reason ? reason : "no reason is given");
        objc_pool_end(o, pool);
    }
    give_back(o, last);
    raise_forget(o); /* what was raised meanwhile */
    return text;
}
