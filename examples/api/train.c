/* train.c -- a training step on whatever runs it, weights going from run to run without a
 * copy.
 *
 *     cc train.c $(pkg-config --cflags --libs anec) -o train
 *     ./train step.mil 200
 *
 * step.mil takes weights w, inputs x and targets t, and results in new weights w_next and the
 * loss. Rewiring makes w_next of one run the w of the next. */
#include <anec.h>

#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what, const anec_error *e)
{
    fprintf(stderr, "train: %s: %s\n", what, e->text);
    return 1;
}

int main(int argc, char **argv)
{
    const int steps = argc > 2 ? atoi(argv[2]) : 100;
    anec_device *dev;
    anec_model *model;
    anec_kernel *step;
    anec_tensor w, x, t, loss;
    anec_error e;
    if (argc < 2) return fprintf(stderr, "usage: train step.mil [STEPS]\n"), 2;
    if (anec_open("auto", NULL, &dev, &e)) return failed("no device", &e);
    if (anec_load(dev, argv[1], &model, &e)) return failed(argv[1], &e);
    if (anec_compile(model, NULL, &step, &e)) return failed("compiling", &e);
    printf("%s\n", anec_how(step));

    if (anec_buffer(step, "w", &w, &e) || anec_buffer(step, "x", &x, &e)
        || anec_buffer(step, "t", &t, &e))
        return failed("buffers", &e);
    for (size_t i = 0; i < x.bytes / sizeof(float); i++) {
        /* t = 2 x: that is what w should find out */
        ((float *)x.data)[i] = (float)(i % 7) / 4 - 0.75f;
        ((float *)t.data)[i] = 2 * ((float *)x.data)[i];
    }
    if (anec_rewire(step, "w", step, "w_next", &e)) return failed("rewiring", &e);
    for (int i = 0; i < steps; i++) {
        if (anec_run(step, &e) || anec_result(step, "loss", &loss, &e))
            return failed("a step", &e);
        if (i % 50 == 0 || i == steps - 1)
            printf("step %d  loss %.5f\n", i, *(float *)loss.data);
    }
    anec_free(step);
    anec_model_free(model);
    anec_close(dev);
    return 0;
}
