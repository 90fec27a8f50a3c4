/* order.c -- which samples a step takes. */
#include "train.h"

uint64_t order_below(uint64_t u, uint64_t n)
{
    const uint64_t low = (u & 0xffffffff) * n, high = (u >> 32) * n;
    return (high + (low >> 32)) >> 32;
}

/* Fisher and Yates, from the end. */
void order_shuffle(uint64_t seed, uint64_t epoch, size_t n, uint32_t *out)
{
    char label[32];
    snprintf(label, sizeof label, "epoch%llu", (unsigned long long)epoch);
    const uint64_t key = rng_key(seed, label);
    for (size_t i = 0; i < n; i++) out[i] = (uint32_t)i;
    for (size_t i = n; i-- > 1;) {
        const size_t j = (size_t)order_below(rng_u64(key, n - 1 - i), i + 1);
        const uint32_t swap = out[i];
        out[i] = out[j];
        out[j] = swap;
    }
}
