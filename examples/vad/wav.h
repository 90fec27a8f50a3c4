/* wav.h -- 16 kHz sound, one channel, as numbers in [-1, 1). */
#ifndef VAD_WAV_H
#define VAD_WAV_H

#include "../../base/base.h"

enum { WAV_RATE = 16000 };

typedef struct {
    float *sample; /* malloc'd: wav_free */
    size_t count;
} Wav;

/* A RIFF/WAVE file of 16-bit samples, one channel, 16 kHz; anything else is an error that says
 * how to convert it. */
bool wav_read(Diag *d, const char *path, Wav *out);
void wav_free(Wav *w);

#endif
