/* unit.h -- shared by all unit tests: cmocka, checks of a Diag's messages, a temporary
 * folder. */
#ifndef ANEC_UNIT_H
#define ANEC_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../base/base.h"

/* Defined in builds with a sanitizer, which use more memory and place it elsewhere. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ANEC_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ANEC_SANITIZED
#endif
#endif

/* Checks that the messages so far are exactly `want`, and clears them and their counts.
 * Prints them too: tests/messages.py reads there which messages the tests reach. */
static inline void expect_said(Diag *d, const char *want)
{
    const char *got = d->text.s ? d->text.s : "";
    fputs(got, stdout);
    assert_string_equal(got, want);
    buf_free(&d->text);
    *d = (Diag){ .off = d->off,
                 .promoted = d->promoted,
                 .max_errors = d->max_errors,
                 .quiet = d->quiet };
}

/* The same for messages that contain `part`, when the rest depends on the system. */
static inline void expect_says(Diag *d, const char *part)
{
    const char *got = d->text.s ? d->text.s : "";
    fputs(got, stdout);
    if (!strstr(got, part)) fail_msg("`%s` is not in `%s`", part, got);
    buf_free(&d->text);
    *d = (Diag){ 0 };
}

/* Makes a new temporary folder; remove_folder removes it. */
static inline char *make_folder(Arena *a)
{
    const char *top = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/anec-unit.XXXXXX", top ? top : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void remove_folder(const char *path)
{
    Arena a = { 0 };
    assert_int_equal(
        system(arena_printf(&a, "chmod -R u+rwx '%s' && rm -rf '%s'", path, path)), 0);
    arena_free(&a);
}

/* Runs the tests of a main that uses one folder and one arena, and then frees both. Returns
 * the exit status. */
static inline int run_in_folder(const struct CMUnitTest *tests, size_t n,
                                const char *folder, Arena *a)
{
    const int failed = _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
    remove_folder(folder);
    arena_free(a);
    return failed;
}

#endif
