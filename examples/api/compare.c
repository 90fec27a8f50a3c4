/* compare.c -- compiles a program of the language for a chip, and says how far that chip's
 * engine, as it is simulated, would be from the exact result: options, messages, made-up
 * inputs, two backends.
 *
 *     cc compare.c $(pkg-config --cflags --libs anec) -o compare
 *     ./compare ../mlp.anedsl m1 hidden=128 */
#include <anec.h>

#include <stdio.h>
#include <stdlib.h>

static void tell(void *ctx, anec_severity severity, const char *text)
{
    (void)ctx;
    (void)severity;
    fputs(text, stderr); /* warnings as well as errors, with the line and a caret */
}

/* Inputs of a kernel from a seed; the count. */
static int make_inputs(anec_kernel *k, anec_input *in, anec_tensor *made, int max,
                       anec_error *e)
{
    anec_tensor port;
    int n = 0;
    for (const char *name; n < max && (name = anec_port(k, ANEC_INPUT, n, &port)); n++) {
        if (anec_tensor_random(k, name, 1, &made[n], e))
            exit(fprintf(stderr, "%s\n", e->text) > 0);
        in[n] = (anec_input){ .name = name, .tensor = &made[n] };
    }
    return n;
}

int main(int argc, char **argv)
{
    enum { MAX = 16 };
    anec_config *config = anec_config_new();
    anec_device *exact, *chip;
    anec_model *model;
    anec_kernel *a, *b;
    anec_tensor made[MAX], x, y;
    anec_input in[MAX];
    anec_error e;
    char name[32];
    if (argc < 3) return fprintf(stderr, "usage: compare PROGRAM CHIP [NAME=VALUE]\n"), 2;
    snprintf(name, sizeof name, "sim:%s", argv[2]);
    anec_config_messages(config, tell, NULL);
    if (anec_config_set(config, "target", argv[2], &e)
        || (argc > 3 && anec_config_set(config, "set", argv[3], &e))
        || anec_open_with("ref", config, &exact, &e)
        || anec_open_with(name, config, &chip, &e)
        || anec_load(exact, argv[1], &model, &e) || anec_compile(model, NULL, &a, &e)
        || anec_compile_on(model, chip, NULL, &b, &e))
        return fprintf(stderr, "compare: %s\n", e.text), 1;
    printf("%s\n%s\n", anec_how(a), anec_how(b));

    const int n = make_inputs(a, in, made, MAX, &e);
    if (anec_run_with(a, in, n, NULL, &e) || anec_run_with(b, in, n, NULL, &e))
        return fprintf(stderr, "compare: %s\n", e.text), 1;
    const char *r;
    for (int i = 0; (r = anec_port(a, ANEC_RESULT, i, &x)); i++) {
        anec_difference d = { .size = sizeof d };
        if (anec_result(a, r, &x, &e) || anec_result(b, r, &y, &e))
            return fprintf(stderr, "compare: %s\n", e.text), 1;
        anec_compare(&y, &x, anec_value_precision(anec_result_value(a, i)), NULL, &d);
        printf("%s: %s\n", r, d.text);
    }
    for (int i = 0; i < n; i++) anec_tensor_free(&made[i]);
    anec_free(a);
    anec_free(b);
    anec_model_free(model);
    anec_close(exact);
    anec_close(chip);
    anec_config_free(config);
    return 0;
}
