/* macho.c -- what the last steps of `make macos` need and Linux has no tool for.
 *
 *   macho sign FILE..         gives each 64-bit Mach-O file without a signature an ad-hoc one,
 * in place macho fat OUT ARM64 X86   writes one file of both processors' programs, libraries or
 * archives
 *
 * An ad-hoc signature is a list of the SHA-256 sums of the file's pages (a code directory) at
 * its end; no identity is behind it. The linker signs what it makes for arm64 so and leaves
 * x86-64 unsigned, but the engine's service asks who its client is on every Mac. */
#include "../base/base.h"

#include <string.h>

typedef struct {
    Diag *d;
    const char *path;
    unsigned char *p; /* the file */
    size_t size;
    Arena arena;
} MachoFile;

/* ---- numbers in files
 * ---------------------------------------------------------------------- */

static uint64_t get_le(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i--;) v = v << 8 | p[i];
    return v;
}

static void put_le(unsigned char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * i);
}

static void put_be(unsigned char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * (bytes - 1 - i));
}

static uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

static bool macho_wrong(const MachoFile *f, const char *what)
{
    return diag_error(f->d, (Loc){ 0 }, "%s: %s", f->path, what);
}

/* ---- Mach-O: header, then load commands (mach-o/loader.h)
 * ---------------------------------- */

#define MAGIC_64 0xfeedfacfu
enum {
    HEADER = 32,
    CPU_X86_64 = 0x01000007,
    CPU_ARM64 = 0x0100000c,
    TYPE_EXECUTE = 2,
    LC_SEGMENT_64 = 0x19,
    LC_CODE_SIGNATURE = 0x1d,
    SEGMENT = 72, /* the command without its sections */
    SECTION = 80,
    SIGNATURE = 16,
};

typedef struct {
    uint32_t cpu, filetype, ncmds;
    size_t commands_end;   /* where a command may be added */
    size_t first_content;  /* and what is there in the file after it */
    size_t linkedit, text; /* the commands of these segments; 0: none */
    size_t signature;      /* LC_CODE_SIGNATURE; 0: not signed */
} MachO;

static void look_at_segment(const MachoFile *f, size_t at, size_t size, MachO *m)
{
    const unsigned char *c = f->p + at;
    if (!strncmp((const char *)c + 8, "__LINKEDIT", 16)) m->linkedit = at;
    if (!strncmp((const char *)c + 8, "__TEXT", 16)) m->text = at;
    const uint64_t sections = get_le(c + 64, 4);
    for (uint64_t i = 0; i < sections && SEGMENT + (i + 1) * SECTION <= size; i++) {
        const uint64_t offset = get_le(c + SEGMENT + i * SECTION + 48, 4);
        if (offset && offset < m->first_content) m->first_content = (size_t)offset;
    }
}

static bool read_commands(const MachoFile *f, MachO *m)
{
    *m = (MachO){ .first_content = f->size };
    if (f->size < HEADER || get_le(f->p, 4) != MAGIC_64)
        return macho_wrong(f, "is no 64-bit Mach-O file");
    m->cpu = (uint32_t)get_le(f->p + 4, 4);
    m->filetype = (uint32_t)get_le(f->p + 12, 4);
    m->ncmds = (uint32_t)get_le(f->p + 16, 4);
    const uint64_t end = HEADER + get_le(f->p + 20, 4);
    size_t at = HEADER;
    for (uint32_t i = 0; i < m->ncmds; i++) {
        const uint64_t size = end <= f->size && at + 8 <= end ? get_le(f->p + at + 4, 4)
                                                              : 0;
        if (size < 8 || at + size > end)
            return macho_wrong(f, "its load commands are cut short");
        const uint64_t kind = get_le(f->p + at, 4);
        if (kind == LC_SEGMENT_64 && size >= SEGMENT)
            look_at_segment(f, at, (size_t)size, m);
        if (kind == LC_CODE_SIGNATURE) m->signature = at;
        at += (size_t)size;
    }
    m->commands_end = at;
    return true;
}

/* ---- the signature: numbers in it are big endian (Security's CSCommon.h, xnu's cs_blobs.h)
 * --- */

#define SUPERBLOB 0xfade0cc0u
#define CODE_DIRECTORY 0xfade0c02u
enum {
    VERSION = 0x20400, /* the first with the executable segment */
    ADHOC = 0x2,
    LINKER_SIGNED = 0x20000, /* may be replaced by a signature with an identity */
    SHA256 = 2,
    SUM = 32,
    PAGE_BITS = 12,
    BLOB_HEADER = 20, /* one entry */
    DIRECTORY = 88,
    MAIN_BINARY = 1,
};

