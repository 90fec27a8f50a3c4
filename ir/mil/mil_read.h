/* mil_read.h -- shared by the lexer, the grammar and the reader of MIL text, for ir/mil alone.
 *
 * Each action of the grammar (mil_grammar.y) is one call of a function declared here. The
 * elements of a list are kept in the reader until the op that they belong to is complete;
 * numbers stay text until the type of their literal is known. */
#ifndef ANEC_MIL_READ_H
#define ANEC_MIL_READ_H

#include "../ops/ops.h"

typedef struct {
    const char *s; /* into the source's text */
    uint32_t len;
} MilToken;

typedef struct {
    const Type *type;
    MilToken at; /* its first word */
} MilType;

typedef struct MilTypes MilTypes; /* the members of a tuple, last first */
struct MilTypes {
    const Type *type;
    MilTypes *before;
    int count;
};

/* A list, tuple or dict whose elements are being read. */
typedef struct {
    const Type *type;
    const Const **elem;
    int count, cap;
    MilToken at;
} MilGroup;

/* The literal that is being read: the groups around it, and its elements so far. */
typedef struct {
    const Type *type;
    Const *done;
    MilToken at;
    bool bad; /* an error in it was reported; the rest of it is skipped */
    MilGroup *group;
    int ngroup, group_cap;
    const Type *leaf;           /* tensor type whose elements are being read, or NULL */
    int depth;                  /* open brackets of the leaf */
    bool flat;                  /* one list has the elements of all axes */
    bool known;                 /* the type tells the number of elements */
    int64_t seen[MAX_RANK + 1]; /* elements or lists so far at each depth */
    /* those of the type; in place of a `?`, that of the first list */
    int64_t dims[MAX_RANK];
    size_t count, want;
    ArenaMark mark;       /* of the arena before the literal, */
    ArenaMark behind;     /* and behind the text of its last string */
    unsigned char *bytes; /* its elements; the memory is used again by the next literal */
    size_t size;
} MilLiteral;

typedef enum { MIL_BARE_NONE, MIL_BARE_NUMBER, MIL_BARE_STRING, MIL_BARE_BOOL } MilBare;

typedef struct {
    Value *val;
    MilBare bare;
    MilToken at;
} MilItem;

typedef struct {
    MilToken name, at;
    int first, count;
    bool tuple;
} MilArg;

typedef struct {
    const Type *type;
    MilToken name;
} MilNamed;

typedef struct {
    const char *name;
    Value *val;
} MilBinding;

/* A hash table of the small literals that were read, so that equal ones are shared. */
typedef struct {
    const Const *lit;
    Value *val; /* of an inline literal */
} MilKnown;

typedef struct {
    MilKnown *known;
    size_t cap, count;
} MilShared;

typedef struct {
    Module *m;
    Diag *d;
    const Source *src;
    const char *at, *end; /* the lexer's place */
    const char *held;     /* of a mapped text: pages before this were given back */
    int errors;           /* count of errors when reading began */
    int syntax;           /* syntax errors so far */
    bool stop;
    const Const *result; /* of mil_read_literal */

    Func *func;
    Block *block;
    MilLiteral lit;
    Shape dims;
    struct TypeField field[MAX_RANK];
    int nfield;

    /* Lists of the op that is being read, each with its count and capacity. */
    MilNamed *param, *out;
    int nparam, param_cap, nout, out_cap;
    MilItem *item;
    int nitem, item_cap;
    MilArg *arg;
    int narg, arg_cap;
    MilToken *name;
    int nname, name_cap;
    Attrs attrs;
    const Const *val;      /* the attribute `val`, where it is the only one */
    bool has_attrs, named; /* named: for Op.named */
    const char *said;      /* its attribute `name`, where that is not its result's name */
    MilShared shared, inlined; /* small constants of ops; inline literals */

    /* Values in scope are found by the NameNote of their names; `undo` has the values that
     * names in nested blocks hide, to be restored at the end of the block. */
    MilBinding *undo;
    int nundo, undo_cap;
    int *mark;
    int nmark, mark_cap;
} MilReader;

/* mil_read into a module that exists already, for a source that the module owns. */
bool mil_read_into(Module *m, Diag *d, const Source *src, const char *dir);

/* ---- mil_lexer.re ------------------------------------------------------------------------ */

int mil_lex(MilReader *r, MilToken *t); /* a token of mil_grammar.y; 0 at the end */

