/* page.c -- draws the curve of a run from its log.csv: loss.svg, and report.html, a page
 * that needs no other file. */
#include "run.h"

#include <math.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

enum { WIDTH = 760, HEIGHT = 320, LEFT = 64, RIGHT = 12, TOP = 12, BOTTOM = 30 };
enum { MOST_LOG = 1 << 20, COLUMN_STEP = 0, COLUMN_LOSS = 2, COLUMN_EVAL = 12 };

/* ---- log.csv ----------------------------------------------------------------------------- */

typedef struct {
    double *step, *loss; /* loss: NaN where there is none */
    size_t n;
} Curve;

typedef struct {
    Curve train, eval;
    double most, least, last; /* of all losses; of the steps */
} Curves;

static void page_add(Curve *c, double step, double loss)
{
    c->step[c->n] = step;
    c->loss[c->n++] = loss;
}

/* Field `column` of a line; NaN: it is empty or not there. */
static double page_field(const char *line, int column)
{
    char *end;
    for (; column && *line && *line != '\n'; line++) column -= *line == ',';
    if (column || *line == ',' || *line == '\n' || !*line) return NAN;
    const double v = strtod(line, &end);
    return end != line ? v : NAN;
}

static void take_line(Curves *c, const char *line)
{
    const double step = page_field(line, COLUMN_STEP),
                 loss = page_field(line, COLUMN_LOSS);
    const double eval = page_field(line, COLUMN_EVAL);
    if (!isfinite(step)) return;
    c->last = fmax(c->last, step);
    if (isfinite(loss)) page_add(&c->train, step, loss);
    if (isfinite(eval)) page_add(&c->eval, step, eval);
}

static void read_log(Curves *c, Arena *a, const char *text)
{
    size_t lines = 1;
    for (const char *s = text; *s; s++) lines += *s == '\n';
    *c = (Curves){ .least = INFINITY, .most = -INFINITY };
    Curve *const all[] = { &c->train, &c->eval };
    for (size_t i = 0; i < COUNT(all); i++) {
        all[i]->step = NEW_ARRAY(a, lines, double);
        all[i]->loss = NEW_ARRAY(a, lines, double);
    }
    for (const char *s = text; *s; s += *s == '\n') {
        take_line(c, s);
        s += strcspn(s, "\n");
    }
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t k = 0; k < all[i]->n; k++) {
            c->least = fmin(c->least, all[i]->loss[k]);
            c->most = fmax(c->most, all[i]->loss[k]);
        }
}

/* ---- the drawing ------------------------------------------------------------------------- */

typedef struct {
    Buf *out;
    bool log; /* losses of several powers of ten */
    double low, high, last;
} Axes;

static double page_scaled(const Axes *a, double loss)
{
    return a->log ? log10(loss) : loss;
}

static double x_of(const Axes *a, double step)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (a->last > 0 ? step / a->last : 0);
}

static double y_of(const Axes *a, double loss)
{
    const double part = (page_scaled(a, loss) - a->low) / (a->high - a->low);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part;
}

static Axes axes_of(const Curves *c, Buf *out)
{
    Axes a = { .out = out, .last = c->last };
    a.log = c->least > 0 && c->most / c->least > 50;
    a.low = page_scaled(&a, c->least);
    a.high = page_scaled(&a, c->most);
    if (a.log) a.low = floor(a.low), a.high = ceil(a.high);
    if (!(a.high > a.low)) a.low -= .5, a.high += .5;
    return a;
}

static void put_text(Buf *b, double x, double y, const char *anchor, const char *text)
{
    buf_printf(b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y,
               anchor, text);
}

static void put_grid(const Axes *a)
{
    char text[32];
    const int lines = a->log ? (int)(a->high - a->low) : 4;
    const int skip = lines > 8 ? (lines + 7) / 8 : 1;
    for (int i = 0; i <= lines; i += skip) {
        const double v = a->low + (a->high - a->low) * i / lines;
        const double loss = a->log ? pow(10, v) : v, y = y_of(a, loss);
        snprintf(text, sizeof text, "%.3g", loss);
        buf_printf(a->out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", LEFT, y,
                   WIDTH - RIGHT);
        put_text(a->out, LEFT - 6, y + 4, "end", text);
    }
    for (int i = 0; i <= 4; i++) {
        snprintf(text, sizeof text, "%.0f", a->last * i / 4);
        put_text(a->out, x_of(a, a->last * i / 4), HEIGHT - 10, i == 4 ? "end" : "middle",
                 text);
    }
}

