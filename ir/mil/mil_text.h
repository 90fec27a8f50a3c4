/* mil_text.h -- shared by reader, printer and mil_save, for ir/mil alone: numbers in MIL text,
 * more of the writer of weight files. */
#ifndef ANEC_MIL_TEXT_H
#define ANEC_MIL_TEXT_H

#include "mil.h"

/* ---- numbers: digits to bits with one rounding, and the shortest digits back (number.c) -- */

typedef enum {
    NUMBER_OK,
    NUMBER_INFINITE,  /* the number is finite, and infinity in the type */
    NUMBER_NOT_WHOLE, /* of an integer type, but with a fraction or exponent, inf or nan */
    NUMBER_RANGE      /* the type cannot hold the integer; *bits is not set */
} NumberStatus;

/* Parses a number as the lexer has it: an optional minus with decimal or hexadecimal digits,
 * inf or nan. t is a float or integer type. *bits receives the element in its low bits,
 * integers as two's complement. A float is rounded once, to nearest even, from the exact
 * value of all its digits. */
NumberStatus number_parse(const char *s, size_t len, DType t, uint64_t *bits);
bool number_is_whole(const char *s, size_t len); /* only digits after the sign */

enum { NUMBER_TEXT = 32 };
/* Writes an element as MIL does, an integer in decimal, a float as C's %a with the fewest
 * digits; returns the length. */
size_t number_print(char out[NUMBER_TEXT], DType t, uint64_t bits);

/* ---- weight files (blob.c) --------------------------------------------------------------- */

/* A writer that writes nothing: blob_add tells the offsets that a file would have. */
BlobWriter *blob_counter(Arena *a, Diag *d);
/* How many records there are, in so many bytes of the file. */
uint32_t blob_records(const BlobWriter *b, uint64_t *bytes);
/* These may be called between blob_finish and blob_commit. */
bool blob_same(BlobWriter *b,
               const char *path);            /* whether that file has the same bytes */
bool blob_sum(BlobWriter *b, uint64_t *sum); /* a hash of all bytes, not a safe one */
/* chooses another name in the same folder */
void blob_name(BlobWriter *b, const char *path);

#endif