/* Of the file without the signature itself, whose command is in it already. */
static void put_page_sums(const MachoFile *f, size_t limit, unsigned char *out)
{
    for (size_t at = 0; at < limit; at += (size_t)1 << PAGE_BITS, out += SUM) {
        const size_t rest = limit - at, page = (size_t)1 << PAGE_BITS;
        char hex[65];
        Sha256 s = sha256_start();
        sha256_add(&s, f->p + at, rest < page ? rest : page);
        sha256_end(&s, hex);
        for (int i = 0; i < SUM; i++) {
            unsigned byte;
            sscanf(hex + 2 * i, "%2x", &byte);
            out[i] = (unsigned char)byte;
        }
    }
}

static void put_signature(const MachoFile *f, const MachO *m, const char *name,
                          size_t limit, unsigned char *out, size_t size)
{
    const size_t pages = (size_t)round_up(limit, 1 << PAGE_BITS) >> PAGE_BITS,
                 name_size = strlen(name) + 1;
    unsigned char *c = out + BLOB_HEADER;
    put_be(out, SUPERBLOB, 4);
    put_be(out + 4, size, 4);
    put_be(out + 8, 1, 4); /* entries: slot 0, at .. */
    put_be(out + 16, BLOB_HEADER, 4);
    put_be(c, CODE_DIRECTORY, 4);
    put_be(c + 4, size - BLOB_HEADER, 4);
    put_be(c + 8, VERSION, 4);
    put_be(c + 12, ADHOC | LINKER_SIGNED, 4);
    put_be(c + 16, DIRECTORY + name_size, 4); /* the sums */
    put_be(c + 20, DIRECTORY, 4);             /* the name */
    put_be(c + 28, pages, 4);
    put_be(c + 32, limit, 4);
    c[36] = SUM;
    c[37] = SHA256;
    c[39] = PAGE_BITS;
    if (m->text) {
        put_be(c + 64, get_le(f->p + m->text + 40, 8), 8);
        put_be(c + 72, get_le(f->p + m->text + 48, 8), 8);
    }
    put_be(c + 80, m->filetype == TYPE_EXECUTE ? MAIN_BINARY : 0, 8);
    memcpy(c + DIRECTORY, name, name_size);
    put_page_sums(f, limit, c + DIRECTORY + name_size);
}

/* Adds the command and makes the last segment end behind the signature. */
static void put_command(MachoFile *f, const MachO *m, size_t limit, size_t size)
{
    const uint64_t page = m->cpu == CPU_ARM64 ? 0x4000 : 0x1000;
    unsigned char *c = f->p + m->commands_end, *last = f->p + m->linkedit;
    put_le(f->p + 16, m->ncmds + 1, 4);
    put_le(f->p + 20, m->commands_end + SIGNATURE - HEADER, 4);
    put_le(c, LC_CODE_SIGNATURE, 4);
    put_le(c + 4, SIGNATURE, 4);
    put_le(c + 8, limit, 4);
    put_le(c + 12, size, 4);
    const uint64_t bytes = limit + size - get_le(last + 40, 8);
    put_le(last + 48, bytes, 8);
    put_le(last + 32, round_up(bytes, page), 8);
}

static bool signable(const MachoFile *f, const MachO *m)
{
    if (!m->linkedit) return macho_wrong(f, "has no segment __LINKEDIT");
    if (m->commands_end + SIGNATURE > m->first_content)
        return macho_wrong(
            f, "has no room for one more load command: link it with -headerpad");
    const unsigned char *last = f->p + m->linkedit;
    if (get_le(last + 40, 8) + get_le(last + 48, 8) != f->size)
        return macho_wrong(f, "does not end with its segment __LINKEDIT");
    return true;
}

static bool sign_one(MachoFile *f)
{
    MachO m;
    if (!read_commands(f, &m)) return false;
    if (m.signature) return true;
    if (!signable(f, &m)) return false;
    const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
    const size_t limit = (size_t)round_up(f->size, 16),
                 pages = (size_t)round_up(limit, 1 << PAGE_BITS) >> PAGE_BITS,
                 size = BLOB_HEADER + DIRECTORY + strlen(name) + 1 + SUM * pages;
    const size_t whole = limit + (size_t)round_up(size, 16);
    if (whole > UINT32_MAX) return macho_wrong(f, "is too large");
    unsigned char *p = arena_alloc(&f->arena, whole);
    memset(p, 0, whole);
    memcpy(p, f->p, f->size);
    f->p = p;
    put_command(f, &m, limit, whole - limit);
    put_signature(f, &m, name, limit, p + limit, size);
    return file_write_all(f->d, f->path, p, whole); /* which keeps that it may be run */
}

