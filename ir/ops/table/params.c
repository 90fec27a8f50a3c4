/* params.c -- a program of the build: writes C declarations of the ops and parameters in
 * ops.def.
 *
 *   params ids       params.h: an enum of all names that parameters have
 *   params slots     params.c: their spelling, and where each stands in the row of each op
 *   params builders  builders.h: a struct of arguments and a builder for each op
 *
 * A written header is better for its readers than nested macros: an editor completes its names,
 * and a misspelt parameter is an error of the compiler at the line that has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    int optional, variadic;
} ParamsRow;

enum { MOST = 20 };

typedef struct {
    const char *name, *doc;
    ParamsRow row[MOST + 1]; /* ends with a NULL name */
} ParamsTable;

#define END \
    { \
        NULL, 0, 0 \
    }
#define X(n, ...) \
    { \
#n, 0, 0 \
    }
#define K X
#define KX X
#define X_IN X
#define K_IN X
#define XS X
#define KS X
#define KS_IN X
#define L(n) X(n, )
#define OX(n, ...) \
    { \
#n, 1, 0 \
    }
#define OK OX
#define OKX OX
#define OX_IN OX
#define OK_IN OX
#define OXS OX
#define OKS OX
#define OKS_IN OX
#define V(n) \
    { \
#n, 0, 1 \
    }
#define OV(n) \
    { \
#n, 1, 1 \
    }

static const ParamsTable table[] = {
#define OP(n, family, since, flags, d) \
    { \
#n, d,
#define ARGS(...) \
    { \
        __VA_ARGS__ \
    } \
    } \
    ,
#include "../ops.def"
};
enum { OPS = (int)(sizeof table / sizeof table[0]) };

/* ---- names ------------------------------------------------------------------------------- */

static const char *names[OPS * MOST];
static int count;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void params_collect(void)
{
    int all = 0;
    for (int i = 0; i < OPS; i++)
        for (const ParamsRow *r = table[i].row; r->name; r++) names[all++] = r->name;
    qsort(names, (size_t)all, sizeof *names, by_text);
    for (int i = 0; i < all; i++)
        if (!count || strcmp(names[count - 1], names[i])) names[count++] = names[i];
}

/* ---- what is written --------------------------------------------------------------------- */

static void write_ids(void)
{
    puts(
        "/* params.h -- every name that a parameter of an op has; written from ops.def by\n"
        " * ir/ops/table/params.c. P_NONE: none of them. */\n"
        "#ifndef ANEC_PARAMS_H\n#define ANEC_PARAMS_H\n\ntypedef enum {\n    P_NONE,");
    for (int i = 0; i < count; i++) printf("    P_%s,\n", names[i]);
    puts("    PARAM_COUNT\n} ParamId;\n\n#endif");
}

static void write_slots(void)
{
    puts(
        "/* params.c -- how parameters are spelt, and where they stand; written from ops.def by\n"
        " * ir/ops/table/params.c. */\n#include \"ops.h\"\n\n"
        "const char *const param_names[PARAM_COUNT] = {");
    for (int i = 0; i < count; i++) printf("    [P_%s] = \"%s\",\n", names[i], names[i]);
    puts("};\n\nconst unsigned char param_places[OP_COUNT][PARAM_COUNT] = {");
    for (int i = 0; i < OPS; i++) {
        printf("    [OP_%s] = {", table[i].name);
        for (int k = 0; table[i].row[k].name; k++)
            printf(" [P_%s] = %d,", table[i].row[k].name, k + 1);
        puts(table[i].row[0].name ? " }," : " 0 },");
    }
    puts("};");
}

static void write_builder(const ParamsTable *t)
{
    printf("/* %s: %s */\ntypedef struct {\n", t->name, t->doc);
    for (const ParamsRow *r = t->row; r->name; r++)
        printf("    %s *%s;%s\n", r->variadic ? "const Values" : "Value", r->name,
               r->optional ? " /* optional */" : "");
    printf("} Mil_%s;\n#define mil_%s(b, wish, ...) \\\n"
           "    build_args((b), (wish), OP_%s, &(const Mil_%s){ __VA_ARGS__ })\n\n",
           t->name, t->name, t->name, t->name);
}

static void write_builders(void)
{
    puts(
        "/* builders.h -- how C makes ops; written from ops.def by ir/ops/table/params.c.\n"
        " *\n"
        " *   Value *y = mil_matmul(&b, \"y\", .x = x, .y = w, .transpose_y = build_bool(&b, true));\n"
        " *\n"
        " * The first result of a new op, as build_args makes it (ops.h). */\n"
        "#ifndef ANEC_BUILDERS_H\n#define ANEC_BUILDERS_H\n");
    for (int i = 0; i < OPS; i++)
        if (table[i].row[0].name) write_builder(&table[i]);
    puts("#endif");
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    params_collect();
    if (!strcmp(what, "ids")) write_ids();
    else if (!strcmp(what, "slots")) write_slots();
    else if (!strcmp(what, "builders")) write_builders();
    else {
        fputs("usage: params ids|slots|builders\n", stderr);
        return 2;
    }
    return ferror(stdout) || fflush(stdout) ? 3 : 0;
}
