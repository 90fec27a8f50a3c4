/* unit.h -- what unit tests share: cmocka, and a Diag whose messages can be looked at. */
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

/* Memory is more, and elsewhere, than it would be: of a sanitizer's. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ANEC_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ANEC_SANITIZED
#endif
#endif

/* What was said must be exactly `want`; it is printed too, which is how tests/messages.py
 * learns that a test gives this message. Counts start anew. */
static inline void expect_said(Diag *d, const char *want)
{
    const char *got = d->text.s ? d->text.s : "";
    fputs(got, stdout);
    assert_string_equal(got, want);
    buf_free(&d->text);
    *d = (Diag){
        .off = d->off, .promoted = d->promoted, .max_errors = d->max_errors, .quiet = d->quiet
    };
}

/* The same for a part of it: what stands around it depends on the system. */
static inline void expect_says(Diag *d, const char *part)
{
    const char *got = d->text.s ? d->text.s : "";
    fputs(got, stdout);
    if (!strstr(got, part)) fail_msg("`%s` is not in `%s`", part, got);
    buf_free(&d->text);
    *d = (Diag){ 0 };
}

/* A folder of its own for files; removed by remove_folder. */
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
    assert_int_equal(system(arena_printf(&a, "chmod -R u+rwx '%s' && rm -rf '%s'", path, path)),
                     0);
    arena_free(&a);
}

/* What a main ends with: its tests, which have a folder; then that and their memory go. */
static inline int run_in_folder(const struct CMUnitTest *tests, size_t n, const char *folder,
                                Arena *a)
{
    const int failed = _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
    remove_folder(folder);
    arena_free(a);
    return failed;
}

#endif
