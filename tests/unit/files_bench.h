/* files_bench.h -- gives each test a folder of its own, and writes and checks files in it. */
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

char *files_in(FilesBench *w, const char *name); /* the path of a file in the folder */
void files_put(const char *path, const char *text);
void files_expect(FilesBench *w, const char *path, const char *text);
int files_entries(const char *dir); /* number of entries in a folder */

#endif
