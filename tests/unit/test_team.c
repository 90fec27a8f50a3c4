/* test_team.c -- the parts of a step, shared by threads: each is done once, whatever their number and
 * however long they take, and those that a lane begins with follow each other. */
#include "unit.h"

#include "../../backends/vector/kernels.h"

#include <stdatomic.h>
#include <time.h>

enum { MANY = (1 << 21) + 12345, LANES = 5 };

typedef struct {
    _Atomic int32_t *times; /* of each part */
    _Atomic int64_t wrong;
    int slow; /* the lane that takes long; -1: none */
    int64_t first[LANES];
} Counted;

static void count_part(void *ctx, int64_t part, int lane)
{
    Counted *c = ctx;
    atomic_fetch_add(&c->times[part], 1);
    if (lane < 0 || lane >= LANES) {
        atomic_fetch_add(&c->wrong, 1);
        return;
    }
    if (c->first[lane] < 0) c->first[lane] = part;
    if (lane == c->slow) {
        const struct timespec t = { 0, 200000 };
        nanosleep(&t, NULL);
    }
}

static void count_all(Team *t, Counted *c, int64_t count)
{
    for (int64_t i = 0; i < count; i++) atomic_store(&c->times[i], 0);
    for (int i = 0; i < LANES; i++) c->first[i] = -1;
    team_run(t, count_part, c, count);
    for (int64_t i = 0; i < count; i++)
        if (atomic_load(&c->times[i]) != 1)
            fail_msg("part %lld of %lld: %d times", (long long)i, (long long)count,
                     (int)atomic_load(&c->times[i]));
    assert_int_equal(atomic_load(&c->wrong), 0);
}

/* Where a lane begins: at its own share of the parts, or, where that is gone, at the end of another's. */
static void begins_where(const Team *t, const Counted *c, int64_t count)
{
    const int lanes = team_lanes(t);
    for (int lane = 0; lane < lanes; lane++) {
        const int64_t at = c->first[lane];
        bool found = at < 0 || at == count * lane / lanes;
        for (int64_t other = 0; other < lanes && !found; other++)
            found = at >= count * other / lanes && at < count * (other + 1) / lanes
                 && other != lane;
        if (!found)
            fail_msg("lane %d of %d began at part %lld of %lld", lane, lanes,
                     (long long)at, (long long)count);
    }
}

static void test_each_once(void **state)
{
    static const int64_t counts[] = { 0, 1, 2, 3, 7, 64, 1000 };
    (void)state;
    Counted c = { .times = calloc(MANY, sizeof *c.times) };
    assert_non_null(c.times);
    for (int lanes = 1; lanes <= LANES; lanes++) {
        Team *t = team_new(lanes);
        assert_int_equal(team_lanes(t), lanes);
        for (c.slow = -1; c.slow < lanes; c.slow++)
            for (size_t i = 0; i < COUNT(counts); i++) {
                count_all(t, &c, counts[i]);
                if (lanes > 1 && counts[i] > 1) begins_where(t, &c, counts[i]);
            }
        c.slow = -1;
        for (int i = 0; i < 2000; i++) count_all(t, &c, 1 + i % 13);
        count_all(t, &c, MANY); /* more than there are tickets */
        team_free(t);
    }
    free((void *)c.times);
}

static void test_none(void **state)
{
    (void)state;
    Counted c = { .times = calloc(8, sizeof *c.times), .slow = -1 };
    assert_int_equal(team_lanes(NULL), 1);
    count_all(NULL, &c, 8);
    assert_int_equal(c.first[0], 0);
    team_free(NULL);
    free((void *)c.times);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_once),
                                        cmocka_unit_test(test_none) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
