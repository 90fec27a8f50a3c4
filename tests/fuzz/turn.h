/* turn.h -- a fuzz target of bytes that are read and written again. */
#ifndef ANEC_FUZZ_TURN_H
#define ANEC_FUZZ_TURN_H

#include "../../base/base.h"

#include <string.h>

/* True when the bytes are taken; out: how they are written again. */
typedef bool Turn(const uint8_t *data, size_t size, Buf *out);

/* What is taken must be written so that it is taken again, and written the same. */
static inline int turn_twice(Turn *turn, const uint8_t *data, size_t size)
{
    Buf first = { 0 }, second = { 0 };
    if (turn(data, size, &first)) {
        if (!turn((const uint8_t *)first.s, first.len, &second))
            bug("what it wrote is refused");
        if (first.len != second.len || memcmp(first.s, second.s, first.len))
            bug("what it wrote reads as another");
    }
    buf_free(&first);
    buf_free(&second);
    return 0;
}

#endif
