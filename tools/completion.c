/* completion.c -- --completion: scripts for bash, zsh and fish, written from an option table.
 *
 * The row of an option tells what its value may be: one of the choices; or by the name of
 * its argument, in which a word of small letters stands for itself ("random[:SEED]|zero"),
 * and other words are kinds of values in the table below. "NAME=X" is a name and then X. */
#include "../include/anec.h"
#include "main.h"

#include <ctype.h>
#include <string.h>

/* ---- what an argument may be ------------------------------------------------------------- */

typedef enum { OF_NOTHING, OF_FILES, OF_FOLDERS } FileKind;

typedef struct {
    Buf words; /* between blanks */
    FileKind files;
    const char *endings; /* of files: " .mil .npy", or NULL: all */
    bool list, named;    /* several between commas; behind "NAME=" */
    Arena arena;
} Follows;

static void follow_word(Follows *f, const char *word, size_t n)
{
    buf_printf(&f->words, "%s%.*s", f->words.len ? " " : "", (int)n, word);
}

static void follow_chips(Follows *f, const char *before)
{
    const char *name;
    for (int i = 0; (name = anec_backend(i, NULL)); i++)
        if (!strncmp(name, "sim:", 4) && strcmp(name, "sim:generic") != 0)
            buf_printf(&f->words, "%s%s%s", f->words.len ? " " : "", before, name + 4);
}

static void follow_targets(Follows *f)
{
    follow_word(f, "generic", 7);
    follow_word(f, "host", 4);
    follow_chips(f, "");
    f->list = true;
}

static void follow_chip(Follows *f) { follow_chips(f, ""); }

static void follow_backends(Follows *f)
{
    const char *name;
    for (int i = 0; (name = anec_backend(i, NULL)); i++)
        follow_word(f, name, strlen(name));
}

static void follow_warnings(Follows *f)
{
    follow_word(f, "error", 5);
    for (int i = 0; i < WARN_COUNT; i++)
        follow_word(f, warning_names[i], strlen(warning_names[i]));
}

static void follow_files(Follows *f) { f->files = OF_FILES; }
static void follow_folders(Follows *f) { f->files = OF_FOLDERS; }

/* The endings of ir/mil/container.c and of the language: tests/completion.sh compares them. */
static void follow_models(Follows *f)
{
    f->files = OF_FILES;
    f->endings = ".anedsl .mil .mlmodelc .mlpackage .mlmodel";
}

static const struct {
    const char *arg;
    void (*follow)(Follows *f);
} kinds[] = {
    { "FILE", follow_files },         { "PROFILE", follow_files },
    { "RUN", follow_files },          { "DIR", follow_folders },
    { "MODEL", follow_models },       { "CHIP[,OS]", follow_targets },
    { "CHIP", follow_chip },          { "BACKEND", follow_backends },
    { "[no-]NAME", follow_warnings },
};

/* A word of an argument's name, n bytes: a kind, a file of an ending (FILE.npy), a choice. */
static void follow_part(Follows *f, const Tool *t, const char *part, size_t n, bool only)
{
    const char *equals = memchr(part, '=', n), *dot = memchr(part, '.', n);
    if (equals) {
        f->named = true;
        n -= (size_t)(equals + 1 - part);
        part = equals + 1;
    }
    const char *word = arena_strndup(&f->arena, part, n);
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (!strcmp(kinds[i].arg, word)) kinds[i].follow(f);
    if (t->words) t->words(&f->words, word);
    if (dot && isupper((unsigned char)*part)) {
        f->files = OF_FILES;
        f->endings = arena_strdup(&f->arena, strchr(word, '.'));
    } else if (!only && islower((unsigned char)*part)) {
        follow_word(f, part, strcspn(word, "["));
    }
}

static Follows follows_arg(const Tool *t, const char *arg, const char *choices)
{
    Follows f = { .files = OF_NOTHING };
    const char *text = choices ? choices : arg;
    const bool only = !choices && !strchr(arg, '|');
    for (size_t n; text && *text; text += n + (text[n] == '|')) {
        n = strcspn(text, "|");
        follow_part(&f, t, text, n, only);
    }
    return f;
}

static void follows_free(Follows *f)
{
    buf_free(&f->words);
    arena_free(&f->arena);
}

/* An operand's name that is no kind but FILE means a model. */
static Follows follows_operand(const Tool *t)
{
    const char *name = t->operand;
    const bool model = name && (!strcmp(name, "FILE") || t->two || t->many);
    return model ? follows_arg(t, "MODEL", NULL)
         : name  ? follows_arg(t, name, NULL)
                 : (Follows){ 0 };
}

