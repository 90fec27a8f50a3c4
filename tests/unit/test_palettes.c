/* test_palettes.c -- weights of indices and of masks between the packed bytes that opsets up to ios17
 * have and the tensors of later ones: tables of every size, and weights of every rank, keep their
 * form where the other opset has it, are decoded where not, and are the same numbers. */
#include "micro.h"
#include "ref_run.h"
#include "unit.h"

#include "../../ir/ops/ops.h"
#include "../../ir/passes/passes.h"

enum { ELEMENTS = 24 };

/* 1, .., 1, 2, 12 or as many of these as the rank has */
static void put_dims(Buf *b, int rank)
{
    for (int i = 0; i < rank; i++)
        buf_printf(b, "%s%d", i ? ", " : "",
                   i == rank - 1   ? (rank == 1 ? ELEMENTS : ELEMENTS / 2)
                   : i == rank - 2 ? 2
                                   : 1);
}

static void put_brackets(Buf *b, int n, char c)
{
    while (n-- > 0) buf_putc(b, c);
}

static unsigned index_at(int i, int bits)
{
    return (unsigned)(i * 7 + 3) & ((1u << bits) - 1);
}

static double entry_at(int i) { return i % 3 ? i * 0.5 - 3 : -i; }

/* The elements of a tensor of this rank, in lists of their own: the last two have 2 and 12, or the
 * only one all. */
static void put_elements(Buf *b, int rank, int bits)
{
    put_brackets(b, rank, '[');
    for (int i = 0; i < ELEMENTS; i++) {
        if (i) buf_puts(b, rank > 1 && i == ELEMENTS / 2 ? "], [" : ", ");
        buf_printf(b, "%u", index_at(i, bits));
    }
    put_brackets(b, rank, ']');
}

/* The same numbers of few bits, as bytes from the lowest bit on. */
static void put_bytes(Buf *b, int bits)
{
    unsigned char bytes[ELEMENTS] = { 0 };
    const int n = (ELEMENTS * bits + 7) / 8;
    for (int i = 0; i < ELEMENTS * bits; i++)
        if (index_at(i / bits, bits) >> i % bits & 1)
            bytes[i / 8] |= (unsigned char)(1 << i % 8);
    buf_printf(b, "tensor<uint8, [%d]>([", n);
    for (int i = 0; i < n; i++) buf_printf(b, "%s%d", i ? ", " : "", bytes[i]);
    buf_puts(b, "])");
}

static void put_table(Buf *b, const char *type, int entries)
{
    for (int i = 0; i < entries; i++) {
        if (!strcmp(type, "fp16")) buf_printf(b, "%s%g", i ? ", " : "", entry_at(i));
        else buf_printf(b, "%s%d", i ? ", " : "", i % 100);
    }
}

typedef struct {
    const char *type; /* of the table */
    int entries, bits, rank;
    bool sparse; /* of what a mask has, instead */
} Palette;

static int mask_count(void)
{
    int n = 0;
    for (int i = 0; i < ELEMENTS; i++) n += (int)index_at(i, 1);
    return n;
}

/* y = the weight, of ios16's form. */
static void put_old(Buf *b, const Palette *p)
{
    const int n = p->sparse ? mask_count() : p->entries;
    buf_printf(b, "tensor<%s, [", p->type);
    put_dims(b, p->rank);
    buf_printf(b,
               "]> w = constexpr_%s_to_dense()[name = tensor<string, []>(\"w\"), %s = ",
               p->sparse ? "sparse" : "lut", p->sparse ? "mask" : "indices");
    put_bytes(b, p->bits);
    buf_printf(b, ", %s = tensor<%s, [%d]>([", p->sparse ? "nonzero_data" : "lut",
               p->type, n);
    put_table(b, p->type, n);
    buf_printf(b, "]), shape = tensor<uint32, [%d]>([", p->rank);
    put_dims(b, p->rank);
    buf_puts(b, "])];");
}

static void put_new(Buf *b, const Palette *p)
{
    const int n = p->sparse ? mask_count() : p->entries;
    buf_printf(b, "tensor<%s, [", p->type);
    put_dims(b, p->rank);
    buf_printf(b, "]> w = constexpr_%s_to_dense(%s = tensor<uint%d, [",
               p->sparse ? "sparse" : "lut", p->sparse ? "mask" : "indices", p->bits);
    put_dims(b, p->rank);
    buf_puts(b, "]>(");
    put_elements(b, p->rank, p->bits);
    if (p->sparse) {
        buf_printf(b, "), nonzero_data = tensor<%s, [%d]>([", p->type, n);
        put_table(b, p->type, n);
        buf_puts(b, "]))");
    } else {
        buf_printf(b, "), lut = tensor<%s, [", p->type);
        for (int i = 0; i < p->rank; i++) buf_puts(b, "1, ");
        buf_printf(b, "%d, 1]>([", n);
        put_table(b, p->type, n);
        buf_puts(b, "]))");
    }
    buf_puts(b, "[name = string(\"w\")];");
}

