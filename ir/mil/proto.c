/* proto.c -- reads and writes the protobuf wire format. */
#include "spec.h"

#include <string.h>

/* ---- reading ----------------------------------------------------------------------------- */

PbIn pb_open(PbFile *f)
{
    const unsigned char *end = f->data ? f->data + f->size : f->data;
    return (PbIn){ .file = f, .at = f->data, .end = end };
}

bool pb_wrong(PbIn *in, const unsigned char *at, const char *what)
{
    if (!in->file->wrong) {
        in->file->wrong = what;
        in->file->at = (size_t)(at - in->file->data);
    }
    in->at = in->end;
    return false;
}

static bool get_varint(PbIn *in, uint64_t *out)
{
    const unsigned char *start = in->at;
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        if (in->at == in->end) return pb_wrong(in, start, "a number is cut off");
        const unsigned char c = *in->at++;
        if (shift == 63 && c > 1) break;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *out = v;
            return true;
        }
    }
    return pb_wrong(in, start, "a number has more than 64 bits");
}

static bool get_fixed(PbIn *in, size_t n, uint64_t *out)
{
    if ((size_t)(in->end - in->at) < n)
        return pb_wrong(in, in->at, "a number is cut off");
    *out = 0;
    for (size_t i = n; i-- > 0;) *out = *out << 8 | in->at[i];
    in->at += n;
    return true;
}

static bool get_value(PbIn *in, PbField *f)
{
    if (f->wire == PB_VARINT) return get_varint(in, &f->value);
    if (f->wire == PB_FIXED64) return get_fixed(in, 8, &f->value);
    if (f->wire == PB_FIXED32) return get_fixed(in, 4, &f->value);
    if (f->wire != PB_BYTES) return pb_wrong(in, f->start, "a field is of no known kind");
    uint64_t len;
    if (!get_varint(in, &len)) return false;
    if (len > (uint64_t)(in->end - in->at))
        return pb_wrong(in, f->start, "a field is longer than what it stands in");
    f->data = in->at;
    f->len = (size_t)len;
    in->at += len;
    return true;
}

bool pb_next(PbIn *in, PbField *f)
{
    uint64_t tag;
    if (in->file->wrong || in->at == in->end) return false;
    *f = (PbField){ .start = in->at };
    if (!get_varint(in, &tag)) return false;
    if (tag >> 3 == 0 || tag >> 32)
        return pb_wrong(in, f->start, "a field has no valid number");
    f->num = (uint32_t)(tag >> 3);
    f->wire = (int)(tag & 7);
    return get_value(in, f);
}

static bool is_bytes(PbIn *in, const PbField *f)
{
    return f->wire == PB_BYTES
        || pb_wrong(in, f->start, "a number stands in the place of a message");
}

PbIn pb_sub(PbIn *in, const PbField *f)
{
    PbIn sub = {
        .file = in->file, .at = in->end, .end = in->end, .depth = in->depth + 1
    };
    if (!is_bytes(in, f)) return sub;
    if (sub.depth > PB_DEPTH) {
        pb_wrong(in, f->start, "messages are nested too deeply");
        return sub;
    }
    sub.at = f->data;
    sub.end = f->data + f->len;
    return sub;
}

uint64_t pb_number(PbIn *in, const PbField *f)
{
    if (f->wire != PB_BYTES) return f->value;
    pb_wrong(in, f->start, "a message stands in the place of a number");
    return 0;
}

static bool is_text(const char *s, size_t n)
{
    int len;
    for (const char *end = s + n; s < end; s += len) {
        const uint32_t c = text_code_point(s, end, &len);
        if (!c || c == TEXT_NOT_UTF8) return false;
    }
    return true;
}

char *pb_string(PbIn *in, const PbField *f, Arena *a)
{
    const char *text = (const char *)f->data;
    if (is_bytes(in, f) && is_text(text, f->len)) return arena_strndup(a, text, f->len);
    pb_wrong(in, f->start, "a text is not UTF-8");
    return arena_strdup(a, "");
}

static size_t proto_width(int wire) { return wire == PB_FIXED64 ? 8 : 4; }

size_t pb_count(const PbField *f, int wire)
{
    size_t n = 0;
    if (f->wire != PB_BYTES) return 1;
    if (wire != PB_VARINT) return f->len / proto_width(wire);
    for (size_t i = 0; i < f->len; i++) n += f->data[i] < 0x80;
    return n;
}

bool pb_item(PbIn *in, PbField *f, int wire, uint64_t *value)
{
    if (f->wire != PB_BYTES) {
        if (f->wire != wire) return pb_wrong(in, f->start, "a number is of another kind");
        *value = f->value;
        *f = (PbField){ .wire = PB_BYTES, .start = f->start, .data = f->data };
        return true;
    }
    if (!f->len || in->file->wrong) return false;
    PbIn part = { .file = in->file, .at = f->data, .end = f->data + f->len };
    if (!(wire == PB_VARINT ? get_varint(&part, value)
                            : get_fixed(&part, proto_width(wire), value)))
        return false;
    f->len = (size_t)(part.end - part.at);
    f->data = part.at;
    return true;
}

/* ---- writing ----------------------------------------------------------------------------- */

static size_t varint_bytes(unsigned char out[10], uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) out[n++] = (unsigned char)(v | 0x80);
    out[n++] = (unsigned char)v;
    return n;
}

void pb_put_varint(Buf *b, uint64_t v)
{
    unsigned char bytes[10];
    buf_add(b, bytes, varint_bytes(bytes, v));
}

static void put_tag(Buf *b, uint32_t num, int wire)
{
    pb_put_varint(b, (uint64_t)num << 3 | (uint64_t)wire);
}

void pb_put_number(Buf *b, uint32_t num, uint64_t v)
{
    put_tag(b, num, PB_VARINT);
    pb_put_varint(b, v);
}

void pb_put_bytes(Buf *b, uint32_t num, const void *p, size_t n)
{
    put_tag(b, num, PB_BYTES);
    pb_put_varint(b, n);
    if (n) buf_add(b, p, n);
}

void pb_put_string(Buf *b, uint32_t num, const char *s)
{
    pb_put_bytes(b, num, s, strlen(s));
}

size_t pb_begin(Buf *b, uint32_t num)
{
    put_tag(b, num, PB_BYTES);
    return b->len;
}

void pb_end(Buf *b, size_t mark)
{
    unsigned char bytes[10];
    const size_t len = b->len - mark, n = varint_bytes(bytes, len);
    buf_add(b, bytes, n); /* room */
    memmove(b->s + mark + n, b->s + mark, len);
    memcpy(b->s + mark, bytes, n);
}
