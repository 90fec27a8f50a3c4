/* exceptions.c -- exceptions of Objective-C: raised by the unwinder, as Apple's are; one that
 * nobody catches ends the process. */
#include "standin.h"

#include <unwind.h>

typedef struct {
    Object object;
    Sel sel;
    struct _Unwind_Exception raised;
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
    Id s = standin_string(
        arena_printf(&a, "*** %s: by ANESIM_FAULT", ((Exception *)self)->sel));
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

void standin_raise(Id self, Sel sel)
{
    Exception *e = object_new(&exception_class);
    (void)self;
    e->sel = sel;
    e->raised.exception_class = 0x414e4553494d0000u;
    _Unwind_RaiseException(&e->raised);
    standin_abort("%s raises an exception that nobody catches", sel);
}

static _Thread_local Exception *caught;

EXPORT Id objc_begin_catch(void *raised);
EXPORT Id objc_begin_catch(void *raised)
{
    if (caught) standin_abort("an exception is caught inside of another");
    caught = (Exception *)(void *)((char *)raised - offsetof(Exception, raised));
    expect(caught, &exception_class, "objc_begin_catch");
    return &caught->object;
}

EXPORT void objc_end_catch(void);
EXPORT void objc_end_catch(void)
{
    if (!caught) standin_abort("no exception is caught");
    Id done = &caught->object;
    caught = NULL;
    object_release(done);
}
