/* test_generate.c -- text: what tokens stand for, which one is taken, and that keys and values
 * handed on give the logits of the whole text at once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../train/train.h"
#include "unit.h"

/* ---- which token ------------------------------------------------------------------------- */

static void test_sample(void **state)
{
    const float logit[] = { 0, 2, 1, 2 };
    TrainSampling s = { .temperature = 0, .top_p = 1 };
    int seen[4] = { 0 };
    (void)state;
    assert_int_equal(sample_token(&s, logit, 4, 7), 1);
    s.temperature = 1;
    for (uint64_t i = 0; i < 4000; i++) seen[sample_token(&s, logit, 4, i)]++;
    assert_in_range(seen[0], 200, 290); /* 1 / (1 + e + 2 e^2) of 4000: 216 .. */
    assert_in_range(seen[1], 1550, 1750);
    assert_in_range(seen[2], 540, 680);
    s.top_k = 2;
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(sample_token(&s, logit, 4, i) % 2, 1);
    s = (TrainSampling){ .temperature = 1, .top_p = .5 };
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(sample_token(&s, logit, 4, i) % 2, 1);
    s = (TrainSampling){ .temperature = 1, .top_p = 1, .min_p = .5 };
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(sample_token(&s, logit, 4, i) % 2, 1);
    s = (TrainSampling){ .temperature = 1, .top_p = 0 };
    assert_int_equal(sample_token(&s, logit, 4, 3), 1);
}

/* ---- a tokenizer ------------------------------------------------------------------------- */

static void piece(Buf *b, float score, const char *text)
{
    const uint32_t n = (uint32_t)strlen(text);
    buf_add(b, &score, 4);
    buf_add(b, &n, 4);
    buf_puts(b, text);
}

static void put_tokenizer(Buf *b)
{
    static const char *const rest[] = { "a", "b", "ab", "abb", " ", "\n", "\xc3\xa4" };
    const uint32_t longest = 6;
    char text[8];
    buf_add(b, &longest, 4);
    piece(b, 0, "<unk>");
    piece(b, 0, "\n<s>\n");
    piece(b, 0, "\n</s>\n");
    for (int i = 0; i < 256; i++) {
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)i);
        piece(b, 0, text);
    }
    for (size_t i = 0; i < COUNT(rest); i++) piece(b, (float)i, rest[i]);
}

static void test_tokenizer(void **state)
{
    Diag d = { 0 };
    Buf file = { 0 }, back = { 0 };
    Arena a = { 0 };
    TrainVocab v, again;
    uint16_t token[64];
    size_t n;
    unsigned char room;
    static const char text[] = "abb ab\nb\xc3\xa4z\xe2\x82";
    /* abb, space, ab, newline, b, a-umlaut, and three bytes: z, and half of a character */
    static const uint16_t want[] = { 262, 263, 261, 264, 260, 265, 125, 229, 133 };
    (void)state;
    put_tokenizer(&file);
    assert_true(vocab_parse(&v, &d, "t.bin", (unsigned char *)file.s, file.len));
    assert_int_equal(v.n, 266);
    for (int round = 0; round < 2; round++) {
        TrainVocab *of = round ? &again : &v;
        if (round) assert_true(vocab_load(&again, &d, "c", vocab_save(&v, &a)));
        assert_true(vocab_encode(of, &d, "x", (const unsigned char *)text,
                                 sizeof text - 1, token, &n));
        assert_int_equal(n, COUNT(want));
        assert_memory_equal(token, want, sizeof want);
        back.len = 0;
        for (size_t i = 0; i < n; i++) {
            size_t len;
            const char *s = vocab_text(of, token[i], &len, &room);
            buf_add(&back, s, len);
        }
        assert_string_equal(back.s, text);
    }
    assert_int_equal(vocab_begin(&v), 1);
    assert_true(vocab_ends(&v, 2) && !vocab_ends(&v, 3));
    vocab_free(&again);
    vocab_free(&v);
    for (size_t cut = 0; cut < file.len;
         cut += 7) { /* cut anywhere it is none, or a shorter one */
        d.errors = 0;
        if (vocab_parse(&v, &d, "t.bin", (unsigned char *)file.s, cut)) vocab_free(&v);
        else assert_int_equal(d.errors, 1);
    }
    diag_free(&d);
    buf_free(&file);
    buf_free(&back);
    arena_free(&a);
}

