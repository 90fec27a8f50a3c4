/* test_doubt.c -- calls that are valid, but that Core ML is known to get wrong: which are warned of,
 * and which like them are not. */
#include "unit.h"

#include "../../ir/ops/geometry.h"
#include "calls.h"

/* ---- einsum ------------------------------------------------------------------------------ */

/* By its letters, without blanks: the places of `pattern` that are equal, and no others. */
static bool follows(const char *s, const char *pattern)
{
    const size_t n = strlen(pattern);
    if (strlen(s) != n) return false;
    for (size_t i = 0; i < n; i++) {
        const bool letter = pattern[i] >= 'a' && pattern[i] <= 'z';
        if (letter ? s[i] < 'a' || s[i] > 'z' : s[i] != pattern[i]) return false;
        for (size_t k = 0; letter && k < i; k++)
            if ((pattern[k] == pattern[i]) != (s[k] == s[i])) return false;
    }
    return true;
}

static bool should_be_defined(const char *s, int rank)
{
    char bare[64];
    size_t n = 0;
    for (const char *c = s; *c; c++)
        if (*c != ' ') bare[n++] = *c;
    bare[n] = 0;
    return strstr(s, "->") && (rank == 3 || rank == 4)
        && follows(bare, rank == 3 ? "chw,whr->chr" : "nchw,nwhu->nchu");
}

static void expect_judged(const char *s)
{
    for (int rank = 0; rank <= 6; rank++)
        if (einsum_is_defined(s, rank) != should_be_defined(s, rank))
            fail_msg("\"%s\" of rank %d", s, rank);
}

/* Both equations with each character left out, changed, or another before it. */
static void equations_that_are_defined(void **state)
{
    static const char *const equations[] = { "chw,whr->chr",    "nchw,nwhu->nchu",
                                             "abc,cbd->abd",    "zyxw,zwxa->zyxa",
                                             "chw , whr ->chr", " nchw,nwhu-> nchu " };
    static const char others[] = "acnhwruz ,->{`A1";
    char changed[64];
    (void)state;
    assert_true(einsum_is_defined("chw,whr->chr", 3));
    assert_true(einsum_is_defined("nchw,nwhu->nchu", 4));
    for (size_t e = 0; e < COUNT(equations); e++) {
        const char *s = equations[e];
        const int n = (int)strlen(s);
        for (int i = 0; i <= n; i++) {
            snprintf(changed, sizeof changed, "%.*s%s", i, s, i < n ? s + i + 1 : "");
            expect_judged(changed);
            for (const char *c = others; *c; c++) {
                snprintf(changed, sizeof changed, "%.*s%c%s", i, s, *c, s + i);
                expect_judged(changed);
                snprintf(changed, sizeof changed, "%.*s%c%s", i, s, *c,
                         i < n ? s + i + 1 : "");
                expect_judged(changed);
            }
        }
    }
}

static void test_einsum(void **state)
{
    CHECK(
        { "einsum", 15,
          "values=fp32[1,2,3,4],fp32[1,4,3,2]; equation=string[] nchw,nwhu->nchu",
          "doubt: none" },
        { "einsum", 15, "values=fp32[2,3,4],fp32[4,3,2]; equation=string[] chw,whr->chr",
          "doubt: none" },
        { "einsum", 15, "values=fp32[2,3,4],fp32[4,3,2]; equation=string[] chw,whr->hcr",
          "doubt: \"chw,whr->hcr\" may be refused" },
        { "einsum", 15, "values=fp32[2,3]; equation=string[] ab->ba",
          "doubt: \"ab->ba\" may be refused" });
}

/* ---- the others -------------------------------------------------------------------------- */

#define PAD "x=fp32[1,2,3,4]; pad=int32"

static void test_pad(void **state)
{
    CHECK({ "pad", 15, PAD "[4] 1 1 1 1; mode=string[] reflect", "doubt: none" },
          { "pad", 15, PAD "[6] 1 1 0 0 0 0; mode=string[] constant", "doubt: none" },
          { "pad", 15, PAD "[6] 1 0 0 0 0 0; mode=string[] reflect",
            "doubt: mode \"reflect\" is asked for at axis 1 of x" },
          { "pad", 15, PAD "[6] 0 1 0 0 0 0; mode=string[] reflect",
            "doubt: at axis 1 of x" },
          { "pad", 15, PAD "[6] 0 0 1 0 0 1; mode=string[] reflect", "doubt: none" },
          { "pad", 15, PAD "[8] 0 1 0 0 0 0 0 0; mode=string[] replicate",
            "doubt: at axis 0 of x" },
          { "pad", 15, PAD "[4] 3 0 0 0; mode=string[] replicate", "doubt: none" },
          { "pad", 15, PAD "[4] 4 0 0 0; mode=string[] replicate",
            "doubt: is to make 4 entries at axis 2 of x, which has 3" },
          { "pad", 15, PAD "[4] 0 0 4 0; mode=string[] replicate", "doubt: none" },
          { "pad", 15, PAD "[4] 0 0 0 5; mode=string[] replicate",
            "doubt: is to make 5 entries at axis 3 of x, which has 4" },
          { "pad", 15, PAD "[2] 5 0; mode=string[] replicate",
            "doubt: is to make 5 entries at axis 3 of x" },
          { "pad", 15, "x=fp32[1,2,?,4]; pad=int32[4] 9 0 0 0; mode=string[] replicate",
            "doubt: none" },
          { "pad", 15, "x=fp32[1,2,?,4]; pad=int32[4] 9 0 0 9; mode=string[] replicate",
            "doubt: is to make 9 entries at axis 3 of x" },
          { "pad", 17, PAD "[8]; mode=string[] replicate", "doubt: none" });
}

