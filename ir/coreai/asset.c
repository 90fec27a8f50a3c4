/* asset.c -- the folder of a Core AI asset: its files, metadata.json, main.hash, the program, and
 * what a compiled one has for the engine. */
#include "coreai.h"

#include <sys/stat.h>

#include <cjson/cJSON.h>

static const Loc nowhere = { .src = NULL };
enum { HASH_BYTES = 32 };

/* Keys of metadata.json that are known. */
static const struct {
    const char *key;
    bool needed, text;
} keys[] = {
    { "assetVersion", true, true },   { "producer", false, true },
    { "creationDate", false, false }, { "author", false, true },
    { "license", false, true },       { "description", false, true },
};

/* ---- the folder -------------------------------------------------------------------------- */

static bool is_regular(const char *path)
{
    struct stat st;
    return !lstat(path, &st) && S_ISREG(st.st_mode);
}

/* "main-h13g.mlirb": "h13g"; NULL: it is no such name */
static const char *arch_of(Arena *a, const char *name)
{
    const char *first = "main-";
    const size_t n = strlen(name), head = strlen(first), tail = strlen(".mlirb");
    if (n <= head + tail || strncmp(name, first, head) != 0) return NULL;
    if (!file_has_suffix(name, ".mlirb")) return NULL;
    return arena_strndup(a, name + head, n - head - tail);
}

static bool is_delegates(const Asset *s, const char *path, const char *name)
{
    return s->compiled && file_has_suffix(name, "-delegates") && file_is_dir(path);
}

/* Sorts what is in the folder into what is known and what is not. */
static bool asset_list(Asset *s, Diag *d, bool *hashed, bool *described)
{
    size_t n;
    int room = 0;
    bool ok = true;
    const char **name = folder_names(&s->arena, s->path, &n);
    if (!name) return diag_fail(d, "cannot read the folder %s", s->path);
    for (size_t i = 0; i < n; i++) {
        const char *path = arena_printf(&s->arena, "%s/%s", s->path, name[i]);
        const char *arch = s->compiled ? arch_of(&s->arena, name[i]) : NULL;
        const bool program = s->compiled ? arch != NULL : !strcmp(name[i], "main.mlirb");
        const bool hash = !strcmp(name[i], "main.hash");
        const bool about = !strcmp(name[i], "metadata.json");
        if ((program || hash || about) && !is_regular(path)) {
            ok = diag_error(d, nowhere, "%s: %s is no regular file", s->path, name[i]);
        } else if (program && s->file) {
            ok = diag_error(d, nowhere, "%s has two programs, %s and %s", s->path,
                            s->file, name[i]);
        } else if (program) {
            s->file = name[i];
            s->arch = arch;
        } else if (!hash && !about && !is_delegates(s, path, name[i])) {
            ARENA_ROOM(&s->arena, s->more, s->nmore, room);
            s->more[s->nmore++] = name[i];
        }
        *hashed |= hash;
        *described |= about;
    }
    return ok;
}

static bool asset_lacks(const Asset *s, Diag *d, const char *what)
{
    return diag_error(d, nowhere, "%s has no %s: an asset is a folder of %s", s->path,
                      what,
                      s->compiled ? "metadata.json, main-ARCH.mlirb, main.hash and "
                                    "main-ARCH-delegates"
                                  : "metadata.json, main.mlirb and main.hash");
}

/* ---- metadata.json ----------------------------------------------------------------------- */

static bool key_check(const Asset *s, Diag *d, const cJSON *all, size_t i)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(all, keys[i].key);
    if (!item && keys[i].needed)
        return diag_error(d, nowhere, "%s: metadata.json has no %s", s->path,
                          keys[i].key);
    if (item && keys[i].text && !cJSON_IsString(item))
        return diag_error(d, nowhere, "%s: metadata.json: %s is no string", s->path,
                          keys[i].key);
    return true;
}