static char *program_of(Arena *a, const Palette *p, bool old)
{
    Buf b = { 0 };
    buf_puts(&b, old ? "tensor<bool, []> x | " : "bool x | ");
    if (old) put_old(&b, p);
    else put_new(&b, p);
    buf_printf(&b, " tensor<%s, [", p->type);
    put_dims(&b, p->rank);
    buf_puts(&b, old ? "]> y = identity(x = w)[name = tensor<string, []>(\"y\")]; | y"
                     : "]> y = identity(x = w)[name = string(\"y\")]; | y");
    char *text = arena_strndup(a, b.s, b.len);
    buf_free(&b);
    return text;
}

static bool count_decoders(void *ctx, Op *op)
{
    *(int *)ctx += op_decodes(op);
    return true;
}

/* What is left of the weight's form in that opset: 1, or 0 where it is decoded. */
static void taken(const Palette *p, bool old, Opset to, int left)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    RefRun was, is;
    RefRange range = { 0, 1 };
    const char *text = program_of(&a, p, old), *from = old ? "ios16" : "ios18";
    Module *before = micro_read(&a, &d, from, text), *m = micro_read(&a, &d, from, text);
    const PassOptions o = { .target = target_find("host"), .opset = to, .only = "opset" };
    if (!passes_run(m, &o, &d)) fail_msg("%s: %s", d.text.s, text);
    int n = 0;
    func_walk(module_main(m), count_decoders, &n);
    if (n != left) fail_msg("%s has %d, not %d of: %s", opset_text(to), n, left, text);
    ref_run(&was, before, ref_draw, &range, text);
    ref_run(&is, m, ref_draw, &range, text);
    ref_compare(&was, &is, 0, 1, text);
    for (int i = 0; i < ELEMENTS; i++) {
        const unsigned k = index_at(i, p->bits);
        if (p->sparse) break;
        const double want = !strcmp(p->type, "fp16") ? entry_at((int)k)
                                                     : (double)(k % 100);
        if (tensor_float(&was.value[0], (size_t)i) != want)
            fail_msg("element %d is another: %s", i, text);
    }
    ref_free(&was);
    ref_free(&is);
    module_free(before);
    module_free(m);
    diag_free(&d);
    arena_free(&a);
}

static void palettes_of_every_size(void **state)
{
    static const int bits[] = { 1, 2, 3, 4, 6, 8 };
    static const char *const types[] = { "fp16", "int8", "uint8" };
    (void)state;
    for (size_t t = 0; t < COUNT(types); t++)
        for (size_t i = 0; i < COUNT(bits); i++)
            for (int rank = 1; rank <= 3; rank++) {
                const Palette p = { types[t], 1 << bits[i], bits[i], rank, false };
                taken(&p, false, OPSET_IOS17, bits[i] != 3);
                taken(&p, false, OPSET_IOS16, bits[i] != 3);
                taken(&p, false, OPSET_IOS15, 0);
                taken(&p, false, OPSET_IOS26, 1);
                if (bits[i] == 3) continue; /* which ios16 has no bytes of */
                taken(&p, true, OPSET_IOS15, 0);
                taken(&p, true, OPSET_IOS17, 1);
                taken(&p, true, OPSET_IOS18, 1);
                taken(&p, true, OPSET_IOS26, 1);
            }
}

/* A table has two axes more than its weight, of which there are 16 at most. */
static void weights_of_every_rank(void **state)
{
    (void)state;
    for (int rank = 1; rank <= MAX_RANK; rank++) {
        const Palette p = { "fp16", 4, 2, rank, false }, q = { "fp16", 0, 1, rank, true };
        taken(&p, true, OPSET_IOS18, rank <= MAX_RANK - 2);
        if (rank <= MAX_RANK - 2) taken(&p, false, OPSET_IOS16, 1);
        taken(&q, true, OPSET_IOS18, 1);
        taken(&q, false, OPSET_IOS16, 1);
        taken(&q, false, OPSET_IOS15, 0);
    }
}

/* A mask's bytes hold what nonzero data of these types is of. */
static void masks_of_every_type(void **state)
{
    static const char *const types[] = { "fp16", "int8", "uint8" };
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++)
        for (int rank = 1; rank <= 3; rank++) {
            const Palette p = { types[i], 0, 1, rank, true };
            taken(&p, true, OPSET_IOS18, 1);
            taken(&p, false, OPSET_IOS16, 1);
            taken(&p, false, OPSET_IOS26, 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(palettes_of_every_size),
        cmocka_unit_test(weights_of_every_rank),
        cmocka_unit_test(masks_of_every_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
