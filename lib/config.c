/* config.c -- the public library: options, set by name (anec_config). */
#include "library.h"

#include "../base/option.h"
#include "../ir/targets/rules.h"

#include <stdlib.h>
#include <string.h>

static const Option rows[] = {
#define ONLY_OF_LIBRARY
#define OPT OPTION_ROW
#include "../include/options.def"
#undef OPT
};

/* Rows without a name are called by their letter. */
int config_find(const char *name)
{
    const int row = option_find(rows, CONFIG_COUNT, name, strlen(name));
    const int letter = name[0] && !name[1] ? option_find_letter(rows, CONFIG_COUNT, *name)
                                           : -1;
    return row >= 0 || letter < 0 || rows[letter].name ? row : letter;
}

/* ---- -W ---------------------------------------------------------------------------------- */

static const char *no_such_warning(anec_config *c, const char *name)
{
    const char *known[WARN_COUNT + RULE_COUNT];
    for (int i = 0; i < WARN_COUNT; i++) known[i] = warning_names[i];
    for (int i = 0; i < RULE_COUNT; i++) known[WARN_COUNT + i] = rules[i].name;
    const char *near = name_nearest(name, known, COUNT(known));
    if (near)
        return arena_printf(&c->arena,
                            "there is no warning or rule called %s; did you mean %s?",
                            name, near);
    return arena_printf(
        &c->arena,
        "there is no warning or rule called %s; anec --list-rules shows the rules", name);
}

/* Words that name rules are the pipeline's (ruleset_of). */
static const char *set_warning(anec_config *c, const char *word)
{
    const char *name = warnings_take(word, &c->off, &c->promoted, &c->asked);
    return !name || rule_find(name) >= 0 ? NULL : no_such_warning(c, name);
}

/* ---- setting ----------------------------------------------------------------------------- */

const char *config_set(anec_config *c, int row, const char *value)
{
    Setting *s = &c->value[row];
    const char letter[] = { rows[row].letter, 0 };
    const char *name = rows[row].name ? rows[row].name : letter;
    if (!value && rows[row].kind != OPT_FLAG)
        return arena_printf(&c->arena, "%s needs %s", name, rows[row].arg);
    const char *wrong = row == CONFIG_warn
                          ? set_warning(c, value)
                          : option_wrong(&c->arena, &rows[row], name, value);
    if (wrong) return wrong;
    if (value) s->text = arena_strdup(&c->arena, value);
    if (rows[row].kind == OPT_LIST) {
        const char **all = NEW_ARRAY(&c->arena, s->count + 1, const char *);
        for (int i = 0; i < s->count; i++) all[i] = s->all[i];
        all[s->count] = s->text;
        s->all = all;
    }
    s->count++;
    return NULL;
}

/* What the arena of an older config gets in a call stays there, as it is never empty. */
anec_config *anec_config_new(void)
{
    ApiCall call;
    if (call_start(&call, NULL, NULL)) return NULL;
    anec_config *c = mem_zero(1, sizeof *c);
    if (!c) mem_out(sizeof *c);
    c->refs = 1;
    arena_alloc(&c->arena, 1);
    call_end(&call, true);
    return c;
}

void config_release(anec_config *c)
{
    if (!c || --c->refs) return;
    arena_free(&c->arena);
    mem_free(c);
}

/* Devices that still have it call nobody any more. */
void anec_config_free(anec_config *c)
{
    if (!c || c->given_up) return;
    c->given_up = true;
    c->message = NULL;
    c->written = NULL;
    c->stage = NULL;
    c->phase = NULL;
    config_release(c);
}

static const char *no_such_option(anec_config *c, const char *name)
{
    const char *near = option_nearest(&c->arena, rows, CONFIG_COUNT, name, strlen(name));
    return near ? arena_printf(&c->arena, "there is no option %s; did you mean %s?", name,
                               near)
                : arena_printf(&c->arena, "there is no option %s", name);
}

anec_status anec_config_set(anec_config *config, const char *name, const char *value,
                            anec_error *error)
{
    ApiCall c;
    GIVEN(config);
    GIVEN(name);
    if (call_start(&c, NULL, error)) return call_status(&c);
    const int row = config_find(name);
    const char *wrong = row >= 0 ? config_set(config, row, value)
                                 : no_such_option(config, name);
    return wrong ? call_say(&c, ANEC_USAGE, wrong) : call_end(&c, true);
}

void anec_config_messages(anec_config *c, anec_message fn, void *ctx)
{
    if (!c) return;
    c->message = fn;
    c->message_ctx = ctx;
}

void anec_config_written(anec_config *c, anec_written fn, void *ctx)
{
    if (!c) return;
    c->written = fn;
    c->written_ctx = ctx;
}

void anec_config_phases(anec_config *c, anec_phase fn, void *ctx)
{
    if (!c) return;
    c->phase = fn;
    c->phase_ctx = ctx;
}

void anec_config_stages(anec_config *c, anec_stage fn, void *ctx)
{
    if (!c) return;
    c->stage = fn;
    c->stage_ctx = ctx;
}

void anec_config_helper(anec_config *c, const char *const *command)
{
    if (c) c->helper = command;
}
