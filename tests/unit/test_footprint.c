/* test_footprint.c -- what a program takes in memory, counted by its arena: a text that was read beside
 * its bytes, and what an op becomes when it is made accurate for a chip. */
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <stdio.h>

static size_t room_of(const Module *m)
{
    const Arena *a = &m->arena;
    return a->total - (size_t)(a->end - a->at) + m->names.cap * 5
         + m->names.pages * sizeof(char *);
}

/* ---- a text and what is read of it ------------------------------------------------------- */

enum {
    MANY = 100000,
    FIRST = 100000,
    OTHERS = 256
}; /* numbers of six digits, as a million have */

#define T "        tensor<fp16, [1, 4]> "

/* %1$d is the op's number, %2$d that of the one before, %3$d one of OTHERS numbers. */
static const struct {
    const char *kind, *op;
    double most; /* bytes in memory for one of the text */
} kinds[] = {
    { "two values", T "s%1$d = add(x = s%2$d, y = x)[name = string(\"s%1$d\")];\n", 2.2 },
    { "one value", T "s%1$d = relu(x = s%2$d)[name = string(\"s%1$d\")];\n", 2.2 },
    { "a literal",
      T "s%1$d = add(x = s%2$d, y = fp16(0x1p-1))[name = string(\"s%1$d\")];\n", 2.2 },
    { "literals",
      T "s%1$d = add(x = s%2$d, y = fp16(0.%1$d))[name = string(\"s%1$d\")];\n", 3 },
    { "other literals",
      T "s%1$d = add(x = s%2$d, y = fp16(%3$d.5))[name = string(\"s%1$d\")];\n", 2.2 },
    { "no name, other literals", T "s%1$d = add(x = s%2$d, y = fp16(%3$d.5));\n", 2.7 },
    { "no name", T "s%1$d = add(x = s%2$d, y = x);\n", 3 },
    { "no name, one value", T "s%1$d = relu(x = s%2$d);\n", 3 },
    { "no name, a literal", T "s%1$d = add(x = s%2$d, y = fp16(0x1p-1));\n", 3 },
    { "a long name",
      T
      "a_value_with_a_long_name_%1$d = add(x = s, y = x)[name = string(\"a_value_with_a_long_name_%1$d\")];\n",
      1.8 },
    { "another name", T "s%1$d = add(x = s%2$d, y = x)[name = string(\"op%1$d\")];\n",
      3 },
    { "two results",
      T
      "s%1$d, tensor<fp16, [1, 4]> r%1$d = split(x = w, num_splits = int32(2), axis = int32(0))[name = string(\"s%1$d\")];\n",
      2.3 },
    { "several values",
      "        tensor<fp16, [2, 4]> s%1$d = concat(values = (x, x), axis = int32(0), interleave = bool(false))[name = string(\"s%1$d\")];\n",
      2 },
    { "no name, a constant", "        int32 s%1$d = const()[val = int32(7)];\n", 3 },
    { "a constant",
      "        int32 s%1$d = const()[name = string(\"s%1$d\"), val = int32(7)];\n", 2.4 },
    { "constants",
      "        int32 s%1$d = const()[name = string(\"s%1$d\"), val = int32(%1$d)];\n",
      3 },
};

static char *text_of(Arena *a, const char *op, size_t *len)
{
    Buf b = { 0 };
    buf_puts(
        &b,
        "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1, 4]> x, tensor<fp16, [2, 4]> w) {\n");
    buf_printf(&b, T "s%d = relu(x = x);\n" T "s = relu(x = x);\n", FIRST - 1);
    for (int i = 0; i < MANY; i++)
        buf_printf(&b, op, FIRST + i, FIRST + i - 1, i % OTHERS);
    buf_puts(&b, "    } -> (x);\n}\n");
    char *text = arena_strndup(a, b.s, b.len);
    *len = b.len;
    buf_free(&b);
    return text;
}

static void texts_are_read_in_little_room(void **state)
{
    (void)state;
#ifdef ANEC_SANITIZED
    skip(); /* an arena keeps bytes between what it gives, so that overruns are seen */
#endif
    for (size_t i = 0; i < COUNT(kinds); i++) {
        Arena a = { 0 };
        Diag d = { 0 };
        Source src = { .name = kinds[i].kind };
        src.text = text_of(&a, kinds[i].op, &src.len);
        Module *m = mil_read(&d, &src, NULL);
        if (!m) fail_msg("%s: %s", kinds[i].kind, d.text.s);
        const double each = (double)room_of(m) / (double)src.len;
        printf("%s: %.2f bytes for one of the text\n", kinds[i].kind, each);
        if (each > kinds[i].most || each < 0.5)
            fail_msg("%s: %.2f, at most %.1f", kinds[i].kind, each, kinds[i].most);
        module_free(m);
        diag_free(&d);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_are_read_in_little_room) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
