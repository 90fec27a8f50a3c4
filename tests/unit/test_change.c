/* test_change.c -- FILE.json and its model change together (change.c): from every file that may be
 * there to every content that may come, at each step a reader has the old model with what is said
 * of it, or the new one. */
#include "containers.h"

#include <sys/stat.h>

#define MODEL(comment) \
    "// " comment "\nprogram(1.3)\n{\n    func main<ios18>(tensor<fp16, [1]> x) {\n" \
    "        tensor<fp16, [1]> y = relu(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n"
static const char old_model[] = MODEL("old"), new_model[] = MODEL("new, and longer");

/* What FILE.json says at first: nothing, for there is none; that the author is A, or B; no more
 * than that it is ours; or it is somebody else's. */
enum { NO_FILE, SAYS_A, SAYS_B, SAYS_NOTHING, ANOTHERS, FILES };
static const char *const contents[] = {
    [SAYS_A] = "{\"format\": \"anec beside 1\", \"author\": \"A\"}",
    [SAYS_B] = "{\"format\": \"anec beside 1\", \"author\": \"B\"}",
    [SAYS_NOTHING] = "{\"format\": \"anec beside 1\"}",
    [ANOTHERS] = "{\"weights\": 3}",
};
static const char *const authors[FILES] = { [SAYS_A] = "A", [SAYS_B] = "B" };

enum { AUTHOR = 2 }; /* of about_texts */

static const char *author_of(Place *p)
{
    Module *m = must_read(p, at(p, "m.mil"));
    const char *text = m->about ? m->about->text[AUTHOR] : NULL;
    const char *author = text ? arena_strdup(&p->a, text) : NULL;
    module_free(m);
    return author;
}

static void expect_author(Place *p, const char *want, const char *when)
{
    const char *is = author_of(p);
    if (strcmp(is ? is : "", want ? want : "") != 0)
        fail_msg("%s: the author is %s, not %s", when, is ? is : "nobody",
                 want ? want : "nobody");
}

static void put_text(Place *p, const char *name, const char *text)
{
    put_file(p, at(p, name), text, strlen(text));
}

static Module *new_module(Place *p, const char *author)
{
    put_text(p, "new.mil", new_model);
    Module *m = must_read(p, at(p, "new.mil"));
    if (author) about_of(m)->text[AUTHOR] = author;
    return m;
}

/* The number that the folder has for FILE.json; 0: there is none. */
static ino_t file_number(Place *p)
{
    struct stat st;
    return stat(at(p, "m.mil.json"), &st) ? 0 : st.st_ino;
}

typedef enum { FINISHED, UNDONE, SAME_MODEL } End;

static void change(Place *p, int was, bool there, const char *author, End end)
{
    Beside b;
    char sum[65];
    unlink(at(p, "m.mil.json"));
    unlink(at(p, "m.mil"));
    if (contents[was]) put_text(p, "m.mil.json", contents[was]);
    if (there) put_text(p, "m.mil", old_model);
    Module *m = new_module(p, author);
    const bool refused = was == ANOTHERS && author;
    const ino_t number = file_number(p);
    assert_int_equal(beside_open(&b, m, &p->d, at(p, "m.mil"), BESIDE_MIL), !refused);
    module_free(m);
    if (refused) {
        expect_says(&p->d, "m.mil.json is another's file: there is no place for what "
                           "m.mil cannot hold");
        assert_int_equal(file_number(p), number);
        return;
    }
    const char *old = authors[was];
    const bool ours = was != NO_FILE && was != ANOTHERS;
    const bool stays = ours ? author && old && !strcmp(author, old) : !author;
    assert_int_equal(b.changes, !stays);
    assert_int_equal(b.replaces, there);
    assert_true(
        beside_sum(&p->d, at(p, end == SAME_MODEL && there ? "m.mil" : "new.mil"), sum));
    assert_true(beside_prepare(&b, sum));
    if (there) expect_author(p, old, "before the model");
    if (end == UNDONE) {
        beside_undo(&b);
        if (!there) put_text(p, "m.mil", old_model);
        expect_author(p, old, "undone");
    } else {
        if (end == FINISHED) put_text(p, "m.mil", new_model);
        else if (!there) put_text(p, "m.mil", old_model);
        /* the same model has one change, which is behind it */
        if (end == FINISHED || !there) expect_author(p, author, "with the model");
        assert_true(beside_finish(&b));
        expect_author(p, author, "in the end");
    }
    if (stays) assert_int_equal(file_number(p), number);
    if (was != ANOTHERS && end != UNDONE)
        assert_int_equal(file_exists(at(p, "m.mil.json")), author != NULL);
    if (was == ANOTHERS) assert_int_equal(file_number(p), number);
    beside_close(&b);
    assert_int_equal(p->d.errors + p->d.fails, 0);
}

static void each_file_becomes_each_other(void **state)
{
    static const char *const new_authors[] = { NULL, "A", "B" };
    for (int was = 0; was < FILES; was++)
        for (int there = 0; there < 2; there++)
            for (size_t i = 0; i < COUNT(new_authors); i++)
                for (End end = FINISHED; end <= SAME_MODEL; end++)
                    change(*state, was, there, new_authors[i], end);
}

/* What cannot be removed is said, before the model is there and behind it. */
static void what_stays_is_told(void **state)
{
    Place *p = *state;
    for (int there = 0; there < 2; there++) {
        Beside b;
        char sum[65];
        put_text(p, "m.mil.json", contents[SAYS_A]);
        unlink(at(p, "m.mil"));
        if (there) put_text(p, "m.mil", old_model);
        Module *m = new_module(p, NULL);
        assert_true(beside_open(&b, m, &p->d, at(p, "m.mil"), BESIDE_MIL));
        module_free(m);
        assert_true(beside_sum(&p->d, at(p, "new.mil"), sum));
        if (there) assert_true(beside_prepare(&b, sum));
        unlink(at(p, "m.mil.json"));
        assert_int_equal(mkdir(at(p, "m.mil.json"), 0700), 0);
        assert_false(there ? beside_finish(&b) : beside_prepare(&b, sum));
        expect_says(&p->d, "cannot remove ");
        rmdir(at(p, "m.mil.json"));
        beside_close(&b);
        diag_free(&p->d);
        p->d = (Diag){ .quiet = true };
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_file_becomes_each_other, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(what_stays_is_told, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