/* As many points as there are columns of the drawing: of each the least and the largest. */
static void put_curve(const Axes *a, const Curve *c, const char *kind)
{
    if (!c->n) return;
    buf_printf(a->out, "<polyline class=\"%s\" points=\"", kind);
    for (size_t i = 0; i < c->n;) {
        const double x = floor(x_of(a, c->step[i]));
        size_t low = i, high = i, end = i;
        for (; end < c->n && floor(x_of(a, c->step[end])) == x; end++) {
            if (c->loss[end] < c->loss[low]) low = end;
            if (c->loss[end] > c->loss[high]) high = end;
        }
        const size_t first = low < high ? low : high, second = low < high ? high : low;
        buf_printf(a->out, "%.1f,%.1f ", x_of(a, c->step[first]),
                   y_of(a, c->loss[first]));
        if (second != first)
            buf_printf(a->out, "%.1f,%.1f ", x_of(a, c->step[second]),
                       y_of(a, c->loss[second]));
        i = end;
    }
    buf_puts(a->out, "\"/>\n");
}

static void put_drawing(const Curves *c, Buf *out)
{
    buf_printf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\">\n<style>text{font:12px sans-serif;fill:#555}path.grid{stroke:#ddd}"
        "polyline{fill:none;stroke-width:1.5}.train{stroke:#1f77b4}.eval{stroke:#d62728;"
        "stroke-width:2.5}</style>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    if (c->train.n || c->eval.n) {
        const Axes a = axes_of(c, out);
        put_grid(&a);
        put_curve(&a, &c->train, "train");
        put_curve(&a, &c->eval, "eval");
    }
    buf_puts(out, "</svg>\n");
}

/* ---- the page ---------------------------------------------------------------------------- */

static void put_row(Buf *b, const char *name, const char *value)
{
    if (!value || !*value) return;
    buf_printf(b, "<tr><th>%s</th><td>", name);
    buf_html(b, value);
    buf_puts(b, "</td></tr>\n");
}

static const char *page_number(TrainRun *r, const char *format, double v)
{
    char text[64];
    snprintf(text, sizeof text, strcmp(format, "g") ? "%.0f" : "%.4g", v);
    return arena_strdup(&r->arena, text);
}

/* Of the steps of this command; what is missing to 100 % is between those three. */
static void put_times(TrainRun *r, Buf *b)
{
    const TrainTimes *t = &r->times;
    const double ms = t->all / (double)t->steps, part = 100 / t->all;
    const struct {
        const char *name, *unit;
        double value;
    } rows[] = {
        { "compiled in", " s", r->compiled },
        { "trained in", " s", run_now() - r->started },
        { "a step", " ms", ms },
        { "samples laid out", " %", part * t->data },
        { "gradients", " %", part * t->run },
        { "updates", " %", part * t->update },
        { "tokens a second", " tok/s", 1000 * run_tokens(r) / ms },
        { "by 6 for each parameter and token", " TFLOP/s", run_teraflops(r, ms) },
    };
    for (size_t i = 0; t->steps && i < COUNT(rows); i++)
        if (rows[i].value > 0)
            put_row(b, rows[i].name,
                    arena_printf(&r->arena, "%.3g%s", rows[i].value, rows[i].unit));
}

static void put_facts(TrainRun *r, Buf *b)
{
    const TrainState *s = &r->state;
    buf_puts(b, "<h2>Run</h2>\n<table>\n");
    put_row(b, "model", s->model_path);
    put_row(b, "parameters", page_number(r, "", (double)r->programs.numbers));
    put_row(b, "backend", run_fact(r, "backend"));
    put_row(b, "form", run_fact(r, "io"));
    put_row(b, "why", run_fact(r, "why"));
    put_row(b, "steps", page_number(r, "", (double)s->step));
    put_row(b, "loss", page_number(r, "g", s->loss));
    if (isfinite(s->best_loss))
        put_row(b, "best loss", page_number(r, "g", s->best_loss));
    put_row(b, "at step", page_number(r, "", (double)s->best_step));
    put_row(b, "skipped", page_number(r, "", (double)r->scale.skipped));
    put_times(r, b);
    buf_puts(b, "</table>\n<h2>Settings</h2>\n<table>\n");
    for (int i = 0; i < SET_COUNT; i++)
        put_row(b, train_setting_names[i], run_set(r, i)->text);
    buf_puts(b, "</table>\n");
}

