/* files_bench.h -- a folder of a test's own, and files in it. */
#ifndef ANEC_FILES_BENCH_H
#define ANEC_FILES_BENCH_H

#include "unit.h"

typedef struct {
    Arena arena;
    Diag d;
    char *dir;
} FilesBench;

int files_setup(void **state);
int files_teardown(void **state);
#define FILES_CASE(fn) cmocka_unit_test_setup_teardown(fn, files_setup, files_teardown)

char *files_in(FilesBench *w, const char *name); /* its path in the folder */
void files_put(const char *path, const char *text);
void files_expect(FilesBench *w, const char *path, const char *text);
int files_entries(const char *dir); /* how many there are */

#endif
