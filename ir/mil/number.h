/* number.h -- the numbers of MIL text: one rounding from digits to bits, shortest digits
 * back. */
#ifndef ANEC_MIL_NUMBER_H
#define ANEC_MIL_NUMBER_H

#include "../ir.h"

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

#endif
