/* checkpoint.c -- writes checkpoints: .safetensors files whose metadata has the state of the
 * run.
 *
 * A file is 8 bytes of length, a JSON header, and data. The header begins with its own
 * checksum, `{"__metadata__":{"header":"XXXXXXXX",`, a CRC-32C of the length and of the
 * header with zeros in place of these digits, so that a change of any byte is noticed.
 * Tensors begin at multiples of 64 bytes; the padding is a tensor too, so that other readers
 * of the format take the file. */
#include "train.h"

#include <cjson/cJSON.h>

/* ---- the sum ----------------------------------------------------------------------------- */

enum { WAYS = 8, AT_ONCE = 1 << 14 }; /* from so many bytes on it is worth 8 tables */

typedef uint32_t CrcTable[256];

/* table[k][v]: what the byte v makes of the sum when k more bytes of zeros come behind it. */
static void crc_tables(CrcTable *table, int ways)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;
        for (int k = 0; k < 8; k++) v = v & 1 ? v >> 1 ^ 0x82f63b78u : v >> 1;
        table[0][i] = v;
    }
    for (int k = 1; k < ways; k++)
        for (int i = 0; i < 256; i++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    const unsigned char *s = p;
    CrcTable table[WAYS];
    const int ways = n < AT_ONCE ? 1 : WAYS;
    crc_tables(table, ways);
    crc = ~crc;
    for (; ways == WAYS && n >= WAYS; n -= WAYS, s += WAYS) {
        uint32_t next = 0;
        for (int k = 0; k < 4; k++)
            next ^= table[7 - k][(s[k] ^ crc >> 8 * k) & 255] ^ table[3 - k][s[4 + k]];
        crc = next;
    }
    while (n--) crc = table[0][(crc ^ *s++) & 255] ^ crc >> 8;
    return ~crc;
}

/* ---- the header -------------------------------------------------------------------------- */

static void put_text(cJSON *to, const char *name, const char *text)
{
    json_item(to, name, cJSON_CreateString(text ? text : ""));
}

static void put_count(cJSON *to, const char *name, uint64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    put_text(to, name, text);
}

static void put_real(cJSON *to, const char *name, double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", v);
    put_text(to, name, text);
}

static void put_state(cJSON *to, const TrainState *s)
{
    const struct {
        const char *name;
        const void *at;
        char kind;
    } rows[] = {
#define STATE(name, kind) { #name, &s->name, kind },
#include "state.def"
    };
    put_text(to, "format", CHECKPOINT_FORMAT);
    put_text(to, "version", CHECKPOINT_VERSION);
    for (size_t i = 0; i < COUNT(rows); i++) switch (rows[i].kind) {
        case 'c':
            put_count(to, rows[i].name, *(const uint64_t *)rows[i].at);
            break;
        case 'r':
            put_real(to, rows[i].name, *(const double *)rows[i].at);
            break;
        default:
            put_text(to, rows[i].name, *(const char *const *)rows[i].at);
            break;
        }
}

/* A tensor at *at; what is behind it up to the next multiple of 64 is one too. */
static void put_tensor(cJSON *root, const char *name, const TrainParam *p, uint64_t *at)
{
    const uint64_t bytes = p->count * 4;
    const int64_t fill = (int64_t)((64 - bytes % 64) % 64);
    char filler[64];
    safetensors_entry(root, name, "F32", p->rank, p->shape, bytes, at);
    if (!fill) return;
    snprintf(filler, sizeof filler, "%s%llu", CHECKPOINT_FILL, (unsigned long long)*at);
    safetensors_entry(root, filler, "U8", 1, &fill, (uint64_t)fill, at);
}

const float *checkpoint_part(const TrainParam *p, int part)
{
    return !part ? p->master : p->frozen ? NULL : p->state[part - 1];
}

const char *checkpoint_name(Arena *a, const TrainParam *p, int part)
{
    return part ? arena_printf(a, "opt.%d.%s", part - 1, p->path) : p->path;
}

static uint32_t sum_of(const TrainParam *p, int n, int parts)
{
    static const char zeros[64];
    uint32_t crc = 0;
    for (int k = 0; k < parts; k++)
        for (int i = 0; i < n; i++) {
            if (!checkpoint_part(&p[i], k)) continue;
            crc = crc32c(crc, checkpoint_part(&p[i], k), p[i].count * 4);
            crc = crc32c(crc, zeros, (64 - p[i].count * 4 % 64) % 64);
        }
    return crc;
}

static void put_header(Buf *out, const TrainState *s, const TrainParam *p, int n)
{
    Arena a = { 0 };
    uint64_t at = 0;
    char sum[16];
    cJSON *root = json_root(cJSON_CreateObject());
    cJSON *meta = json_item(root, "__metadata__", cJSON_CreateObject());
    put_text(meta, "header", "00000000");
    snprintf(sum, sizeof sum, "%08x", sum_of(p, n, 1 + s->states));
    put_text(meta, "crc32c", sum);
    put_count(meta, "states", (uint64_t)s->states);
    put_state(meta, s);
    for (int k = 0; k < 1 + s->states; k++)
        for (int i = 0; i < n; i++)
            if (checkpoint_part(&p[i], k))
                put_tensor(root, checkpoint_name(&a, &p[i], k), &p[i], &at);
    char *text = json_text(root, false);
    buf_add(out, "\0\0\0\0\0\0\0\0", CHECKPOINT_LENGTH);
    buf_puts(out, text);
    json_text_free(text);
    json_free(root);
    arena_free(&a);
    while (out->len % 64) buf_putc(out, ' ');
    for (int i = 0; i < CHECKPOINT_LENGTH; i++)
        out->s[i] = (char)((uint64_t)(out->len - CHECKPOINT_LENGTH) >> 8 * i & 255);
    snprintf(sum, sizeof sum, "%08x", crc32c(0, out->s, out->len));
    memcpy(out->s + CHECKPOINT_LENGTH + strlen(CHECKPOINT_START), sum, 8);
}

/* ---- writing ----------------------------------------------------------------------------- */

bool checkpoint_write(Diag *d, const char *path, const TrainState *s, const TrainParam *p,
                      int n)
{
    static const char zeros[64];
    OutFile o;
    Buf head = { 0 };
    put_header(&head, s, p, n);
    bool ok = out_open(&o, d, path) && out_write(&o, head.s, head.len);
    for (int k = 0; k < 1 + s->states; k++)
        for (int i = 0; ok && i < n; i++)
            ok = !checkpoint_part(&p[i], k)
              || (out_write(&o, checkpoint_part(&p[i], k), p[i].count * 4)
                  && out_write(&o, zeros, (64 - p[i].count * 4 % 64) % 64));
    buf_free(&head);
    if (ok) return out_commit(&o);
    out_abort(&o);
    return false;
}
