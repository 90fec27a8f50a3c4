/* intern.c -- hash tables (interned strings, pointer to pointer), and the search for the name
 * that was probably meant. */
#include "base.h"

#include <string.h>
#include <strings.h>

/* ---- names ------------------------------------------------------------------------------- */

enum { FIRST_CAP = 64, NEAR_MAX = 100 };

uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t part;
    for (; n >= sizeof part; p += sizeof part, n -= sizeof part) {
        memcpy(&part, p, sizeof part);
        h = hash_mix(h, part);
    }
    part = 0;
    for (size_t i = 0; i < n; i++) part = part << 8 | p[i];
    return n ? hash_mix(h, part) : h;
}

static uint32_t name_hash(const char *s, size_t len)
{
    return (uint32_t)(hash_bytes(len, s, len) >> 32);
}

/* The note stands right before the letters. */
static NameNote *note_of(const char *name) { return (NameNote *)(uintptr_t)name - 1; }

NameNote *name_note(const char *name) { return note_of(name); }

/* Names lie in pages at multiples of UNIT bytes, so that a slot says in four bytes where one
 * is: a program has more names than anything else. A longer name has as many pages' places as
 * it needs, of which the first is used. */
enum { UNIT = 4, PAGE_UNITS = 1024 };

_Static_assert(sizeof(NameNote) % UNIT == 0, "a note stands right before its letters");

static const char *name_at(const Names *n, uint32_t place)
{
    return n->page[place / PAGE_UNITS] + (size_t)(place % PAGE_UNITS) * UNIT
         + sizeof(NameNote);
}

static void add_pages(Names *n, size_t count)
{
    const size_t wanted = n->pages + count;
    if (wanted > UINT32_MAX / PAGE_UNITS) mem_out(SIZE_MAX);
    char *room = arena_array(n->arena, count, (size_t)PAGE_UNITS * UNIT);
    if (wanted > n->page_cap) {
        size_t cap = n->page_cap ? n->page_cap : 4;
        while (cap < wanted) cap *= 2;
        char **more = mem_zero(cap, sizeof *more);
        if (!more) mem_out(cap * sizeof *more);
        if (n->pages) memcpy(more, n->page, n->pages * sizeof *more);
        mem_follow(n->arena->chunk, more);
        mem_free(n->page);
        n->page = more;
        n->page_cap = cap;
    }
    for (size_t i = 0; i < count; i++)
        n->page[n->pages + i] = room + i * PAGE_UNITS * UNIT;
    n->next = (uint32_t)(n->pages * PAGE_UNITS);
    if (!n->pages) n->next = 1; /* 0 is a free slot */
    n->pages = wanted;
    n->end = (uint32_t)(wanted * PAGE_UNITS);
}

/* Room for a name of so many letters, and a NUL. */
static uint32_t new_place(Names *n, size_t len)
{
    size_t size;
    if (!size_add(len, sizeof(NameNote) + 1 + UNIT - 1, &size)) mem_out(len);
    const size_t units = size / UNIT;
    if (units > n->end - n->next) add_pages(n, (units + 1 + PAGE_UNITS - 1) / PAGE_UNITS);
    const uint32_t place = n->next;
    n->next += (uint32_t)units;
    return place;
}

/* The table has any length. Where a name's slot begins the high bits of its hash say, and the
 * low ones stand beside it. */
static size_t first_slot(const Names *n, uint32_t h)
{
    return (size_t)((uint64_t)h * n->cap >> 32);
}

static size_t next_slot(const Names *n, size_t at)
{
    return at + 1 < n->cap ? at + 1 : 0;
}

/* Where the name is, or would go. At most three slots of four are taken, so the search ends.
 * Bits of the hash stand beside a slot: names that differ are seldom looked at. Letters that
 * change meanwhile, which those of a mapped text may, lead to no place outside of a name. */
static size_t names_find(const Names *n, const char *s, size_t len, uint32_t h)
{
    size_t at = first_slot(n, h);
    for (; n->slot[at]; at = next_slot(n, at)) {
        if (n->bits[at] != (uint8_t)h) continue;
        const char *k = name_at(n, n->slot[at]);
        if (!strncmp(k, s, len) && strlen(k) == len) break;
    }
    return at;
}

static void name_put(Names *n, uint32_t place, uint32_t h)
{
    size_t at = first_slot(n, h);
    while (n->slot[at]) at = next_slot(n, at);
    n->slot[at] = place;
    n->bits[at] = (uint8_t)h;
}

/* The table is one block: the slots, and behind them the bits of the hashes. It belongs to
 * whom the arena belongs to. It grows by a half, so that less of it is empty. */
static void name_grow(Names *n)
{
    const size_t cap = n->cap ? n->cap + n->cap / 2 : FIRST_CAP,
                 each = sizeof *n->slot + sizeof *n->bits;
    if (cap > UINT32_MAX) mem_out(SIZE_MAX);
    void *block = mem_zero(cap, each);
    if (!block) mem_out(cap * each);
    Names more = *n;
    more.slot = block;
    more.cap = cap;
    more.bits = (uint8_t *)(more.slot + cap);
    for (size_t i = 0; i < n->cap; i++) {
        const char *name = n->slot[i] ? name_at(n, n->slot[i]) : NULL;
        if (name) name_put(&more, n->slot[i], name_hash(name, strlen(name)));
    }
    mem_follow(n->arena->chunk, block);
    mem_free(n->slot);
    *n = more;
}

