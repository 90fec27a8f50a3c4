/* test_mil_numbers.c -- digits to bits with one rounding, bits to shortest digits. */
#include "unit.h"

#include <math.h>

#include "../../ir/mil/mil_text.h"

static uint64_t parsed(const char *s, DType t)
{
    uint64_t bits = 0;
    NumberStatus got = number_parse(s, strlen(s), t, &bits);
    if (got != NUMBER_OK && got != NUMBER_INFINITE)
        fail_msg("%s: status %d", s, (int)got);
    return bits;
}

static const char *printed(char out[NUMBER_TEXT + 1], DType t, uint64_t bits)
{
    out[number_print(out, t, bits)] = 0;
    return out;
}

static uint64_t bits_of_double(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static uint64_t bits_of_float(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void every_half_prints_and_reads_back(void **state)
{
    (void)state;
    char text[NUMBER_TEXT + 1], want[64];
    for (uint32_t h = 0; h < 0x10000; h++) {
        const double v = f16_to_double((uint16_t)h);
        printed(text, DT_FP16, h);
        if (v != v) {
            assert_string_equal(text, "nan");
            continue;
        }
        snprintf(want, sizeof want, "%a",
                 v); /* a double holds every half as a normal number */
        assert_string_equal(text, want);
        assert_int_equal(parsed(text, DT_FP16), h);
    }
}

static void floats_and_doubles_print_as_c_does(void **state)
{
    (void)state;
    char text[NUMBER_TEXT + 1], want[64];
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t f = (uint32_t)rng_u64(1, i);
        float v;
        memcpy(&v, &f, sizeof v);
        if (v != v) continue;
        snprintf(want, sizeof want, "%a", (double)v);
        assert_string_equal(printed(text, DT_FP32, f), want);
        assert_int_equal(parsed(text, DT_FP32), f);
        double d = ldexp(rng_unit(2, i) - 0.5, (int)(rng_u64(3, i) % 2000) - 1000);
        snprintf(want, sizeof want, "%a", d);
        assert_string_equal(printed(text, DT_FP64, bits_of_double(d)), want);
        assert_int_equal(parsed(text, DT_FP64), bits_of_double(d));
    }
    assert_string_equal(printed(text, DT_FP64, 1), "0x1p-1074");
    assert_string_equal(printed(text, DT_FP64, (UINT64_C(1) << 52) - 1),
                        "0x1.ffffffffffffep-1023");
    assert_int_equal(parsed("0x1p-1074", DT_FP64), 1);
    assert_string_equal(printed(text, DT_BF16, 0x3dcd), "0x1.9ap-4");
    assert_string_equal(printed(text, DT_FP16, 0x8000), "-0x0p+0");
}

static void decimals_round_as_the_c_library_does(void **state)
{
    (void)state;
    char text[128];
    for (uint64_t i = 0; i < 100000; i++) {
        const int digits = 1 + (int)(rng_u64(4, i) % 25),
                  point = (int)(rng_u64(5, i) % 26);
        size_t n = 0;
        for (int k = 0; k < digits; k++) {
            if (k && k == point) text[n++] = '.';
            text[n++] = (char)('0' + rng_u64(6, i * 32 + (uint64_t)k) % 10);
        }
        const int e = (int)(rng_u64(7, i) % 700) - 350;
        snprintf(text + n, sizeof text - n, i % 3 ? "e%d" : "", i % 2 ? e : e % 30);
        assert_int_equal(parsed(text, DT_FP64), bits_of_double(strtod(text, NULL)));
        assert_int_equal(parsed(text, DT_FP32), bits_of_float(strtof(text, NULL)));
    }
}

/* Between two neighbours: the exact middle goes to the even one, whatever lies beside it to its
 * own side, also by less than a double can tell. */
static void halves_round_once(void **state)
{
    (void)state;
    char text[256], hex[64];
    for (uint32_t h = 0; h < 0x7bff; h += h % 64 ? 1 : 13) {
        const double middle =
            (f16_to_double((uint16_t)h) + f16_to_double((uint16_t)(h + 1))) / 2;
        const uint32_t even = h & 1 ? h + 1 : h;
        snprintf(hex, sizeof hex, "%a", middle);
        assert_int_equal(parsed(hex, DT_FP16), even);
        size_t n = (size_t)snprintf(text, sizeof text, "%.60f", middle);
        assert_int_equal(parsed(text, DT_FP16), even);
        snprintf(text + n, sizeof text - n, "0000000000000000000000001");
        assert_int_equal(parsed(text, DT_FP16), h + 1);
    }
    assert_int_equal(parsed("0x1.00200000000000000000001p+0", DT_FP16), 0x3c01);
    assert_int_equal(parsed("0x1.002p+0", DT_FP16), 0x3c00);
    assert_int_equal(parsed("0x1.006p+0", DT_FP16), 0x3c02);
    assert_int_equal(parsed("65519.999999999999999999", DT_FP16), 0x7bff);
    assert_int_equal(parsed("65520", DT_FP16), 0x7c00);
    assert_int_equal(parsed("-1e999999999", DT_FP16), 0xfc00);
    assert_int_equal(parsed("-1e-999999999", DT_FP32), 0x80000000);
    assert_int_equal(parsed("0e999999999", DT_FP32), 0);
    assert_int_equal(parsed("0x1p-25", DT_FP16), 0);
    assert_int_equal(parsed("0x1.8p-25", DT_FP16), 1);
    assert_int_equal(parsed("18446744073709551616", DT_FP32), 0x5f800000);
}

static void very_long_digits_are_exact(void **state)
{
    (void)state;
    Buf b = { 0 };
    uint64_t bits;
    buf_puts(&b, "1.");
    for (int i = 0; i < 5000; i++) buf_putc(&b, '0');
    assert_int_equal(parsed(b.s, DT_FP64), bits_of_double(1));
    b.len = 0;
    buf_printf(&b, "%.1100f", ldexp(1, -1074));
    assert_int_equal(parsed(b.s, DT_FP64), 1);
    b.len = 0;
    for (int i = 0; i < 3000; i++) buf_putc(&b, '9');
    assert_int_equal(number_parse(b.s, b.len, DT_FP64, &bits), NUMBER_INFINITE);
    buf_puts(&b, "e-2999");
    assert_int_equal(parsed(b.s, DT_FP64), bits_of_double(10));
    /* halfway between two doubles: zeros far behind change nothing, any other digit does */
    for (int tail = 0; tail < 10; tail++) {
        b.len = 0;
        buf_puts(&b, "1.00000000000000011102230246251565404236316680908203125");
        for (int i = 0; i < 1000; i++) buf_putc(&b, '0');
        buf_printf(&b, "%d", tail);
        assert_int_equal(parsed(b.s, DT_FP64), bits_of_double(1) + (tail != 0));
    }
    buf_free(&b);
}

static void integers_fit_or_are_refused(void **state)
{
    (void)state;
    static const struct {
        DType t;
        const char *min, *max, *below, *above;
    } limit[] = {
        { DT_INT4, "-8", "7", "-9", "8" },
        { DT_INT8, "-128", "127", "-129", "128" },
        { DT_INT16, "-32768", "32767", "-32769", "32768" },
        { DT_INT32, "-2147483648", "2147483647", "-2147483649", "2147483648" },
        { DT_INT64, "-9223372036854775808", "9223372036854775807", "-9223372036854775809",
          "9223372036854775808" },
        { DT_UINT1, "0", "1", "-1", "2" },
        { DT_UINT6, "0", "63", "-1", "64" },
        { DT_UINT8, "0", "255", "-1", "256" },
        { DT_UINT64, "0", "18446744073709551615", "-1", "18446744073709551616" },
    };
    char text[NUMBER_TEXT + 1];
    uint64_t bits;
    for (size_t i = 0; i < COUNT(limit); i++) {
        const DType t = limit[i].t;
        assert_string_equal(printed(text, t, parsed(limit[i].min, t)), limit[i].min);
        assert_string_equal(printed(text, t, parsed(limit[i].max, t)), limit[i].max);
        const char *below = limit[i].below, *above = limit[i].above;
        assert_int_equal(number_parse(below, strlen(below), t, &bits), NUMBER_RANGE);
        assert_int_equal(number_parse(above, strlen(above), t, &bits), NUMBER_RANGE);
    }
    assert_int_equal(parsed("-0", DT_UINT8), 0);
    assert_int_equal(number_parse("1e3", 3, DT_INT32, &bits), NUMBER_NOT_WHOLE);
    assert_int_equal(number_parse("nan", 3, DT_INT32, &bits), NUMBER_NOT_WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_prints_and_reads_back),
        cmocka_unit_test(floats_and_doubles_print_as_c_does),
        cmocka_unit_test(decimals_round_as_the_c_library_does),
        cmocka_unit_test(halves_round_once),
        cmocka_unit_test(very_long_digits_are_exact),
        cmocka_unit_test(integers_fit_or_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
