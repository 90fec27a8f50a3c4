/* test_asset.c -- folders of Core AI assets: what is checked of each, and what is shown. They are
 * made here: no asset that Apple's package wrote was available. */
#include "containers.h"
#include "mlirb_bench.h"

static const char about[] =
    "{\"producer\":\"coreai-core 1.0.0b2\",\"assetVersion\":\"2.0\",\"creationDate\":7}";

/* Files of an asset under a name; NULL in place of the metadata's text leaves it out. */
static char *make_asset(Place *p, const char *name, const char *program,
                        const char *metadata)
{
    char *path = at(p, name);
    Buf bytes = { 0 };
    char sum[65], hash[32];
    bench_mlirb(&bytes, 6);
    Sha256 s = sha256_start();
    sha256_add(&s, bytes.s, bytes.len);
    sha256_end(&s, sum);
    for (size_t i = 0; i < sizeof hash; i++)
        hash[i] = (char)strtol(arena_strndup(&p->a, sum + 2 * i, 2), NULL, 16);
    put_file(p, arena_printf(&p->a, "%s/%s", path, program), bytes.s, bytes.len);
    put_file(p, arena_printf(&p->a, "%s/main.hash", path), hash, sizeof hash);
    if (metadata)
        put_file(p, arena_printf(&p->a, "%s/metadata.json", path), metadata,
                 strlen(metadata));
    buf_free(&bytes);
    return path;
}

static char *make_plain(Place *p, const char *name, const char *metadata)
{
    return make_asset(p, name, "main.mlirb", metadata);
}

/* What is said of the asset, without the folder that it lies in. */
static void expect_checked(Place *p, const char *path, bool ok, const char *want)
{
    assert_int_equal(container_check(&p->d, path), ok);
    Buf all = { 0 };
    for (const char *s = p->d.text.s ? p->d.text.s : ""; *s;) {
        const bool here = !strncmp(s, p->dir, strlen(p->dir));
        if (here) s += strlen(p->dir) + 1;
        else buf_putc(&all, *s++);
    }
    buf_free(&p->d.text);
    if (all.s) buf_puts(&p->d.text, all.s);
    expect_said(&p->d, want);
    buf_free(&all);
}

static void a_sound_asset_has_nothing_wrong(void **state)
{
    Place *p = *state;
    expect_checked(p, make_plain(p, "a.aimodel", about), true, "");
    const char *more = "{\"assetVersion\":\"2.0\",\"producer\":\"p\",\"author\":\"a\","
                       "\"license\":\"l\",\"description\":\"d\",\"own\":{\"k\":\"v\"}}";
    expect_checked(p, arena_printf(&p->a, "%s/", make_plain(p, "b.aimodel", more)), true,
                   "");
}

static void an_asset_is_no_program(void **state)
{
    Place *p = *state;
    const char *path = make_plain(p, "a.aimodel", about);
    assert_null(container_read(&p->d, path));
    expect_says(&p->d,
                "a.aimodel is an asset of Core AI, whose program is in a form that "
                "Apple does not publish");
    path = make_asset(p, "a.aimodelc", "main-h16g.mlirb", about);
    assert_null(container_read(&p->d, path));
    expect_says(&p->d, "is a compiled asset of Core AI");
    assert_null(container_read(&p->d, at(p, "none.aimodel")));
    expect_says(&p->d, "none.aimodel: there is no such folder");
    assert_false(container_writes("x.aimodel"));
}

