/* fuzz_checkpoint.c -- any bytes as a checkpoint of anetrain, their header's sum put right, so
 * that what is behind it is reached: a checkpoint whose tensors can be taken, or one error. */
#include "../../train/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 8 bytes of length, then this, then the sum's 8 digits. */
static const char start[] = "{\"__metadata__\":{\"header\":\"";

static void put_sum(unsigned char *p, size_t size)
{
    const size_t at = 8 + sizeof start - 1;
    uint64_t length = 0;
    char sum[16];
    if (size < at + 8 || memcmp(p + 8, start, sizeof start - 1) != 0) return;
    for (int i = 8; i-- > 0;) length = length << 8 | p[i];
    if (length > size - 8) return;
    memcpy(p + at, "00000000", 8);
    snprintf(sum, sizeof sum, "%08x", crc32c(0, p, 8 + (size_t)length));
    memcpy(p + at, sum, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    float w[10], s[10];
    TrainParam p = { .path = "a.w", .rank = 2, .shape = { 2, 5 }, .count = 10 };
    TrainCheckpoint c;
    Diag d = { 0 };
    unsigned char *copy = mem_alloc(size + 1);
    if (!copy) return 0;
    memcpy(copy, data, size);
    put_sum(copy, size);
    p.master = w;
    for (int i = 0; i < MAX_STATES; i++) p.state[i] = s;
    const Mapped m = { .data = copy, .size = size };
    if (checkpoint_parse(&c, &d, "x.safetensors", &m)) {
        checkpoint_fill(&c, &d, &p, 1, "");
        checkpoint_close(&c);
    } else if (d.errors != 1) {
        bug("%d errors", d.errors);
    }
    diag_free(&d);
    return 0;
}
