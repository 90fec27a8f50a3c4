/* numbers.c -- the numbers of a chip (numerics.def), and the rounding of every result. */
#include "sim.h"

#include <math.h>
#include <string.h>

const Numeric numerics[NUM_COUNT] = {
#define NUMERIC(id, u, p, r, d, e) \
    { .name = #id, .unit = u, .plain = p, .rule = r, .doc = d, .evidence = e },
#include "../../ir/targets/numerics.def"
};

/* A number that neither the chip nor those it is told from say is as MIL defines it. */
static double of_chip(const Target *chip, int n)
{
    const ChipNumber said = chip_number(chip, n);
    return said.standing == STAND_UNNAMED ? numerics[n].plain : said.value;
}

/* What the rule says where it holds: the chip's own value, or that of the first chip it is
 * known of. */
static double where_it_holds(const Target *chip, int n)
{
    const double own = of_chip(chip, n);
    for (int i = 0; own == numerics[n].plain && i < chip_count; i++)
        if (of_chip(chip_at(i), n) != own) return of_chip(chip_at(i), n);
    return own;
}

static double number_of(const RuleSet *rs, int n)
{
    const Numeric *row = &numerics[n];
    const int rule = row->rule[0] ? rule_find(row->rule) : -1;
    if (rule >= 0 && rs->profiled[rule])
        return rule_holds(rs, rule) ? where_it_holds(rs->target, n) : row->plain;
    if (rule >= 0 && !rule_on_release(rule, rs->os)) return row->plain;
    return of_chip(rs->target, n);
}

void numbers_of(Numbers *n, const RuleSet *rs)
{
    for (int i = 0; i < NUM_COUNT; i++) n->v[i] = number_of(rs, i);
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
