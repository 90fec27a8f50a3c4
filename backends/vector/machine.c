/* machine.c -- what a core of this machine does in a second, measured by the kernels themselves: what
 * is computed of other numbers can be held against it. */
#include "kernels.h"

#include <time.h>

/* A measurement is repeated, and the best counts: other work can only add. */
enum { TRIES = 7, TILES = 64, DEEP = 128, NEAR = 64 << 10 };

static double seconds_of_thread(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Operations a second of a tile whose operands are in the nearest cache. */
static double machine_flops(const Kernels *k, float *room)
{
    const GemmTile t = { .depth = DEEP,
                         .rows = k->mr,
                         .a = room,
                         .b = room + DEEP * k->mr,
                         .ldb = k->nr,
                         .c = room + DEEP * (k->mr + k->nr),
                         .ldc = k->nr };
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        const double start = seconds_of_thread();
        for (int n = 0; n < TILES; n++) k->tile(&t);
        const double took = seconds_of_thread() - start,
                     flops = 2.0 * TILES * DEEP * k->mr * k->nr / took;
        if (took > 0 && flops > best) best = flops;
    }
    return best;
}

/* Bytes a second of a sum over n floats, as often as is worth a measurement. */
static double machine_bytes(const Kernels *k, const float *x, size_t n)
{
    const size_t times = n < 8 * NEAR ? 8 * NEAR / n + 1 : 1;
    volatile float sum = 0;
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        const double start = seconds_of_thread();
        for (size_t m = 0; m < times; m++) sum = k->row[ROW_SUM](x, n);
        const double took = seconds_of_thread() - start,
                     bytes = (double)(n * times) * sizeof *x / took;
        if (took > 0 && bytes > best) best = bytes;
    }
    (void)sum;
    return best;
}

CoreSpeed machine_measure(const Kernels *k, float *room)
{
    k->fill(room, 1, MACHINE_ROOM);
    return (CoreSpeed){ machine_flops(k, room), machine_bytes(k, room, NEAR),
                        machine_bytes(k, room, MACHINE_ROOM) };
}

double machine_least(const CoreSpeed *m, double flop, double bytes)
{
    const double rate = bytes <= NEAR * sizeof(float) ? m->near_bytes : m->far_bytes;
    const double computed = m->flops > 0 ? flop / m->flops : 0,
                 moved = rate > 0 ? bytes / rate : 0;
    return computed > moved ? computed : moved;
}
