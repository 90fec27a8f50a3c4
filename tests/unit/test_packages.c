/* test_packages.c -- what people bring: packages, weights and folders that are not as we write them. */
#include "containers.h"

/* ---- equal runs write equal bytes ------------------------------------------------------------ */

/* A literal whose last byte has bits to spare follows one of ones: they are zero all the same, in the
 * text's literal, in a package's and in a record of a weight file, whatever was in memory. */
static void spare_bits_of_a_literal_are_zero(void **state)
{
    Place *p = *state;
    for (int t = 1; t < DT_COUNT; t++) {
        const int bits = dtypes[t].bits;
        if (!bits || bits >= 8) continue;
        const char *text = arena_printf(&p->a,
            HEAD3("tensor<fp16, [1]> x")
            LINE "tensor<uint8, [4]> before = const()[val = tensor<uint8, [4]>([255, 255, 255, 255])];\n"
            LINE "tensor<%s, [3]> c = const()[name = string(\"c\"), val = tensor<%s, [3]>([1, 0, 1])];\n"
            "        } -> (x);\n}", dtypes[t].name, dtypes[t].name);
        const unsigned all = 1u | 1u << 2 * bits;
        put_file(p, at(p, "a.mil"), text, strlen(text));
        convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
        Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
        const Seen bytes = look(m, "502.2.2.3.2.3[1].5[1].2.3.1.7.1");
        assert_int_equal(bytes.n, (3 * bits + 7) / 8);
        for (size_t i = 0; i < bytes.n; i++) assert_int_equal(bytes.s[i], all >> 8 * i & 255);
        file_unmap(&m);

        Module *module = must_read(p, at(p, "a.mil"));
        Const *c = (Const *)(uintptr_t)attr_get(&module->first->body->first->next->attrs, "val");
        BlobWriter *b = blob_create(&p->a, &p->d, at(p, "w.bin"));
        uint64_t offset;
        *(unsigned char *)(uintptr_t)((const char *)c->data + bytes.n - 1) |= (unsigned char)(0xff << 3 * bits % 8);
        assert_true(blob_add(b, c, &offset) && blob_finish(b) && blob_commit(b));
        m = get_file(p, at(p, "w.bin"));
        for (size_t i = 0; i < bytes.n; i++) assert_int_equal(m.data[offset + 64 + i], all >> 8 * i & 255);
        file_unmap(&m);
        module_free(module);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spare_bits_of_a_literal_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
