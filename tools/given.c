/* given.c -- inputs of anerun: -i NAME=FILE.npy, NAME=0.5, NAME=-, NAME@k=.., and --feed
 * RESULT=INPUT. */
#include "anerun.h"

#include <string.h>

static bool parse_one(Given *g, ToolArgs *a, const char *s, uint64_t iterations)
{
    size_t n = strcspn(s, "=");
    if (!n || !s[n] || !s[n + 1])
        return usage_error(a->tool,
                           "-i takes NAME=FILE.npy, NAME=NUMBER or NAME=-, not '%s'", s);
    char *name = arena_strndup(&a->arena, s, n);
    char *at = strchr(name, '@');
    *g = (Given){ .name = name, .text = s + n + 1, .each = at != NULL };
    if (!at) return true;
    *at = 0;
    if (!*name || !option_count(at + 1, &g->iteration))
        return usage_error(a->tool,
                           "-i NAME@k takes the number of an iteration, not '%s'", s);
    if (g->iteration < iterations) return true;
    return usage_error(
        a->tool, "-i %s: there is no iteration %llu; --iterations %llu counts from 0", s,
        (unsigned long long)g->iteration, (unsigned long long)iterations);
}

static bool same_place(const Given *a, const Given *b)
{
    return !strcmp(a->name, b->name) && a->each == b->each
        && a->iteration == b->iteration;
}

bool given_parse(GivenList *g, ToolArgs *a, const OptValue *list, uint64_t iterations)
{
    const Given *in = NULL;
    *g = (GivenList){ .item = NEW_ARRAY(&a->arena, list->count + 1, Given) };
    for (int i = 0; i < list->count; i++) {
        Given *it = &g->item[i];
        if (!parse_one(it, a, list->all[i], iterations)) return false;
        for (int k = 0; k < i; k++)
            if (same_place(&g->item[k], it))
                return usage_error(a->tool, "-i %s is given twice", it->name);
        if (!strcmp(it->text, "-")) {
            if (in || (a->operand && !strcmp(a->operand, "-")))
                return usage_error(a->tool, "the standard input can be read once");
            in = it;
        }
        g->count++;
    }
    return true;
}

void given_free(GivenList *g)
{
    for (int i = 0; i < g->count; i++) anec_tensor_free(&g->item[i].value);
}

void given_done(Given *g, uint64_t iteration)
{
    if (!g->each || g->iteration != iteration) return;
    anec_tensor_free(&g->value);
    g->loaded = false;
}

Given *given_find(const GivenList *g, const char *name, uint64_t iteration)
{
    Given *all = NULL;
    for (int i = 0; i < g->count; i++) {
        Given *it = &g->item[i];
        if (strcmp(it->name, name) != 0) continue;
        if (it->each && it->iteration == iteration) return it;
        if (!it->each) all = it;
    }
    return all;
}

anec_status given_load(Given *g, anec_kernel *kernel, anec_error *e)
{
    if (g->loaded) return ANEC_OK;
    const anec_status s = anec_tensor_read(kernel, g->name, g->text, &g->value, e);
    g->loaded = s == ANEC_OK;
    return s;
}

bool feed_parse(FeedList *f, ToolArgs *a, const OptValue *list)
{
    *f = (FeedList){ .item = NEW_ARRAY(&a->arena, list->count + 1, Feed) };
    for (int i = 0; i < list->count; i++) {
        const char *s = list->all[i];
        const size_t n = strcspn(s, "=");
        if (!n || !s[n] || !s[n + 1])
            return usage_error(a->tool, "--feed takes RESULT=INPUT, not '%s'", s);
        if (feed_has(f, s + n + 1))
            return usage_error(a->tool, "--feed gives the input %s twice", s + n + 1);
        f->item[f->count++] = (Feed){ .result = arena_strndup(&a->arena, s, n),
                                      .input = s + n + 1 };
    }
    return true;
}

bool feed_has(const FeedList *f, const char *input)
{
    for (int i = 0; i < f->count; i++)
        if (!strcmp(f->item[i].input, input)) return true;
    return false;
}

static bool has_own(const GivenList *g, const char *input, uint64_t k)
{
    const Given *it = given_find(g, input, k);
    return it && it->each;
}

anec_status feed_wire(const FeedList *f, const GivenList *g, anec_kernel *kernel,
                      uint64_t k, anec_error *e)
{
    anec_status s = ANEC_OK;
    for (int i = 0; !s && i < f->count; i++) {
        const Feed *it = &f->item[i];
        if (has_own(g, it->input, k)) s = anec_rewire(kernel, it->input, NULL, NULL, e);
        else if (!k || has_own(g, it->input, k - 1))
            s = anec_rewire(kernel, it->input, kernel, it->result, e);
    }
    return s;
}