/* The first sentence or clause of a row's help, without what a shell would take for itself. */
static const char *row_about(Arena *a, const Option *o)
{
    size_t n = strcspn(o->help, ";:");
    char *s = arena_strndup(a, o->help, n);
    for (char *c = s; *c; c++)
        if (strchr("'[]\\\"`$", *c)) *c = ' ';
    return s;
}

/* A tool's name as a function's. */
static const char *shell_name(Arena *a, const Tool *t)
{
    char *name = arena_strdup(a, t->name);
    for (char *c = name; *c; c++)
        if (*c == ' ') *c = '_';
    return name;
}

/* The operand that names a tool's other table. */
static const char *sub_word(const Tool *t) { return strrchr(t->sub->name, ' ') + 1; }

/* ---- bash -------------------------------------------------------------------------------- */

static const char bash_begin[] =
    "    local line=${COMP_LINE:0:COMP_POINT} before value option= words= files= folders= list=\n"
    "    local named= head= cut= end one IFS=$' \\t\\n'\n"
    "    value=${line##*[[:space:]]}\n"
    "    read -ra before <<<\"${line%\"$value\"}\"\n"
    "    [ ${#before[@]} -gt 0 ] && option=${before[${#before[@]}-1]}\n"
    "    case $value in\n"
    "    --*=*) option=${value%%=*}= value=${value#*=} ;;\n"
    "    -*) option= words=$OPTIONS ;;\n"
    "    esac\n";

/* A reply stands for what readline takes for the last word, which begins behind a = or a
 * colon. */
static const char bash_end[] =
    "    [ -n \"$named\" ] && case $value in\n"
    "    *=*) value=${value#*=} ;;\n"
    "    *) files= ;;\n"
    "    esac\n"
    "    [ -n \"$list\" ] && case $value in *,*) head=${value%,*}, value=${value##*,} ;; esac\n"
    "    case $value in *:*) cut=${value%:*}: ;; esac\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r one; do COMPREPLY+=(\"$head${one#\"$cut\"}\"); done \\\n"
    "        < <(compgen -W \"$words\" -- \"$value\")\n"
    "    [ -n \"$folders\" ] && while IFS= read -r one; do COMPREPLY+=(\"$one\"); done \\\n"
    "        < <(compgen -d -- \"$value\")\n"
    "    [ -n \"$files\" ] && while IFS= read -r one; do\n"
    "        if [ -d \"$one\" ] || [ \"$files\" = any ]; then COMPREPLY+=(\"$one\"); continue; fi\n"
    "        for end in $files; do\n"
    "            case $one in *\"$end\") COMPREPLY+=(\"$one\") ;; esac\n"
    "        done\n"
    "    done < <(compgen -f -- \"$value\")\n"
    "    [ -n \"$files$folders\" ] && compopt -o filenames 2>/dev/null\n"
    "    return 0\n"
    "}\n";

static void bash_follows(Buf *out, const Follows *f)
{
    if (f->words.len) buf_printf(out, " words='%s'", f->words.s);
    if (f->files == OF_FILES)
        buf_printf(out, " files='%s'", f->endings ? f->endings : "any");
    if (f->files == OF_FOLDERS) buf_puts(out, " folders=1");
    if (f->list) buf_puts(out, " list=1");
    if (f->named) buf_puts(out, " named=1");
}

static void bash_spellings(Buf *out, const Option *o)
{
    const char *sep = "";
    if (o->kind != OPT_MAYBE && o->letter) {
        buf_printf(out, "-%c", o->letter);
        sep = "|";
    }
    if (o->kind != OPT_MAYBE && o->name) {
        buf_printf(out, "%s--%s", sep, o->name);
        sep = "|";
    }
    if (o->name) buf_printf(out, "%s--%s=", sep, o->name);
}

