/* faults.c -- reads ANESIM_CHIP, ANESIM_FAULT and ANESIM_LOG: the machine to imitate, the faults
 * to have, and the file that is told of each compilation. */
#include "standin.h"

#include "../ir/targets/targets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *what;
} faults[] = {
#define FAULT(n, w) { n, w },
#include "faults.def"
};

static int fault_row(const char *name, size_t n)
{
    for (int i = 0; i < (int)COUNT(faults); i++)
        if (strlen(faults[i].name) == n && !memcmp(faults[i].name, name, n)) return i;
    return -1;
}

/* Where ANESIM_STRUCK names a folder, it gets a file for each fault that something met with:
 * tests/struck.sh holds them against the list. */
static void fault_strikes(const char *name)
{
    static atomic_bool told[COUNT(faults)];
    const char *dir = getenv("ANESIM_STRUCK");
    char path[4096];
    if (!dir || atomic_exchange(&told[fault_row(name, strlen(name))], true)) return;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    const int fd = open(path, O_WRONLY | O_CREAT, 0666);
    if (fd >= 0) close(fd);
}

/* What follows NAME in the list: "", or ":WHAT.."; NULL: it is not there. */
static const char *fault_find(const char *name)
{
    const char *s = getenv("ANESIM_FAULT");
    const char *found = NULL;
    if (fault_row(name, strlen(name)) < 0)
        standin_abort("faults.def has no row for the fault %s, which is asked for", name);
    for (; s && *s; s += *s == ',') {
        size_t word = strcspn(s, ",:");
        if (fault_row(s, word) < 0)
            standin_abort("ANESIM_FAULT: there is no fault %.*s", (int)word, s);
        if (strlen(name) == word && !memcmp(s, name, word)) found = s + word;
        s += strcspn(s, ",");
    }
    return found;
}

long fault(const char *name)
{
    const char *s = fault_find(name);
    if (s) fault_strikes(name);
    return !s ? 0 : *s == ':' ? strtol(s + 1, NULL, 10) : 1;
}

bool fault_names(const char *name, const char *what)
{
    const char *s = fault_find(name);
    size_t n = s && *s == ':' ? strcspn(s + 1, ",") : 0;
    const bool strikes = n && strlen(what) == n && !memcmp(s + 1, what, n);
    if (strikes) fault_strikes(name);
    return strikes;
}

bool gives_nil(const char *name)
{
    static atomic_long calls; /* one name is asked for at a time */
    if (!fault_names("nil", name)) return false;
    const long from = fault("nil-from");
    return ++calls >= (from ? from : 1);
}

void compile_told(const char *why)
{
    const char *path = getenv("ANESIM_LOG");
    char line[512];
    if (!path || !*path) return;
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd < 0) standin_abort("ANESIM_LOG: %s cannot be written", path);
    snprintf(line, sizeof line, "compile: %s%.450s\n", why ? "refused: " : "done",
             why ? why : "");
    if (write(fd, line, strlen(line)) < 0)
        standin_abort("ANESIM_LOG: %s cannot be written", path);
    close(fd);
}

/* The system's build, of macOS 26.3. */
static const char build[] = "25D125";

static const Target *chip_meant(void)
{
    const char *name = getenv("ANESIM_CHIP");
    const Target *t = name && *name ? target_find(name) : chip_at(0);
    if (t && t->chip >= 0) return t;
    Arena a = { 0 };
    standin_abort("ANESIM_CHIP: there is no chip %s; there are %s", name, chip_list(&a));
}

/* The architecture is that of the chip, or of the nearest that it is told from. */
Machine machine(void)
{
    const Target *chip = chip_meant(), *engine = chip;
    while (!engine->arch_one) engine = target_base(engine);
    return (Machine){ .chip = chip->name,
                      .arch = engine->arch_one,
                      .build = build,
                      .by_size = target_order(chip) == ORDER_BY_SIZE };
}
