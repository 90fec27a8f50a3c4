/* isa.c -- finds the kernels that this machine can run, and the best of them. */
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
static bool isa_always(void) { return true; }

#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512;

enum { /* bits of cpuid's leaves 1 (ecx) and 7 (ebx), and of what the system keeps */
       FMA = 1 << 12,
       XSAVE = 1 << 27,
       AVX = 1 << 28,
       F16C = 1 << 29,
       AVX2 = 1 << 5,
       BMI2 = 1 << 8,
       AVX512F = 1 << 16,
       AVX512DQ = 1 << 17,
       KEEPS_YMM = 0x06,
       KEEPS_ZMM = 0xe6
};

/* Whether the system keeps these registers when it changes threads. */
static bool system_keeps(uint32_t what)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & what) == what;
}

/* Each question takes 10 us in a virtual machine, so none is asked twice. */
static bool isa_has(uint32_t leaf1, uint32_t leaf7, uint32_t kept)
{
    uint32_t a, b, c, d, wide;
    if (__get_cpuid_max(0, NULL) < 7) return false;
    __cpuid(1, a, b, c, d);
    if ((c & leaf1) != leaf1) return false;
    __cpuid_count(7, 0, a, wide, c, d);
    return (wide & leaf7) == leaf7 && system_keeps(kept);
}

enum { ISA_VEX = FMA | XSAVE | AVX | F16C, ISA_WIDE = AVX2 | BMI2 };

static bool has_avx2(void) { return isa_has(ISA_VEX, ISA_WIDE, KEEPS_YMM); }
static bool has_avx512(void)
{
    return isa_has(ISA_VEX, ISA_WIDE | AVX512F | AVX512DQ, KEEPS_ZMM);
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
    { &kernels_neon, isa_always },
#endif
    { &kernels_scalar, isa_always },
};

const Kernels *kernels_at(int i)
{
    for (size_t k = 0; k < COUNT(all); k++)
        if (all[k].here() && !i--) return all[k].kernels;
    return NULL;
}

static const Kernels *isa_refuse(const char *name, Diag *d)
{
    Buf b = { 0 };
    const Kernels *k;
    for (int i = 0; (k = kernels_at(i)); i++)
        buf_printf(&b, "%s%s", i ? ", " : "", k->name);
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
    return isa_refuse(name, d);
}