static void test_vocabularies(void **state)
{
    Diag d = { 0 };
    Arena a = { 0 };
    TrainVocab v, again;
    uint16_t token[8];
    size_t n;
    (void)state;
    vocab_chars(&v, (const unsigned char *)"hello", 5);
    assert_string_equal(vocab_save(&v, &a), "chars 65686c6f");
    assert_true(vocab_load(&again, &d, "c", vocab_save(&v, &a)));
    assert_true(
        vocab_encode(&again, &d, "x", (const unsigned char *)"hole", 4, token, &n));
    assert_int_equal(token[0], 1);
    assert_int_equal(token[1], 3);
    assert_false(
        vocab_encode(&again, &d, "x", (const unsigned char *)"help", 4, token, &n));
    vocab_bytes(&v);
    assert_string_equal(vocab_save(&v, &a), "bytes");
    assert_int_equal(vocab_begin(&v), -1);
    assert_false(vocab_load(&again, &d, "c", "words"));
    assert_false(vocab_load(&again, &d, "c", "chars 6x"));
    assert_false(vocab_parse(&again, &d, "t.bin", (const unsigned char *)"", 0));
    expect_said(
        &d, "error: x has the byte 0x70 at 3, which the text that is learned from does "
            "not have\n"
            "error: c: its vocabulary is not understood\n"
            "error: c: its vocabulary is not understood\n"
            "error: t.bin is no tokenizer as llama2.c writes it: behind piece 0, at "
            "byte 0 of 0, none begins\n");
    arena_free(&a);
}

/* ---- a model ----------------------------------------------------------------------------- */

/* All logits of a text at once, by the layers as they are trained. */
static const char all[] =
    "model all(tokens: int32[1, positions]) -> logits {\n"
    "    weight embedding: fp32[vocabulary, dim] = normal(std = 0.3), g: fp32[dim] = 1\n"
    "    layer blocks: Block[blocks]\n"
    "    x = transpose(gather(embedding, tokens, axis = 0), perm = [0, 2, 1])\n"
    "    x = reshape(x, [1, dim, 1, positions])\n"
    "    for block in blocks { x = block(x) }\n"
    "    logits = linear(rms_norm(x, g), embedding)\n"
    "}\n";

enum { PLACES = 64, WORDS = 76, MOST_WEIGHTS = 32 };

typedef struct {
    Buf text;
    anec_device *device;
    anec_model *model, *step;
    anec_kernel *kernel;
    anec_tensor value[MOST_WEIGHTS];
    SafeTensor tensor[MOST_WEIGHTS];
    int n;
    uint16_t token[PLACES];
} Whole;

static void open_whole(Whole *w)
{
    anec_error e;
    const char *path, *input;
    const anec_step_options o = { .size = sizeof o, .function = "all", .forward = 1 };
    Mapped m;
    Diag d = { 0 };
    anec_config *c = anec_config_new();
    assert_false(anec_config_set(c, "from", "anedsl", &e));
    assert_true(file_read(&d, "examples/text/char_llama.anedsl", &m));
    buf_add(&w->text, m.data, m.size);
    buf_puts(&w->text, all);
    file_unmap(&m);
    assert_false(anec_open_with("ref", c, &w->device, &e));
    assert_false(anec_load_text(w->device, w->text.s, w->text.len, NULL, &w->model, &e));
    assert_false(anec_step(w->model, &o, &w->step, &e));
    assert_false(anec_compile(w->step, "all", &w->kernel, &e));
    anec_config_free(c);
    for (; (path = anec_weight(w->step, w->n, &input)); w->n++) {
        anec_tensor *v = &w->value[w->n];
        SafeTensor *t = &w->tensor[w->n];
        assert_false(anec_weight_value(w->step, w->n, v, &e));
        assert_false(anec_bind(w->kernel, input, v, &e));
        *t = (SafeTensor){ .name = path + (strncmp(path, "all.", 4) ? 0 : 4),
                           .dtype = "F32",
                           .data = v->data,
                           .bytes = v->bytes,
                           .rank = v->rank };
        memcpy(t->shape, v->shape, sizeof t->shape);
    }
    for (int i = 0; i < PLACES; i++)
        w->token[i] = (uint16_t)(rng_u64(3, (uint64_t)i) % WORDS);
}

static void close_whole(Whole *w)
{
    for (int i = 0; i < w->n; i++) anec_tensor_free(&w->value[i]);
    anec_free(w->kernel);
    anec_model_free(w->step);
    anec_model_free(w->model);
    anec_close(w->device);
    buf_free(&w->text);
}

