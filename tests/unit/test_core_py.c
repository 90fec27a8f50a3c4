/* test_core_py.c -- the words that ops have in a Python program for Core AI: each row names
 * parameters of its op alone, and a function of the package where it takes core_ops.def's. */
#include "unit.h"

#include "../../ir/coreai/core_import.h"
#include "../../ir/coreai/core_py.h"

static const char *const core_py_fields[] = { "dims", "dtype", "window", "values" };

static void expect_parameter(int kind, const char *text, size_t n)
{
    char name[64];
    if (n && (*text == '#' || *text == '@')) text++, n--;
    assert_in_range(n, 1, sizeof name - 1);
    memcpy(name, text, n);
    name[n] = 0;
    for (size_t i = 0; i < COUNT(core_py_fields); i++)
        if (!strcmp(core_py_fields[i], name)) return;
    if (!op_param(&ops[kind], name)) fail_msg("%s has no %s", ops[kind].name, name);
}

static void words_name_parameters_of_their_ops(void **state)
{
    (void)state;
    for (int kind = 0; kind < OP_COUNT; kind++) {
        const CoreWord *w = core_py_row(kind);
        assert_int_equal((w->table ? 1 : 0) + (w->python ? 1 : 0) + (w->lacks ? 1 : 0),
                         1);
        if (w->table) {
            const CoreRow *row = core_row_of(kind);
            if (!row || !row->python) fail_msg("%s has no function", ops[kind].name);
        }
        for (const char *s = w->python; s && (s = strchr(s, '{')); s++)
            expect_parameter(kind, s + 1, strcspn(s + 1, "}"));
        if (w->only) expect_parameter(kind, w->only, strcspn(w->only, "=:"));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_name_parameters_of_their_ops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
