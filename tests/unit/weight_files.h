/* weight_files.h -- shared by tests of programs with weight files: a folder, files in it, programs that
 * are read and made. */
#ifndef ANEC_TEST_WEIGHT_FILES_H
#define ANEC_TEST_WEIGHT_FILES_H

#include "unit.h"

#include "../../ir/mil/mil.h"

typedef struct {
    Arena a;
    Diag d;
    char *dir;
} Place;

static inline Place place(void)
{
    Place p = { .dir = NULL };
    p.dir = make_folder(&p.a);
    return p;
}

static inline void leave(Place *p)
{
    remove_folder(p->dir);
    diag_free(&p->d);
    arena_free(&p->a);
}

static inline const char *in(Place *p, const char *rel)
{
    return arena_printf(&p->a, "%s/%s", p->dir, rel);
}

static inline void write_file(Place *p, const char *rel, const void *data, size_t n)
{
    const char *path = in(p, rel);
    assert_true(file_make_dirs(&p->d, file_dir(&p->a, path)));
    FILE *f = fopen(path, "wb"); /* without waiting for the disk */
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static inline void write_text(Place *p, const char *rel, const char *text)
{
    write_file(p, rel, text, strlen(text));
}

static inline Buf file_bytes(Place *p, const char *rel)
{
    Mapped map;
    Buf b = { 0 };
    if (!file_map(&p->d, in(p, rel), &map)) fail_msg("%s: %s", rel, p->d.text.s);
    buf_add(&b, map.data, map.size);
    file_unmap(&map);
    return b;
}

static inline void expect_file(Place *p, const char *rel, const char *want)
{
    Buf b = file_bytes(p, rel);
    assert_string_equal(b.s, want);
    buf_free(&b);
}

/* Every path in messages begins with the folder, whose name is another one in each run. */
static inline void expect_said_in(Place *p, const char *want)
{
    Buf plain = { 0 };
    const size_t n = strlen(p->dir);
    for (const char *s = p->d.text.s; s && *s;) {
        if (!strncmp(s, p->dir, n)) s += n, buf_puts(&plain, "DIR");
        else buf_putc(&plain, *s++);
    }
    buf_free(&p->d.text);
    p->d.text = plain;
    expect_said(&p->d, want);
}

typedef struct {
    Module *m;
    Source *src;
    Mapped map;
} Loaded;

static inline Loaded load(Place *p, const char *rel)
{
    const char *path = in(p, rel);
    Loaded l = { .src = NEW(&p->a, Source) };
    assert_true(file_map(&p->d, path, &l.map));
    *l.src =
        (Source){ .name = path, .text = (const char *)l.map.data, .len = l.map.size };
    l.m = mil_read(&p->d, l.src, file_dir(&p->a, path));
    return l;
}

static inline void unload(Loaded *l)
{
    module_free(l->m);
    file_unmap(&l->map);
}

static inline const Const *const_named(const Module *m, const char *name)
{
    for (const Op *op = m->first->body->first; op; op = op->next)
        if (!strcmp(op->out[0]->name, name)) return value_lit(op->out[0]);
    fail_msg("there is no %s", name);
    return NULL;
}

/* A program of consts c0, c1 ..; saved with its weights where they belong. */
static inline Module *module_of(int n, Const *const *c)
{
    Module *m = module_new();
    m->version = "1.3";
    Func *f = func_new(m, "main", OPSET_IOS18);
    Diag d = { 0 };
    Builder b = builder_at(f->body, NULL, &d, (Loc){ .src = NULL });
    Value *v = block_param(f->body, "x", type_tensor(&m->arena, DT_FP16, SHAPE(2)),
                           b.loc);
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        build_const(&b, name, c[i]);
    }
    block_result(f->body, v);
    return m;
}

static inline Const *bytes_const(Arena *a, DType t, int64_t n)
{
    const Type *type = type_tensor(a, t, SHAPE(n));
    const size_t size = type_bytes(type);
    unsigned char *data = arena_alloc(a, size + 1);
    for (size_t i = 0; i < size; i++) data[i] = (unsigned char)(i * 7 + (size_t)t);
    const int last = (int)(n * dtypes[t].bits
                           % 8); /* bits used of the last byte; 0: all */
    if (last) data[size - 1] &= (unsigned char)((1 << last) - 1);
    return const_data(a, type, data);
}

/* A text with a weight of a file, w.bin. */
#define TEXT(type, offset) \
    "program(1.3)\n{\nfunc main<ios18>(fp16 x) {\n" type " w = const()[val = " type \
    "(BLOBFILE(path = string(\"@model_path/w.bin\"), offset = uint64(" offset \
    ")))];\n} -> (x);\n}"

/* Two records: 20 halves at 64, 10 bytes of uint8 at 192. */
static inline Buf good_file(Place *p)
{
    uint64_t offset;
    BlobWriter *b = blob_create(&p->a, &p->d, in(p, "good.bin"));
    assert_true(blob_add(b, bytes_const(&p->a, DT_FP16, 20), &offset));
    assert_true(blob_add(b, bytes_const(&p->a, DT_UINT8, 10), &offset));
    assert_int_equal(offset, 192);
    assert_true(blob_finish(b) && blob_commit(b));
    return file_bytes(p, "good.bin");
}

#endif
