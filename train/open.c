/* open.c -- begins a run: its folder, the checkpoint that it goes on from, programs, data. */
#include "run.h"

static bool same_folder(const char *a, const char *b)
{
    FileId x, y;
    return file_id(a, &x) && file_id(b, &y) && x.device == y.device && x.inode == y.inode;
}

/* The folder that a resumed run goes on in; another's than it began in is begun like any
 * other. */
static bool open_folder_of(TrainRun *r, const char *path, const char *from)
{
    if (!r->leads || !run_keeps(r)) return true;
    const bool goes_on = same_folder(path, from);
    return folder_open(&r->folder, r->diag, path)
        && (goes_on || folder_begin(&r->folder, r->job->anew));
}

/* The newest checkpoint of a folder, or with --from-step the newest that is not behind it. */
static bool open_newest(TrainRun *r, TrainFolder *f)
{
    const uint64_t from = r->job->from;
    if (!folder_newest(f, from, &r->from)) return false;
    if (from != UINT64_MAX && r->from.state.step < from)
        diag_note(r->diag, (Loc){ 0 },
                  "the last checkpoint up to step %llu that is left is of step %llu",
                  (unsigned long long)from, (unsigned long long)r->from.state.step);
    return true;
}

static bool open_resumed(TrainRun *r)
{
    const char *what = r->job->resume;
    const bool folder = file_is_dir(what);
    if (!folder && !file_exists(what))
        return diag_fail(r->diag, "there is no run or checkpoint %s", what);
    if (!folder && r->job->from != UINT64_MAX)
        return diag_error(r->diag, (Loc){ 0 },
                          "--from-step chooses among the checkpoints of a folder, and %s "
                          "is one of them",
                          what);
    const char *path = r->job->folder ? r->job->folder
                     : folder         ? what
                                      : file_dir(&r->arena, what);
    r->resumed = true;
    r->at = path;
    if (!folder)
        return checkpoint_open(&r->from, r->diag, what)
            && open_folder_of(r, path, file_dir(&r->arena, what));
    if (!open_folder_of(r, path, what)) return false;
    if (r->leads && run_keeps(r) && !strcmp(path, what))
        return open_newest(r, &r->folder);
    TrainFolder other = { .diag = r->diag, .path = what, .lock = -1 };
    const bool ok = open_newest(r, &other);
    arena_free(&other.arena);
    return ok;
}

static bool read_model(TrainRun *r)
{
    TrainState *s = &r->state;
    Mapped file;
    Sha256 sum = sha256_start();
    char *hex = arena_alloc(&r->arena, 65);
    if (!r->job->model) {
        s->model = r->from.state.model;
        s->model_path = r->from.state.model_path;
    } else {
        if (!file_read(r->diag, r->job->model, &file)) return false;
        s->model = arena_strndup(&r->arena, file.data ? (const char *)file.data : "",
                                 file.size);
        file_unmap(&file);
        char *real = file_real(r->job->model);
        s->model_path = arena_strdup(&r->arena, real ? real : r->job->model);
        mem_free(real);
    }
    sha256_add(&sum, s->model, strlen(s->model));
    sha256_end(&sum, hex);
    s->model_sha256 = hex;
    if (r->resumed && strcmp(hex, r->from.state.model_sha256) != 0)
        diag_note(r->diag, (Loc){ 0 },
                  "the model has the sha256 %.12s, that of the run so far %.12s", hex,
                  r->from.state.model_sha256);
    return true;
}

/* How often --micro is in --batch, whose samples it takes in parts. */
static bool use_parts(TrainRun *r)
{
    const TrainSetting *batch = run_set(r, SET_batch), *micro = run_set(r, SET_micro);
    if (!batch->text)
        return diag_error(
            r->diag, (Loc){ 0 },
            "--micro %s goes with --batch N, whose samples are computed in such parts",
            micro->text);
    if (batch->count % micro->count)
        return diag_error(r->diag, (Loc){ 0 },
                          "--micro %s: --batch %s is no multiple of it", micro->text,
                          batch->text);
    r->job->parts = batch->count / micro->count;
    if (job_batches(r->job) <= 1 << 24) return true;
    return diag_error(r->diag, (Loc){ 0 },
                      "a step of %llu parts is too long: 16777216 at most",
                      (unsigned long long)job_batches(r->job));
}

static bool use_batch(TrainRun *r)
{
    anec_error e;
    const TrainSetting *b = run_set(r, SET_batch), *micro = run_set(r, SET_micro);
    const char *name = b->text || !micro->text ? "batch" : "micro";
    r->job->batches = program_has_param(r->state.model, "batch");
    if (micro->text && r->job->batches) {
        if (!use_parts(r)) return false;
        b = micro;
    }
    if (!b->text && !micro->text) return true;
    if (!r->job->batches)
        return diag_error(
            r->diag, (Loc){ 0 },
            "--%s %s: the program has no parameter `batch` that says how many "
            "samples a step takes",
            name, b->text ? b->text : micro->text);
    const char *value = arena_printf(&r->arena, "batch=%s", b->text);
    return !anec_config_set(r->job->config, "set", value, &e)
        && !anec_config_set(r->job->host, "set", value, &e);
}

