/* targets.c -- the table of targets.def, and looking a chip up in it. */
#include "targets.h"

#include <string.h>

const Target targets[] = {
#define TARGET(n, of, v, o, i, p, ti, tv, d, e)                                                \
    { .name = #n,                                                                              \
      .doc = d,                                                                                \
      .base = of,                                                                              \
      .version = v,                                                                            \
      .opset = OPSET_##o,                                                                      \
      .io = i,                                                                                 \
      .passes = p,                                                                             \
      .try_io = ti,                                                                            \
      .try_version = tv,                                                                       \
      .evidence = e },
#include "targets.def"
};

static const struct {
    int major;
    const char *last;
} releases[] = {
#define RELEASE(major, last) { major, last },
#include "releases.def"
};

/* ---- releases ---------------------------------------------------------------------------- */

int release_number(const char *text, size_t n)
{
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

/* ---- targets ----------------------------------------------------------------------------- */

static const Target *row_find(const char *name, size_t len)
{
    for (int i = 0; i < TARGET_COUNT; i++)
        if (strlen(targets[i].name) == len && !memcmp(targets[i].name, name, len))
            return &targets[i];
    return NULL;
}

const Target *target_find(const char *name)
{
    const size_t len = strcspn(name, ",");
    return !name[len] || is_release(name + len + 1) ? row_find(name, len) : NULL;
}

/* The generation in a chip's name, "m5ultra": 5; -1: it has none. */
static int generation(const char *name)
{
    int n = 0, digits = 0;
    if (name[0] != targets[TARGET_m1].name[0]) return -1;
    for (const char *s = name + 1; *s >= '0' && *s <= '9' && digits < 6; s++, digits++)
        n = 10 * n + (*s - '0');
    return digits ? n : -1;
}

/* The chip of the same generation; for one that is newer than all rows the newest there is. */
static const char *generation_like(const char *name)
{
    const char *like = NULL;
    const int asked = generation(name);
    int newest = 0;
    for (int i = 0; i < TARGET_COUNT; i++) {
        const int n = generation(targets[i].name);
        if (asked <= 0 || n > asked || n <= newest) continue;
        newest = n;
        like = targets[i].name;
    }
    return like;
}

/* What was meant: a spelling of a row ("M5 Ultra"), else a chip of its generation, else the
 * nearest name, the newest of those that are as near. */
static const char *nearest(Arena *a, const char *name)
{
    const char *known[TARGET_COUNT];
    for (int i = 0; i < TARGET_COUNT; i++) known[i] = targets[TARGET_COUNT - 1 - i].name;
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
    return nearest(a, arena_strndup(a, name, strcspn(name, ",")));
}

static const char *release_wrong(Arena *a, const char *name, const char *os)
{
    const int number = release_number(os, strlen(os)), before = missing_major(os);
    if (number > 0 && before)
        return arena_printf(a, "there is no macOS %s: after %d Apple went on with %s", os,
                            before, release_newest());
    if (number > 0) return arena_printf(a, "macOS %s is older than any Mac with an engine", os);
    return arena_printf(a, "target %s: behind the comma stands a release of macOS, as in m5,%s",
                        name, release_newest());
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
