/* replay.c -- runs a fuzz target over given files without a fuzzer: what was found stays
 * mended.
 *
 * usage: NAME FILE..      prints how many inputs there were; a finding ends it as it would the
 * fuzzer */
#include "../../base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    Diag d = { 0 };
    for (int i = 1; i < argc; i++) {
        Mapped m;
        if (!file_map(&d, argv[i], &m)) {
            fputs(d.text.s, stderr);
            return 1;
        }
        fprintf(stderr, "%s\n", argv[i]);
        LLVMFuzzerTestOneInput(m.data ? m.data : (const uint8_t *)"", m.size);
        file_unmap(&m);
    }
    printf("%d\n", argc - 1);
    diag_free(&d);
    return 0;
}