static void bash_function(const Tool *t, Buf *out)
{
    Arena a = { 0 };
    const char *sep = "";
    if (t->sub) bash_function(t->sub, out);
    buf_printf(out, "_%s() {\n    local OPTIONS='", shell_name(&a, t));
    for (int i = 0; i < t->noption; i++) {
        const Option *o = &t->option[i];
        if (o->kind == OPT_HIDDEN) continue;
        if (o->letter) buf_printf(out, "%s-%c", sep, o->letter);
        if (o->letter) sep = " ";
        if (o->name) buf_printf(out, "%s--%s", sep, o->name);
        sep = " ";
    }
    buf_printf(out, "'\n%s", bash_begin);
    if (t->sub)
        buf_printf(out, "    [ \"${before[1]}\" = %s ] && { _%s; return; }\n",
                   sub_word(t), shell_name(&a, t->sub));
    buf_puts(out, "    case $option in\n");
    for (int i = 0; i < t->noption; i++) {
        const Option *o = &t->option[i];
        if (o->kind == OPT_HIDDEN || !o->arg) continue;
        Follows f = follows_arg(t, o->arg, o->choices);
        buf_puts(out, "    ");
        bash_spellings(out, o);
        buf_putc(out, ')');
        bash_follows(out, &f);
        buf_puts(out, " ;;\n");
        follows_free(&f);
    }
    Follows f = follows_operand(t);
    buf_puts(out, "    *) [ -n \"$words\" ] ||");
    if (f.files || f.words.len) bash_follows(out, &f);
    else buf_puts(out, " :");
    if (t->sub)
        buf_printf(out, "; [ ${#before[@]} -gt 1 ] || words=${words:-%s}", sub_word(t));
    buf_printf(out, " ;;\n    esac\n%s", bash_end);
    follows_free(&f);
    arena_free(&a);
}

static void bash_script(const Tool *t, Buf *out)
{
    Arena a = { 0 };
    bash_function(t, out);
    buf_printf(out, "complete -F _%s %s\n", shell_name(&a, t), t->name);
    arena_free(&a);
}

/* ---- zsh --------------------------------------------------------------------------------- */

/* A colon would end the part of the row that they stand in. */
static void zsh_words(Buf *out, const char *words)
{
    buf_putc(out, ' ');
    for (const char *c = words; *c; c++) buf_printf(out, *c == ':' ? "\\%c" : "%c", *c);
}

/* Files of the endings; one in parentheses, (.npy), would be a qualifier. */
static void zsh_glob(Buf *out, const char *endings)
{
    const bool several = strchr(endings, ' ') != NULL;
    buf_puts(out, several ? "_files -g \"*(" : "_files -g \"*");
    for (const char *c = endings; *c; c++) buf_putc(out, *c == ' ' ? '|' : *c);
    buf_puts(out, several ? ")\"" : "\"");
}

/* _arguments' last part of a row: ":what:how". */
static void zsh_follows(Buf *out, const char *what, const Follows *f)
{
    buf_putc(out, ':');
    for (const char *c = what; *c; c++) /* a name alone is a message */
        buf_putc(out, strchr(":[]'", *c) ? ' ' : *c);
    buf_putc(out, ':');
    if (f->words.len) {
        buf_puts(out, f->list ? "{ _sequence compadd -" : "{ compadd -");
        zsh_words(out, f->words.s);
        buf_puts(out, f->files ? "; _files }" : " }");
    } else if (f->files == OF_FOLDERS) buf_puts(out, "_files -/");
    else if (f->files && f->named) buf_puts(out, "{ compset -P \"*=\" && ");
    if (f->files != OF_FILES || f->words.len) return;
    if (!f->endings) {
        buf_puts(out, f->named ? "_files }" : "_files");
        return;
    }
    zsh_glob(out, f->endings);
    if (f->named) buf_puts(out, " }");
}

static void zsh_row(Buf *out, const Tool *t, const Option *o, const char *spelling)
{
    Arena a = { 0 };
    buf_printf(out, "    '*%s%s[%s]", spelling,
               !o->arg                ? ""
               : o->kind == OPT_MAYBE ? "=-"
               : spelling[1] == '-'   ? "="
                                      : "+",
               row_about(&a, o));
    if (o->arg) {
        Follows f = follows_arg(t, o->arg, o->choices);
        if (o->kind == OPT_MAYBE) buf_putc(out, ':');
        zsh_follows(out, o->arg, &f);
        follows_free(&f);
    }
    buf_puts(out, "' \\\n");
    arena_free(&a);
}

static void zsh_arguments(const Tool *t, Buf *out)
{
    Arena a = { 0 };
    buf_printf(out, "_arguments -s -S \\\n");
    for (int i = 0; i < t->noption; i++) {
        const Option *o = &t->option[i];
        if (o->kind == OPT_HIDDEN) continue;
        if (o->letter) zsh_row(out, t, o, arena_printf(&a, "-%c", o->letter));
        if (o->name) zsh_row(out, t, o, arena_printf(&a, "--%s", o->name));
    }
    Follows f = follows_operand(t);
    buf_puts(out, "    '*");
    if (t->sub) {
        buf_printf(out, ":%s:{ (( CURRENT == 2 )) && compadd - %s; ", t->operand,
                   sub_word(t));
        zsh_glob(out, f.endings);
        buf_puts(out, " }");
    } else if (t->operand) {
        buf_putc(out, ':');
        zsh_follows(out, t->operand, &f);
    } else buf_puts(out, ":nothing: ");
    buf_puts(out, "'\n");
    follows_free(&f);
    arena_free(&a);
}

