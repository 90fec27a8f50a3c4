/* vocab.c -- vocabularies: all bytes, the bytes that occur in a text, or the pieces of a
 * tokenizer in the format of llama2.c.
 *
 * A text is split into characters; then, of all pairs of neighbours that are a piece
 * together, the one with the best score is merged, until there is none. This is done line by
 * line, so that the time is in proportion to the text. */
#include "train.h"

#include <stdlib.h>

enum { MOST_TOKENS = 65536, LINE = 4096, BEGIN = 1, END = 2, FIRST_BYTE = 3 };

/* ---- bytes ------------------------------------------------------------------------------- */

static void set_bytes(TrainVocab *v, const bool *there)
{
    v->n = 0;
    for (int c = 0; c < 256; c++) {
        v->rank[c] = there[c] ? v->n : -1;
        if (there[c]) v->byte[v->n++] = (unsigned char)c;
    }
}

void vocab_bytes(TrainVocab *v)
{
    bool there[256];
    memset(there, true, sizeof there);
    *v = (TrainVocab){ .kind = VOCAB_BYTES };
    set_bytes(v, there);
}

void vocab_chars(TrainVocab *v, const unsigned char *text, size_t n)
{
    bool there[256] = { false };
    *v = (TrainVocab){ .kind = VOCAB_CHARS };
    for (size_t i = 0; i < n; i++) there[text[i]] = true;
    set_bytes(v, there);
}

/* ---- a tokenizer ------------------------------------------------------------------------- */

