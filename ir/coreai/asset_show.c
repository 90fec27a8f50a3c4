/* asset_show.c -- what is in a Core AI asset, as text and as JSON. */
#include "coreai.h"

#include <cjson/cJSON.h>

/* What is not decoded, and why. */
static const char *const closed[] = {
    "operations, their order and operands: Apple does not publish how Core AI saves them",
    "attributes and types, as their dialects encode them",
    "bytes of weights, in resources",
};

static bool is_hash(const Asset *s) { return *s->hash && !strcmp(s->hash, s->sum); }

static const char *hash_word(const Asset *s)
{
    if (is_hash(s)) return "main.hash says the same";
    if (!*s->hash) return "main.hash says none";
    return s->compiled
             ? "main.hash says another; of what it is the sum in a compiled asset "
               "is not public"
             : "main.hash says another";
}

static uint64_t resource_bytes(const Mlirb *f)
{
    uint64_t all = 0;
    for (int i = 0; i < f->nresource; i++) all += f->resource[i].size;
    return all;
}

static const char *section_word(Arena *a, int id)
{
    const char *name = mlirb_section(id);
    return name ? name : arena_printf(a, "section %d", id);
}

/* ---- text -------------------------------------------------------------------------------- */

static void text_metadata(Buf *out, const Asset *s)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, (const cJSON *)s->metadata)
    {
        if (cJSON_IsString(item))
            buf_message(out, "  %s: %s\n", item->string, item->valuestring);
        else if (cJSON_IsObject(item))
            buf_message(out, "  %s: %d keys\n", item->string, cJSON_GetArraySize(item));
        else {
            char *text = json_text(item, false);
            buf_message(out, "  %s: %s\n", item->string, text);
            json_text_free(text);
        }
    }
}

static void text_names(Buf *out, const Mlirb *f)
{
    for (int i = 0; i < f->ndialect; i++) {
        buf_message(out, "  dialect %s%s:", f->dialect[i].name,
                    f->dialect[i].versioned ? " (with a version of its own)" : "");
        for (int k = 0; k < f->nop; k++)
            if (f->op[k].dialect == i) buf_message(out, " %s", f->op[k].name);
        buf_putc(out, '\n');
    }
}

static void text_program(Buf *out, Asset *s)
{
    const Mlirb *f = &s->bytes;
    buf_message(out, "  %s: %llu bytes, SHA-256 %s; %s\n", s->file,
                (unsigned long long)s->size, s->sum, hash_word(s));
    if (!s->programmed) return;
    buf_message(out, "  MLIR bytecode, version %llu, written by %s\n",
                (unsigned long long)f->version, f->producer);
    for (int i = 0; i < f->nsection; i++)
        buf_message(out, "    %-22s %llu bytes at %llu\n",
                    section_word(&s->arena, f->section[i].id),
                    (unsigned long long)f->section[i].size,
                    (unsigned long long)f->section[i].at);
    if (f->newer) return;
    text_names(out, f);
    buf_message(out, "  strings: %d, attributes: %llu, types: %llu\n", f->nstring,
                (unsigned long long)f->nattr, (unsigned long long)f->ntype);
    buf_message(out, "  resources: %d, %llu bytes\n", f->nresource,
                (unsigned long long)resource_bytes(f));
    for (size_t i = 0; i < COUNT(closed); i++)
        buf_message(out, "  not decoded: %s\n", closed[i]);
}

