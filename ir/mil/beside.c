/* beside.c -- FILE.json: the parts of a model that its container cannot hold, kept beside
 * it. */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

const char beside_format[] = "anec beside 1";
static const char *const side_names[ABOUT_SIDES] = { "inputs", "outputs", "states" };

/* ---- base64 ------------------------------------------------------------------------------ */

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *to_base64(Arena *a, const void *p, size_t n)
{
    const unsigned char *s = p;
    char *out = arena_alloc(a, n / 3 * 4 + 5), *to = out;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)s[i] << 16;
        if (i + 1 < n) v |= (uint32_t)s[i + 1] << 8;
        if (i + 2 < n) v |= s[i + 2];
        for (int k = 0; k < 4; k++) *to++ = digits[v >> (18 - 6 * k) & 63];
        if (i + 1 >= n) to[-2] = '=';
        if (i + 2 >= n) to[-1] = '=';
    }
    return out;
}

static const void *from_base64(Arena *a, const char *s, size_t *len)
{
    unsigned char *out = arena_alloc(a, strlen(s) / 4 * 3 + 4);
    uint32_t v = 0;
    int bits = 0;
    *len = 0;
    for (; *s && *s != '='; s++) {
        const char *at = strchr(digits, *s);
        if (!at) {
            *len = 0;
            return NULL;
        }
        v = v << 6 | (uint32_t)(at - digits);
        bits += 6;
        if (bits >= 8) out[(*len)++] = (unsigned char)(v >> (bits -= 8));
    }
    return out;
}

/* ---- JSON files -------------------------------------------------------------------------- */

bool json_write(Diag *d, const char *path, const void *json)
{
    char *text = json_text(json, true);
    const bool ok = file_write_all(d, path, text, strlen(text));
    json_text_free(text);
    return ok;
}

