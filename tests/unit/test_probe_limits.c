/* test_probe_limits.c -- searches for limits on simulated engines whose limits were changed by
 * chance. */
#include "unit.h"

#include "../../probe/probe.h"

/* The rule that makes an engine keep a limit, and between which numbers it is changed: none
 * may hide another. `beside` has a bit for each row of these that a program has a dimension
 * for too. */
static const struct {
    int limit, rule;
    int64_t least, most, unit;
    int beside;
} changes[] = {
    { LIMIT_width, RULE_extent, 8192, 131071, 1, 0 },
    { LIMIT_height, RULE_extent, 8192, 131071, 1, 0 },
    { LIMIT_channels, RULE_extent, 8192, 131071, 1, 0 },
    { LIMIT_batch, RULE_extent, 1, 131071, 1, 0 },
    { LIMIT_rank, RULE_rank, 5, 7, 1, 0 },
    { LIMIT_matmul_rank, RULE_matmul_rank, 3, 4, 1, 0 },
    { LIMIT_linear_rank, RULE_linear_rank, 1, 3, 1, 0 },
    { LIMIT_matmul_inner, RULE_matmul_inner, 1, 131071, 1, 3 },
    { LIMIT_conv_channels, RULE_conv_channels, 2, 131071, 1, 4 },
    { LIMIT_kernel_width, RULE_kernel_width, 1, 63, 1, 0 },
    { LIMIT_kernel_height, RULE_kernel_height, 1, 63, 1, 0 },
    { LIMIT_pool_window, RULE_pool_window, 1, 63, 1, 0 },
    { LIMIT_arg_axis, RULE_arg_axis, 1, 8191, 1, 0 },
    { LIMIT_lrn_channels, RULE_lrn_channels, 1, 255, 1, 0 },
    { LIMIT_weight_files, RULE_weight_files, 1, 63, 1, 0 },
    { LIMIT_weights_total, RULE_weights_total, 1, 1535, 2097152, 0 },
    { LIMIT_buffers, RULE_buffers, 4, 255, 1, 0 },
    { LIMIT_slice_max, RULE_width_slice, 1, 2047, 1, 0 },
    /* last: it hides small programs */
    { LIMIT_surface_min, RULE_surface_minimum, 2, 8191, 8, 0 },
};
enum { CHANGES = COUNT(changes), HIDING = CHANGES - 1 };

typedef struct {
    Arena arena;
    char *dir;
    Diag diag;
    RuleSet truth;
    Prober prober;
} Machine;

static void machine_open(Machine *m, const char *chip)
{
    *m = (Machine){ .dir = NULL };
    m->dir = make_folder(&m->arena);
    ruleset_init(&m->truth, target_find(chip), NULL);
    m->prober = (Prober){ .engine = backend_find(arena_printf(&m->arena, "sim:%s", chip)),
                          .reference = backend_find("ref"),
                          .diag = &m->diag,
                          .dir = m->dir };
    assert_non_null(m->prober.engine);
}

static void machine_close(Machine *m)
{
    unsetenv("ANESIM_PROFILE");
    remove_folder(m->dir);
    diag_free(&m->diag);
    arena_free(&m->arena);
}

/* An engine that keeps what `b` says; the truth is read from the same text. */
static void machine_is(Machine *m, const Buf *b)
{
    const char *path = arena_printf(&m->arena, "%s/profile", m->dir);
    assert_true(file_write_all(&m->diag, path, b->s, b->len));
    assert_true(profile_read(&m->truth, &m->diag, path));
    assert_int_equal(setenv("ANESIM_PROFILE", path, 1), 0);
    if (!probe_start(&m->prober)) fail_msg("%s", m->diag.text.s);
}

static int row_of(int limit)
{
    for (int i = 0; search_limit(i) >= 0; i++)
        if (search_limit(i) == limit) return i;
    fail_msg("no row searches for %s", limits[limit].name);
    return -1;
}

static Search searched(Machine *m, int row)
{
    Search s;
    const int before = m->prober.compiles;
    search_begin(&s, row);
    while (search_next(&s) > 0 && search_step(&s, &m->prober)) {}
    assert_true(m->prober.compiles - before <= search_trials(row));
    return s;
}

/* The limit that an engine keeps; -1: none. */
static int64_t kept(const Machine *m, int change)
{
    return rule_holds(&m->truth, changes[change].rule)
             ? rule_limit(&m->truth, changes[change].limit)
             : -1;
}

/* What is found must be the number of the engine, or that there is none. */
static void expect_found(Machine *m, int change)
{
    const int limit = changes[change].limit, row = row_of(limit);
    const Search s = searched(m, row);
    int64_t value = -1;
    const Found found = search_result(&s, &value);
    int64_t want = kept(m, change);
    for (int i = 0; i < CHANGES; i++) {
        const int64_t other = kept(m, i);
        if ((changes[change].beside >> i & 1) && other >= 0 && (want < 0 || other < want))
            want = other;
    }
    if (found != (want >= 0 ? FOUND_EXACT : FOUND_NO_EDGE)
        || (want >= 0 && value != want))
        fail_msg("%s on %s: %lld (%d), it is %lld: %s", limits[limit].name,
                 m->truth.target->name, (long long)value, (int)found, (long long)want,
                 m->prober.said);
}

/* ---- tests ------------------------------------------------------------------------------- */

/* macOS 27.2 would hide how many weight files a chip takes. */
static const char plain_text[] = "anec-profile 1\nrule one-weight-file absent\n";