static uint32_t vocab_word(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

typedef struct {
    const char *text;
    uint32_t len;
    int token;
} VocabEntry;

static int vocab_compare(const char *a, uint32_t na, const char *b, uint32_t nb)
{
    const int c = memcmp(a, b, na < nb ? na : nb);
    return c ? c : na < nb ? -1 : na > nb;
}

/* Of two equal pieces the first token counts. */
static int by_text(const void *a, const void *b)
{
    const VocabEntry *x = a, *y = b;
    const int c = vocab_compare(x->text, x->len, y->text, y->len);
    return c ? c : x->token - y->token;
}

static void sort_pieces(TrainVocab *v)
{
    VocabEntry *all = NEW_ARRAY(&v->arena, v->n, VocabEntry);
    for (int i = 0; i < v->n; i++)
        all[i] = (VocabEntry){ v->piece[i].text, v->piece[i].len, i };
    qsort(all, (size_t)v->n, sizeof *all, by_text);
    v->sorted = NEW_ARRAY(&v->arena, v->n, int);
    for (int i = 0; i < v->n; i++) v->sorted[i] = all[i].token;
}

/* -1: no piece is this. */
static int vocab_find(const TrainVocab *v, const char *text, uint32_t len)
{
    int low = 0, high = v->n;
    while (low < high) {
        const int mid = (low + high) / 2;
        const TrainPiece *p = &v->piece[v->sorted[mid]];
        if (vocab_compare(p->text, p->len, text, len) < 0) low = mid + 1;
        else high = mid;
    }
    if (low == v->n) return -1;
    const TrainPiece *p = &v->piece[v->sorted[low]];
    return vocab_compare(p->text, p->len, text, len) ? -1 : v->sorted[low];
}

/* Pieces <0xNN> are bytes, if they stand where llama2.c has them. */
static bool is_byte(const TrainVocab *v, int token, unsigned char *out)
{
    const TrainPiece *p = &v->piece[token];
    char want[8];
    if (token < FIRST_BYTE || token >= FIRST_BYTE + 256) return false;
    snprintf(want, sizeof want, "<0x%02X>", (unsigned)(token - FIRST_BYTE));
    if (p->len != 6 || memcmp(p->text, want, 6) != 0) return false;
    *out = (unsigned char)(token - FIRST_BYTE);
    return true;
}

/* int32 longest; then for each token float score, int32 length, bytes. */
bool vocab_parse(TrainVocab *v, Diag *d, const char *path, const unsigned char *data,
                 size_t size)
{
    size_t at = 4;
    int cap = 0;
    *v = (TrainVocab){ .kind = VOCAB_PIECES };
    v->file = arena_strndup(&v->arena, (const char *)data, 0);
    char *copy = arena_alloc(&v->arena, size + 1);
    if (size) memcpy(copy, data, size);
    v->file = copy;
    v->bytes = size;
    while (at + 8 <= size && v->n < MOST_TOKENS) {
        const uint32_t bits = vocab_word(data + at), len = vocab_word(data + at + 4);
        if (len > size - at - 8) break;
        ARENA_ROOM(&v->arena, v->piece, v->n, cap);
        TrainPiece *p = &v->piece[v->n++];
        memcpy(&p->score, &bits, 4);
        p->text = copy + at + 8;
        p->len = len;
        at += 8 + len;
    }
    if (v->n > END && at == size) {
        sort_pieces(v);
        return true;
    }
    diag_error(
        d, (Loc){ 0 },
        "%s is no tokenizer as llama2.c writes it: behind piece %d, at byte %zu of %zu, "
        "none begins",
        path, v->n, at < size ? at : size, size);
    vocab_free(v);
    return false;
}

void vocab_free(TrainVocab *v)
{
    arena_free(&v->arena);
    *v = (TrainVocab){ 0 };
}

/* ---- to tokens --------------------------------------------------------------------------- */

/* Characters of UTF-8; a byte that begins none is one. */
static size_t vocab_character(const unsigned char *s, size_t n)
{
    const size_t want = *s < 0xc0 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
    size_t len = 1;
    while (len < want && len < n && (s[len] & 0xc0) == 0x80) len++;
    return len;
}

/* What is said of a line so far: tokens, of which neighbours are joined. */
typedef struct {
    int token[LINE + 8];
    int n;
} Line;

static bool add_character(const TrainVocab *v, Line *l, const unsigned char *s, size_t n)
{
    unsigned char same;
    const int token = vocab_find(v, (const char *)s, (uint32_t)n);
    if (token >= 0) {
        l->token[l->n++] = token;
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (FIRST_BYTE + s[i] >= v->n || !is_byte(v, FIRST_BYTE + s[i], &same))
            return false;
        l->token[l->n++] = FIRST_BYTE + s[i];
    }
    return true;
}

static int vocab_joined(const TrainVocab *v, int a, int b)
{
    char text[512];
    const TrainPiece *x = &v->piece[a], *y = &v->piece[b];
    if (x->len + y->len > sizeof text || x->len > sizeof text) return -1;
    memcpy(text, x->text, x->len);
    memcpy(text + x->len, y->text, y->len);
    return vocab_find(v, text, x->len + y->len);
}

static void vocab_join(const TrainVocab *v, Line *l)
{
    for (;;) {
        int best = -1, at = 0;
        for (int i = 0; i + 1 < l->n; i++) {
            const int token = vocab_joined(v, l->token[i], l->token[i + 1]);
            if (token < 0 || (best >= 0 && v->piece[token].score <= v->piece[best].score))
                continue;
            best = token;
            at = i;
        }
        if (best < 0) return;
        l->token[at] = best;
        l->n--;
        memmove(&l->token[at + 1], &l->token[at + 2],
                (size_t)(l->n - at - 1) * sizeof(int));
    }
}

static size_t line_end(const unsigned char *s, size_t n)
{
    size_t at = 0;
    while (at < n && at < LINE) {
        const size_t len = vocab_character(s + at, n - at);
        if (at + len > LINE) break;
        at += len;
        if (s[at - 1] == '\n') break;
    }
    return at;
}

static bool no_token(Diag *d, const char *what, const unsigned char *s, size_t at)
{
    return diag_error(
        d, (Loc){ 0 },
        "%s has the byte 0x%02x at %zu, which the text that is learned from does "
        "not have",
        what, s[at], at);
}

static bool encode_pieces(const TrainVocab *v, Diag *d, const char *what,
                          const unsigned char *s, size_t n, uint16_t *out, size_t *count)
{
    Line *l = mem_alloc(sizeof *l);
    if (!l) mem_out(sizeof *l);
    bool ok = true;
    *count = 0;
    for (size_t at = 0; ok && at < n;) {
        const size_t end = at + line_end(s + at, n - at);
        l->n = 0;
        while (ok && at < end) {
            const size_t len = vocab_character(s + at, end - at);
            ok = add_character(v, l, s + at, len) || no_token(d, what, s, at);
            at += len;
        }
        if (ok) vocab_join(v, l);
        for (int i = 0; ok && i < l->n; i++) out[(*count)++] = (uint16_t)l->token[i];
    }
    mem_free(l);
    return ok;
}

bool vocab_encode(const TrainVocab *v, Diag *d, const char *what, const unsigned char *s,
                  size_t n, uint16_t *out, size_t *count)
{
    if (v->kind == VOCAB_PIECES) return encode_pieces(v, d, what, s, n, out, count);
    *count = n;
    for (size_t i = 0; i < n; i++) {
        if (v->rank[s[i]] < 0) return no_token(d, what, s, i);
        out[i] = (uint16_t)v->rank[s[i]];
    }
    return true;
}

/* ---- to text ----------------------------------------------------------------------------- */

const char *vocab_text(const TrainVocab *v, int token, size_t *len, unsigned char *room)
{
    *len = 1;
    if (token < 0 || token >= v->n) *len = 0;
    else if (v->kind != VOCAB_PIECES) return (const char *)&v->byte[token];
    else if (is_byte(v, token, room)) return (const char *)room;
    else {
        *len = token == BEGIN || token == END ? 0 : v->piece[token].len;
        return v->piece[token].text;
    }
    return "";
}

int vocab_begin(const TrainVocab *v) { return v->kind == VOCAB_PIECES ? BEGIN : -1; }

bool vocab_ends(const TrainVocab *v, int token)
{
    return v->kind == VOCAB_PIECES && (token == BEGIN || token == END);
}

/* ---- in a checkpoint --------------------------------------------------------------------- */

static void put_hex(Buf *b, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++) buf_printf(b, "%02x", p[i]);
}