void *json_read(Diag *d, const char *path)
{
    Mapped map;
    if (!file_read(d, path, &map)) return NULL;
    cJSON *json = map.size > FILE_MAX_TEXT ? NULL
                                           : json_parse((const char *)map.data, map.size);
    file_unmap(&map);
    if (!json) diag_error(d, (Loc){ .src = NULL }, "%s is not JSON", path);
    return json;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void text_item(cJSON *o, const char *name, const char *s)
{
    if (s && *s) json_item(o, name, cJSON_CreateString(s));
}

/* The message that the program alone gives. */
static bool is_made(const Func *f, const Shown *x, bool input)
{
    Buf made = { 0 };
    Diag quiet = { .quiet = true };
    const bool same = !x->type
                   || (feature_make(&quiet, f, x->v, input, &made) && made.len == x->len
                       && !memcmp(made.s, x->type, x->len));
    buf_free(&made);
    diag_free(&quiet);
    return same;
}

/* In the order of the program, with nothing that it does not say. */
static bool is_plain(const Func *f, const Shown *x, int n, int side)
{
    Value *const *v = side == ABOUT_OUTPUT ? f->body->result : f->body->param;
    int at = 0;
    for (int i = 0; i < n; i++) {
        while (side != ABOUT_OUTPUT && about_side_of(v[at]) != side) at++;
        if (v[at++] != x[i].v || (x[i].doc && *x[i].doc)
            || !is_made(f, &x[i], side != ABOUT_OUTPUT))
            return false;
    }
    return true;
}

static void write_features(const Module *m, Arena *a, const Func *f, cJSON *to)
{
    for (int side = 0; side < ABOUT_SIDES; side++) {
        int n;
        const Shown *x = about_side(m, f, side, &n);
        if (is_plain(f, x, n, side)) continue;
        cJSON *list = json_item(to, side_names[side], cJSON_CreateArray());
        for (int i = 0; i < n; i++) {
            cJSON *one = json_item(list, NULL, cJSON_CreateObject());
            text_item(one, "name", x[i].v->name);
            text_item(one, "shortDescription", x[i].doc);
            if (!is_made(f, &x[i], side != ABOUT_OUTPUT))
                text_item(one, "type", to_base64(a, x[i].type, x[i].len));
        }
    }
}

/* Names of label and probabilities that the program does not say. */
static void write_predicted(const Module *m, const Func *f, cJSON *to)
{
    const AboutFunc *a = about_find(m->about, f->name);
    const char *own[2];
    about_predicted(f, own);
    for (int i = 0; a && i < 2; i++)
        if (a->predicted[i] && (!own[i] || strcmp(own[i], a->predicted[i]) != 0))
            text_item(to, predicted_names[i], a->predicted[i]);
}

/* Attributes that a description would give back otherwise. */
static void write_attrs(const Module *m, Diag *d, const Func *f, cJSON *to)
{
    const Const *own = attr_get(&f->attrs, FLEXIBLE);
    Module *scratch = module_new();
    AboutFunc a = { .name = f->name };
    int n;
    const Shown *x = about_side(m, f, ABOUT_INPUT, &n);
    a.side[ABOUT_INPUT] = (struct Features){ .at = NEW_ARRAY(&scratch->arena, n, Feature),
                                             .count = n };
    for (int i = 0; i < n; i++) {
        Buf made = { 0 };
        if (x[i].type) buf_add(&made, x[i].type, x[i].len);
        else feature_make(d, f, x[i].v, true, &made);
        a.side[ABOUT_INPUT].at[i] = (Feature){
            .name = x[i].v->name,
            .len = made.len,
            .type = arena_strndup(&scratch->arena, made.s ? made.s : "", made.len)
        };
        buf_free(&made);
    }
    const Const *other = flexible_make(scratch, &a);
    Buf want = { 0 }, got = { 0 };
    if (own) mil_print_const(own, true, &want);
    if (other) mil_print_const(other, true, &got);
    const bool same = want.len == got.len
                   && (!want.len || !memcmp(want.s, got.s, want.len));
    if (!same)
        json_item(json_item(to, "attributes", cJSON_CreateObject()), FLEXIBLE,
                  cJSON_CreateString(own ? want.s : ""));
    buf_free(&want);
    buf_free(&got);
    module_free(scratch);
}

static void write_about(const Module *m, Arena *a, cJSON *to)
{
    const About *b = m->about;
    if (!b) return;
    const Module bare = { .first = m->first };
    if (b->spec && about_spec(m) != about_spec(&bare))
        json_item(to, "specificationVersion", cJSON_CreateNumber(about_spec(m)));
    if (b->updatable) json_item(to, "updatable", cJSON_CreateTrue());
    for (int i = 0; i < ABOUT_TEXTS; i++) text_item(to, about_texts[i], b->text[i]);
    cJSON *user = b->nuser ? json_item(to, "userDefined", cJSON_CreateObject()) : NULL;
    for (int i = 0; i + 1 < b->nuser; i += 2)
        json_item(user, b->user[i], cJSON_CreateString(b->user[i + 1]));
    if (b->rest_len) text_item(to, "rest", to_base64(a, b->rest, b->rest_len));
}

static const char *program_version(const Module *m)
{
    for (const Func *f = m->first; f; f = f->next)
        if (f->opset >= OPSET_IOS18) return "1.3";
    return "1.0";
}

static void beside_fill(const Module *m, Diag *d, Arena *a, cJSON *root, int form)
{
    if (form == BESIDE_PACKAGE) {
        if (strcmp(m->version, program_version(m)) != 0)
            text_item(root, "program", m->version);
        if (m->has_attrs && !m->attrs.count)
            json_item(root, "emptyAttributes", cJSON_CreateTrue());
    } else {
        const Func *plain = module_func(m, "main"), *main = module_main(m);
        if (main && main != (plain ? plain : m->first))
            text_item(root, "default", main->name);
        write_about(m, a, root);
    }
    cJSON *funcs = json_root(cJSON_CreateObject());
    for (const Func *f = m->first; f; f = f->next) {
        cJSON *one = json_item(funcs, f->name, cJSON_CreateObject());
        if (form == BESIDE_PACKAGE) write_attrs(m, d, f, one);
        else {
            write_features(m, a, f, one);
            write_predicted(m, f, one);
        }
        if (!one->child) cJSON_DeleteItemFromObjectCaseSensitive(funcs, f->name);
    }
    if (funcs->child) json_item(root, "functions", funcs);
    else json_free(funcs);
}

bool beside_is_ours(const char *path)
{
    Diag quiet = { .quiet = true };
    cJSON *json = file_exists(path) ? json_read(&quiet, path) : NULL;
    const char *s = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(json, "format"));
    const bool ours = s && !strcmp(s, beside_format);
    json_free(json);
    diag_free(&quiet);
    return ours;
}

char *beside_file(Arena *a, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    return arena_printf(a, "%.*s.json", (int)n, path);
}

void *beside_make(const Module *m, Diag *d, int form)
{
    Arena a = { 0 };
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "format", cJSON_CreateString(beside_format));
    beside_fill(m, d, &a, root, form);
    arena_free(&a);
    return root;
}

/* ---- reading ----------------------------------------------------------------------------- */

static const char *text_in(Module *m, const cJSON *o, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return s ? arena_strdup(&m->arena, s) : NULL;
}

