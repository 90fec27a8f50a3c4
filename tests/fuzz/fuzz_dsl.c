/* fuzz_dsl.c -- any bytes as a program of the language: errors, or a module that verifies. */
#include "../../frontend/frontend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Buf copy = { 0 }, printed = { 0 };
    Diag d = { 0 };
    buf_add(&copy, data, size); /* a NUL follows, as in a mapped file */
    const Source src = { .name = "x.anedsl", .text = copy.s, .len = copy.len };
    const DslOptions opt = { .dir = "tests/fuzz/none", .opset = OPSET_IOS16 };
    dsl_print_tokens(&d, &src, &printed);
    dsl_print_ast(&d, &src, &printed);
    diag_free(&d);
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
