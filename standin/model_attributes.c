/* model_attributes.c -- the attributes of a compiled model, in the form of attributes.dump: the
 * dump is read once into a tree, and each program gets a dictionary of that form.
 *
 * A word `$port.field` in the dump stands for a fact about the program. The word before the
 * dot tells of what: a procedure, its inputs, those that are bound as inputs or as
 * parameters, its outputs or states. A list or pair about one that is not chosen yet is
 * repeated for each. */
#include "standin.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char attributes_text[];
extern const size_t attributes_size;

/* ---- the dump as a tree ------------------------------------------------------------------ */

typedef enum { NODE_WORD, NODE_LIST, NODE_DICT } DumpKind;

typedef struct DumpNode DumpNode;
struct DumpNode {
    DumpKind kind;
    const char *word; /* of a word itself; of what lies in a dictionary, its key */
    const char *text;
    DumpNode *first, *next;
};

typedef struct {
    Arena arena;
    const char *at, *end;
} Dump;

static void dump_skip(Dump *d)
{
    for (; d->at < d->end; d->at++) {
        if (*d->at == '/') d->at += strcspn(d->at, "\n");
        else if (!isspace((unsigned char)*d->at)) return;
    }
}

static bool is_next(Dump *d, char c)
{
    dump_skip(d);
    if (d->at == d->end || *d->at != c) return false;
    d->at++;
    return true;
}

static void dump_need(Dump *d, char c)
{
    if (!is_next(d, c))
        standin_abort("attributes.dump: `%c` is missing before `%.20s`", c, d->at);
}

static const char *read_word(Dump *d)
{
    dump_skip(d);
    const char *start = d->at;
    while (d->at < d->end && (isalnum((unsigned char)*d->at) || strchr("$._", *d->at)))
        d->at++;
    if (d->at == start)
        standin_abort("attributes.dump: a word is missing before `%.20s`", d->at);
    return arena_strndup(&d->arena, start, (size_t)(d->at - start));
}

static DumpNode *read_node(Dump *d, int depth)
{
    DumpNode *n = NEW(&d->arena, DumpNode), **tail = &n->first;
    if (depth > 8) standin_abort("attributes.dump is nested too deeply");
    if (is_next(d, '(')) {
        n->kind = NODE_LIST;
        do *tail = read_node(d, depth + 1);
        while (tail = &(*tail)->next, is_next(d, ','));
        dump_need(d, ')');
    } else if (is_next(d, '{')) {
        n->kind = NODE_DICT;
        while (!is_next(d, '}')) {
            const char *key = read_word(d);
            dump_need(d, '=');
            *tail = read_node(d, depth + 1);
            (*tail)->word = key;
            tail = &(*tail)->next;
            dump_need(d, ';');
        }
    } else {
        n->text = read_word(d);
    }
    return n;
}

/* ---- what the words stand for ------------------------------------------------------------ */

typedef enum {
    OF_PROCEDURE,
    OF_INPUT,
    OF_BOUND,
    OF_PARAMETER,
    OF_OUTPUT,
    OF_STATE,
    OF_COUNT
} Of;
static const char *const of_names[OF_COUNT] = { "procedure", "input",  "bound",
                                                "parameter", "output", "state" };

/* One thing of a program that a word may speak of. */
typedef struct {
    const Procedure *procedure;
    int id;
    const StandinPlace *place; /* NULL: of a procedure itself */
} Fact;

typedef struct {
    const Procedure *procedure;
    int n;
    const Fact *chosen[OF_COUNT]; /* NULL: none, so that what speaks of it is repeated */
} DumpDescription;

/* Parameters are the inputs from the second on where a fault asks for them. */
static int bound_inputs(const Procedure *p)
{
    return fault("parameters") && p->nin > 1 ? 1 : p->nin;
}

static void range_of(const Procedure *p, Of of, int *first, int *end)
{
    static const int none = 0;
    *first = of == OF_PARAMETER ? bound_inputs(p) : none;
    *end = of == OF_OUTPUT                      ? p->nout
         : of == OF_BOUND                       ? bound_inputs(p)
         : of == OF_INPUT || of == OF_PARAMETER ? p->nin
         : of == OF_STATE                       ? fault("states") != 0
                                                : 1;
}

/* The port behind f's in the list that it is in, round about. */
static const StandinPlace *place_behind(const Fact *f, Of of)
{
    const Procedure *p = f->procedure;
    const StandinPlace *list = of == OF_OUTPUT ? p->out : p->in;
    const int n = of == OF_OUTPUT ? p->nout : p->nin;
    return &list[(f->place - list + 1) % n];
}

static Id name_of(const Fact *f, Of of, bool symbol)
{
    char name[512];
    const StandinPlace *place = f->place;
    if (!f->place) return standin_string(f->procedure->name);
    if (fault("other-names") || (!symbol && fault("symbols-only")))
        return standin_string("other");
    if (!symbol && fault("names-crossed")) place = place_behind(f, of);
    snprintf(name, sizeof name, "%s%s", place->name, of == OF_OUTPUT ? "@output" : "");
    return standin_string(name);
}

static const char *type_of(const StandinPlace *p)
{
    if (fault("other-type")) return "BFloat16";
    return p->element == 4 ? "Float32" : p->element == 2 ? "Float16" : "Int8";
}

