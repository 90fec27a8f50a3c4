/* exceptions.c -- exceptions, raised by the unwinder as Apple's are; one that nobody catches
 * ends the process.
 *
 * In memory they are laid out as by the C++ runtime of a Mac, on which those of Objective-C
 * are built: a header, the unwinder's part, and behind that what was thrown, which for
 * Objective-C is an object and a type. The personality of such a language notes the object
 * in the header, and objc_begin_catch returns it from there; to another personality it
 * returns nothing. */
#include "standin.h"

#include <stdlib.h>
#include <string.h>
#include <unwind.h>

typedef struct {
    Object object;
    const char *by, *why;
} Exception;

static Id exception_name(Id self, Sel sel)
{
    (void)self, (void)sel;
    return object_autorelease(standin_string("NSInvalidArgumentException"));
}

static Id exception_reason(Id self, Sel sel)
{
    (void)sel;
    Arena a = { 0 };
    Id s = standin_string(arena_printf(&a, "*** %s: %s", ((Exception *)self)->by,
                                       ((Exception *)self)->why));
    arena_free(&a);
    return object_autorelease(s);
}

static const Method methods[] = {
    METHOD("name", exception_name),
    METHOD("reason", exception_reason),
    { NULL, NULL },
};
extern Class exception_class;
CLASS(exception_class, "NSException", Exception, NULL, methods, NULL);

/* ---- raising ----------------------------------------------------------------------------- */

typedef struct {
    Id held; /* released with it, so that one that is not given back is seen */
    Id noted;
    bool caught;
    struct _Unwind_Exception raised;
    struct {
        Id object;
        const void *vtable;
        const char *name;
        const Class *class;
    } thrown;
} Raised;
_Static_assert(offsetof(Raised, thrown) == offsetof(Raised, raised) + 32,
               "what was thrown lies right behind the unwinder's part");

EXPORT const void *const objc_ehtype_vtable[3];
const void *const objc_ehtype_vtable[3] = { NULL, NULL, NULL };

enum { OBJECTIVE_C, CPLUSPLUS, FOREIGN }; /* what is raised: fault raise-kind */
#define KIND UINT64_C(0x434c4e47432b2b00)

static Raised *raised_of(struct _Unwind_Exception *e)
{
    return (Raised *)(void *)((char *)e - offsetof(Raised, raised));
}

static void exceptions_destroy(Raised *r)
{
    object_release(r->held);
    free(r);
}

static void clean_up(_Unwind_Reason_Code reason, struct _Unwind_Exception *e)
{
    (void)reason;
    exceptions_destroy(raised_of(e));
}

static _Noreturn void raise_for(const char *by, const char *why)
{
    const long kind = fault("raise-kind");
    Raised *r = calloc(1, sizeof *r);
    Exception *e = object_new(&exception_class);
    if (!r) standin_abort("no memory for an exception");
    e->by = by;
    e->why = why;
    r->held = &e->object;
    r->raised.exception_class = kind == FOREIGN ? UINT64_C(0x414e4553494d0000) : KIND;
    r->raised.exception_cleanup = clean_up;
    r->thrown.object = &e->object;
    r->thrown.vtable = objc_ehtype_vtable + 2;
    r->thrown.name = e->object.isa->name;
    r->thrown.class = e->object.isa;
    if (kind != OBJECTIVE_C) { /* numbers of its own */
        r->thrown.object = (Id)(uintptr_t)0x10;
        r->thrown.vtable = (const void *)(uintptr_t)0x20;
    }
    if (fault("raise-told")) fprintf(stderr, "anesim: %s raises\n", by);
    _Unwind_RaiseException(&r->raised);
    standin_abort("%s raises an exception that nobody catches", by);
}

static _Noreturn void raise_by(const char *by) { raise_for(by, "by ANESIM_FAULT"); }

_Noreturn void standin_raise_for(Sel sel, const char *why) { raise_for(sel, why); }

/* An initialiser has given up what it was sent to. */
void standin_raise(Id self, Sel sel)
{
    if (self->isa->meta && !strncmp(sel, "init", 4)) object_release(self);
    raise_by(sel);
}

bool raises(const char *name)
{
    static atomic_long calls; /* one name is asked for at a time */
    if (!fault_names("raise", name)) return false;
    const long from = fault("raise-from");
    return ++calls >= (from ? from : 1);
}

void may_raise(const char *function)
{
    if (raises(function)) raise_by(function);
}

/* ---- catching ---------------------------------------------------------------------------- */

static _Thread_local Raised *caught;

EXPORT Id objc_begin_catch(void *raised);
EXPORT Id objc_begin_catch(void *raised)
{
    Raised *r = raised_of(raised);
    if (caught) standin_abort("an exception is caught inside of another");
    if (r->raised.exception_class != KIND)
        standin_abort("an exception of another language is caught as Objective-C's");
    caught = r;
    return r->noted;
}

EXPORT void objc_end_catch(void);
EXPORT void objc_end_catch(void)
{
    if (!caught) standin_abort("no exception is caught");
    Raised *done = caught;
    caught = NULL;
    exceptions_destroy(done);
}