/* Whether the step has the programs that it had in the run so far. */
static bool same_step(TrainRun *r)
{
    static const int ids[] = { SET_loss,     SET_train,  SET_batch, SET_micro,
                               SET_segments, SET_memory, SET_save };
    const TrainState *s = &r->from.state;
    bool same = !strcmp(r->state.model_sha256, s->model_sha256)
             && !strcmp(run_options_json(r), s->options);
    for (size_t i = 0; i < COUNT(ids); i++) same = same && !run_set(r, ids[i])->given;
    return same;
}

/* On the engine the run goes on in the form that it had there, and programs that were refused
 * stay the processor's. */
static bool use_mode(TrainRun *r)
{
    anec_error e;
    const TrainState *s = &r->from.state;
    if (r->resumed && !strcmp(s->backend, "ane") && *s->refused && run_same_machine(r)
        && same_step(r))
        r->job->refused = s->refused;
    if (!r->resumed || strcmp(s->backend, "ane") != 0 || strcmp(s->io, "fp16") != 0)
        return true;
    if (!run_same(s->machine, run_machine(r))) {
        diag_note(
            r->diag, (Loc){ 0 },
            "the run was on %s, this is %s: the engine is asked again which form it takes",
            s->machine, run_machine(r));
        return true;
    }
    if (!run_same_machine(r)) {
        diag_note(r->diag, (Loc){ 0 },
                  "the run knew other rules of chips, or was on another build of the "
                  "system: the engine is asked again which form it takes");
        return true;
    }
    for (int i = 0; i < r->job->noption; i++)
        if (!strncmp(r->job->option[i], "io=", 3)) return true;
    return !anec_config_set(r->job->config, "io", "fp16", &e);
}

/* What --train names may be new to the file that the others come from. */
static bool open_init(TrainRun *r)
{
    TrainPrograms *e = &r->programs;
    int left;
    if (!weights_fill(r->diag, r->job->init, e->param, e->nparam,
                      run_set(r, SET_train)->text != NULL, &left))
        return false;
    if (left)
        diag_note(
            r->diag, (Loc){ 0 },
            "%s has none of %d weights that are learned: they begin as the program says",
            r->job->init, left);
    return true;
}

static bool train_open_restore(TrainRun *r)
{
    TrainPrograms *e = &r->programs;
    const TrainState *s = &r->from.state;
    for (int i = 0; i < e->nparam; i++)
        for (int k = 0; k < r->rule.states && !e->param[i].frozen; k++)
            e->param[i].state[k] = arena_array(&r->arena, e->param[i].count + 1,
                                               sizeof(float));
    if (!r->resumed && r->job->from != UINT64_MAX) {
        r->state.step = r->job->from;
        r->state.samples = r->state.step * job_batches(r->job) * r->data.batch;
    }
    if (!r->resumed) data_first_weights(&r->data, e->param, e->nparam);
    if (!r->resumed) return !r->job->init || open_init(r);
    if (s->states != r->rule.states)
        return diag_error(
            r->diag, (Loc){ 0 }, "%s has %d states a weight, the optimizer %s has %d",
            r->from.path, s->states, run_set(r, SET_optimizer)->text, r->rule.states);
    if (!checkpoint_fill(&r->from, r->diag, e->param, e->nparam, r->state.model_sha256))
        return false;
    const TrainState mine = r->state;
    r->state = *s;
    r->state.model = mine.model;
    r->state.model_path = mine.model_path;
    r->state.model_sha256 = mine.model_sha256;
    r->state.vocab = mine.vocab;
    r->scale.skipped = s->skipped;
    if (r->scale.dynamic && s->scale > 1)
        r->scale.value = s->scale, r->scale.good = s->good;
    return true;
}

/* Tokens of a program that says how many there are: an engine would take others for what it
 * likes. */
static bool check_tokens(TrainRun *r, const TrainData *t)
{
    int64_t most;
    if (!t->token) return true;
    if (!programs_param(&r->programs, r->state.model, "vocabulary", &most)) return false;
    for (size_t i = 0; most > 0 && i < t->tokens; i++)
        if (t->token[i] >= most)
            return diag_error(
                r->diag, (Loc){ 0 },
                "%s has the token %u (number %zu), and the parameter vocabulary of "
                "the program is %lld",
                t->text, t->token[i], i, (long long)most);
    return true;
}