/* "bytes", "chars HEX", "tokenizer HEX" */
const char *vocab_save(const TrainVocab *v, Arena *a)
{
    Buf b = { 0 };
    if (v->kind == VOCAB_BYTES) buf_puts(&b, "bytes");
    if (v->kind == VOCAB_CHARS) {
        buf_puts(&b, "chars ");
        put_hex(&b, v->byte, (size_t)v->n);
    }
    if (v->kind == VOCAB_PIECES) {
        buf_puts(&b, "tokenizer ");
        put_hex(&b, v->file, v->bytes);
    }
    const char *s = arena_strdup(a, b.s ? b.s : "");
    buf_free(&b);
    return s;
}

static int vocab_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(Buf *out, const char *s)
{
    for (; s[0] && s[1]; s += 2) {
        const int high = vocab_digit(s[0]), low = vocab_digit(s[1]);
        if (high < 0 || low < 0) return false;
        buf_putc(out, (char)(high << 4 | low));
    }
    return !*s;
}

bool vocab_load(TrainVocab *v, Diag *d, const char *path, const char *saved)
{
    const char *hex = strchr(saved, ' ');
    const size_t name = strcspn(saved, " ");
    Buf b = { 0 };
    bool ok = !hex || read_hex(&b, hex + 1);
    *v = (TrainVocab){ 0 };
    if (ok && !hex && !strcmp(saved, "bytes")) vocab_bytes(v);
    else if (ok && hex && name == 5 && !memcmp(saved, "chars", 5))
        vocab_chars(v, (const unsigned char *)b.s, b.len);
    else if (ok && hex && name == 9 && !memcmp(saved, "tokenizer", 9))
        ok = vocab_parse(v, d, path, (const unsigned char *)b.s, b.len);
    else ok = diag_error(d, (Loc){ 0 }, "%s: its vocabulary is not understood", path);
    buf_free(&b);
    return ok;
}