/* The logits behind each token, by so many tokens a run. */
static void compare(Whole *w, const float *want, const char *backend, size_t block)
{
    Diag d = { 0 };
    TrainWriter writer;
    const float *got;
    const TrainWriterOptions o = { .text = w->text.s,
                                   .backend = backend,
                                   .block = block };
    const SafeTensors s = { .path = "w", .tensor = w->tensor, .count = (size_t)w->n };
    if (!writer_open(&writer, &d, &o, &s)) fail_msg("%s", d.text.s);
    assert_int_equal(writer.places, PLACES);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < PLACES;) {
            const size_t n = i + 2 * block + 1 <= PLACES ? 2 * block + 1 : PLACES - i;
            assert_true(writer_push(&writer, w->token + i, n, &got));
            i += n;
            for (size_t k = 0; k < WORDS; k++)
                assert_float_equal(got[k], want[k * PLACES + i - 1], 2e-4);
        }
        writer_restart(&writer);
    }
    w->token[0] = WORDS;
    assert_false(writer_push(&writer, w->token, 1, &got));
    expect_said(&d, "error: token 76: the model has a vocabulary of 76\n");
    w->token[0] = 5;
    writer_close(&writer);
}

static void test_as_the_whole(void **state)
{
    static Whole w;
    anec_error e;
    anec_tensor logits;
    int32_t token[PLACES];
    const anec_tensor in = { "int32", 2, { 1, PLACES }, token, sizeof token };
    (void)state;
    open_whole(&w);
    w.token[0] = 5;
    for (int i = 0; i < PLACES; i++) token[i] = w.token[i];
    assert_false(anec_bind(w.kernel, "tokens", &in, &e));
    if (anec_run(w.kernel, &e)) fail_msg("%s", e.text);
    assert_false(anec_result(w.kernel, "logits", &logits, &e));
    compare(&w, logits.data, "ref", 1);
    compare(&w, logits.data, "cpu", 8);
    close_whole(&w);
}

/* ---- what is no `next` ------------------------------------------------------------------- */

static void refused(const char *next, const char *want)
{
    Diag d = { 0 };
    Buf text = { 0 };
    TrainWriter writer;
    float zero[4] = { 0 };
    SafeTensor t = { .name = "v", .dtype = "F32", .data = zero, .bytes = 8, .rank = 1 };
    const SafeTensors s = { .path = "w", .tensor = &t, .count = 1 };
    t.shape[0] = 2;
    buf_puts(&text, "model main(x: fp32[1]) -> y = x\n");
    buf_puts(&text, next);
    const TrainWriterOptions o = { .text = text.s, .backend = "ref", .block = 1 };
    assert_false(writer_open(&writer, &d, &o, &s));
    expect_said(&d, want);
    writer_close(&writer);
    buf_free(&text);
}

#define NEXT \
    "model next(tokens: int32[1, 1], at: int32[1], k: fp32[2, 4]) -> logits, new_k {\n"

static void test_refusals(void **state)
{
    (void)state;
    refused(
        "model next(tokens: int32[1, 1], at: int32[1]) -> logits {\n"
        "    weight v: fp32[2] = 0\n    logits = v * cast(at, dtype = \"fp32\")\n}\n",
        "error: `next` hands nothing on: inputs beside tokens, at and weights are needed, "
        "such as keys and values of the tokens so far\n");
    refused(
        NEXT
        "    weight v: fp32[3] = 0\n    logits = k[0] * v[0]\n    new_k = k * 1.0\n}\n",
        "error: w: the weight v has 8 bytes of F32 there, and is fp32 of other dimensions or "
        "type in `next`\n");
    refused(
        NEXT
        "    weight u: fp32[2] = 0\n    logits = k[0] * u[0]\n    new_k = k * 1.0\n}\n",
        "error: w has no weight u, which `next` needs\n");
    refused(
        NEXT
        "    weight v: fp32[2] = 0\n    logits = k[0] * v[0]\n    new_k = k[0] * 1.0\n}\n",
        "error: the input k of `next` is handed on from run to run: a result new_k of its "
        "type is needed, fp32 [.., places]\n");
    refused(
        "model next(tokens: int32[1, 2], at: int32[1], k: fp32[4]) -> logits, new_k {\n"
        "    weight v: fp32[2] = 0\n    logits = k * v[0]\n    new_k = k * 1.0\n}\n",
        "error: `next` of 1 tokens needs the inputs tokens: int32[1, 1] and at: int32[1], "
        "and as its first result logits, fp32 [vocabulary]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),       cmocka_unit_test(test_tokenizer),
        cmocka_unit_test(test_vocabularies), cmocka_unit_test(test_as_the_whole),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
