/* targets.c -- the table of targets: fields that a row leaves to its base, and finding a target
 * by name or architecture. */
#include "targets.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum {
#define CHIP_NAME(name) CHIP_##name,
#include "chip_names.def"
    CHIP_COUNT,
    CHIP_NONE = -1
};
_Static_assert((int)CHIP_COUNT <= (int)CHIPS_MOST,
               "ir/targets/targets.h has room for CHIPS_MOST chips");

/* Where a row stands. */
enum {
#define CHIP_NAME(name) ROW_##name = TARGET_FIRST_CHIP + CHIP_##name,
#include "chip_names.def"
    ROW_NONE = -1
};

/* clang-format off */
#define ABOUT(...)   __VA_ARGS__
#define LIMITS(...)  .limits = { { __VA_ARGS__ } },
#define NUMBERS(...) .numbers = { { __VA_ARGS__ } },
#define COSTS(...)   .costs = { { __VA_ARGS__ } }
#define SAME
#define FP16_ONLY    { IO_FP16, IO_AUTO }
#define FP32_FIRST   { IO_FP32, IO_FP16, IO_AUTO }
#define FP16_FIRST   { IO_FP16, IO_FP32, IO_AUTO }
#define LONG_FIRST   { "1.0", "1.3", NULL }
#define SHORT_FIRST  { "1.3", "1.0", NULL }
/* clang-format on */

static const ChipFigures figures[] = {
#define TARGET(n, of, about, l, v) [TARGET_##n] = { l v.row = TARGET_##n },
#define CHIP(n, of, about, l, v) [ROW_##n] = { l v.row = ROW_##n },
#include "targets.def"
#include "chip_rows.def"
};
#undef CHIP

#define ROW(at, n, of, number, ...) \
    [at] = { .name = #n, \
             .base = ROW_##of, \
             .chip = number, \
             .figures = &figures[at], \
             __VA_ARGS__ },
#define TARGET(n, of, about, l, v) ROW(TARGET_##n, n, of, CHIP_NONE, about)
#define CHIP(n, of, about, l, v) ROW(ROW_##n, n, of, CHIP_##n, about)

const Target targets[] = {
#include "targets.def"
#include "chip_rows.def"
};
const int target_count = (int)COUNT(targets);
const int chip_count = CHIP_COUNT;

const CostInfo costs[COST_COUNT] = {
#define COST(id, unit, doc, evidence) [COST_##id] = { #id, unit, doc, evidence },
#include "costs.def"
};

ChipCost target_cost(const Target *t, CostId id)
{
    while (t && t->costs.of[id].high <= 0) t = target_base(t);
    return t ? t->costs.of[id] : targets[TARGET_FIRST_CHIP].costs.of[id];
}

static const struct {
    int major;
    const char *last;
} releases[] = {
#define RELEASE(major, last) { major, last },
#include "releases.def"
};

/* ---- releases ---------------------------------------------------------------------------- */

size_t release_word(const char *text)
{
    const size_t n = sizeof "macos" - 1;
    return !strncasecmp(text, "macos", n) && text[n] >= '0' && text[n] <= '9' ? n : 0;
}

int release_number(const char *text, size_t n)
{
    const size_t word = release_word(text);
    text += word;
    n -= word < n ? word : n;
    enum { PARTS = 3, MOST = 99 };
    int number = 0, part = 0, parts = 0, digits = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && text[i] >= '0' && text[i] <= '9') {
            part = part * 10 + (text[i] - '0');
            digits++;
            if (part > MOST) return -1;
        } else if ((i == n || text[i] == '.') && digits && parts < PARTS) {
            number = number * (MOST + 1) + part;
            parts++;
            part = digits = 0;
        } else {
            return -1;
        }
    }
    for (; parts < PARTS; parts++) number *= MOST + 1;
    return number;
}

const char *release_newest(void) { return releases[COUNT(releases) - 1].last; }

