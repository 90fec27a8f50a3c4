/* proto.h -- the protobuf wire format, as far as Core ML files use it; not for outside.
 *
 * A reader walks the fields of a message in the order of the file; what is unknown is passed
 * over by whoever asks. Nothing is read past the end, nesting is bounded, and the first thing
 * wrong stays in the PbFile: from then on every message ends at once, so that it is looked at
 * once. */
#ifndef ANEC_MIL_PROTO_H
#define ANEC_MIL_PROTO_H

#include "../../base/base.h"

enum { PB_VARINT, PB_FIXED64, PB_BYTES, PB_FIXED32 = 5 };
enum { PB_DEPTH = 200 };

typedef struct {
    const unsigned char *data;
    size_t size;
    const char *wrong; /* NULL, or what is damaged.. */
    size_t at;         /* ..at which byte */
} PbFile;

typedef struct {
    PbFile *file;
    const unsigned char *at, *end;
    int depth;
} PbIn;

typedef struct {
    uint32_t num;
    int wire;
    uint64_t value;                    /* of a number */
    const unsigned char *start, *data; /* its tag; the first byte of PB_BYTES */
    size_t len;
} PbField;

PbIn pb_open(PbFile *f);
/* false at the end, or when something is wrong */
bool pb_next(PbIn *in, PbField *f);
PbIn pb_sub(PbIn *in, const PbField *f);        /* the message that a field is */
uint64_t pb_number(PbIn *in, const PbField *f); /* a varint's value */
/* UTF-8 without NUL is demanded; never NULL */
char *pb_string(PbIn *in, const PbField *f, Arena *a);
/* Packed or not: how many numbers of a repeated field stand here, and one after the other. */
size_t pb_count(const PbField *f, int wire);
bool pb_item(PbIn *in, PbField *f, int wire, uint64_t *value);      /* false after the last */
bool pb_wrong(PbIn *in, const unsigned char *at, const char *what); /* always false */

void pb_put_number(Buf *b, uint32_t num, uint64_t v); /* also when it is 0 */
void pb_put_bytes(Buf *b, uint32_t num, const void *p, size_t n);
void pb_put_string(Buf *b, uint32_t num, const char *s);
size_t pb_begin(Buf *b, uint32_t num); /* a message or packed numbers.. */
/* ..whose length is put where it belongs */
void pb_end(Buf *b, size_t mark);
void pb_put_varint(Buf *b, uint64_t v); /* bare, for packed ones */

#endif