/* ---- mil_grammar.y ----------------------------------------------------------------------- */

/* all of the text; a program, or one literal */
void mil_parse(MilReader *r, bool literal);

/* ---- mil_read.c: the program's frame ----------------------------------------------------- */

Loc mil_loc(const MilReader *r, MilToken t);
/* Always false. */
#define mil_error(r, token, ...) diag_error((r)->d, mil_loc(r, token), __VA_ARGS__)
const char *mil_name(MilReader *r, MilToken t); /* interned */
/* After a function, and at the end: no name stands for anything. */
void mil_unbind_all(MilReader *r);

void mil_read_version(MilReader *r, MilToken v);
void mil_read_head(MilReader *r);
void mil_read_func_name(MilReader *r, MilToken name, MilToken opset);
void mil_read_func_head(MilReader *r);
void mil_read_param(MilReader *r, MilType t, MilToken name);
Op *mil_read_block_head(MilReader *r, Op *owner, MilToken name); /* owner */
void mil_read_name(MilReader *r, MilToken name);
void mil_read_results(MilReader *r);
void mil_read_block_end(MilReader *r);

void mil_read_out(MilReader *r, MilType t, MilToken name);
void mil_read_arg(MilReader *r, MilToken name);
void mil_read_tuple(MilReader *r, MilToken open);
void mil_read_use(MilReader *r, MilToken name);
void mil_read_inline(MilReader *r, const Const *c);
void mil_read_bare(MilReader *r, MilBare kind, MilToken t);
void mil_read_attrs(MilReader *r);
void mil_read_attr(MilReader *r, MilToken name, const Const *c);
Op *mil_read_op(MilReader *r, MilToken name, MilToken opset);
void mil_read_op_end(MilReader *r, Op *op);

/* ---- mil_source.c: the text as a whole --------------------------------------------------- */

/* Gives back, now and then, the pages of a mapped text that lie before `at`. */
void mil_let_go(MilReader *r, const char *at);
void mil_syntax_error(MilReader *r, MilToken found, const char *found_as,
                      const char *expected, const char *hint);
void mil_too_deep(MilReader *r);
/* An op that could not be read is left out; names that it may define are not missed. */
void mil_read_skip(MilReader *r);

/* ---- mil_shared.c: literals that are said again, or without a type ----------------------- */

/* An equal literal that was read before, else c. */
const Const *mil_shared_const(MilReader *r, const Const *c);
/* The same for inline literals. One that is shared has no place in the source; the arguments
 * that it is given to have. */
Value *mil_shared_literal(MilReader *r, const Const *c);
/* The value of an argument that is written without its type (warning bare-literal). p is NULL
 * where the row has no such parameter. */
Value *mil_bare_value(MilReader *r, const Op *op, const char *name, const Param *p,
                      const MilItem *item);

/* ---- literal.c: types and values --------------------------------------------------------- */

void mil_dims_begin(MilReader *r);
void mil_dim(MilReader *r, MilToken number);
void mil_dim_any(MilReader *r, MilToken mark);
MilType mil_type_elem(MilToken elem);
MilType mil_type_tensor(MilReader *r, MilToken at, MilToken elem);
MilType mil_type_list(MilReader *r, MilToken at, MilType of, MilToken length);
MilType mil_type_dict(MilReader *r, MilToken at, MilType key, MilType value);
MilTypes *mil_type_member(MilReader *r, MilTypes *before, MilType t);
MilType mil_type_tuple(MilReader *r, MilToken at, MilTypes *members);
MilType mil_type_state(MilReader *r, MilToken at, MilType of);
void mil_field(MilReader *r, MilToken name);
MilType mil_type_buffer(MilReader *r, MilToken at, MilToken elem);

void mil_value_begin(MilReader *r, MilType t);
const Const *mil_value_end(MilReader *r, MilToken close);
void mil_open(MilReader *r, MilToken bracket);
void mil_close(MilReader *r, MilToken bracket);
void mil_number(MilReader *r, MilToken t);
void mil_string(MilReader *r, MilToken t);
void mil_bool(MilReader *r, MilToken t);
void mil_blob(MilReader *r, MilToken at, MilToken path_name, MilToken path,
              MilToken offset_name, MilToken offset);
/* The literal for a token without a type, as the type that the op table says. */
const Const *mil_bare_const(MilReader *r, DType t, MilBare kind, MilToken at);

#endif