const char *release_asked(const char *target)
{
    const char *comma = target ? strchr(target, ',') : NULL;
    return comma ? comma + 1 : release_newest();
}

/* The major version that there is before the one of `text`; 0: that one there is. */
static int missing_major(const char *text)
{
    const int asked = release_number(text, strcspn(text, "."));
    int before = 0;
    for (size_t i = 0; i < COUNT(releases); i++) {
        const char *last = releases[i].last;
        const int major = release_number(last, strcspn(last, "."));
        if (major == asked) return 0;
        if (major < asked) before = releases[i].major;
    }
    return before == releases[COUNT(releases) - 1].major ? 0 : before;
}

static bool is_release(const char *text)
{
    return release_number(text, strlen(text)) > 0 && !missing_major(text)
        && release_number(text, strcspn(text, "."))
               >= release_number(releases[0].last, strcspn(releases[0].last, "."));
}

/* ---- what a row leaves out --------------------------------------------------------------- */

const Target *target_base(const Target *t)
{
    return t->base < 0 ? NULL : &targets[t->base];
}

/* The row that says `field`: t itself, or the nearest base. */
#define SAYS(t, field) \
    while (!(t)->field && (t)->base >= 0) (t) = &targets[(t)->base]

const char *target_version(const Target *t)
{
    SAYS(t, version);
    return t->version;
}

Opset target_opset(const Target *t)
{
    SAYS(t, opset);
    return t->opset;
}

IoMode target_io(const Target *t)
{
    SAYS(t, io);
    return t->io;
}

const char *target_passes(const Target *t)
{
    SAYS(t, passes);
    return t->passes;
}

const IoMode *target_try_io(const Target *t)
{
    SAYS(t, try_io[0]);
    return t->try_io;
}

const char *const *target_try_version(const Target *t)
{
    SAYS(t, try_version[0]);
    return t->try_version;
}

InputOrder target_order(const Target *t)
{
    SAYS(t, order);
    return t->order;
}

/* ---- chips ------------------------------------------------------------------------------- */

const Target *chip_at(int chip)
{
    return chip < 0 || chip >= chip_count ? NULL : &targets[TARGET_FIRST_CHIP + chip];
}

const Target *generation_at(int i)
{
    for (int chip = 0; chip < chip_count; chip++)
        if (chip_at(chip)->arch && !i--) return chip_at(chip);
    return NULL;
}

int generation_count(void)
{
    int n = 0;
    while (generation_at(n)) n++;
    return n;
}

const Target *chip_of_arch(const char *arch)
{
    const Target *t;
    for (int i = 0; (t = generation_at(i)); i++)
        if (!strncmp(arch, t->arch, strlen(t->arch))) return t;
    return NULL;
}

static const char *list_names(Arena *a, const Target *(*at)(int))
{
    const char *list = "";
    const Target *t;
    for (int i = 0; (t = at(i)); i++)
        list = arena_printf(a, "%s%s%s", list, i ? ", " : "", t->name);
    return list;
}

const char *chip_list(Arena *a) { return list_names(a, chip_at); }
const char *generation_list(Arena *a) { return list_names(a, generation_at); }

int64_t chip_limit(const Target *t, int limit)
{
    SAYS(t, figures->limits.of[limit]);
    return t->figures->limits.of[limit] ? t->figures->limits.of[limit] : UNSAID;
}

ChipNumber chip_number(const Target *t, int number)
{
    const Target *of = t;
    SAYS(of, figures->numbers.of[number].standing);
    ChipNumber said = of->figures->numbers.of[number];
    if (of != t && said.standing) said.standing = STAND_UNKNOWN;
    return said;
}

/* What was measured on the base, or seen not to hold there, is not so of the chip itself. */
static Standing targets_derived(Standing s)
{
    return s > STAND_DERIVED ? STAND_DERIVED : s == STAND_NOT ? STAND_UNKNOWN : s;
}