static void asset_text(Buf *out, Asset *s)
{
    buf_message(out, "%s: %s of Core AI (not verified with Apple's package)\n", s->path,
                s->compiled ? "a compiled asset" : "an asset");
    text_metadata(out, s);
    if (s->arch) buf_message(out, "  architecture: %s\n", s->arch);
    if (s->compiled) buf_message(out, "  regions of the engine: %d\n", s->regions);
    if (s->file) text_program(out, s);
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void add_text(cJSON *o, const char *key, const char *text)
{
    json_item(o, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void add_size(cJSON *o, const char *key, uint64_t v)
{
    json_item(o, key, cJSON_CreateNumber((double)v));
}

static void json_sections(cJSON *o, Asset *s)
{
    cJSON *list = json_item(o, "sections", cJSON_CreateArray());
    for (int i = 0; i < s->bytes.nsection; i++) {
        const MlirbSection *one = &s->bytes.section[i];
        cJSON *item = json_item(list, NULL, cJSON_CreateObject());
        add_size(item, "id", (uint64_t)one->id);
        add_text(item, "name", section_word(&s->arena, one->id));
        add_size(item, "at", one->at);
        add_size(item, "bytes", one->size);
        add_size(item, "alignment", one->align);
    }
}

static void json_dialects(cJSON *o, const Mlirb *f)
{
    cJSON *list = json_item(o, "dialects", cJSON_CreateArray());
    for (int i = 0; i < f->ndialect; i++) {
        cJSON *item = json_item(list, NULL, cJSON_CreateObject());
        add_text(item, "name", f->dialect[i].name);
        json_item(item, "versioned", cJSON_CreateBool(f->dialect[i].versioned));
        cJSON *names = json_item(item, "operations", cJSON_CreateArray());
        for (int k = 0; k < f->nop; k++)
            if (f->op[k].dialect == i)
                json_item(names, NULL, cJSON_CreateString(f->op[k].name));
    }
    cJSON *strings = json_item(o, "strings", cJSON_CreateArray());
    for (int i = 0; i < f->nstring; i++)
        json_item(strings, NULL, cJSON_CreateString(f->string[i]));
}

static void json_resources(cJSON *o, const Mlirb *f)
{
    add_size(o, "attributes", f->nattr);
    add_size(o, "types", f->ntype);
    cJSON *list = json_item(o, "resources", cJSON_CreateArray());
    for (int i = 0; i < f->nresource; i++) {
        cJSON *item = json_item(list, NULL, cJSON_CreateObject());
        add_text(item, "key", f->resource[i].key);
        add_size(item, "bytes", f->resource[i].size);
    }
}

static void json_program(cJSON *o, Asset *s)
{
    add_text(o, "file", s->file);
    add_size(o, "bytes", s->size);
    add_text(o, "sha256", s->sum);
    json_item(o, "hash_is_sha256", cJSON_CreateBool(is_hash(s)));
    if (!s->programmed) return;
    add_size(o, "version", s->bytes.version);
    add_text(o, "producer", s->bytes.producer);
    json_sections(o, s);
    if (s->bytes.newer) return;
    json_dialects(o, &s->bytes);
    json_resources(o, &s->bytes);
    cJSON *list = json_item(o, "not_decoded", cJSON_CreateArray());
    for (size_t i = 0; i < COUNT(closed); i++)
        json_item(list, NULL, cJSON_CreateString(closed[i]));
}

static void asset_json(Buf *out, Asset *s)
{
    cJSON *o = json_root(cJSON_CreateObject());
    add_text(o, "asset", s->path);
    json_item(o, "compiled", cJSON_CreateBool(s->compiled));
    add_text(o, "architecture", s->arch);
    if (s->compiled) add_size(o, "engine_regions", (uint64_t)s->regions);
    if (s->metadata) json_item(o, "metadata", cJSON_Duplicate(s->metadata, true));
    if (s->file) json_program(json_item(o, "program", cJSON_CreateObject()), s);
    json_item(o, "verified_with_apples_package", cJSON_CreateBool(false));
    char *text = json_text(o, true);
    buf_puts(out, text);
    buf_putc(out, '\n');
    json_text_free(text);
    json_free(o);
}

bool asset_show(Buf *out, Diag *d, const char *path, bool json)
{
    Asset s;
    const bool ok = asset_open(&s, d, path);
    (json ? asset_json : asset_text)(out, &s);
    asset_close(&s);
    return ok;
}
