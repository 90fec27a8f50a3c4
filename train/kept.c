/* kept.c -- what a checkpoint keeps of the command and of the machine, and what a run that goes
 * on from one takes from it. */
#include "run.h"
#include "rules_sum.h"

#include <sys/utsname.h>

#include <cjson/cJSON.h>

/* ---- for the metadata -------------------------------------------------------------------- */

const char *run_settings_json(TrainRun *r)
{
    cJSON *root = json_root(cJSON_CreateObject());
    for (int i = 0; i < SET_COUNT; i++)
        if (run_set(r, i)->text)
            json_item(root, train_setting_names[i],
                      cJSON_CreateString(run_set(r, i)->text));
    char *text = json_text(root, false);
    const char *s = arena_strdup(&r->arena, text);
    json_text_free(text);
    json_free(root);
    return s;
}

const char *run_options_json(TrainRun *r)
{
    cJSON *root = json_root(cJSON_CreateArray());
    for (int i = 0; i < r->job->noption; i++)
        json_item(root, NULL, cJSON_CreateString(r->job->option[i]));
    char *text = json_text(root, false);
    const char *s = arena_strdup(&r->arena, text);
    json_text_free(text);
    json_free(root);
    return s;
}

/* config.json: what the run goes on with from here, for people and scripts; nothing reads it
 * back. */
bool run_put_config(TrainRun *r)
{
    const struct {
        const char *name, *text;
    } rows[] = {
        { "model", r->state.model_path },
        { "model_sha256", r->state.model_sha256 },
        { "data_sha256", r->state.data_sha256 },
        { "init", r->job->init },
        { "resumed", r->resumed ? r->from.path : NULL },
        { "backend", run_fact(r, "backend") },
        { "io", run_fact(r, "io") },
        { "anec_version", anec_version() },
    };
    cJSON *root = json_root(cJSON_CreateObject());
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].text) json_item(root, rows[i].name, cJSON_CreateString(rows[i].text));
    json_item(root, "settings", cJSON_CreateRaw(run_settings_json(r)));
    json_item(root, "options", cJSON_CreateRaw(run_options_json(r)));
    char *text = json_text(root, true);
    const bool ok = folder_config(&r->folder, arena_printf(&r->arena, "%s\n", text));
    json_text_free(text);
    json_free(root);
    return ok;
}

/* ---- of the checkpoint ------------------------------------------------------------------- */

/* Settings that the checkpoint has and the command does not; what the command has and is
 * another is named. */
bool run_take_settings(TrainRun *r)
{
    const char *text = r->from.state.settings;
    cJSON *root = json_parse(text, strlen(text));
    bool ok = cJSON_IsObject(root);
    for (int i = 0; ok && i < SET_COUNT; i++) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(root, train_setting_names[i]);
        const TrainSetting *now_is = run_set(r, i);
        if (now_is->given && i != SET_steps && i != SET_epochs && v && v->valuestring
            && strcmp(v->valuestring, now_is->text) != 0)
            diag_note(r->diag, (Loc){ 0 }, "--%s %s: the run had %s so far",
                      train_setting_names[i], now_is->text, v->valuestring);
        if (now_is->given || !cJSON_IsString(v)) continue;
        ok = settings_put(&r->job->set, i, arena_strdup(&r->arena, v->valuestring));
    }
    json_free(root);
    return ok
        || diag_error(r->diag, (Loc){ 0 }, "%s: its settings are not understood",
                      r->from.path);
}

const char *run_machine(TrainRun *r)
{
    struct utsname u;
    if (uname(&u)) return "";
    return arena_printf(&r->arena, "%s %s %s", u.machine, u.sysname, u.release);
}

const char *run_os_build(TrainRun *r)
{
    struct utsname u;
    return uname(&u) ? "" : arena_strdup(&r->arena, u.version);
}

const char *run_rules(void) { return RULES_SUM; }

bool run_same(const char *then, const char *now) { return !*then || !strcmp(then, now); }

bool run_same_machine(TrainRun *r)
{
    const TrainState *s = &r->from.state;
    return run_same(s->machine, run_machine(r)) && run_same(s->rules, run_rules())
        && run_same(s->os_build, run_os_build(r));
}

/* Options of the library, as the run was started with; what the command gives comes after. */
bool run_take_options(TrainRun *r)
{
    const char *text = r->from.state.options;
    TrainJob *job = r->job;
    cJSON *root = json_parse(text, strlen(text));
    const int n = cJSON_IsArray(root) ? cJSON_GetArraySize(root) : 0;
    const char **all = NEW_ARRAY(&r->arena, n + job->noption + 1, const char *);
    int count = 0;
    anec_error e;
    bool ok = cJSON_IsArray(root);
    for (int i = 0; ok && i < n; i++) {
        const cJSON *v = cJSON_GetArrayItem(root, i);
        const char *option = cJSON_IsString(v) ? arena_strdup(&r->arena, v->valuestring)
                                               : "";
        bool again = false;
        const size_t name = strcspn(option, "=");
        const bool many = !strncmp(option, "set=", 4);
        for (int k = 0; k < job->noption; k++)
            again = again || (!many && !strncmp(job->option[k], option, name + 1))
                 || !strcmp(job->option[k], option);
        if (again || !option[name]) continue;
        all[count++] = option;
        const char *key = arena_strndup(&r->arena, option, name);
        if (!strcmp(key, "backend")) {
            job->backend = option + name + 1;
            continue;
        }
        if (!strcmp(key, "io") && !strcmp(r->from.state.backend, "ane")
            && run_same_machine(r)) {
            ok = !anec_config_set(job->config, key, r->from.state.io, &e);
            continue; /* what a chip refused once is not asked of it again */
        }
        const char *value = option[name + 1] ? option + name + 1 : NULL; /* a flag */
        const bool host = many || !value;
        anec_config *const to[] = { job->config, host ? job->host : job->updates,
                                    job->rest };
        for (size_t k = 0; ok && k < (many ? COUNT(to) : 2); k++)
            ok = !anec_config_set(to[k], key, value, &e);
    }
    json_free(root);
    for (int i = 0; i < job->noption; i++) all[count++] = job->option[i];
    job->option = all;
    job->noption = count;
    return ok
        || diag_error(r->diag, (Loc){ 0 }, "%s: its options are not understood",
                      r->from.path);
}
