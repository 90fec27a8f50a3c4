/* test_mlirb.c -- MLIR bytecode: what our generator and LLVM's own writer made is read; a file that
 * is cut or changed anywhere is refused or read, and nothing else. */
#include "mlirb_bench.h"

static Mlirb read_bytes(Arena *a, const void *data, size_t size)
{
    Mlirb f;
    const bool ok = mlirb_read(&f, a, data, size);
    assert_int_equal(ok, f.wrong == NULL);
    return f;
}

/* ---- what is sound ----------------------------------------------------------------------- */

static void names_and_sizes_are_read_in_every_version(void **state)
{
    (void)state;
    for (int version = 0; version <= MLIRB_NEWEST; version++) {
        Arena a = { 0 };
        Buf file = { 0 };
        bench_mlirb(&file, version);
        const Mlirb f = read_bytes(&a, file.s, file.len);
        assert_null(f.wrong);
        assert_int_equal(f.version, version);
        assert_string_equal(f.producer, "bench 1");
        assert_int_equal(f.nsection, 7);
        assert_int_equal(f.nstring, COUNT(bench_strings));
        assert_string_equal(f.string[6], "x");
        assert_int_equal(f.ndialect, 2);
        assert_string_equal(f.dialect[1].name, "coreai");
        assert_int_equal(f.dialect[1].versioned, version >= 1);
        assert_int_equal(f.nop, 3);
        assert_string_equal(f.op[2].name, "add");
        assert_int_equal(f.op[2].dialect, 1);
        assert_int_equal(f.nattr, 5);
        assert_int_equal(f.ntype, 2);
        assert_int_equal(f.nresource, 2);
        assert_string_equal(f.resource[1].key, "blob");
        assert_int_equal(f.resource[1].size, 300);
        for (int i = 0; i < f.nsection; i++)
            if (f.section[i].id == MLIRB_RESOURCES)
                assert_int_equal(f.section[i].at % 16, 0);
        buf_free(&file);
        arena_free(&a);
    }
}

static void what_llvm_wrote_is_read(void **state)
{
    (void)state;
    Arena a = { 0 };
    Diag d = { 0 };
    Mapped map;
    assert_true(file_map(&d, "tests/fuzz/mlirb/llvm-16", &map));
    const Mlirb f = read_bytes(&a, map.data, map.size);
    assert_null(f.wrong);
    assert_string_equal(f.producer, "MLIR16.0.6");
    assert_int_equal(f.nstring, 13);
    assert_int_equal(f.nop, 5);
    assert_string_equal(f.op[0].name, "module");
    assert_string_equal(f.op[4].name, "output");
    assert_string_equal(f.dialect[f.op[4].dialect].name, "coreai");
    assert_int_equal(f.nresource, 1);
    assert_string_equal(f.resource[0].key, "blob1");
    file_unmap(&map);
    arena_free(&a);
}

/* ---- what is damaged --------------------------------------------------------------------- */

static void every_cut_and_every_changed_byte_ends_well(void **state)
{
    (void)state;
    int refused = 0, read = 0;
    for (int version = 0; version <= MLIRB_NEWEST; version += 3) {
        Buf file = { 0 };
        bench_mlirb(&file, version);
        for (size_t n = 0; n < file.len; n++) {
            Arena a = { 0 };
            char *cut = malloc(n + 1); /* so that a sanitizer sees what is behind it */
            memcpy(cut, file.s, n);
            const Mlirb f = read_bytes(&a, cut, n);
            assert_non_null(f.wrong); /* the strings are the last section */
            assert_true(f.at <= n);
            free(cut);
            arena_free(&a);
        }
        for (size_t i = 0; i < file.len; i++) {
            const char before = file.s[i];
            for (int bit = 0; bit < 256; bit++) {
                Arena a = { 0 };
                file.s[i] = (char)bit;
                const Mlirb f = read_bytes(&a, file.s, file.len);
                if (f.wrong) refused++;
                else read++;
                arena_free(&a);
            }
            file.s[i] = before;
        }
        buf_free(&file);
    }
    assert_true(refused > 10000 && read > 10000);
}

/* A header, and behind it sections as they are given. */
static void expect_wrong(const Buf *behind, const char *want)
{
    Arena a = { 0 };
    Buf file = { 0 };
    buf_puts(&file, "ML\xEFR");
    bench_number(&file, 4);
    buf_add(&file, "p", 2);
    if (behind->len) buf_add(&file, behind->s, behind->len);
    const Mlirb f = read_bytes(&a, file.s, file.len);
    if (!f.wrong || strcmp(f.wrong, want) != 0)
        fail_msg("'%s', not '%s'", f.wrong ? f.wrong : "read", want);
    buf_free(&file);
    arena_free(&a);
}

#define WRONG(want, ...) \
    do { \
        const unsigned char bytes_[] = { __VA_ARGS__ }; \
        Buf b_ = { 0 }; \
        buf_add(&b_, bytes_, sizeof bytes_); \
        expect_wrong(&b_, want); \
        buf_free(&b_); \
    } while (0)

