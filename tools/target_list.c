/* target_list.c -- splits the list of --target, and replaces {target} in a path. */
#include "tool.h"

#include "../ir/targets/targets.h"

static const char place[] = "{target}";

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* A release that stands behind the last target of a list is of that one alone, which reads as
 * if it were of all. */
static const char *release_of_last(Arena *a, const Targets *t)
{
    const char *last = t->item[t->count - 1], *os = strchr(last, ',');
    if (!os || t->count == 1) return NULL;
    for (int i = 0; i + 1 < t->count; i++)
        if (strchr(t->item[i], ',')) return NULL;
    return arena_printf(
        a,
        "macOS %s is of %.*s alone; %s is for the newest that is known, %s, "
        "unless a release stands behind it too: %s,%s",
        os + 1, (int)(os - last), last, t->item[0], release_newest(), t->item[0], os + 1);
}

static const char *said_twice(Arena *a, const Targets *t)
{
    for (int i = 0; i < t->count; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(t->item[i], t->item[k]))
                return arena_printf(a, "--target names %s twice", t->item[i]);
    return NULL;
}

/* What is wrong with a word that is to be a target. */
static const char *word_wrong(Arena *a, const char *word, const Targets *before)
{
    const char *wrong = target_wrong(a, word);
    if (!wrong || !before->count) return wrong;
    const char *last = before->item[before->count - 1];
    return arena_printf(
        a,
        "%s (behind a comma stands a target, or a release of macOS, as in "
        "%.*s,%s)",
        wrong, (int)strcspn(last, ","), last, release_newest());
}

Targets targets_split(Arena *a, const char *text)
{
    Targets t = { .item = NEW_ARRAY(a, strlen(text) + 1, const char *) };
    for (const char *s = text;; s++) {
        const size_t name = strcspn(s, ",");
        size_t n = name;
        const size_t word = s[n] ? release_word(s + n + 1) : 0;
        if (s[n] && is_digit(s[n + 1 + word])) n += 1 + strcspn(s + n + 1, ",");
        const char *one = arena_printf(a, "%.*s", (int)n, s);
        if (word)
            one = arena_printf(a, "%.*s,%.*s", (int)name, s, (int)(n - name - 1 - word),
                               s + name + 1 + word);
        const char *wrong = word_wrong(a, one, &t);
        if (wrong) {
            t.wrong = wrong;
            return t;
        }
        t.item[t.count++] = one;
        s += n;
        if (!*s) break;
    }
    t.wrong = said_twice(a, &t);
    t.open = release_of_last(a, &t);
    return t;
}

bool path_has_target(const char *path) { return strstr(path, place) != NULL; }

const char *path_of_target(Arena *a, const char *path, const char *target)
{
    Buf out = { 0 };
    for (const char *s; (s = strstr(path, place)); path = s + strlen(place)) {
        buf_add(&out, path, (size_t)(s - path));
        for (const char *c = target; *c; c++)
            buf_putc(&out, (char)(*c == ',' ? '-' : *c));
    }
    buf_puts(&out, path);
    const char *copy = arena_strdup(a, out.s);
    buf_free(&out);
    return copy;
}