static bool open_data(TrainRun *r)
{
    const char *text = run_set(r, SET_data)->text;
    if (!text)
        return diag_error(
            r->diag, (Loc){ 0 },
            "--data is missing: x.npy,t.npy, a folder of pictures, or built-in:tiny");
    r->has_data = true;
    const bool same = r->resumed && *r->from.state.vocab && !run_set(r, SET_vocab)->given;
    r->data.parts = (size_t)r->job->parts;
    r->data.vocab_name = r->eval.vocab_name = run_set(r, SET_vocab)->text;
    if (!data_open(&r->data, r->diag, text, programs_takes(&r->programs),
                   r->programs.step, same ? r->from.state.vocab : NULL))
        return false;
    if (!check_tokens(r, &r->data)) return false;
    r->state.vocab = vocab_save(&r->data.vocab, &r->arena);
    if (r->resumed && strcmp(r->data.sha256, r->from.state.data_sha256) != 0)
        diag_note(r->diag, (Loc){ 0 },
                  "the data is not what the run had so far (sha256 %.12s, "
                  "now %.12s)",
                  r->from.state.data_sha256, r->data.sha256);
    r->state.data_sha256 = r->data.sha256;
    r->steps = run_set(r, SET_steps)->count;
    if (run_set(r, SET_epochs)->text && !run_set(r, SET_steps)->given)
        r->steps = run_set(r, SET_epochs)->count * (r->data.samples / r->data.batch)
                 / job_batches(r->job);
    if (!run_set(r, SET_eval)->text) return true;
    r->has_eval = true;
    return data_open(&r->eval, r->diag, run_set(r, SET_eval)->text,
                     programs_takes(&r->programs), r->programs.step,
                     *r->state.vocab ? r->state.vocab : NULL)
        && check_tokens(r, &r->eval);
}

/* All of an optimizer in fp16: what fp16 cannot hold of its settings is raised. */
static bool open_updates(TrainRun *r)
{
    TrainPrograms *e = &r->programs;
    const TrainSetting *eps = run_set(r, SET_eps);
    if (!e->updates) return true;
    r->rule.engine = e->updates;
    if (!e->half)
        return diag_error(
            r->diag, (Loc){ 0 },
            "--optimizer-on engine: no engine computes here, but %s in fp32",
            run_fact(r, "backend"));
    if (rule_has_eps(&r->job->set) && eps->real < ENGINE_EPS) {
        diag_note(r->diag, (Loc){ 0 },
                  "--eps %s is raised to 1e-4, the least that fp16 "
                  "computes with",
                  eps->text);
        settings_put(&r->job->set, SET_eps, "1e-4");
    }
    diag_warn(r->diag, WARN_HALF_UPDATE, (Loc){ 0 },
              "weights and moments are kept in fp16: losses differ from those of "
              "--optimizer-on host");
    return diag_ok(r->diag);
}

static bool open_programs(TrainRun *r)
{
    TrainPrograms *e = &r->programs;
    const char *text = r->job->model ? NULL : r->state.model;
    if (!programs_open(e, r->diag, r->job, text,
                       r->job->model ? r->job->model : r->state.model_path)
        || !rule_open(&r->rule, r->diag, e->plain, &r->job->set) || !open_updates(r)
        || !scale_open(&r->scale, r->diag, run_set(r, SET_scale)->text, e->half)
        || !open_data(r) || !train_open_restore(r))
        return false;
    for (int i = 0; i < e->nparam; i++)
        if (!e->param[i].frozen && !rule_prepare(&r->rule, &e->param[i])) return false;
    r->was_zero = arena_alloc(&r->arena, (size_t)e->nparam + 1);
    return samples_check(r) && sums_open(r);
}

const char *run_folder(const TrainRun *r)
{
    return r->at ? r->at : r->job->folder ? r->job->folder : "run";
}

bool run_open(TrainRun *r)
{
    const double start = run_now();
    r->leads = !ranks_index(r->ranks);
    if (r->job->resume && !open_resumed(r)) return false;
    if (r->resumed && (!run_take_settings(r) || !run_take_options(r))) return false;
    if (!run_set(r, SET_memory)->count) mem_keep(); /* as every step asks for it again */
    if (!settings_check(&r->job->set, r->diag) || !read_model(r) || !use_batch(r)
        || !use_mode(r) || !open_programs(r))
        return false;
    if (!r->resumed && run_keeps(r) && r->leads
        && (!folder_open(&r->folder, r->diag, run_folder(r))
            || !folder_begin(&r->folder, r->job->anew)))
        return false;
    r->compiled = run_now() - start;
    if (!run_keeps(r) || !r->leads) return true;
    const TrainData *t = &r->data;
    const bool text = t->token && !file_has_suffix(t->text, ".bin");
    return folder_log(&r->folder, r->resumed ? r->state.step : 0)
        && (!text || folder_tokens(&r->folder, t->token, t->tokens)) && run_put_config(r)
        && run_show(r);
}
