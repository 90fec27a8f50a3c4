/* run_results.c -- what anerun makes of the values of a run: files, lines that sum them up, the most
 * probable classes, and how they differ from another backend's. */
#include "anerun.h"

#include <string.h>

static bool anerun_save(RunJob *j, const char *dir, const char *name,
                        const anec_tensor *t)
{
    Buf path = { 0 };
    anec_error e;
    buf_printf(&path, "%s/%s%s.npy", dir, j->prefix, name);
    bool ok = anerun_good(j, anec_tensor_save(j->args->config, t, path.s, &e), &e);
    buf_free(&path);
    return ok;
}

/* A value of the first backend: for --dump, and for --compare. */
int results_take(void *ctx, const anec_value *v, const anec_tensor *t)
{
    RunJob *j = ctx;
    if (j->other && watch_keep(&j->watch, v, t)) return 1;
    return j->dump && strcmp(t->dtype, "list") != 0
        && !anerun_save(j, j->dump, anec_value_name(v), t);
}

/* The labels of a dictionary's values beside them; a result that is an image, as one too. */
static bool save_more(RunJob *j, const char *dir, const char *name, anec_kind kind, int i)
{
    const char *probabilities;
    anec_feature f = { .size = sizeof f };
    anec_tensor labels;
    anec_error e;
    Buf path = { 0 };
    bool ok = true;
    if (kind != ANEC_RESULT) return true;
    anec_classifier(j->kernel, &probabilities);
    if (probabilities && !strcmp(probabilities, name)) {
        ok = anerun_good(j, anec_classes(j->kernel, &labels, &e), &e);
        buf_printf(&path, "%s.keys", name);
        ok = ok && anerun_save(j, dir, path.s, &labels);
        anec_tensor_free(&labels);
    } else if (anec_port_feature(j->kernel, kind, i, &f) && f.color && anec_has_png()) {
        buf_printf(&path, "%s/%s%s.png", dir, j->prefix, name);
        ok = anerun_good(j, anec_image_save(j->kernel, name, path.s, &e), &e);
    }
    buf_free(&path);
    return ok;
}

/* The most probable classes, a line each. */
static void put_best(RunJob *j, Buf *out)
{
    enum { BEST = 5 };
    anec_class best[BEST];
    const int n = anec_best(j->kernel, best, BEST);
    for (int i = 0; i < n; i++) {
        buf_printf(out, "%s  %8.5f  ", j->prefix, best[i].probability);
        if (best[i].text) buf_quote(out, best[i].text);
        else buf_printf(out, "%lld", (long long)best[i].number);
        buf_putc(out, '\n');
    }
}

/* Results or states. */
static bool put_values(RunJob *j, anec_kind kind)
{
    const OptValue *dir = anerun_opt(j, RUN_output);
    const char *name;
    anec_tensor t;
    anec_error e;
    Buf out = { 0 };
    bool ok = true;
    for (int i = 0; ok && (name = anec_port(j->kernel, kind, i, &t)); i++) {
        const anec_status s = kind == ANEC_STATE ? anec_state(j->kernel, name, &t, &e)
                                                 : anec_result(j->kernel, name, &t, &e);
        ok = anerun_good(j, s, &e);
        if (ok && dir->count) {
            ok = anerun_save(j, dir->text, name, &t)
              && save_more(j, dir->text, name, kind, i);
        } else if (ok) {
            char *line = anec_summary(&t);
            if (!line) mem_out(1);
            buf_printf(&out, "%s%s: ", j->prefix, name);
            buf_puts(&out, line);
            anec_text_free(line);
        }
    }
    if (ok && kind == ANEC_RESULT && !dir->count) put_best(j, &out);
    if (out.len) progress_clear(j->progress);
    if (out.len) fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
    return ok;
}

bool results_put(RunJob *j)
{
    return put_values(j, ANEC_RESULT)
        && (!anerun_opt(j, RUN_states)->count || put_values(j, ANEC_STATE));
}

bool results_compare(RunJob *j)
{
    const char *name;
    anec_tensor a, b;
    anec_error e;
    Buf out = { 0 };
    for (int i = 0; (name = anec_port(j->kernel, ANEC_RESULT, i, &a)); i++) {
        anec_difference d = { .size = sizeof d };
        if (!anerun_good(j, anec_result(j->kernel, name, &a, &e), &e)
            || !anerun_good(j, anec_result(j->other, name, &b, &e), &e))
            return false;
        const char *as = anec_value_precision(anec_result_value(j->kernel, i));
        anec_compare(&a, &b, as, &j->watch.tolerance, &d);
        if (d.differs < 0) mem_out(1);
        buf_printf(&out, "%s%s: %s\n", j->prefix, name, d.text);
        j->differs |= d.differs != 0;
    }
    watch_report(&j->watch, &out, j->prefix, anec_fact(j->kernel, "backend"),
                 anec_fact(j->other, "backend"));
    fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
    return true;
}
