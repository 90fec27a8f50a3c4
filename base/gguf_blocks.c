/* gguf_blocks.c -- the numbers of a block of a .gguf's tensors: integers of few bits that share
 * a scale, and some a least number. Products are exact in a float; where a least number is taken
 * off, that is the one rounding. Bytes may lie at any address. */
#include "base.h"

static float block_half(const unsigned char *p)
{
    return (float)f16_to_double((uint16_t)(p[0] | p[1] << 8));
}

static float block_less(float scale, int q, float least)
{
    return (float)((double)scale * q - (double)least);
}

/* ---- 32 numbers: a scale, and a least number or a middle ----------------------------------- */

enum { BLOCK_HALF = 16 }; /* the low bits of the bytes are the first half */

static int block_low(const unsigned char *p, int i)
{
    return i < BLOCK_HALF ? p[i] & 15 : p[i - BLOCK_HALF] >> 4;
}

/* The fifth bit of each. */
static int block_fifth(const unsigned char *bits, int i)
{
    return bits[i / 8] >> i % 8 & 1;
}

void gguf_q4_0(const unsigned char *p, float *out)
{
    const float scale = block_half(p);
    for (int i = 0; i < 32; i++) out[i] = scale * (float)(block_low(p + 2, i) - 8);
}

void gguf_q4_1(const unsigned char *p, float *out)
{
    const float scale = block_half(p), least = block_half(p + 2);
    for (int i = 0; i < 32; i++) out[i] = block_less(scale, block_low(p + 4, i), -least);
}

void gguf_q5_0(const unsigned char *p, float *out)
{
    const float scale = block_half(p);
    for (int i = 0; i < 32; i++) {
        const int q = block_low(p + 6, i) | block_fifth(p + 2, i) << 4;
        out[i] = scale * (float)(q - 16);
    }
}

void gguf_q5_1(const unsigned char *p, float *out)
{
    const float scale = block_half(p), least = block_half(p + 2);
    for (int i = 0; i < 32; i++) {
        const int q = block_low(p + 8, i) | block_fifth(p + 4, i) << 4;
        out[i] = block_less(scale, q, -least);
    }
}

void gguf_q8_0(const unsigned char *p, float *out)
{
    const float scale = block_half(p);
    for (int i = 0; i < 32; i++) out[i] = scale * (float)(signed char)p[2 + i];
}

/* ---- 256 numbers: scales of parts, which have a scale of their own -------------------------- */

/* Of 8 parts, 6 bits each: scales, then least numbers, packed in 12 bytes. */
static void block_parts(const unsigned char *p, int part, int *scale, int *least)
{
    if (part < 4) {
        *scale = p[part] & 63;
        *least = p[part + 4] & 63;
        return;
    }
    *scale = (p[part + 4] & 15) | p[part - 4] >> 6 << 4;
    *least = p[part + 4] >> 4 | p[part] >> 6 << 4;
}

/* fifth: the fifth bits, a byte for each of 32 places, or NULL. */
static void block_k(const unsigned char *p, const unsigned char *fifth,
                    const unsigned char *low, float *out)
{
    const float whole = block_half(p), least = block_half(p + 2);
    for (int i = 0; i < 256; i++) {
        const int part = i / 32, at = i % 32;
        const int byte = low[part / 2 * 32 + at];
        int q = part % 2 ? byte >> 4 : byte & 15, scale, below;
        if (fifth) q |= (fifth[at] >> part & 1) << 4;
        block_parts(p + 4, part, &scale, &below);
        out[i] = block_less(whole * (float)scale, q, least * (float)below);
    }
}

void gguf_q4_k(const unsigned char *p, float *out) { block_k(p, NULL, p + 16, out); }
void gguf_q5_k(const unsigned char *p, float *out) { block_k(p, p + 16, p + 48, out); }

/* Two bits each, in four layers of a half's 32 bytes. */
static int block_two(const unsigned char *p, int i)
{
    return p[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
}

void gguf_q2_k(const unsigned char *p, float *out)
{
    const float whole = block_half(p + 80), least = block_half(p + 82);
    for (int i = 0; i < 256; i++) {
        const int part = p[i / 16];
        const float scale = whole * (float)(part & 15);
        out[i] = block_less(scale, block_two(p + 16, i), least * (float)(part >> 4));
    }
}

/* Scales of 16 parts, 6 bits each: four bits of all, then two of all. */
static int block_six(const unsigned char *p, int part)
{
    const int low = part < 8 ? p[part] & 15 : p[part - 8] >> 4;
    return low | (p[8 + part % 4] >> part / 4 * 2 & 3) << 4;
}

void gguf_q3_k(const unsigned char *p, float *out)
{
    const float whole = block_half(p + 108);
    for (int i = 0; i < 256; i++) {
        const int third = p[i % 32] >> i / 32 & 1;
        const int q = block_two(p + 32, i) - (third ? 0 : 4);
        out[i] = whole * (float)(block_six(p + 96, i / 16) - 32) * (float)q;
    }
}

void gguf_q6_k(const unsigned char *p, float *out)
{
    const float whole = block_half(p + 208);
    for (int i = 0; i < 256; i++) {
        const int half = i / 128, at = i % 128;
        const int low = p[half * 64 + at % 64], high = p[128 + half * 32 + at % 32];
        const int q = (at < 64 ? low & 15 : low >> 4) | (high >> at / 32 * 2 & 3) << 4;
        out[i] = whole * (float)(signed char)p[192 + i / 16] * (float)(q - 32);
    }
}