static void the_table_is_found_on_a_chip_as_it_is(void **state)
{
    (void)state;
    static const char *const chips[] = { "m1", "m4", "m5" };
    const Buf plain = { .s = (char *)(uintptr_t)plain_text,
                        .len = sizeof plain_text - 1 };
    for (size_t c = 0; c < COUNT(chips); c++) {
        Machine m;
        machine_open(&m, chips[c]);
        machine_is(&m, &plain);
        for (int i = 0; i < CHANGES; i++) expect_found(&m, i);
        machine_close(&m);
    }
}

static int64_t by_chance(uint64_t seed, int change)
{
    const int64_t least = changes[change].least, most = changes[change].most;
    const uint64_t range = (uint64_t)(most - least + 1);
    return (least + (int64_t)(rng_u64(seed, (uint64_t)change) % range))
         * changes[change].unit;
}

static void limits_changed_by_chance_are_found(void **state)
{
    (void)state;
    enum { SEEDS = 5 };
    int changed = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Machine m;
        Buf b = { 0 };
        machine_open(&m, generation_at((int)seed % generation_count())->name);
        buf_puts(&b, plain_text);
        printf("seed %d on %s:", (int)seed, m.truth.target->name);
        for (int i = 0; i < HIDING; i++) {
            if (rng_u64(seed, (uint64_t)i + CHANGES) & 1) continue;
            const long long value = (long long)by_chance(seed, i);
            buf_printf(&b, "rule %s holds\nlimit %s %lld\n", rules[changes[i].rule].name,
                       limits[changes[i].limit].name, value);
            printf(" %s=%lld", limits[changes[i].limit].name, value);
            changed++;
        }
        printf("\n");
        machine_is(&m, &b);
        for (int i = 0; i < HIDING; i++) expect_found(&m, i);
        buf_free(&b);
        machine_close(&m);
    }
    assert_true(changed >= 10);
}

static void a_minimum_is_found(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        Machine m;
        Buf b = { 0 };
        machine_open(&m, "m4");
        buf_printf(
            &b,
            "anec-profile 1\nrule surface-minimum holds\nlimit surface-minimum %lld\n",
            (long long)by_chance(seed, HIDING));
        printf("seed %d: %lld\n", (int)seed, (long long)by_chance(seed, HIDING));
        machine_is(&m, &b);
        expect_found(&m, HIDING);
        buf_free(&b);
        machine_close(&m);
    }
}

/* Whatever an engine does, a search ends in time, between the dimensions of its row. */
static void a_search_ends(void **state)
{
    (void)state;
    for (int row = 0; search_limit(row) >= 0; row++) {
        assert_true(search_trials(row) <= 40);
        for (uint64_t seed = 0; seed < 500; seed++) {
            Search s;
            int trials = 0;
            search_begin(&s, row);
            for (int64_t n; (n = search_next(&s)) != 0; trials++) {
                /* a third of the engines take all, a third nothing */
                const bool runs = seed % 3 == 0
                               || (seed % 3 == 1 && rng_u64(seed, (uint64_t)trials) & 1);
                assert_true(n > 0 && n != s.good && n != s.bad);
                if (runs) s.good = n;
                else s.bad = n;
                if (trials > search_trials(row))
                    fail_msg("%s: %d trials", limits[search_limit(row)].name, trials);
            }
            int64_t value;
            const Found found = search_result(&s, &value);
            assert_int_equal(found, !s.good ? FOUND_NOTHING
                                    : s.bad ? FOUND_EXACT
                                            : FOUND_NO_EDGE);
        }
    }
}

/* It goes on from its two numbers to the same end, without trying again what it knows. */
static void a_search_goes_on(void **state)
{
    (void)state;
    Machine m;
    Search s, again;
    const Buf b = { .s = (char *)(uintptr_t) "anec-profile 1\n", .len = 15 };
    machine_open(&m, "m1");
    machine_is(&m, &b);
    const int row = row_of(LIMIT_kernel_width);
    search_begin(&s, row);
    const int before = m.prober.compiles;
    for (int i = 0; i < 3; i++) assert_true(search_step(&s, &m.prober));
    assert_true(search_restore(&again, row, s.good, s.bad));
    while (search_next(&again)) assert_true(search_step(&again, &m.prober));
    int64_t value = 0;
    assert_int_equal(search_result(&again, &value), FOUND_EXACT);
    assert_int_equal(value, 13);
    const int split = m.prober.compiles - before, whole = m.prober.compiles;
    searched(&m, row);
    assert_int_equal(split, m.prober.compiles - whole);
    /* what runs is larger than what does not */
    assert_false(search_restore(&again, row, 14, 13));
    assert_false(search_restore(&again, row, 0, 65)); /* beyond the row */
    assert_false(search_restore(&again, row, -1, 0));
    machine_close(&m);
}

/* An engine that cannot be asked gives no number. */
static void a_refusal_of_all_is_no_number(void **state)
{
    (void)state;
    Machine m;
    Buf b = { 0 };
    machine_open(&m, "m1");
    buf_puts(&b, "anec-profile 1\nop conv refused\n");
    machine_is(&m, &b);
    const Search s = searched(&m, row_of(LIMIT_kernel_width));
    int64_t value;
    assert_int_equal(search_result(&s, &value), FOUND_NOTHING);
    buf_free(&b);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_found_on_a_chip_as_it_is),
        cmocka_unit_test(limits_changed_by_chance_are_found),
        cmocka_unit_test(a_minimum_is_found),
        cmocka_unit_test(a_search_ends),
        cmocka_unit_test(a_search_goes_on),
        cmocka_unit_test(a_refusal_of_all_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