static void put_page(TrainRun *r, const Curves *c, const char *log, Buf *b)
{
    buf_puts(b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
    buf_html(b, file_base(r->state.model_path));
    buf_puts(
        b,
        "</title>\n<style>body{font:15px sans-serif;max-width:800px;margin:2em auto;"
        "color:#222}th{text-align:left;padding-right:1em;font-weight:normal;color:#666}"
        "svg{max-width:100%;height:auto}pre{overflow:auto;max-height:20em;background:#f6f6f6;"
        "padding:1em}</style>\n<h1>");
    buf_html(b, file_base(r->state.model_path));
    buf_puts(b,
             "</h1>\n<p>The loss of each step (blue), and of evaluations (red).</p>\n");
    put_drawing(c, b);
    put_facts(r, b);
    buf_puts(b, "<h2>Program</h2>\n<pre>");
    buf_html(b, r->state.model);
    buf_puts(b, "</pre>\n<h2>log.csv</h2>\n<pre id=\"log\">");
    const size_t n = strlen(log);
    if (n > MOST_LOG) { /* its end */
        log = strchr(log + n - MOST_LOG, '\n');
        buf_puts(b, "..");
    }
    buf_html(b, log ? log : "");
    buf_puts(b, "</pre>\n</html>\n");
}

/* ---- writing ----------------------------------------------------------------------------- */

bool run_put_pages(TrainRun *r, bool whole)
{
    Arena a = { 0 };
    Mapped log;
    Curves c;
    Buf b = { 0 };
    const char *folder = r->folder.path;
    if (!r->leads) return true;
    if (!file_read(r->diag, arena_printf(&a, "%s/log.csv", folder), &log)) return false;
    const char *text = arena_strndup(&a, log.data ? (const char *)log.data : "",
                                     log.size);
    file_unmap(&log);
    read_log(&c, &a, text);
    put_drawing(&c, &b);
    bool ok = file_write_all(r->diag, arena_printf(&a, "%s/loss.svg", folder), b.s,
                             b.len);
    if (ok && whole) {
        b.len = 0;
        put_page(r, &c, text, &b);
        ok = file_write_all(r->diag, arena_printf(&a, "%s/report.html", folder), b.s,
                            b.len);
    }
    buf_free(&b);
    arena_free(&a);
    return ok;
}

/* ---- while it is at work ----------------------------------------------------------------- */

static void show_row(cJSON *to, const char *name, const char *value)
{
    if (value && *value) json_item(to, name, cJSON_CreateString(value));
}

/* What the page tells of the run beside its steps. */
static const char *show_about(TrainRun *r)
{
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "name", cJSON_CreateString(file_base(r->state.model_path)));
    cJSON *rows = json_item(root, "rows", cJSON_CreateObject());
    show_row(rows, "model", r->state.model_path);
    show_row(rows, "folder", r->folder.path);
    show_row(rows, "parameters", page_number(r, "", (double)r->programs.numbers));
    show_row(rows, "backend", run_fact(r, "backend"));
    show_row(rows, "form", run_fact(r, "io"));
    show_row(rows, "why", run_fact(r, "why"));
    show_row(rows, "until step", page_number(r, "", (double)r->steps));
    for (int i = 0; i < SET_COUNT; i++)
        show_row(rows, train_setting_names[i], run_set(r, i)->text);
    char *text = json_text(root, false);
    const char *s = arena_strdup(&r->arena, text);
    json_text_free(text);
    json_free(root);
    return s;
}

bool run_show(TrainRun *r)
{
    return !r->job->shown
        || serve_open(&r->serve, r->diag, (unsigned)r->job->port, r->folder.path,
                      show_about(r));
}

void run_show_end(TrainRun *r, bool ok)
{
    serve_tell(r->serve, "end",
               !ok           ? "ended with an error:"
               : r->stopping ? "stopped:"
                             : "done:");
    serve_close(r->serve);
}
