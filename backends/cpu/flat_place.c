/* flat_place.c -- lays out the arena of a plan: memory is used again as soon as a value has
 * been read for the last time. */
#include "flat.h"

#include <stdlib.h>
#include <string.h>

static size_t room_of(const FlatSlot *s)
{
    return (s->bytes + SLACK + ALIGN - 1) / ALIGN * ALIGN;
}

static void live_at(FlatPlan *p, int slot, int step)
{
    FlatSlot *s = &p->slot[p->slot[slot].root];
    if (step < s->first) s->first = step;
    if (step > s->last) s->last = step;
}

static void live_in(FlatPlan *p, int i)
{
    const FlatStep *s = &p->step[i];
    for (int k = 0; k < s->nread; k++) live_at(p, s->read[k], i);
    for (int k = 0; k < s->nwrite; k++) live_at(p, s->write[k], i);
    for (int k = 0; s->elem && k < s->elem->nin; k++)
        if (s->elem->in[k].slot >= 0) live_at(p, s->elem->in[k].slot, i);
    for (int k = 0; s->elem && k < s->elem->nout; k++)
        live_at(p, s->elem->out[k].slot, i);
}

/* What was made before a loop is read in it again in its next turn. */
static void place_outlive(FlatPlan *p, const FlatLoop *l)
{
    for (int i = 0; i < p->nslot; i++) {
        FlatSlot *s = &p->slot[i];
        if (s->first < l->first && s->last >= l->first && s->last < l->end)
            s->last = l->end;
    }
}

/* A result that nothing else is, and that a step makes, is made in the result's own memory,
 * unless another reads beyond its end. */
static void place_results(FlatPlan *p)
{
    const Steps *b = p->plan->body;
    for (int i = 0; i < b->block->nresult; i++) {
        const FlatSlot *s = &p->slot[b->result[i]];
        FlatSlot *root = &p->slot[s->root];
        if (root->kind == ROOT_ARENA) root->last = p->nstep;
        if (root->kind != ROOT_ARENA || root->past || s->offset
            || type_bytes(s->type) != root->bytes)
            continue;
        root->kind = ROOT_RESULT;
        root->index = i;
    }
}

typedef struct {
    FlatSlot **slot; /* placed so far, by place */
    int n;
} Placed;

/* The lowest gap that is large enough among those that live at the same time. */
static size_t find_gap(const Placed *all, const FlatSlot *s)
{
    size_t at = 0;
    for (int i = 0; i < all->n; i++) {
        const FlatSlot *o = all->slot[i];
        if (o->last < s->first || s->last < o->first) continue;
        if (o->place >= at + room_of(s)) break;
        if (o->place + room_of(o) > at) at = o->place + room_of(o);
    }
    return at;
}

static void place_put(Placed *all, FlatSlot *s)
{
    int i = all->n++;
    for (; i && all->slot[i - 1]->place > s->place; i--) all->slot[i] = all->slot[i - 1];
    all->slot[i] = s;
}

static int larger_first(const void *a, const void *b)
{
    const FlatSlot *x = *(FlatSlot *const *)a, *y = *(FlatSlot *const *)b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

void flat_place(FlatPlan *p)
{
    Arena a = { 0 };
    const int n = p->nslot;
    FlatSlot **order = NEW_ARRAY(&a, n + 1, FlatSlot *);
    Placed all = { .slot = NEW_ARRAY(&a, n + 1, FlatSlot *) };
    int count = 0;
    for (int i = 0; i < p->nstep; i++) live_in(p, i);
    for (int i = 0; i < p->nloop; i++) place_outlive(p, &p->loop[i]);
    for (int i = 0; i < n && !p->how.fused; i++)
        p->slot[i].last = p->nstep; /* all are shown */
    place_results(p);
    for (int i = 0; i < n; i++)
        if (p->slot[i].kind == ROOT_ARENA && p->slot[i].first <= p->slot[i].last)
            order[count++] = &p->slot[i];
    if (count) qsort(order, (size_t)count, sizeof(FlatSlot *), larger_first);
    for (int i = 0; i < count; i++) {
        order[i]->place = find_gap(&all, order[i]);
        place_put(&all, order[i]);
        if (order[i]->place + room_of(order[i]) > p->arena_bytes)
            p->arena_bytes = order[i]->place + room_of(order[i]);
    }
    for (int i = 0; i < p->nstep; i++) {
        if (p->step[i].lane_room > p->lane_room) p->lane_room = p->step[i].lane_room;
        if (p->step[i].room > p->room) p->room = p->step[i].room;
    }
    p->lane_room = (p->lane_room + 4095) / 4096 * 4096;
    arena_free(&a);
}