static bool metadata_check(Asset *s, Diag *d)
{
    const cJSON *all = s->metadata;
    bool ok = true;
    if (cJSON_GetObjectItemCaseSensitive(all, "metadata_version"))
        return diag_error(
            d, nowhere,
            "%s: metadata.json is that of a bundle of models, a folder that holds "
            "assets: give the .aimodel in it",
            s->path);
    for (size_t i = 0; i < COUNT(keys); i++) ok &= key_check(s, d, all, i);
    if (!ok) return false;
    s->said = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(all, "producer"));
    const char *version = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(all, "assetVersion"));
    if (strcmp(version, "2.0") != 0)
        diag_warn(d, WARN_ASSET, nowhere, "%s: assetVersion is %s; only 2.0 is known",
                  s->path, version);
    if (!s->said)
        diag_warn(
            d, WARN_ASSET, nowhere,
            "%s: metadata.json names no producer, as assets of coreai-torch 0.4.0 do, "
            "which later releases refuse to load (public reports; not verified)",
            s->path);
    return true;
}

static bool metadata_read(Asset *s, Diag *d)
{
    Mapped map;
    const char *path = arena_printf(&s->arena, "%s/metadata.json", s->path);
    if (!file_read(d, path, &map)) return false;
    s->metadata = json_parse((const char *)map.data, map.size);
    file_unmap(&map);
    if (!cJSON_IsObject((const cJSON *)s->metadata))
        return diag_error(d, nowhere, "%s is no JSON object", path);
    return metadata_check(s, d);
}

/* ---- the program and its sum ------------------------------------------------------------- */

static bool program_open(Asset *s, Diag *d)
{
    Mapped map;
    const char *path = arena_printf(&s->arena, "%s/%s", s->path, s->file);
    if (!file_map(d, path, &map)) return false;
    FileUse use;
    file_use_begin(&use);
    Sha256 sum = sha256_start();
    if (map.size) sha256_add(&sum, map.data, map.size);
    sha256_end(&sum, s->sum);
    s->size = map.size;
    s->programmed = mlirb_is(map.data, map.size);
    const bool whole = mlirb_read(&s->bytes, &s->arena, map.data, map.size);
    file_use_end(&use);
    const bool stayed = file_stayed(d, &map);
    file_unmap(&map);
    if (!stayed) return false;
    if (!whole)
        return diag_error(d, nowhere, "%s is damaged at byte %zu: %s", path, s->bytes.at,
                          s->bytes.wrong);
    if (s->bytes.newer)
        diag_warn(
            d, WARN_ASSET, nowhere,
            "%s is MLIR bytecode of version %llu; only versions up to %d are known, so "
            "that its sections are listed, and nothing in them",
            path, (unsigned long long)s->bytes.version, MLIRB_NEWEST);
    return true;
}

static bool is_hex(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strchr("0123456789abcdefABCDEF", s[i]) || !s[i]) return false;
    return true;
}

static bool hash_read(Asset *s, Diag *d)
{
    Mapped map;
    const char *path = arena_printf(&s->arena, "%s/main.hash", s->path);
    if (!file_map(d, path, &map)) return false;
    const size_t n = map.size;
    const bool hex = n >= 64 && n <= 65 && is_hex(map.data, 64);
    for (size_t i = 0; n == HASH_BYTES && i < n; i++)
        snprintf(s->hash + 2 * i, 3, "%02x", map.data[i]);
    file_unmap(&map);
    if (hex)
        return diag_error(d, nowhere,
                          "%s is the sum in hexadecimal: it is the %d bytes themselves",
                          path, HASH_BYTES);
    return n == HASH_BYTES
        || diag_error(d, nowhere, "%s has %zu bytes, not the %d of a SHA-256", path, n,
                      HASH_BYTES);
}

/* Of what main.hash of a compiled asset is the sum is not public. */
static bool hash_check(const Asset *s, Diag *d)
{
    if (s->compiled || !*s->hash || !*s->sum || !strcmp(s->hash, s->sum)) return true;
    return diag_error(
        d, nowhere,
        "%s: main.hash is not the SHA-256 of main.mlirb (%.16s.., and the file's "
        "is %.16s..): the program was changed after it was saved",
        s->path, s->hash, s->sum);
}