/* ---- one file of two --------------------------------------------------------------------- */

#define FAT_MAGIC 0xcafebabeu
enum { ARCHES = 2, FAT_ALIGN = 14, FAT_HEADER = 8, FAT_ENTRY = 20 };

static bool file_open(MachoFile *f, Diag *d, const char *path)
{
    Mapped map;
    *f = (MachoFile){ .d = d, .path = path };
    if (!file_map(d, path, &map)) return false;
    f->size = map.size;
    f->p = arena_alloc(&f->arena, map.size + 1);
    memcpy(f->p, map.data, map.size);
    file_unmap(&map);
    return true;
}

/* An archive is told by its first member that is a Mach-O file. */
static bool cpu_of(const MachoFile *f, uint32_t *cpu)
{
    const unsigned char *p = f->p, magic[4] = { 0xcf, 0xfa, 0xed, 0xfe };
    if (f->size > 8 && !memcmp(p, "!<arch>\n", 8)) {
        p = memmem(p, f->size - 8, magic, sizeof magic);
        if (!p) return macho_wrong(f, "has no Mach-O file in it");
    } else if (f->size < HEADER || memcmp(p, magic, sizeof magic) != 0)
        return macho_wrong(f, "is no 64-bit Mach-O file");
    *cpu = (uint32_t)get_le(p + 4, 4);
    return true;
}

static bool fat(Diag *d, const char *out, char *const *path)
{
    MachoFile f[ARCHES];
    unsigned char head[FAT_HEADER + ARCHES * FAT_ENTRY] = { 0 };
    static const uint32_t want[ARCHES] = { CPU_ARM64, CPU_X86_64 },
                          sub[ARCHES] = { 0, 3 };
    uint64_t at = sizeof head;
    Buf all = { 0 };
    bool ok = true;
    put_be(head, FAT_MAGIC, 4);
    put_be(head + 4, ARCHES, 4);
    for (int i = 0; i < ARCHES; i++) {
        uint32_t cpu = 0;
        ok = file_open(&f[i], d, path[i]) && ok;
        ok = ok && cpu_of(&f[i], &cpu)
          && (cpu == want[i] || macho_wrong(&f[i], "is for another processor"));
        at = round_up(at, 1 << FAT_ALIGN);
        unsigned char *e = head + FAT_HEADER + i * FAT_ENTRY;
        put_be(e, want[i], 4);
        put_be(e + 4, sub[i], 4);
        put_be(e + 8, at, 4);
        put_be(e + 12, f[i].size, 4);
        put_be(e + 16, FAT_ALIGN, 4);
        at += f[i].size;
    }
    if (ok && at > UINT32_MAX)
        ok = diag_error(d, (Loc){ 0 }, "%s would be too large", out);
    if (ok) buf_add(&all, head, sizeof head);
    for (int i = 0; ok && i < ARCHES; i++) {
        static const char zeros[1 << FAT_ALIGN];
        buf_add(&all, zeros, (size_t)(round_up(all.len, sizeof zeros) - all.len));
        buf_add(&all, f[i].p, f[i].size);
    }
    ok = ok && file_write_all(d, out, all.s, all.len);
    buf_free(&all);
    for (int i = 0; i < ARCHES; i++) arena_free(&f[i].arena);
    return ok;
}

/* ---- the command ------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    Diag d = { .max_errors = 20 };
    bool ok = true;
    if (argc == 5 && !strcmp(argv[1], "fat")) ok = fat(&d, argv[2], argv + 3);
    else if (argc > 2 && !strcmp(argv[1], "sign"))
        for (int i = 2; ok && i < argc; i++) {
            MachoFile f;
            ok = file_open(&f, &d, argv[i]) && sign_one(&f);
            arena_free(&f.arena);
        }
    else {
        fprintf(stderr, "usage: macho sign FILE.. | macho fat OUT ARM64 X86\n");
        return 2;
    }
    if (d.text.s) fputs(d.text.s, stderr);
    diag_free(&d);
    return ok ? 0 : 1;
}