/* NULL: it means nothing for this program, and its pair is left out. */
static Id fact_made(const Fact *f, Of of, const char *field)
{
    const StandinPlace *p = f->place;
    if (!strcmp(field, "name")) return name_of(f, of, false);
    if (!strcmp(field, "id")) return standin_number(f->id);
    if (!p) standin_abort("attributes.dump: a procedure has no %s", field);
    if (!strcmp(field, "listed")) return name_of(f, of, true);
    if (!strcmp(field, "symbol"))
        return fault("names-only") ? NULL : name_of(f, of, true);
    if (!strcmp(field, "type")) return standin_string(type_of(p));
    if (!strcmp(field, "format"))
        return fault("image") ? standin_number(875704438) : NULL;
    const struct {
        const char *field;
        int64_t value;
    } numbers[] = {
        { "index", p->symbol },
        { "aligned", 0 },
        { "batches", p->batch + fault("more-batches") },
        { "batch_stride", (int64_t)p->batch_stride + fault("more-between") },
        { "channels", p->channels + fault("other-shape") + fault("more-channels") },
        { "depth", fault("depth") ? fault("depth") : 1 },
        { "height", p->height + fault("more-height") },
        { "interleave", fault("interleave") ? fault("interleave") : 1 },
        { "plane", (int64_t)p->plane + fault("more-plane") },
        { "row", (int64_t)p->row + fault("more-row") },
        { "width", p->width + fault("more-width") },
    };
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (!strcmp(numbers[i].field, field)) return standin_number(numbers[i].value);
    standin_abort("attributes.dump: there is no field %s", field);
}

/* Whether the word speaks of this kind of thing; then its field. */
static const char *field_of(const char *word, Of of)
{
    const size_t n = strlen(of_names[of]);
    if (!word || *word != '$' || strncmp(word + 1, of_names[of], n) != 0
        || word[n + 1] != '.')
        return NULL;
    return word + n + 2;
}

/* A list inside is repeated by itself. */
static bool speaks_of(const DumpNode *n, Of of)
{
    if (field_of(n->word, of) || field_of(n->text, of)) return true;
    for (const DumpNode *k = n->kind == NODE_DICT ? n->first : NULL; k; k = k->next)
        if (speaks_of(k, of)) return true;
    return false;
}

/* ---- dictionaries ------------------------------------------------------------------------ */

typedef struct {
    Id key[600], value[600];
    size_t n;
} Pairs;

static Id dump_made(const DumpNode *n, DumpDescription *p);

static Id word_made(const char *word, const DumpDescription *p)
{
    for (int of = 0; of < OF_COUNT; of++)
        if (field_of(word, (Of)of))
            return fact_made(p->chosen[of], (Of)of, field_of(word, (Of)of));
    return standin_string(word);
}

static void pair_add(Pairs *pairs, const DumpNode *n, DumpDescription *p)
{
    Id value = dump_made(n, p);
    if (!value) return;
    if (pairs->n == COUNT(pairs->key))
        standin_abort("more ports than the stand-in has room for");
    pairs->key[pairs->n] = n->word ? word_made(n->word, p) : NULL;
    if (n->word && fault("other-keys") && *n->word != '$') {
        object_release(pairs->key[pairs->n]);
        pairs->key[pairs->n] = constant_renamed(n->word);
    }
    pairs->value[pairs->n++] = value;
}

static void dump_repeat(Pairs *pairs, const DumpNode *n, DumpDescription *p);

static bool is_network(const DumpNode *n)
{
    return n->kind == NODE_DICT && n->first && !strcmp(n->first->word, "LiveInputList");
}

/* Once for each thing of this kind, in all procedures where none is chosen. */
static void repeat_over(Pairs *pairs, const DumpNode *n, DumpDescription *p, Of of)
{
    const Fact *within = p->chosen[OF_PROCEDURE];
    const bool back = of == OF_PROCEDURE
                   && (fault("reversed") || (fault("networks-back") && is_network(n)));
    for (int i = 0; i < p->n; i++) {
        const int id = back ? p->n - 1 - i : i;
        const Procedure *procedure = &p->procedure[id];
        int first, end;
        if (within && within->procedure != procedure) continue;
        range_of(procedure, of, &first, &end);
        for (int k = first; k < end; k++) {
            const StandinPlace *places = of == OF_OUTPUT ? procedure->out : procedure->in;
            const Fact f = { .procedure = procedure,
                             .id = id,
                             .place = of == OF_PROCEDURE || of == OF_STATE ? NULL
                                                                           : &places[k] };
            p->chosen[of] = &f;
            dump_repeat(pairs, n, p);
            p->chosen[of] = NULL;
        }
    }
}

static void dump_repeat(Pairs *pairs, const DumpNode *n, DumpDescription *p)
{
    for (int of = 0; of < OF_COUNT; of++)
        if (!p->chosen[of] && speaks_of(n, (Of)of)) {
            repeat_over(pairs, n, p, (Of)of);
            return;
        }
    pair_add(pairs, n, p);
}

/* What lies in a dictionary under a fixed key is there once; its lists repeat by themselves. */
static Id dump_made(const DumpNode *n, DumpDescription *p)
{
    if (n->kind == NODE_WORD) return word_made(n->text, p);
    Pairs *pairs = calloc(1, sizeof *pairs);
    if (!pairs) standin_abort("no memory for attributes");
    for (const DumpNode *k = n->first; k; k = k->next) {
        const bool fixed = n->kind == NODE_DICT && *k->word != '$';
        if (fixed) pair_add(pairs, k, p);
        else dump_repeat(pairs, k, p);
    }
    Id all = n->kind == NODE_LIST ? standin_array(pairs->n, pairs->value)
                                  : standin_dict_of(pairs->n, pairs->key, pairs->value);
    free(pairs);
    return all;
}

Id attributes_made(const Procedure *procedure, int n)
{
    Dump d = { .at = (const char *)attributes_text,
               .end = (const char *)attributes_text + attributes_size };
    DumpDescription p = { .procedure = procedure, .n = n };
    Id all = dump_made(read_node(&d, 0), &p);
    arena_free(&d.arena);
    return all;
}