/* ---- a compiled asset -------------------------------------------------------------------- */

static bool count_region(void *asset, const char *rel)
{
    Asset *s = asset;
    s->regions += strstr(rel, "ANE_region_") && file_has_suffix(rel, ".mlir.bc");
    return true;
}

static bool regions_check(Asset *s, Diag *d)
{
    if (!file_walk(s->path, count_region, s))
        return diag_fail(d,
                         "cannot look through %s: a folder in it cannot be read, or is "
                         "more than eight deep",
                         s->path);
    if (!s->regions)
        diag_warn(
            d, WARN_ENGINE_REGIONS, nowhere,
            "%s has no region for the engine (*ANE_region_*.mlir.bc): it runs on the GPU "
            "without a word, as the tool that compiles assets ends with 0 even where "
            "its compiler for the engine failed (public reports, coreai-models#205; not "
            "verified on a device)",
            s->path);
    return true;
}

/* "x.h16g.aimodelc" says its architecture twice. */
static bool arch_check(const Asset *s, Diag *d)
{
    if (!s->arch) return true;
    const char *name = file_base(s->path), *dot = strchr(name, '.');
    const char *end = strrchr(name, '.');
    const size_t n = dot && end > dot ? (size_t)(end - dot - 1) : 0;
    if (!n || (n == strlen(s->arch) && !strncmp(dot + 1, s->arch, n))) return true;
    diag_warn(d, WARN_ASSET, nowhere,
              "%s holds a program for %s (%s), by its name for %.*s", s->path, s->arch,
              s->file, (int)n, dot + 1);
    return true;
}

/* ---- the whole --------------------------------------------------------------------------- */

bool asset_open(Asset *s, Diag *d, const char *path)
{
    bool hashed = false, described = false;
    *s = (Asset){ .path = path, .compiled = file_has_suffix(path, ".aimodelc") };
    if (!file_exists(path))
        return diag_fail(d, "cannot open %s: there is no such folder", path);
    if (!file_is_dir(path))
        return diag_error(d, nowhere, "%s is a file, but an asset of Core AI is a folder",
                          path);
    bool ok = asset_list(s, d, &hashed, &described);
    if (!described) ok = asset_lacks(s, d, "metadata.json");
    else ok = metadata_read(s, d) && ok;
    if (!s->file) ok = asset_lacks(s, d, s->compiled ? "main-ARCH.mlirb" : "main.mlirb");
    else ok = program_open(s, d) && ok;
    if (!hashed) ok = asset_lacks(s, d, "main.hash");
    else ok = hash_read(s, d) && hash_check(s, d) && ok;
    for (int i = 0; i < s->nmore; i++)
        diag_warn(d, WARN_ASSET, nowhere, "%s: %s is no part of an asset that is known",
                  path, s->more[i]);
    if (s->compiled) ok = arch_check(s, d) && regions_check(s, d) && ok;
    return ok;
}

void asset_close(Asset *s)
{
    if (s->metadata) json_free(s->metadata);
    arena_free(&s->arena);
}

bool asset_check(Diag *d, const char *path)
{
    Asset s;
    const bool ok = asset_open(&s, d, path);
    asset_close(&s);
    return ok;
}

Module *asset_read(Diag *d, const char *path, const MilReading *how)
{
    (void)how;
    const bool compiled = file_has_suffix(path, ".aimodelc");
    if (!file_exists(path)) diag_fail(d, "cannot open %s: there is no such folder", path);
    else
        diag_error(
            d, nowhere,
            "%s is %s of Core AI, whose program is in a form that Apple does not publish: it "
            "is neither run nor rewritten. anec lint checks it, anec --stats shows what is in "
            "it; what it was made from (.mlpackage, .onnx) or the text that its package prints "
            "(.mlir) can be read",
            path, compiled ? "a compiled asset" : "an asset");
    return NULL;
}
