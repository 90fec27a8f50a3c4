/* ops.c -- the op table, and looking up ops and parameters in it. */
#include "ops.h"

#include <string.h>

/* ---- domains ----------------------------------------------------------------------------- */

static const DTypes domains[DOM_COUNT][4] = {
#define DOM(id, a, b, c, d) [DOM_##id] = { a, b, c, d },
#include "domains.def"
};

DTypes domain_types(Domain d, Opset o)
{
    int step = o < OPSET_IOS15 ? 0 : o > OPSET_IOS18 ? 3 : (int)o - OPSET_IOS15;
    return domains[d][step];
}

/* ---- words ------------------------------------------------------------------------------- */

#define WORD(prefix, name, word) word
#define CHOICE(type, prefix, any, ...) \
    static const char *const words_##type[] = { __VA_ARGS__ };
#include "choices.def"

static const struct {
    const char *const *word;
    int count;
    bool any_case;
} choices[DOM_COUNT] = {
#define CHOICE(type, prefix, any, ...) \
    [DOM_##type] = { words_##type, prefix##_COUNT, any },
#include "choices.def"
};

static char domain_lower(char ch)
{
    return ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
}

static bool same_in_any_case(const char *a, const char *b)
{
    while (*a && domain_lower(*a) == domain_lower(*b)) a++, b++;
    return domain_lower(*a) == domain_lower(*b);
}

int domain_choice(Domain d, const char *word)
{
    if (!word) return -1;
    if (d == DOM_TypeName) {
        const DType t = dtype_find(word, strlen(word));
        return t == DT_NONE ? -1 : (int)t;
    }
    for (int i = 0; i < choices[d].count; i++)
        if (choices[d].any_case ? same_in_any_case(word, choices[d].word[i])
                                : !strcmp(word, choices[d].word[i]))
            return i;
    return -1;
}

/* "a", "b" or "c" */
const char *domain_words(Arena *a, Domain d)
{
    Buf b = { 0 };
    for (int i = 0; i < choices[d].count; i++)
        buf_printf(&b, "%s\"%s\"",
                   !i                         ? ""
                   : i + 1 < choices[d].count ? ", "
                                              : " or ",
                   choices[d].word[i]);
    const char *words = arena_strndup(a, b.s ? b.s : "", b.len);
    buf_free(&b);
    return words;
}

DType dtype_wider(DType t)
{
    static const DType wider[DT_COUNT] = {
#define DOM(id, ...)
#define WIDER(id, to) [DT_##id] = DT_##to,
#include "domains.def"
    };
    return wider[t];
}

/* ---- rows -------------------------------------------------------------------------------- */

#define END \
    { \
        .id = P_NONE \
    }
#define PAR(n, v, d, f, de, s, u) \
    { \
        .id = P_##n, .var = v, .dom = DOM_##d, .flags = (f), .def = de, .since = s, \
        .until = u \
    }
#define X(n, v, d) PAR(n, v, d, 0, "", 0, 0)
#define K(n, v, d) PAR(n, v, d, P_CONST, "", 0, 0)
#define KX(n, v, d) PAR(n, v, d, P_CONST_UNTIL_17, "", 0, 0)
#define OX(n, v, d, de) PAR(n, v, d, P_OPT, de, 0, 0)
#define OK(n, v, d, de) PAR(n, v, d, P_OPT | P_CONST, de, 0, 0)
#define OKX(n, v, d, de) PAR(n, v, d, P_OPT | P_CONST_UNTIL_17, de, 0, 0)
#define X_IN(n, v, d, s, u) PAR(n, v, d, 0, "", s, u)
#define K_IN(n, v, d, s, u) PAR(n, v, d, P_CONST, "", s, u)
#define OX_IN(n, v, d, de, s, u) PAR(n, v, d, P_OPT, de, s, u)
#define OK_IN(n, v, d, de, s, u) PAR(n, v, d, P_OPT | P_CONST, de, s, u)
#define XS(n, v, d) PAR(n, v, d, P_SCALAR, "", 0, 0)
#define KS(n, v, d) PAR(n, v, d, P_CONST | P_SCALAR, "", 0, 0)
#define OXS(n, v, d, de) PAR(n, v, d, P_OPT | P_SCALAR, de, 0, 0)
#define OKS(n, v, d, de) PAR(n, v, d, P_OPT | P_CONST | P_SCALAR, de, 0, 0)
#define KS_IN(n, v, d, s, u) PAR(n, v, d, P_CONST | P_SCALAR, "", s, u)
#define OKS_IN(n, v, d, de, s, u) PAR(n, v, d, P_OPT | P_CONST | P_SCALAR, de, s, u)
#define V(n) PAR(n, "", ALL, P_VARIADIC, "", 0, 0)
#define OV(n) PAR(n, "", ALL, P_VARIADIC | P_OPT, "", 0, 0)
#define L(n) PAR(n, "", ALL, 0, "", 0, 0)
#define NONE 0
#define ZERO grad_zero
#define NO NULL
#define EXPANSION grad_expansion
#define BLOCKS grad_blocks

/* A row that lacks a column does not compile: the sum is not that of all, and 1 is divided by
 * 0 in a constant that has the op's name. */
#define OP(name, ...) enum { name##_says_all = 1 / (0
#define ARGS(...) +1
#define IR(...) +2
#define EVAL(...) +4
#define GRAD(...) +8
#define MACS(...) +16
#define RUN(...) +32
#define LAWS(...) +64
#define SIGN(...) +128
#define FORM(...) +256
#define OPSETS(...) +512
#define SIM(...) +1024
#define FAST(...) +2048
#define PAD(...) +4096
#define CHIPS(...) +8192
#define COREAI(...) +16384
#define EX(...) \
    == 32767) \
    } \
    ;