#define AVG1 \
    "x=fp32[1,2,5]; strides=int32[1] 2; pad_type=string[] valid; ceil_mode=bool[] "
#define AVG2 "; strides=int32[2] 2 2; kernel_sizes=int32[2] 2 2; ceil_mode=bool[] 1; "

static void test_avg_pool(void **state)
{
    CHECK({ "avg_pool", 15, AVG1 "1; kernel_sizes=int32[1] 2",
            "doubt: with ceil_mode the last window reaches beyond the end" },
          { "avg_pool", 15, AVG1 "0; kernel_sizes=int32[1] 2", "doubt: none" },
          { "avg_pool", 15, AVG1 "1; kernel_sizes=int32[1] 3", "doubt: none" },
          { "avg_pool", 15,
            AVG1 "1; kernel_sizes=int32[1] 2; exclude_padding_from_average=bool[] 1",
            "doubt: none" },
          { "avg_pool", 15,
            AVG1 "1; kernel_sizes=int32[1] 2; exclude_padding_from_average=bool[] 0",
            "doubt: with ceil_mode" },
          { "max_pool", 15, AVG1 "1; kernel_sizes=int32[1] 2", "doubt: none" },
          { "avg_pool", 15, "x=fp32[1,1,4,4]" AVG2 "pad_type=string[] valid",
            "doubt: none" },
          { "avg_pool", 15, "x=fp32[1,1,4,5]" AVG2 "pad_type=string[] valid",
            "doubt: with ceil_mode" },
          { "avg_pool", 15, "x=fp32[1,1,5,4]" AVG2 "pad_type=string[] valid",
            "doubt: with ceil_mode" },
          { "avg_pool", 15, "x=fp32[1,1,?,4]" AVG2 "pad_type=string[] valid",
            "doubt: none" },
          { "avg_pool", 15, "x=fp32[1,1,?,5]" AVG2 "pad_type=string[] valid",
            "doubt: with ceil_mode" },
          { "avg_pool", 15,
            "x=fp32[1,1,5,5]" AVG2 "pad_type=string[] custom; pad=int32[4] 1 1 1 1",
            "doubt: none" },
          { "avg_pool", 15,
            "x=fp32[1,1,6]; strides=int32[1] 2; kernel_sizes=int32[1] 3; "
            "ceil_mode=bool[] 1; pad_type=string[] custom; pad=int32[2] 1 1",
            "doubt: with ceil_mode" });
}

#define TURNED "x=fp32[1,1,3,3]; weight=fp32[1,1,3,3] ~"

static void test_conv_transpose(void **state)
{
    CHECK(
        { "conv_transpose", 15, TURNED, "doubt: none" },
        { "conv_transpose", 15, TURNED "; output_shape=int32[4] 1 1 5 5", "doubt: none" },
        { "conv_transpose", 15, TURNED "; output_shape=int32[4] 1 1 5 4",
          "doubt: output_shape has 4 where 5 are made" },
        { "conv_transpose", 15, TURNED "; output_shape=int32[4] 1 1 4 5",
          "doubt: output_shape has 4 where 5 are made" },
        { "conv_transpose", 15,
          TURNED "; strides=int32[2] 2 2; output_shape=int32[4] 1 1 7 6",
          "doubt: output_shape has 6 where 7 are made" },
        { "conv_transpose", 15,
          TURNED "; strides=int32[2] 2 2; output_shape=int32[4] 1 1 7 8; "
                 "pad_type=string[] custom; pad=int32[4] 0 0 0 0",
          "doubt: none" },
        { "conv_transpose", 15,
          TURNED "; output_shape=int32[4] 1 1 3 3; pad_type=string[] custom; "
                 "pad=int32[4] 1 1 1 1",
          "doubt: none" });
}

#define AFFINE \
    "x=fp32[1,2,3,4]; transform_matrix=fp32[1,6]; output_height=int32[] 2; " \
    "output_width=int32[] 2; sampling_mode=string[] bilinear; " \
    "padding_mode=string[] constant; padding_value=fp32[] 0; " \
    "coordinates_mode=string[] normalized_minus_one_to_one; align_corners=bool[]"

static void test_affine(void **state)
{
    CHECK({ "affine", 15, AFFINE " 1", "doubt: none" },
          { "affine", 15, AFFINE " 0", "doubt: does not support align_corners = false" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equations_that_are_defined),
        cmocka_unit_test(test_einsum),
        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_avg_pool),
        cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_affine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
