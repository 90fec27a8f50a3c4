/* mutant.c -- the mutant at work, from the environment, before anything else runs. So is the
 * one test of a unit test's program that MUTANT_TEST names. */
#include "mutant.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 1 << 17 };

static unsigned char unseen[MOST];
unsigned mutant_on;
unsigned char *mutant_seen = unseen;
void cmocka_set_test_filter(const char *pattern) __attribute__((weak));

__attribute__((constructor(101))) static void begin(void)
{
    const char *on = getenv("MUTANT"), *path = getenv("MUTANT_SEEN");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (on) mutant_on = (unsigned)strtoul(on, NULL, 10);
    if (getenv("MUTANT_TEST") && cmocka_set_test_filter)
        cmocka_set_test_filter(getenv("MUTANT_TEST"));
    if (fd < 0) return;
    void *map = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) mutant_seen = map;
    close(fd);
}