static void files_that_are_missing_or_too_many_are_named(void **state)
{
    Place *p = *state;
    assert_true(file_make_dirs(&p->d, at(p, "e.aimodel")));
    const char *form =
        ": an asset is a folder of metadata.json, main.mlirb and main.hash\n";
    expect_checked(
        p, at(p, "e.aimodel"), false,
        arena_printf(&p->a,
                     "error: e.aimodel has no metadata.json%serror: e.aimodel has no "
                     "main.mlirb%serror: e.aimodel has no main.hash%s",
                     form, form, form));
    put_file(p, at(p, "f.aimodel"), "x", 1);
    expect_checked(p, at(p, "f.aimodel"), false,
                   "error: f.aimodel is a file, but an asset of Core AI is a folder\n");
    expect_checked(p, at(p, "g.aimodel"), false,
                   "error: cannot open g.aimodel: there is no such folder\n");
    char *path = make_plain(p, "a.aimodel", about);
    put_file(p, at(p, "a.aimodel/more.bin"), "x", 1);
    expect_checked(p, path, true,
                   "warning: a.aimodel: more.bin is no part of an asset that is known "
                   "[-Wasset]\n");
    path = make_plain(p, "d.aimodel", about);
    assert_true(file_remove_tree(at(p, "d.aimodel/main.hash")));
    assert_true(file_make_dirs(&p->d, at(p, "d.aimodel/main.hash")));
    assert_false(container_check(&p->d, path));
    expect_says(&p->d, "main.hash is no regular file");
    path = make_asset(p, "two.aimodelc", "main-h13g.mlirb", about);
    put_file(p, at(p, "two.aimodelc/main-h14g.mlirb"), "x", 1);
    assert_false(container_check(&p->d, path));
    expect_says(&p->d, "has two programs, main-h13g.mlirb and main-h14g.mlirb");
}