static void zsh_script(const Tool *t, Buf *out)
{
    if (t->sub) {
        buf_printf(out,
                   "if (( CURRENT > 2 )) && [[ $words[2] = %s ]]; then\n"
                   "    shift words; (( CURRENT-- ))\n",
                   sub_word(t));
        zsh_arguments(t->sub, out);
        buf_puts(out, "    return\nfi\n");
    }
    zsh_arguments(t, out);
}

/* ---- fish -------------------------------------------------------------------------------- */

static void fish_follows(Buf *out, const Follows *f)
{
    if (f->list) buf_printf(out, " -x -a '(__fish_append , %s)'", f->words.s);
    else if (f->words.len)
        buf_printf(out, " -%c -a '%s'", f->files ? 'r' : 'x', f->words.s);
    else if (f->files == OF_FOLDERS)
        buf_puts(out, " -x -a '(__fish_complete_directories)'");
    else if (f->files && f->endings && !strchr(f->endings, ' ') && !f->named)
        buf_printf(out, " -x -k -a '(__fish_complete_suffix %s)'", f->endings);
    else if (f->files) buf_puts(out, " -r -F");
    else buf_puts(out, " -x");
}

/* Files of the endings, and folders to look further in. */
static void fish_operand(Buf *out, const char *head, const Follows *f)
{
    if (!f->files || !f->endings) return;
    buf_printf(
        out,
        "%s -f -a '(for f in (commandline -ct)*; if test -d $f; echo $f/; "
        "else; for e in %s; string match -q -- \"*$e\" $f; and echo $f; end; end; end)'\n",
        head, f->endings);
}

/* head: what each line begins with, the command and when it holds */
static void fish_rows(const Tool *t, const char *head, Buf *out)
{
    Arena a = { 0 };
    for (int i = 0; i < t->noption; i++) {
        const Option *o = &t->option[i];
        if (o->kind == OPT_HIDDEN) continue;
        buf_puts(out, head);
        if (o->letter) buf_printf(out, " -s %c", o->letter);
        if (o->name) buf_printf(out, " -l %s", o->name);
        if (o->arg && o->kind != OPT_MAYBE) {
            Follows f = follows_arg(t, o->arg, o->choices);
            fish_follows(out, &f);
            follows_free(&f);
        }
        buf_printf(out, " -d '%s'\n", row_about(&a, o));
    }
    Follows f = follows_operand(t);
    fish_operand(out, head, &f);
    follows_free(&f);
    arena_free(&a);
}

static void fish_script(const Tool *t, Buf *out)
{
    Arena a = { 0 };
    const char *head = arena_printf(&a, "complete -c %s", t->name);
    if (t->sub) {
        const char *when = arena_printf(&a, "__fish_seen_subcommand_from %s",
                                        sub_word(t));
        fish_rows(t->sub, arena_printf(&a, "%s -n '%s'", head, when), out);
        buf_printf(out,
                   "%s -n 'test (count (commandline -opc)) -eq 1' -f -a %s -d '%s'\n",
                   head, sub_word(t), t->sub->summary);
        head = arena_printf(&a, "%s -n 'not %s'", head, when);
    }
    fish_rows(t, head, out);
    arena_free(&a);
}

/* ---- all of them ------------------------------------------------------------------------- */

static const struct {
    const char *name, *first; /* a line before all, with the tool's name */
    void (*script)(const Tool *t, Buf *out);
} shells[] = {
    { "bash", "", bash_script },
    { "zsh", "#compdef ", zsh_script },
    { "fish", "", fish_script },
};

void tool_completion(const Tool *t, const char *shell, Buf *out)
{
    if (t->whole) t = t->whole;
    for (size_t i = 0; i < COUNT(shells); i++) {
        if (strcmp(shells[i].name, shell) != 0) continue;
        if (*shells[i].first) buf_printf(out, "%s%s\n", shells[i].first, t->name);
        buf_printf(out, "# Written by `%s --completion %s` from its options.\n", t->name,
                   shell);
        shells[i].script(t, out);
    }
}
