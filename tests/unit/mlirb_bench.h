/* mlirb_bench.h -- shared by tests of MLIR bytecode: a small generator of our own. No asset that
 * Apple's package wrote was available; tests/fuzz/mlirb/llvm-16 is what LLVM 16's own writer made of
 * ten lines of ours. */
#ifndef ANEC_MLIRB_BENCH_H
#define ANEC_MLIRB_BENCH_H

#include "unit.h"

#include "../../ir/coreai/coreai.h"

/* A number as the format has it, in as few bytes as can be. */
static inline void bench_number(Buf *out, uint64_t v)
{
    int more = 0;
    while (more < 8 && v >> (7 * (more + 1))) more++;
    if (more == 8) {
        buf_putc(out, 0);
        for (int i = 0; i < 8; i++) buf_putc(out, (char)(v >> (8 * i)));
        return;
    }
    v = (v << 1 | 1) << more;
    for (int i = 0; i <= more; i++) buf_putc(out, (char)(v >> (8 * i)));
}

static inline void bench_section(Buf *out, int id, const Buf *data, uint64_t align)
{
    buf_putc(out, (char)(id | (align ? 128 : 0)));
    bench_number(out, data->len);
    if (align) bench_number(out, align);
    while (align && out->len % align) buf_putc(out, (char)0xCB);
    if (data->len) buf_add(out, data->s, data->len);
}

static const char *const bench_strings[] = { "builtin", "coreai", "module", "graph",
                                             "add",     "blob",   "x" };

static inline void bench_string_data(Buf *out)
{
    const int n = (int)COUNT(bench_strings);
    bench_number(out, (uint64_t)n);
    for (int i = n; i-- > 0;) bench_number(out, strlen(bench_strings[i]) + 1);
    for (int i = 0; i < n; i++)
        buf_add(out, bench_strings[i], strlen(bench_strings[i]) + 1);
}

/* Two dialects, the second with a version of its own, and the operations of each. */
static inline void bench_dialect_data(Buf *out, int version)
{
    const bool flags = version >= 1, counted = version >= 4, registered = version >= 5;
    Buf own = { 0 };
    bench_number(out, 2);
    bench_number(out, 0);
    bench_number(out, flags ? 1 << 1 | 1 : 1);
    buf_puts(&own, "v2");
    if (flags) bench_section(out, MLIRB_DIALECT_VERSIONS, &own, 0);
    if (counted) bench_number(out, 3);
    bench_number(out, 0);
    bench_number(out, 1);
    bench_number(out, registered ? 2 << 1 : 2);
    bench_number(out, 1);
    bench_number(out, 2);
    bench_number(out, registered ? 3 << 1 | 1 : 3);
    bench_number(out, registered ? 4 << 1 | 1 : 4);
    buf_free(&own);
}

static inline void bench_resource_data(Buf *out)
{
    bench_number(out, 1); /* a group from outside */
    bench_number(out, 6);
    bench_number(out, 1);
    bench_number(out, 6);
    bench_number(out, 1);
    buf_putc(out, 1);
    bench_number(out, 0); /* one of a dialect */
    bench_number(out, 1);
    bench_number(out, 5);
    bench_number(out, 300);
    buf_putc(out, 0);
}

/* A whole file: its sections, of which those with a dialect's encoding hold any bytes. */
static inline void bench_mlirb(Buf *out, int version)
{
    Buf part[MLIRB_PROPERTIES] = { 0 };
    buf_puts(out, "ML\xEFR");
    bench_number(out, (uint64_t)version);
    buf_add(out, "bench 1", 8);
    bench_dialect_data(&part[MLIRB_DIALECTS], version);
    buf_puts(&part[MLIRB_ATTRS], "abc");
    bench_number(&part[MLIRB_ATTR_SIZES], 5);
    bench_number(&part[MLIRB_ATTR_SIZES], 2);
    buf_puts(&part[MLIRB_IR], "ops");
    for (int i = 0; i < 300; i++) buf_putc(&part[MLIRB_RESOURCES], (char)i);
    bench_resource_data(&part[MLIRB_RESOURCE_SIZES]);
    bench_string_data(&part[MLIRB_STRINGS]);
    for (int id = 1; id <= MLIRB_RESOURCE_SIZES; id++)
        bench_section(out, id, &part[id], id == MLIRB_RESOURCES ? 16 : 0);
    bench_section(out, MLIRB_STRINGS, &part[MLIRB_STRINGS], 0);
    for (int id = 0; id < MLIRB_PROPERTIES; id++) buf_free(&part[id]);
}

#endif