static void sections_beyond_the_file_and_giant_counts_are_refused(void **state)
{
    (void)state;
    const char *beyond = "a section is longer than the file";
    WRONG(beyond, 4, 0x05);
    WRONG(beyond, 4, 0, 255, 255, 255, 255, 255, 255, 255, 255);
    WRONG("a number is cut off", 4, 0, 255, 255);
    WRONG("a section is of no known kind", 9, 1);
    WRONG("a section is there twice", 4, 1, 4, 1);
    WRONG("an alignment is no power of two", 128, 1, 7);
    WRONG("an alignment is no power of two", 128, 1, 0, 0, 0, 0, 0, 0, 0, 0, 128);
    WRONG("an alignment is no power of two", 128, 1, 1);
    WRONG("what fills is cut off", 128, 1, 0x80, 0, 0, 0, 0, 0, 0, 1);
    WRONG("what fills is not the byte CB", 128, 1, 0x21, 1);
    WRONG("it has no section of strings", 4, 1);
}

/* The strings, or the dialects, as they are given, and all else sound. */
static void expect_part(int id, const unsigned char *bytes, size_t n, const char *want)
{
    Buf all = { 0 }, part = { 0 }, strings = { 0 };
    bench_string_data(&strings);
    buf_add(&part, bytes, n);
    for (int k = 0; k <= MLIRB_RESOURCE_SIZES; k++) {
        const Buf empty = { 0 };
        bench_section(&all, k,
                      k == id              ? &part
                      : k == MLIRB_STRINGS ? &strings
                                           : &empty,
                      0);
    }
    expect_wrong(&all, want);
    buf_free(&strings);
    buf_free(&part);
    buf_free(&all);
}

#define PART(id, want, ...) \
    do { \
        const unsigned char bytes_[] = { __VA_ARGS__ }; \
        expect_part(id, bytes_, sizeof bytes_, want); \
    } while (0)
#define N(v) (unsigned char)((v) << 1 | 1)

static void what_a_section_says_of_itself_is_held_against_it(void **state)
{
    (void)state;
    PART(MLIRB_STRINGS, "there are more strings than bytes", 0, 255, 255, 255, 255, 255,
         255, 255, 255);
    PART(MLIRB_STRINGS, "there are more strings than bytes", N(4), N(1));
    PART(MLIRB_STRINGS, "a string is longer than all of them", N(1), 0, 255, 255, 255,
         255, 255, 255, 255, 255);
    PART(MLIRB_STRINGS, "a string is longer than all of them", N(1), N(0), 0);
    PART(MLIRB_STRINGS, "the strings are not as long as they say", N(1), N(1), 0, 0);
    PART(MLIRB_STRINGS, "a string has no end of its own", N(1), N(1), 'x');
    PART(MLIRB_DIALECTS, "there are more dialects than bytes", 0, 0, 0, 0, 1, 0, 0, 0, 0);
    PART(MLIRB_DIALECTS, "a name is none of the strings", N(1), N(60), N(0));
    PART(MLIRB_DIALECTS, "a version is cut off", N(1), N(1));
    PART(MLIRB_DIALECTS, "a dialect's version is another section", N(1), N(1), 4, N(0));
    PART(MLIRB_DIALECTS, "an operation is of no dialect that is listed", N(0), N(0),
         N(0));
    PART(MLIRB_DIALECTS, "there are more operations than bytes", N(1), N(0), N(1), N(0),
         N(9));
    PART(MLIRB_DIALECTS, "there are not as many operations as it says", N(1), N(0), N(2),
         N(0), N(1), N(1));
    PART(MLIRB_RESOURCE_SIZES, "there are more resources than bytes", N(0), N(0), N(9));
    PART(MLIRB_RESOURCE_SIZES, "a resource is cut off", N(0), N(0), N(1), N(1), N(1));
}

static void a_newer_version_is_listed_and_not_read(void **state)
{
    (void)state;
    Arena a = { 0 };
    Buf file = { 0 };
    bench_mlirb(&file, MLIRB_NEWEST + 1);
    const Mlirb f = read_bytes(&a, file.s, file.len);
    assert_null(f.wrong);
    assert_true(f.newer);
    assert_int_equal(f.nsection, 7);
    assert_int_equal(f.nstring, 0);
    assert_null(mlirb_section(MLIRB_SECTIONS));
    assert_null(mlirb_section(-1));
    buf_free(&file);
    arena_free(&a);
}

static void a_header_that_is_none_is_said(void **state)
{
    (void)state;
    Arena a = { 0 };
    Mlirb f = read_bytes(&a, NULL, 0);
    assert_string_equal(f.wrong, "it does not begin as MLIR bytecode does");
    f = read_bytes(&a, "ML\xEFR\x01name", 9);
    assert_string_equal(f.wrong, "the name of its producer does not end");
    f = read_bytes(&a, "ML\xEFR\x01", 5);
    assert_string_equal(f.wrong, "the name of its producer does not end");
    f = read_bytes(&a, "ML\xEFR", 4);
    assert_string_equal(f.wrong, "a number is cut off");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_sizes_are_read_in_every_version),
        cmocka_unit_test(what_llvm_wrote_is_read),
        cmocka_unit_test(every_cut_and_every_changed_byte_ends_well),
        cmocka_unit_test(sections_beyond_the_file_and_giant_counts_are_refused),
        cmocka_unit_test(what_a_section_says_of_itself_is_held_against_it),
        cmocka_unit_test(a_newer_version_is_listed_and_not_read),
        cmocka_unit_test(a_header_that_is_none_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
