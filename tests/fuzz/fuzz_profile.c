/* fuzz_profile.c -- any bytes as a profile: it is read or refused with an error, and what a
 * rule set then holds are standings and numbers. */
#include "../../ir/targets/rules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RuleSet rs;
    Diag d = { 0 };
    char *text = malloc(size + 1);
    if (!text) bug("no memory for %zu bytes", size);
    memcpy(text, data, size);
    text[size] = 0; /* as mapped files have it */
    const Source src = { .name = "profile", .text = text, .len = size };
    ruleset_init(&rs, generation_at((int)size % generation_count()), NULL);
    const bool ok = profile_parse(&rs, &d, &src);
    if (ok == (d.errors > 0))
        bug("%d errors, and it is %s", d.errors, ok ? "read" : "refused");
    for (int i = 0; i < RULE_COUNT; i++)
        if (rs.stand[i] >= STAND_COUNT) bug("rule %d stands as %d", i, rs.stand[i]);
    for (int i = 0; i < LIMIT_COUNT; i++)
        if (rs.limit[i] < -1) bug("limit %d is %lld", i, (long long)rs.limit[i]);
    diag_free(&d);
    free(text);
    return 0;
}