#include "ops.def"

#define NEUTRAL(v) \
    { \
        true, v \
    }
#define WHERE(...) \
    { \
        .when = IDLE_##__VA_ARGS__ \
    }

const char *const family_names[OPS_COUNT] = {
#define FAMILY(name) [OPS_##name] = #name,
    OP_FAMILIES(FAMILY)
#undef FAMILY
};

const OpInfo ops[OP_COUNT] = {
#define OP(n, f, s, fl, d) \
    [OP_##n] = { .name = #n, \
                 .family = OPS_##f, \
                 .since = (Opset)(s), \
                 .flags = (fl), \
                 .doc = d, \
                 .place = param_places[OP_##n],
#define ARGS(...) .param = (const Param[]){ __VA_ARGS__, { .id = P_NONE } },
#define IR(f) .infer = f,
#define EVAL(f) .eval = f,
#define GRAD(f) .grad = f,
#define MACS(f) .macs = f,
#define EX(o, a, r) \
    .example = a, .expect = r, .example_opset = o \
    } \
    ,
#include "ops.def"
};

const Laws op_laws[OP_COUNT] = {
#define OP(n, ...) [OP_##n] =
#define LAWS(...) { __VA_ARGS__ },
#include "ops.def"
};

int op_find(const char *name)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (ops[i].name[0] == name[0] && !strcmp(ops[i].name, name)) return i;
    return OP_NONE;
}

_Static_assert(PARAM_COUNT <= UINT8_MAX, "Param.id holds a ParamId");
_Static_assert(DOM_COUNT <= UINT8_MAX, "Param.dom holds a Domain");

const Param *op_param(const OpInfo *info, const char *name)
{
    for (const Param *p = info->param; p->id; p++)
        if (!strcmp(param_name(p), name)) return p;
    return NULL;
}

bool param_in(const Param *p, Opset o)
{
    return !(p->since && (int)o < p->since) && !(p->until && (int)o > p->until);
}

unsigned param_flags(const Param *p, Opset o)
{
    unsigned f = p->flags & ~(unsigned)P_CONST_UNTIL_17;
    if ((p->flags & P_CONST_UNTIL_17) && o < OPSET_IOS17) f |= P_CONST;
    return f;
}

char param_var(const Param *p, Opset o)
{
    if (!p->var[0]) return 0;
    return p->var[1] && o >= OPSET_IOS17 ? p->var[1] : p->var[0];
}
