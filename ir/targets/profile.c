/* profile.c -- reads a profile, in which aneprobe has written what it measured on a machine. */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 4 };

typedef struct {
    RuleSet *rs;
    Diag *diag;
    Source src;
    const char *word[MAX_WORDS]; /* of the line, not NUL-terminated */
    size_t len[MAX_WORDS];
    int nword;
    bool versioned, failed;
} Profile;

static bool profile_is(const Profile *p, int i, const char *text)
{
    return i < p->nword && strlen(text) == p->len[i]
        && !memcmp(text, p->word[i], p->len[i]);
}

static Loc loc_of(const Profile *p, int i)
{
    return (Loc){ .src = &p->src,
                  .at = (uint32_t)(p->word[i] - p->src.text),
                  .len = (uint32_t)p->len[i] };
}

static void profile_wrong(Profile *p, int i, const char *expected)
{
    p->failed = true;
    diag_error(p->diag, loc_of(p, i < p->nword ? i : p->nword - 1),
               "a profile has %s here", expected);
}

static void profile_unknown(Profile *p, const char *what)
{
    diag_warn(p->diag, WARN_PROFILE, loc_of(p, 1), "this build knows no %s %.*s", what,
              (int)p->len[1], p->word[1]);
}

/* ---- lines ------------------------------------------------------------------------------- */

static void read_version(Profile *p)
{
    char *end = NULL;
    long version = p->nword == 2 ? strtol(p->word[1], &end, 10) : 0;
    if (end != p->word[1] + (p->nword == 2 ? p->len[1] : 0) || version < 1) {
        profile_wrong(p, 1, "a version number");
    } else if (version > PROFILE_VERSION) {
        p->failed = true;
        diag_error(p->diag, loc_of(p, 1),
                   "this profile is of version %ld; this build reads up to %d", version,
                   PROFILE_VERSION);
    }
    p->versioned = true;
}

static void read_chip(Profile *p)
{
    if (p->rs->target->chip < 0 || profile_is(p, 1, p->rs->target->name)) return;
    p->failed = true;
    diag_error(p->diag, loc_of(p, 1),
               "this profile was measured on %.*s, the target is %s", (int)p->len[1],
               p->word[1], p->rs->target->name);
}

/* Measured there: rules that the profile does not name are those of that release, unless the
 * target says another. */
static void read_os(Profile *p)
{
    char os[16];
    if (p->rs->os_asked || p->len[1] >= sizeof os
        || release_number(p->word[1], p->len[1]) < 0)
        return;
    snprintf(os, sizeof os, "%.*s", (int)p->len[1], p->word[1]);
    ruleset_release(p->rs, os);
}

static int profile_named(const Profile *p, const char *name)
{
    return strlen(name) == p->len[1] && !memcmp(name, p->word[1], p->len[1]);
}

static void read_rule(Profile *p)
{
    int at = -1;
    for (int i = 0; i < RULE_COUNT; i++)
        if (profile_named(p, rules[i].name)) at = i;
    if (at < 0) {
        profile_unknown(p, "rule");
        return;
    }
    if (profile_is(p, 2, "holds")) p->rs->stand[at] = STAND_MEASURED;
    else if (profile_is(p, 2, "absent")) p->rs->stand[at] = STAND_NOT;
    else if (!profile_is(p, 2, "unknown"))
        profile_wrong(p, 2, "holds, absent or unknown");
    p->rs->profiled[at] = !profile_is(p, 2, "unknown");
}

static void read_op(Profile *p)
{
    int at = -1;
    for (int i = 0; i < OP_COUNT; i++)
        if (profile_named(p, ops[i].name)) at = i;
    if (at < 0) profile_unknown(p, "operation");
    else if (profile_is(p, 2, "refused")) p->rs->op_stand[at] = STAND_MEASURED;
    else if (profile_is(p, 2, "runs")) p->rs->op_stand[at] = STAND_NOT;
    else if (!profile_is(p, 2, "unknown"))
        profile_wrong(p, 2, "refused, runs or unknown");
}

static void read_limit(Profile *p)
{
    int at = -1;
    char *end = NULL;
    for (int i = 0; i < LIMIT_COUNT; i++)
        if (profile_named(p, limits[i].name)) at = i;
    if (at < 0) {
        profile_unknown(p, "limit");
        return;
    }
    if (profile_is(p, 2, "unknown")) return;
    long long n = p->nword == 3 ? strtoll(p->word[2], &end, 10) : -1;
    if (n < 0 || end != p->word[2] + p->len[2])
        profile_wrong(p, 2, "a number from 0, or unknown");
    else p->rs->limit[at] = n, p->rs->limit_profiled[at] = true;
}

static const struct {
    const char *word;
    int words;
    void (*read)(Profile *);
} lines[] = {
    { "anec-profile", 2, read_version },
    { "chip", 2, read_chip },
    { "os", 2, read_os },
    { "date", 2, NULL },
    { "rule", 3, read_rule },
    { "limit", 3, read_limit },
    { "op", 3, read_op },
};

static void read_line(Profile *p)
{
    for (size_t i = 0; i < COUNT(lines); i++) {
        if (!profile_is(p, 0, lines[i].word)) continue;
        if (i && !p->versioned) profile_wrong(p, 0, "its first line, anec-profile 1,");
        else if (p->nword != lines[i].words)
            profile_wrong(p, p->nword - 1,
                          i < 4 ? "one word after this" : "a name and a value");
        else if (lines[i].read) lines[i].read(p);
        return;
    }
    profile_wrong(p, 0,
                  p->versioned ? "chip, os, date, rule, limit or op" : "anec-profile 1");
}

/* Splits [s, end) into words; a line has at most MAX_WORDS of them that matter. */
static void profile_split(Profile *p, const char *s, const char *end)
{
    p->nword = 0;
    while (s < end && *s != '#') {
        if (*s == ' ' || *s == '\t' || *s == '\r') {
            s++;
            continue;
        }
        const char *from = s;
        while (s < end && *s != ' ' && *s != '\t' && *s != '\r' && *s != '#') s++;
        if (p->nword < MAX_WORDS) {
            p->word[p->nword] = from;
            p->len[p->nword++] = (size_t)(s - from);
        }
    }
}

bool profile_parse(RuleSet *rs, Diag *d, const Source *src)
{
    const char *text = src->text, *end = text + src->len;
    Profile p = { .rs = rs, .diag = d, .src = *src };
    for (const char *s = text, *stop; !p.failed && s < end; s = stop + 1) {
        stop = memchr(s, '\n', (size_t)(end - s));
        if (!stop) stop = end;
        profile_split(&p, s, stop);
        if (p.nword) read_line(&p);
    }
    if (!p.failed && !p.versioned)
        return diag_error(d, (Loc){ .src = src },
                          "this is no profile: it does not begin with anec-profile %d",
                          PROFILE_VERSION);
    return !p.failed;
}

bool profile_read(RuleSet *rs, Diag *d, const char *path)
{
    enum { MOST = 1 << 20 };
    Mapped map;
    if (!file_read(d, path, &map)) return false;
    const Source src = { .name = path,
                         .text = map.data ? (const char *)map.data : "",
                         .len = map.size };
    bool ok = map.size <= MOST
           || diag_error(d, (Loc){ 0 },
                         "%s is larger than the 1 MiB that a profile may have", path);
    ok = ok && profile_parse(rs, d, &src);
    file_unmap(&map);
    return ok;
}
