/* numbers.c -- a chip's numbers, and the rounding that every result gets. */
#include "sim.h"

#include <math.h>
#include <string.h>

const Numeric numerics[NUM_COUNT] = {
#define NUMERIC(id, u, p, m1, m2, m3, m4, m5, s, r, d, e)                                      \
    { .name = #id,                                                                             \
      .unit = u,                                                                               \
      .plain = p,                                                                              \
      .by_chip = { m1, m2, m3, m4, m5 },                                                       \
      .standing = s,                                                                           \
      .rule = r,                                                                               \
      .doc = d,                                                                                \
      .evidence = e },
#include "numerics.def"
};

/* What the rule says where it holds: the chip's own value, or that of the first chip it is
 * known of. */
static double where_it_holds(const Numeric *n, int chip)
{
    if (n->by_chip[chip] != n->plain) return n->by_chip[chip];
    for (size_t i = 0; i < COUNT(n->by_chip); i++)
        if (n->by_chip[i] != n->plain) return n->by_chip[i];
    return n->plain;
}

void numbers_of(Numbers *n, const RuleSet *rs)
{
    const int chip = chip_index(rs->target);
    for (int i = 0; i < NUM_COUNT; i++) {
        const Numeric *row = &numerics[i];
        const int rule = row->rule[0] ? rule_find(row->rule) : -1;
        n->v[i] = row->by_chip[chip];
        if (rule >= 0 && !rs->profiled[rule] && !rule_on_release(rule, rs->os))
            n->v[i] = row->plain;
        if (rule >= 0 && rs->profiled[rule])
            n->v[i] = rule_holds(rs, rule) ? where_it_holds(row, chip) : row->plain;
    }
    /* Whoever says which value passes last says the gain. */
    const double largest = 65504;
    const int64_t last = rule_limit(rs, LIMIT_slice_max);
    if (n->v[NUM_width_gain] != numerics[NUM_width_gain].plain && last > 0)
        n->v[NUM_width_gain] = largest / (double)last;
}

bool number_has_rule(const char *rule)
{
    for (int i = 0; i < NUM_COUNT; i++)
        if (!strcmp(numerics[i].rule, rule)) return true;
    return false;
}

double sim_half(const Numbers *n, double v)
{
    uint16_t h = f16_from_double(v);
    double d = f16_to_double(h);
    if (n->v[NUM_ties_up] == 0 || !isfinite(d) || fabs(d) >= fabs(v)) return d;
    double next = f16_to_double((uint16_t)(h + 1));
    return fabs(next) - fabs(v) == fabs(v) - fabs(d) ? next : d;
}
