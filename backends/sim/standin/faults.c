/* faults.c -- which machine is stood in for, and what is to go wrong on it. */
#include "standin.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *what;
} faults[] = {
#define FAULT(n, w) { n, w },
#include "faults.def"
};

static bool known(const char *name, size_t n)
{
    for (size_t i = 0; i < COUNT(faults); i++)
        if (strlen(faults[i].name) == n && !memcmp(faults[i].name, name, n)) return true;
    return false;
}

/* What follows NAME in the list: "", or ":WHAT.."; NULL: it is not there. */
static const char *find(const char *name)
{
    const char *s = getenv("ANESIM_FAULT");
    const char *found = NULL;
    for (; s && *s; s += *s == ',') {
        size_t word = strcspn(s, ",:");
        if (!known(s, word))
            standin_abort("ANESIM_FAULT: there is no fault %.*s", (int)word, s);
        if (strlen(name) == word && !memcmp(s, name, word)) found = s + word;
        s += strcspn(s, ",");
    }
    return found;
}

long fault(const char *name)
{
    const char *s = find(name);
    return !s ? 0 : *s == ':' ? strtol(s + 1, NULL, 10) : 1;
}

bool fault_names(const char *name, const char *what)
{
    const char *s = find(name);
    size_t n = s && *s == ':' ? strcspn(s + 1, ",") : 0;
    return n && strlen(what) == n && !memcmp(s + 1, what, n);
}

bool gives_nil(const char *name)
{
    static atomic_long calls; /* one name is asked for at a time */
    if (!fault_names("nil", name)) return false;
    const long from = fault("nil-from");
    return ++calls >= (from ? from : 1);
}

static const Machine machines[] = {
    { .chip = "m1", .arch = "h13g", .build = "25D125", .by_size = true },
    { .chip = "m2", .arch = "h14g", .build = "25D125", .by_size = true },
    { .chip = "m3", .arch = "h15g", .build = "25D125" },
    { .chip = "m4", .arch = "h16g", .build = "25D125" },
    { .chip = "m5", .arch = "h17s", .build = "25D125" },
};

const Machine *machine(void)
{
    const char *chip = getenv("ANESIM_CHIP");
    if (!chip || !*chip) return &machines[0];
    for (size_t i = 0; i < COUNT(machines); i++)
        if (!strcmp(machines[i].chip, chip)) return &machines[i];
    standin_abort("ANESIM_CHIP: there is no chip %s; m1 to m5 are known", chip);
}
