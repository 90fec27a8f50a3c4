/* lower_words.c -- what was meant by a name that is not known: the same letters, the word of another
 * library, or the nearest name. */
#include "lower.h"

#include <ctype.h>
#include <string.h>

static const struct {
    WordPlace place;
    const char *word, *says;
} lower_words[] = {
#define WORD(place, word, says) { WORD_##place, word, says },
#include "words.def"
};

/* ReduceSum and reduce_sum: but for case and `_` the same. */
static bool word_same(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == '_') a++;
        while (*b == '_') b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
    }
}

static bool word_known(const char *name, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (known[i] && !strcmp(known[i], name)) return true;
    return false;
}

const char *lower_meant(Lower *l, WordPlace place, const char *name, const char *const *known,
                        size_t n)
{
    const char *near = NULL;
    for (size_t i = 0; !near && i < n; i++)
        if (known[i] && word_same(known[i], name) && strcmp(known[i], name)) near = known[i];
    for (size_t i = 0; !near && i < COUNT(lower_words); i++) {
        const char *says = lower_words[i].says;
        if (lower_words[i].place != place || strcmp(lower_words[i].word, name)) continue;
        if (place != WORD_PARAM) return text_arg(l, "; %s", says);
        if (word_known(says, known, n)) near = says;
    }
    if (!near) near = name_nearest(name, known, n);
    return near ? text_arg(l, "; did you mean %s?", near) : "";
}
