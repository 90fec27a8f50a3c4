/* first_rule.c -- trials of rules by their texts as they stand: whether the engine takes the program
 * that keeps one, and refuses the program that breaks it. */
#include "first.h"

#include <string.h>

static const char *last_function(Arena *a, const char *text)
{
    const char *at = text, *last = text;
    while ((at = strstr(at, "func ")) != NULL) last = at += strlen("func ");
    return arena_strndup(a, last, strcspn(last, "<("));
}

/* The last function of the loaded program runs: its symbols and its procedure are the highest.
 * UNKNOWN: for another reason than the engine's. */
static Ran run_last(FirstTrial *t, const char *text)
{
    Layout l;
    Trouble trouble;
    const char *why = NULL;
    if (engine_layout(t->engine, &t->arena, t->model, last_function(&t->arena, text), &l,
                      &why)
        != LAYOUT_READ) {
        first_say(t, FIRST_UNKNOWN, "%s", why ? why : "no layout");
        return RAN_UNKNOWN;
    }
    Id *all = NEW_ARRAY(&t->arena, l.nin + l.nout + 1, Id);
    bool ok = true;
    for (int i = 0; i < l.nin + l.nout; i++) {
        all[i] = engine_surface_new(t->engine, i < l.nin ? &l.in[i] : &l.out[i - l.nin]);
        ok = ok && all[i];
    }
    Id request = ok ? engine_request_new(t->engine, &l, all, all + l.nin) : NULL;
    const bool ran = request
                  && engine_run(t->engine, &t->arena, t->model, request, &trouble);
    if (ok && !ran)
        first_say(t, FIRST_UNKNOWN, "%s",
                  request ? trouble_text(&t->arena, &trouble)
                          : "the framework does not take a request");
    objc_drop(t->engine->objc, &request);
    for (int i = 0; i < l.nin + l.nout; i++) objc_drop(t->engine->objc, &all[i]);
    return !ok ? RAN_UNKNOWN : ran ? RAN_SAME : RAN_NOT;
}

static Ran run_text(FirstTrial *t, const char *text, const char *dir)
{
    Trouble why;
    if (!t->engine || !first_weights(t, text, 64, dir)) return RAN_UNKNOWN;
    Ran ran = RAN_NOT;
    if (!first_make(t, text)) {
        if (t->model) ran = RAN_UNKNOWN; /* its files */
    } else if (!engine_compile(t->engine, &t->arena, t->model, &why)
               || !(t->loaded = engine_load(t->engine, &t->arena, t->model, &why))) {
        first_say(t, FIRST_UNKNOWN, "%s", trouble_text(&t->arena, &why));
    } else {
        ran = run_last(t, text);
    }
    first_end(t);
    return ran;
}

Verdict first_rule(int rule, Diag *d, const char *dir, char *said, size_t room)
{
    FirstTrial t = { .diag = d, .said = said, .room = room };
    Verdict v = VERDICT_UNKNOWN;
    *said = 0;
    t.engine = engine_open(&t.arena, &t.why);
    if (!t.engine) first_say(&t, FIRST_UNKNOWN, "%s", t.why);
    for (const RulePrograms *k = rules[rule].programs; k->breaks && v != VERDICT_HOLDS;
         k++) {
        if (run_text(&t, k->keeps, dir) != RAN_SAME) continue;
        *said = 0;
        const Ran ran = run_text(&t, k->breaks, dir);
        v = ran == RAN_NOT ? VERDICT_HOLDS : ran == RAN_SAME ? VERDICT_ABSENT : v;
    }
    if (t.engine) engine_close(t.engine);
    arena_free(&t.arena);
    return v;
}
