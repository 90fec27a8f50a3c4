/* isa.c -- which kernels this machine can run, and which it should. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

const unsigned char elem_args[ELEM_COUNT] = {
#define ELEM(name, args, value) [ELEM_##name] = args,
#include "elem.def"
};

extern const Kernels kernels_scalar;
static bool always(void) { return true; }

#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512;

/* The compiler's question asks the system too, whether it keeps the registers. */
static bool has_avx512(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("fma");
}
static bool has_avx2(void)
{
    __builtin_cpu_init();
    unsigned a, b, c = 0, d;
    const bool half = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
    return half && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif
#if defined(__aarch64__)
extern const Kernels kernels_neon;
#endif

/* The best first. */
static const struct {
    const Kernels *kernels;
    bool (*here)(void);
} all[] = {
#if defined(__x86_64__)
    { &kernels_avx512, has_avx512 },
    { &kernels_avx2, has_avx2 },
#endif
#if defined(__aarch64__)
    { &kernels_neon, always },
#endif
    { &kernels_scalar, always },
};

const Kernels *kernels_at(int i)
{
    for (size_t k = 0; k < COUNT(all); k++)
        if (all[k].here() && !i--) return all[k].kernels;
    return NULL;
}

static const Kernels *refuse(const char *name, Diag *d)
{
    Buf b = { 0 };
    const Kernels *k;
    for (int i = 0; (k = kernels_at(i)); i++) buf_printf(&b, "%s%s", i ? ", " : "", k->name);
    diag_fail(d, "ANEC_CPU is %s; kernels that this processor can run are %s", name, b.s);
    buf_free(&b);
    return NULL;
}

const Kernels *kernels_here(const char *name, Diag *d)
{
    const Kernels *k;
    if (!name) name = getenv("ANEC_CPU");
    if (!name || !*name) return kernels_at(0);
    for (int i = 0; (k = kernels_at(i)); i++)
        if (!strcmp(k->name, name)) return k;
    return refuse(name, d);
}
