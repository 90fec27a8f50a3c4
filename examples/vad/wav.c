/* wav.c -- reads a RIFF/WAVE file. */
#include "wav.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned format, channels, rate, bits;
    const unsigned char *data;
    size_t size;
} Parts;

static unsigned u16_at(const unsigned char *p) { return p[0] | (unsigned)p[1] << 8; }
static uint32_t u32_at(const unsigned char *p)
{
    return u16_at(p) | (uint32_t)u16_at(p + 2) << 16;
}

static void read_format(Parts *p, const unsigned char *at)
{
    p->format = u16_at(at);
    p->channels = u16_at(at + 2);
    p->rate = u32_at(at + 4);
    p->bits = u16_at(at + 14);
}

/* A writer to a pipe does not know the length and claims too much: what is there counts. */
static bool find_parts(const Mapped *f, Parts *out)
{
    if (f->size < 12 || memcmp(f->data, "RIFF", 4) != 0
        || memcmp(f->data + 8, "WAVE", 4) != 0)
        return false;
    for (size_t at = 12; at + 8 <= f->size;) {
        const unsigned char *chunk = f->data + at + 8;
        size_t left = f->size - at - 8, size = u32_at(f->data + at + 4);
        if (size > left) size = left;
        if (!memcmp(f->data + at, "fmt ", 4) && size >= 16) read_format(out, chunk);
        if (!memcmp(f->data + at, "data", 4)) {
            out->data = chunk;
            out->size = size;
        }
        at += 8 + size + (size & 1);
    }
    return out->data != NULL;
}

static bool take(Diag *d, const char *path, const Parts *p, Wav *out)
{
    const unsigned pcm = 1, extensible = 0xfffe;
    if ((p->format != pcm && p->format != extensible) || p->channels != 1
        || p->rate != WAV_RATE || p->bits != 16)
        return diag_error(d, (Loc){ 0 },
                          "%s has %u channels of %u bits at %u Hz; convert it: "
                          "sox IN.wav -r 16000 -c 1 -b 16 OUT.wav",
                          path, p->channels, p->bits, p->rate);
    out->count = p->size / 2;
    out->sample = malloc((out->count + 1) * sizeof *out->sample);
    if (!out->sample) return diag_fail(d, "no memory for %zu samples", out->count);
    for (size_t i = 0; i < out->count; i++)
        out->sample[i] = (float)(int16_t)u16_at(p->data + 2 * i) / 32768.0f;
    return true;
}

bool wav_read(Diag *d, const char *path, Wav *out)
{
    Mapped file;
    Parts parts = { 0 };
    *out = (Wav){ 0 };
    if (!file_map(d, path, &file)) return false;
    bool ok = find_parts(&file, &parts)
                ? take(d, path, &parts, out)
                : diag_error(d, (Loc){ 0 }, "%s is no RIFF/WAVE file with samples", path);
    file_unmap(&file);
    return ok;
}

void wav_free(Wav *w)
{
    free(w->sample);
    *w = (Wav){ 0 };
}