static void read_side(Module *m, const cJSON *list, struct Features *to)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, list)
    {
        Feature f = { .name = text_in(m, one, "name"),
                      .doc = text_in(m, one, "shortDescription") };
        const char *type = text_in(m, one, "type");
        if (!f.name) continue;
        if (type) f.type = from_base64(&m->arena, type, &f.len);
        ARENA_ROOM(&m->arena, to->at, to->count, to->cap);
        to->at[to->count++] = f;
    }
}

static bool read_attrs(Module *m, Diag *d, const char *path, Func *f, const cJSON *attrs)
{
    const char *text = text_in(m, attrs, FLEXIBLE);
    if (!text) return true;
    if (!*text) {
        attr_set(m, &f->attrs, FLEXIBLE, NULL);
        return true;
    }
    Source *src = NEW(&m->arena, Source);
    *src = (Source){ .name = arena_strdup(&m->arena, path),
                     .text = text,
                     .len = strlen(text) };
    const Const *c = mil_read_literal(m, d, src);
    if (c) attr_set(m, &f->attrs, FLEXIBLE, c);
    return c != NULL;
}

static bool read_functions(Module *m, Diag *d, const char *path, const cJSON *funcs)
{
    const cJSON *one;
    bool ok = true;
    cJSON_ArrayForEach(one, funcs)
    {
        Func *f = one->string ? module_func(m, one->string)
                              : NULL; /* NULL: of an array */
        if (!f) continue;
        for (int side = 0; side < ABOUT_SIDES; side++) {
            const cJSON *list = cJSON_GetObjectItemCaseSensitive(one, side_names[side]);
            if (list)
                read_side(m, list, &about_func(m, about_of(m), f->name)->side[side]);
        }
        for (int i = 0; i < 2; i++) {
            const char *name = text_in(m, one, predicted_names[i]);
            if (name) about_func(m, about_of(m), f->name)->predicted[i] = name;
        }
        ok = read_attrs(m, d, path, f,
                        cJSON_GetObjectItemCaseSensitive(one, "attributes"))
          && ok;
    }
    return ok;
}

/* Fields that were not known to who wrote them may be now. */
static bool read_rest(Module *m, Diag *d, const char *file, const char *rest)
{
    PbFile in = { 0 };
    in.data = from_base64(&m->arena, rest, &in.size);
    if (about_read(m, d, pb_open(&in))) return true;
    if (in.wrong)
        diag_error(d, (Loc){ .src = NULL }, "%s: its rest is damaged: %s", file,
                   in.wrong);
    return false;
}

static bool read_about(Module *m, Diag *d, const char *file, const cJSON *root)
{
    const cJSON *user = cJSON_GetObjectItemCaseSensitive(root, "userDefined"), *one;
    const cJSON *spec = cJSON_GetObjectItemCaseSensitive(root, "specificationVersion");
    const char *rest = text_in(m, root, "rest");
    About *a = about_of(m);
    const Module bare = { .first = m->first };
    if (cJSON_IsNumber(spec) && spec->valueint > 0) {
        a->spec = spec->valueint;
        a->read_spec = about_spec(&bare);
    }
    a->updatable = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "updatable"));
    for (int i = 0; i < ABOUT_TEXTS; i++) a->text[i] = text_in(m, root, about_texts[i]);
    cJSON_ArrayForEach(one, user)
    {
        if (!cJSON_IsString(one) || !one->string) continue;
        ARENA_ROOM(&m->arena, a->user, a->nuser, a->user_cap);
        a->user[a->nuser++] = arena_strdup(&m->arena, one->string);
        ARENA_ROOM(&m->arena, a->user, a->nuser, a->user_cap);
        a->user[a->nuser++] = arena_strdup(&m->arena, one->valuestring);
    }
    return !rest || read_rest(m, d, file, rest);
}

bool beside_parse(Module *m, Diag *d, const char *file, const void *json)
{
    const cJSON *root = json;
    const char *version = text_in(m, root, "program"),
               *main = text_in(m, root, "default");
    if (version) m->version = version;
    if (main && module_func(m, main)) m->default_func = main;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "emptyAttributes")))
        m->has_attrs = true;
    if (cJSON_GetArraySize(root) > 1 && !read_about(m, d, file, root)) return false;
    if (!read_functions(m, d, file, cJSON_GetObjectItemCaseSensitive(root, "functions")))
        return false;
    about_fix(m);
    return true;
}

bool beside_read(Module *m, Diag *d, const char *path)
{
    const char *file = beside_file(&m->arena, path);
    if (!beside_is_ours(file)) return true;
    cJSON *root = json_read(d, file);
    if (root) root = beside_now(root, d, path);
    const bool ok = root && beside_parse(m, d, file, root);
    json_free(root);
    return ok;
}
