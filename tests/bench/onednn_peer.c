/* onednn_peer.c -- products and convolutions in fp32 by the backend cpu and by oneDNN, in turn, and which
 * share of what the processor can do each of ours reaches. oneDNN has no fp16 on processors.
 *
 * usage: onednn_peer [THREADS]     with as many as OMP_NUM_THREADS, since oneDNN's are OpenMP's
 *
 * One thread is judged by processor time, several by the clock, and then shares are of as many cores.
 *
 * The peak is what the loop of products alone reaches on little memory, measured before and after.
 * `ratio` is our time by the peer's where both begin and end with plain arrays, `own` where the
 * peer's are in the layout that it asked for already. `peak` is the share of the peak of what the
 * direct form would compute (Winograd's method computes less), `bound` that of the least time for so many
 * operations and for arrays that are read or written once from much memory; what stays in a cache
 * may be above. */
#include "../unit/onednn.h"

#include "../../backends/vector/kernels.h"

#include <math.h>
#include <time.h>

#ifdef ANEC_DNNL
static const BesideShape rows[] = {
    { .name = "GEMM 64 x 512 x 512", .n = 64, .c = 512, .out = 512 },
    { .name = "GEMM 256 x 288 x 768", .n = 256, .c = 288, .out = 768 },
    { .name = "GEMM 1024 x 768 x 768", .n = 1024, .c = 768, .out = 768 },
    { .name = "GEMM 1023 x 257 x 255", .n = 1023, .c = 257, .out = 255 },
    { .name = "GEMV 1 x 768 x 2048", .n = 1, .c = 768, .out = 2048 },
    { "conv 3x3 64 to 64, 56", 1, 64, 64, 56, 56, 3, 1, 1, 1 },
    { "conv 3x3 256 to 256, 14", 1, 256, 256, 14, 14, 3, 1, 1, 1 },
    { "conv 3x3 step 2, 64 to 128", 1, 64, 128, 56, 56, 3, 2, 1, 1 },
    { "conv 7x7 step 2, 3 to 64", 1, 3, 64, 224, 224, 7, 2, 3, 1 },
    { "conv 1x1 256 to 64, 56", 1, 256, 64, 56, 56, 1, 1, 0, 1 },
    { "depthwise 3x3 of 96, 56", 1, 96, 96, 56, 56, 3, 1, 1, 96 },
    { "depthwise 3x3 step 2, 96", 1, 96, 96, 56, 56, 3, 2, 1, 96 },
};

static int threads = 1;

static double now(void)
{
    struct timespec t;
    clock_gettime(threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds of a run, of so many in a row; the least of all rounds counts. */
static void timed(Beside *b, int what, int count, double *least)
{
    const double from = now();
    for (int i = 0; i < count; i++)
        if (what == 0) beside_ours(b, threads, false);
        else beside_peer(b, what == 1);
    *least = fmin(*least, (now() - from) / count);
}

static CoreSpeed measured(void)
{
    float *room = test_calloc(MACHINE_ROOM, sizeof *room);
    const CoreSpeed m = machine_measure(kernels_at(0), room);
    test_free(room);
    printf("peak of a core, %s: %.1f GFLOP/s, %.1f GB/s of much memory\n",
           kernels_at(0)->name, m.flops / 1e9, m.far_bytes / 1e9);
    return m;
}

/* Of each array once. */
static double bytes_of(const Beside *b)
{
    return 4 * (double)(b->in.value.count + b->w.count + b->y.count);
}

static void row(const BesideShape *s, const CoreSpeed *m)
{
    enum { ROUNDS = 15 };
    double least[3] = { INFINITY, INFINITY, INFINITY };
    Beside b;
    beside_new(&b, s, false);
    const int count = (int)fmax(1, 4e7 / b.macs);
    for (int i = 0; i < ROUNDS; i++)
        for (int what = 0; what < 3; what++) timed(&b, what, count, &least[what]);
    const double most = gen_largest(&b.y), off = gen_difference(beside_result(&b), &b.y);
    if (!(off <= 1e-4 * most))
        fail_msg("%s: results differ by %g of %g", s->name, off, most);
    const double bound = machine_least(m, 2 * b.macs, bytes_of(&b));
    printf("%-28s %9.1f %9.1f %6.2f %6.2f %8.1f %5.0f %% %5.0f %%  %.1e\n", s->name,
           least[0] * 1e6, least[1] * 1e6, least[0] / least[1], least[0] / least[2],
           2e-9 * b.macs / least[0], 200 * b.macs / least[0] / m->flops / threads,
           100 * bound / least[0] / threads, off / most);
    fflush(stdout);
    beside_free(&b);
}

static void families(void **state)
{
    (void)state;
    const CoreSpeed m = measured();
    printf("%-28s %9s %9s %6s %6s %8s %7s %7s  %s\n", "", "ours us", "oneDNN", "ratio",
           "own", "GFLOP/s", "peak", "bound", "apart");
    for (size_t i = 0; i < COUNT(rows); i++) row(&rows[i], &m);
    measured();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(families) };
    if (argc > 1) threads = atoi(argv[1]);
    if (threads < 1) return 2;
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
#else
int main(void)
{
    puts("skipped, oneDNN is not here: libdnnl-dev");
    return 0;
}
#endif
