/* auto.c -- the backend "auto": the engine where there is one that takes the program, else the
 * processor, with the reason. */
#include "ane/ane.h"
#include "backend.h"
#include "composed.h"
#include "session.h"
#include "cpu/cpu.h"

#include <string.h>

typedef struct {
    Arena arena;
    const Backend *engine; /* NULL: there is none, */
    const char *why;       /* for this reason */
    const Backend *processor;
} AutoRunner;

/* The processor's program, which says why it is not the engine's. */
static Program *fall_back(const AutoRunner *a, const Module *m, const Func *f, Diag *d,
                          const char *why)
{
    Program *p = program_whole(a->processor, m, f, d);
    if (!p) return NULL;
    if (!p->backend) p->backend = a->processor;
    p->as.why = why;
    return p;
}

const char *auto_reason(Arena *a, const Diag *d, const char *other)
{
    const char *said = d->text.s ? d->text.s : other, *error = strstr(said, "error: ");
    if (error) said = error + 7;
    return arena_strndup(a, said, strcspn(said, "\n"));
}

/* What the engine does not take as a whole it may take in parts. States stay in one program. */
static Program *in_parts(const AutoRunner *a, const Func *f)
{
    Diag quiet = { .quiet = true };
    Program *p = carry_wanted(a->engine, f, &quiet)
                   ? NULL
                   : row_compile_placed(a->engine, a->processor, f, &quiet);
    diag_free(&quiet);
    return p;
}

static Program *auto_compile(const Backend *self, const Module *m, const Func *f, Diag *d)
{
    AutoRunner *a = (AutoRunner *)(uintptr_t)self->row;
    Diag quiet = { .quiet = true };
    if (!a->engine)
        return fall_back(a, m, f, d, arena_printf(&a->arena, "no engine: %s", a->why));
    Program *p = program_whole(a->engine, m, f, &quiet);
    const char *said = p ? NULL : auto_reason(&a->arena, &quiet, "no reason given");
    /* What the engine does not take the processor does without a word; a full disk should be
     * known. */
    if (!p && quiet.fails && ane_was_outside(a->engine))
        diag_warn(d, WARN_FALLBACK, (Loc){ 0 }, "the processor does this program: %s",
                  said);
    ane_tell(a->engine, d);
    if (!p && !quiet.fails) p = in_parts(a, f);
    if (p) p->other = a->processor; /* should a run fail there */
    else p = fall_back(a, m, f, d, arena_printf(&a->arena, "ane: %s", said));
    diag_free(&quiet);
    return p;
}

static void auto_close(const Backend *self)
{
    AutoRunner *a = (AutoRunner *)(uintptr_t)self->row;
    backend_close(a->engine);
    backend_close(a->processor);
    arena_free(&a->arena);
    mem_free(a);
    mem_free((void *)(uintptr_t)self);
}

const Backend *auto_open(const BackendOptions *o, Diag *d)
{
    Backend *b = mem_zero(1, sizeof *b);
    AutoRunner *a = mem_zero(1, sizeof *a);
    if (!a || !b) mem_out(sizeof *b);
    a->processor = backend_open(backend_cpu.name, o, d);
    a->engine = ane_open(o, &a->arena, &a->why);
    *b = (Backend){ .name = "auto",
                    .doc = "the engine, else the processor",
                    .row = a,
                    .target = a->engine ? a->engine->target : backend_cpu.target,
                    .compile = auto_compile,
                    .close = auto_close };
    return b;
}

bool auto_chooses(const Backend *b) { return b->compile == auto_compile; }
