/* mil_text.h -- what reader, printer and mil_save share of MIL text and its weight files; not
 * for outside. */
#ifndef ANEC_MIL_TEXT_H
#define ANEC_MIL_TEXT_H

#include "mil.h"

/* ---- numbers: one rounding from digits to bits, shortest digits back (number.c) ---------- */

typedef enum {
    NUMBER_OK,
    NUMBER_INFINITE,  /* finite digits, but infinity in the type */
    NUMBER_NOT_WHOLE, /* an integer type, but a fraction, an exponent, inf or nan */
    NUMBER_RANGE      /* an integer that the type cannot hold; *bits is not set */
} NumberStatus;

/* `s` matches the lexer's number: -? with decimal or hexadecimal digits, inf or nan. *bits
 * gets the element's bits, in the low bits, two's complement. Floats are rounded once, to
 * nearest even, from the exact value of the digits, however many there are. t: a float or
 * integer type. */
NumberStatus number_parse(const char *s, size_t len, DType t, uint64_t *bits);
bool number_is_whole(const char *s, size_t len); /* only digits after the sign */

enum { NUMBER_TEXT = 32 };
/* Writes an element as MIL does, integers in decimal, floats as C's %a, shortest; the
 * length. */
size_t number_print(char out[NUMBER_TEXT], DType t, uint64_t bits);

/* ---- literals that are printed as references (print.c) ----------------------------------- */

/* Where literals went that are printed as references: asked for each literal. */
typedef struct {
    bool (*find)(const void *ctx, const Const *c, uint64_t *offset);
    const void *ctx;
    const char *path; /* "@model_path/weights/weight.bin" */
} MilPlaces;

/* mil_print_to, with references for what `places` (may be NULL) knows. */
bool mil_print_placed(const Module *m, const MilPlaces *places, MilSink *sink, void *ctx);

/* ---- weight files (blob.c) --------------------------------------------------------------- */

/* After blob_finish. */
bool blob_same(BlobWriter *b, const char *path); /* path holds these bytes */
bool blob_sum(BlobWriter *b, uint64_t *sum);     /* of all bytes; for a name, not for safety */
void blob_name(BlobWriter *b, const char *path); /* another name in the same folder */

#endif