Standing chip_standing(const Target *t, const ChipFacts *f)
{
    if (t->chip >= 0 && f->of[t->chip]) return (Standing)f->of[t->chip];
    return t->base < 0 ? STAND_UNKNOWN
                       : targets_derived(chip_standing(&targets[t->base], f));
}

Standing target_standing(const Target *t, const ChipFacts *f)
{
    Standing most = chip_standing(t, f);
    for (int i = 0; t == &targets[TARGET_generic] && i < chip_count; i++) {
        const Standing one = chip_standing(chip_at(i), f);
        if (one > most) most = one;
    }
    return most;
}

/* ---- targets ----------------------------------------------------------------------------- */

static const Target *row_find(const char *name, size_t len)
{
    for (int i = 0; i < target_count; i++)
        if (strlen(targets[i].name) == len && !memcmp(targets[i].name, name, len))
            return &targets[i];
    return NULL;
}

const Target *target_find(const char *name)
{
    const size_t len = strcspn(name, ",");
    return !name[len] || is_release(name + len + 1) ? row_find(name, len) : NULL;
}

/* The generation in a chip's name, its number behind the first letter; -1: it has none. */
static int targets_generation(const char *name)
{
    int n = 0, digits = 0;
    if (name[0] != chip_at(0)->name[0]) return -1;
    for (const char *s = name + 1; *s >= '0' && *s <= '9' && digits < 6; s++, digits++)
        n = 10 * n + (*s - '0');
    return digits ? n : -1;
}

/* The chip of the same generation; for one that is newer than all rows the newest there is. */
static const char *generation_like(const char *name)
{
    const char *like = NULL;
    const int asked = targets_generation(name);
    int newest = 0;
    for (int i = 0; i < target_count; i++) {
        const int n = targets_generation(targets[i].name);
        if (asked <= 0 || n > asked || n <= newest) continue;
        newest = n;
        like = targets[i].name;
    }
    return like;
}

/* What was meant: a spelling of a row ("M5 Ultra"), else a chip of its generation, else the
 * nearest name, the newest of those that are as near. */
static const char *targets_nearest(Arena *a, const char *name)
{
    const char *known[COUNT(targets)];
    for (int i = 0; i < target_count; i++) known[i] = targets[target_count - 1 - i].name;
    char *small = arena_strdup(a, name);
    size_t n = 0;
    for (const char *s = name; *s; s++)
        if (*s != ' ' && *s != '-' && *s != '_')
            small[n++] = (char)(*s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s);
    small[n] = 0;
    if (row_find(small, n)) return row_find(small, n)->name;
    const char *like = generation_like(small);
    return like ? like : name_nearest(small, known, COUNT(known));
}

const char *target_nearest(Arena *a, const char *name)
{
    return targets_nearest(a, arena_strndup(a, name, strcspn(name, ",")));
}

static const char *release_wrong(Arena *a, const char *name, const char *os)
{
    const int number = release_number(os, strlen(os)), before = missing_major(os);
    if (number > 0 && before)
        return arena_printf(a, "there is no macOS %s: after %d Apple went on with %s", os,
                            before, release_newest());
    if (number > 0)
        return arena_printf(a, "macOS %s is older than any Mac with an engine", os);
    return arena_printf(
        a, "target %s: behind the comma stands a release of macOS, as in %.*s,%s", name,
        (int)strcspn(name, ","), name, release_newest());
}

const char *target_wrong(Arena *a, const char *name)
{
    const size_t len = strcspn(name, ",");
    if (target_find(name)) return NULL;
    if (row_find(name, len)) return release_wrong(a, name, name + len + 1);
    const char *near = target_nearest(a, name);
    if (near)
        return arena_printf(a, "there is no target %s; did you mean %s%s?", name, near,
                            name[len] ? name + len : "");
    return arena_printf(a, "there is no target %s; anec --list-targets shows all", name);
}
