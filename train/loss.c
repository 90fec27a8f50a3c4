/* loss.c -- a loss of std for a model that has none: a function behind the program, which takes
 * the model's one result and an input `target`. */
#include "train.h"

#include <cjson/cJSON.h>

#define LOSS_FUNCTION "loss__"

typedef struct {
    TrainPrograms *programs;
    const char *loss, *name; /* name: of the model */
    const cJSON *function;   /* as anec_describe tells it */
    Buf text, given;         /* the function; and the inputs of the call in it */
} Loss;

static const char *loss_string(const cJSON *of, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(of, name));
    return s ? s : "";
}

static const cJSON *loss_list(const cJSON *of, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(of, name);
}

/* The axis of the classes, as std's feature_axis has it. */
static int loss_axis(int rank) { return rank == 4 ? 1 : rank - 1; }

/* "fp32[6, 3]", without the dimension `less`. */
static bool loss_type(Loss *l, const cJSON *port, const char *dtype, int less)
{
    const cJSON *shape = loss_list(port, "shape");
    bool first = true;
    buf_printf(&l->text, "%s[", dtype);
    for (int i = 0; i < cJSON_GetArraySize(shape); i++) {
        const cJSON *dim = cJSON_GetArrayItem(shape, i);
        if (!cJSON_IsNumber(dim))
            return diag_error(l->programs->diag, (Loc){ 0 },
                              "--loss %s: %s of %s has dimensions that are not fixed",
                              l->loss, loss_string(port, "name"), l->name);
        if (i == less) continue;
        buf_printf(&l->text, "%s%d", first ? "" : ", ", dim->valueint);
        first = false;
    }
    buf_puts(&l->text, "]");
    return true;
}

static bool loss_inputs(Loss *l)
{
    const cJSON *inputs = loss_list(l->function, "inputs");
    for (int i = 0; i < cJSON_GetArraySize(inputs); i++) {
        const cJSON *port = cJSON_GetArrayItem(inputs, i);
        const char *name = loss_string(port, "name");
        if (!strcmp(name, "target"))
            return diag_error(
                l->programs->diag, (Loc){ 0 },
                "--loss %s adds an input `target`, and %s has one of this name", l->loss,
                l->name);
        buf_printf(&l->text, "%s: ", name);
        buf_printf(&l->given, "%s%s", i ? ", " : "", name);
        if (!loss_type(l, port, loss_string(port, "dtype"), -1)) return false;
        buf_puts(&l->text, ", ");
    }
    return true;
}

static bool loss_write(Loss *l)
{
    const cJSON *results = loss_list(l->function, "outputs"), *result = results->child;
    const bool classes = !strcmp(l->loss, "cross_entropy");
    const int n = cJSON_GetArraySize(results),
              rank = cJSON_GetArraySize(loss_list(result, "shape"));
    if (n != 1)
        return diag_error(l->programs->diag, (Loc){ 0 },
                          "--loss %s is taken of one result, and %s has %d", l->loss,
                          l->name, n);
    const char *dtype = loss_string(result, "dtype");
    if (strncmp(dtype, "fp", 2) != 0 || (classes && !rank))
        return diag_error(l->programs->diag, (Loc){ 0 },
                          "--loss %s: %s of %s is %s of rank %d: it takes floats%s",
                          l->loss, loss_string(result, "name"), l->name, dtype, rank,
                          classes ? ", one for each class" : "");
    buf_puts(&l->text, "\nimport \"std\"\nmodel " LOSS_FUNCTION "(");
    if (!loss_inputs(l)) return false;
    buf_puts(&l->text, "target: ");
    if (!loss_type(l, result, classes ? "int32" : dtype, classes ? loss_axis(rank) : -1))
        return false;
    buf_printf(&l->text, ") -> loss = %s(%s(%s), target)\n", l->loss, l->name,
               l->given.s);
    return true;
}

static const cJSON *loss_function(const cJSON *root, const char *name)
{
    const cJSON *f = loss_list(root, "functions");
    for (f = f ? f->child : NULL; f && strcmp(loss_string(f, "name"), name) != 0;)
        f = f->next;
    return f;
}

bool loss_known(const char *loss)
{
    return !strcmp(loss, "mse") || !strcmp(loss, "cross_entropy");
}

bool loss_has_model(const anec_model *model, const char *loss)
{
    const char *name;
    for (int i = 0; (name = anec_function(model, i)); i++)
        if (!strcmp(name, loss)) return true;
    return false;
}

bool loss_add(TrainPrograms *e, const anec_model *model, Buf *program)
{
    anec_error error;
    char *told = NULL;
    Loss l = { .programs = e,
               .loss = e->job->set.at[SET_loss].text,
               .name = anec_main_function(model) };
    if (!programs_said(e, anec_describe(model, "json", &told, &error), &error))
        return false;
    cJSON *root = json_parse(told, strlen(told));
    l.function = loss_function(root, l.name);
    if (!l.function) bug("%s is not described", l.name);
    const bool ok = loss_write(&l);
    if (ok) buf_puts(program, l.text.s);
    e->function = LOSS_FUNCTION;
    buf_free(&l.text);
    buf_free(&l.given);
    json_free(root);
    anec_text_free(told);
    return ok;
}