static void metadata_is_held_against_what_is_known(void **state)
{
    Place *p = *state;
    static const struct {
        const char *text, *want;
        bool ok;
    } cases[] = {
        { "[1]", "error: a.aimodel/metadata.json is no JSON object\n", false },
        { "{", "error: a.aimodel/metadata.json is no JSON object\n", false },
        { "{}", "error: a.aimodel: metadata.json has no assetVersion\n", false },
        { "{\"assetVersion\":2}",
          "error: a.aimodel: metadata.json: assetVersion is no string\n", false },
        { "{\"assetVersion\":\"2.0\",\"producer\":\"p\",\"author\":[]}",
          "error: a.aimodel: metadata.json: author is no string\n", false },
        { "{\"assetVersion\":\"3.0\",\"producer\":\"p\"}",
          "warning: a.aimodel: assetVersion is 3.0; only 2.0 is known [-Wasset]\n",
          true },
        { "{\"assetVersion\":\"2.0\"}",
          "warning: a.aimodel: metadata.json names no producer, as assets of coreai-torch "
          "0.4.0 do, which later releases refuse to load (public reports; not verified) "
          "[-Wasset]\n",
          true },
        { "{\"metadata_version\":\"0.2\",\"kind\":\"llm\"}",
          "error: a.aimodel: metadata.json is that of a bundle of models, a folder that holds "
          "assets: give the .aimodel in it\n",
          false },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_checked(p, make_plain(p, "a.aimodel", cases[i].text), cases[i].ok,
                       cases[i].want);
}

static void the_sum_is_32_bytes_of_the_program(void **state)
{
    Place *p = *state;
    char *path = make_plain(p, "a.aimodel", about);
    put_file(p, at(p, "a.aimodel/main.hash"), "abc", 3);
    expect_checked(p, path, false,
                   "error: a.aimodel/main.hash has 3 bytes, not the 32 of a SHA-256\n");
    const char *hex =
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
    put_file(p, at(p, "a.aimodel/main.hash"), hex, strlen(hex));
    expect_checked(
        p, path, false,
        "error: a.aimodel/main.hash is the sum in hexadecimal: it is the 32 bytes "
        "themselves\n");
    put_file(p, at(p, "a.aimodel/main.hash"), hex, 32);
    assert_false(container_check(&p->d, path));
    expect_says(&p->d, "main.hash is not the SHA-256 of main.mlirb (3030313132323333..");
}

static void the_program_is_bytecode(void **state)
{
    Place *p = *state;
    char *path = make_plain(p, "a.aimodel", about);
    put_file(p, at(p, "a.aimodel/main.mlirb"), "hello", 5);
    assert_false(container_check(&p->d, path));
    expect_says(&p->d,
                "main.mlirb is damaged at byte 0: it does not begin as MLIR bytecode");
    Buf bytes = { 0 };
    bench_mlirb(&bytes, 9);
    put_file(p, at(p, "a.aimodel/main.mlirb"), bytes.s, bytes.len);
    assert_false(container_check(&p->d, path)); /* the sum is another */
    expect_says(&p->d, "is MLIR bytecode of version 9; only versions up to 6 are known");
    buf_free(&bytes);
}

static void a_compiled_asset_has_regions_for_the_engine(void **state)
{
    Place *p = *state;
    char *path = make_asset(p, "n.h16g.aimodelc", "main-h16g.mlirb", about);
    assert_true(container_check(&p->d, path));
    expect_says(&p->d, "n.h16g.aimodelc has no region for the engine");
    const char *deep =
        "n.h16g.aimodelc/main-h16g-delegates/MPSGraph/mpsExecutable.mpsgraphpackage/"
        "binary_0.llir.bundle/main_ANE_region_0_%d.bc/h16g/x.mlir.bc";
    for (int i = 0; i < 2; i++) {
        char *name = strdup(deep);
        *strstr(name, "%d") = (char)('0' + i);
        memmove(strstr(name, "d.bc"), strstr(name, "d.bc") + 1,
                strlen(strstr(name, "d.bc")));
        put_file(p, at(p, name), "x", 1);
        free(name);
    }
    expect_checked(p, path, true, "");
    Buf out = { 0 };
    assert_true(container_show(&out, &p->d, path, false));
    assert_non_null(strstr(out.s, "  architecture: h16g\n  regions of the engine: 2\n"));
    buf_free(&out);
    assert_true(container_show(&out, &p->d, path, true));
    assert_non_null(strstr(out.s, "\"engine_regions\":\t2"));
    buf_free(&out);
    const char *ten = "n.h16g.aimodelc/main-h16g-delegates/1/2/3/4/5/6/7/8/9/10/x";
    put_file(p, at(p, ten), "x", 1);
    assert_false(container_check(&p->d, path));
    expect_says(&p->d, "cannot look through");
    path = make_asset(p, "n.h14g.aimodelc", "main-h16g.mlirb", about);
    assert_true(container_check(&p->d, path));
    expect_says(&p->d,
                "holds a program for h16g (main-h16g.mlirb), by its name for h14g");
    assert_true(file_make_dirs(&p->d, at(p, "z.aimodelc")));
    assert_false(container_check(&p->d, at(p, "z.aimodelc")));
    expect_says(&p->d,
                "z.aimodelc has no main-ARCH.mlirb: an asset is a folder of "
                "metadata.json, main-ARCH.mlirb, main.hash and main-ARCH-delegates");
}

static void what_is_in_it_is_shown(void **state)
{
    Place *p = *state;
    char *path = make_plain(p, "a.aimodel", about);
    Buf out = { 0 };
    assert_true(container_show(&out, &p->d, path, false));
    assert_non_null(
        strstr(out.s, "an asset of Core AI (not verified with Apple's package)"));
    assert_non_null(strstr(out.s, "main.hash says the same"));
    assert_non_null(
        strstr(out.s, "dialect coreai (with a version of its own): graph add\n"));
    assert_non_null(strstr(out.s, "not decoded: operations, their order"));
    buf_free(&out);
    assert_true(container_show(&out, &p->d, path, true));
    assert_non_null(strstr(out.s, "\"verified_with_apples_package\":\tfalse"));
    buf_free(&out);
    /* damaged, it is shown as far as it goes */
    put_file(p, at(p, "a.aimodel/main.mlirb"), "ML\xEFR\x0dx", 6);
    assert_false(container_show(&out, &p->d, path, false));
    expect_says(&p->d, "damaged");
    buf_free(&out);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        CASE(a_sound_asset_has_nothing_wrong),
        CASE(an_asset_is_no_program),
        CASE(files_that_are_missing_or_too_many_are_named),
        CASE(metadata_is_held_against_what_is_known),
        CASE(the_sum_is_32_bytes_of_the_program),
        CASE(the_program_is_bytecode),
        CASE(a_compiled_asset_has_regions_for_the_engine),
        CASE(what_is_in_it_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
