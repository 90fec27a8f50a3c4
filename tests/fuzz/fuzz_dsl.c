/* fuzz_dsl.c -- any bytes as a program of the language: errors, or a module that verifies. */
#include "../../frontend/frontend.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is laid out is a program, and laid out. */
static void expect_laid_out(const Source *src)
{
    Buf once = { 0 }, twice = { 0 };
    Diag d = { .quiet = true };
    if (dsl_format(&d, src, &once)) {
        const Source laid = { .name = "x.anedsl", .text = once.s, .len = once.len };
        if (!dsl_format(&d, &laid, &twice))
            bug("laid out, it is no program:\n%s", once.s);
        if (once.len != twice.len || (once.len && memcmp(once.s, twice.s, once.len) != 0))
            bug("laid out otherwise the second time:\n%s", once.s);
    }
    diag_free(&d);
    buf_free(&twice);
    buf_free(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Buf copy = { 0 }, printed = { 0 };
    Diag d = { 0 };
    buf_add(&copy, data, size);              /* a NUL follows, as in a mapped file */
    const char *text = copy.s ? copy.s : ""; /* of no bytes too */
    const Source src = { .name = "x.anedsl", .text = text, .len = copy.len };
    const DslOptions opt = { .dir = "tests/fuzz/none", .opset = OPSET_IOS16 };
    dsl_print_tokens(&d, &src, &printed);
    dsl_print_ast(&d, &src, &printed);
    diag_free(&d);
    expect_laid_out(&src);
    d = (Diag){ 0 };
    Module *m = dsl_compile(&d, &src, &opt);
    if (!m && diag_ok(&d)) bug("refused without a word");
    if (m && !module_verify(m, &d, NULL))
        bug("what was compiled does not verify:\n%s", d.text.s);
    module_free(m);
    diag_free(&d);
    buf_free(&printed);
    buf_free(&copy);
    return 0;
}