const char *name_intern(Names *n, const char *s, size_t len)
{
    if (len && memchr(s, 0, len)) len = strlen(s); /* a name is a C string */
    if (!len) s = "";
    const uint32_t h = name_hash(s, len);
    if (n->cap) {
        const uint32_t known = n->slot[names_find(n, s, len, h)];
        if (known) return name_at(n, known);
    }
    const uint32_t place = new_place(n, len);
    char *name = (char *)(uintptr_t)name_at(n, place);
    memcpy(name, s, len);
    if (n->count * 4 >= n->cap * 3) name_grow(n);
    name_put(n, place, h);
    n->count++;
    return name;
}

const char *name_find(const Names *n, const char *s)
{
    const size_t len = strlen(s);
    const uint32_t place = n->cap ? n->slot[names_find(n, s, len, name_hash(s, len))] : 0;
    return place ? name_at(n, place) : NULL;
}

const char *name_intern_z(Names *n, const char *s)
{
    return name_intern(n, s, strlen(s));
}

const char *name_each(const Names *n, size_t *at)
{
    while (*at < n->cap)
        if (n->slot[(*at)++]) return name_at(n, n->slot[*at - 1]);
    return NULL;
}

void names_free(Names *n)
{
    mem_free(n->slot);
    mem_free(n->page);
    *n = (Names){ .arena = n->arena };
}

static size_t name_min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edits that make b of a: insert, delete, replace, swap of neighbours. Lengths below
 * NEAR_MAX. */
static size_t name_distance(const char *a, const char *b)
{
    size_t row[3][NEAR_MAX + 1], la = strlen(a), lb = strlen(b);
    size_t *before = row[0], *prev = row[1], *cur = row[2];
    for (size_t j = 0; j <= lb; j++) before[j] = 0, prev[j] = j;
    for (size_t i = 1; i <= la; i++) {
        cur[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            cur[j] = name_min3(prev[j] + 1, cur[j - 1] + 1,
                               prev[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]
                && before[j - 2] + 1 < cur[j])
                cur[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = prev, prev = cur, cur = oldest;
    }
    return prev[lb];
}

bool name_is_choice(const char *choices, const char *name)
{
    const size_t len = strlen(name);
    for (const char *s = choices; *s; s += *s == '|') {
        const size_t n = strcspn(s, "|");
        if (n == len && !memcmp(s, name, n)) return true;
        s += n;
    }
    return false;
}

const char *name_nearest(const char *want, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t len = strlen(want), limit = len < 3 ? 1 : (len + 1) / 3;
    if (len >= NEAR_MAX) return NULL;
    for (size_t i = 0; i < count; i++) {
        const char *c = candidates[i];
        size_t n = c ? strlen(c) : 0;
        if (!n || n >= NEAR_MAX || !strcmp(c, want)) continue;
        if (!strcasecmp(c, want)) return c;
        if ((n > len ? n - len : len - n) > limit) continue;
        size_t d = name_distance(want, c);
        if (d > limit || d >= len)
            continue; /* nothing of what was written would be left */
        best = c;
        limit = d - 1;
        if (!limit) break;
    }
    return best;
}

const char *list_next(const char *list)
{
    const char *comma = strchr(list, ',');
    return comma ? comma + 1 : NULL;
}

bool name_matches(const char *pattern, size_t n, const char *name)
{
    const char *end = pattern + n, *star = NULL, *again = NULL;
    while (*name) {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            again = name;
        } else if (pattern < end && *pattern == *name) pattern++, name++;
        else if (star) {
            pattern = star + 1;
            name = ++again;
        } else return false;
    }
    while (pattern < end && *pattern == '*') pattern++;
    return pattern == end;
}

/* ---- pointers by pointer ----------------------------------------------------------------- */

enum { PTRMAP_FIRST = 256 };

/* Where the key is, or would go. At most half of the slots are taken, so the search ends. */
static struct PtrSlot *ptrmap_find(struct PtrSlot *slot, size_t cap, const void *key)
{
    size_t i = (size_t)(((uintptr_t)key >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 24)
             & (cap - 1);
    while (slot[i].key && slot[i].key != key) i = (i + 1) & (cap - 1);
    return &slot[i];
}

static void ptrmap_grow(PtrMap *m)
{
    const size_t cap = m->cap ? 2 * m->cap : PTRMAP_FIRST;
    struct PtrSlot *more = mem_zero(cap, sizeof *more);
    if (!more) mem_out(cap * sizeof *more);
    for (size_t i = 0; i < m->cap; i++)
        if (m->slot[i].key) *ptrmap_find(more, cap, m->slot[i].key) = m->slot[i];
    mem_free(m->slot);
    m->slot = more;
    m->cap = cap;
}

void *ptrmap_get(const PtrMap *m, const void *key)
{
    return m->cap ? ptrmap_find(m->slot, m->cap, key)->val : NULL;
}

void *ptrmap_set(PtrMap *m, const void *key, void *val)
{
    if (2 * m->count >= m->cap) ptrmap_grow(m);
    struct PtrSlot *s = ptrmap_find(m->slot, m->cap, key);
    void *before = s->val;
    if (!s->key) m->count++;
    *s = (struct PtrSlot){ key, val };
    return before;
}

void ptrmap_clear(PtrMap *m)
{
    if (m->count) memset(m->slot, 0, m->cap * sizeof *m->slot);
    m->count = 0;
}

void ptrmap_free(PtrMap *m)
{
    mem_free(m->slot);
    *m = (PtrMap){ 0 };
}
