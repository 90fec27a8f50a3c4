/* mil_types.c -- reads types of MIL text: what the grammar found of one becomes a Type at once. */
#include "mil_read.h"
#include "mil_text.h"

#include <string.h>

/* ---- dimensions -------------------------------------------------------------------------- */

void mil_dims_begin(MilReader *r) { r->dims = (Shape){ .rank = 0 }; }

static void add_dim(MilReader *r, MilToken t, int64_t n)
{
    if (r->dims.rank == MAX_RANK) {
        mil_error(r, t, "a shape has at most %d axes", (int)MAX_RANK);
        r->stop = true;
    } else r->dims.dim[r->dims.rank++] = n;
}

/* A count in a type: not negative, below 2^63. */
static int64_t literal_dim(MilReader *r, MilToken t)
{
    uint64_t bits = 0;
    const NumberStatus got = number_parse(t.s, t.len, DT_INT64, &bits);
    if (got == NUMBER_OK && !(bits >> 63)) return (int64_t)bits;
    mil_error(r, t, "%.*s is not a dimension: a whole number, 0 or more, or ?",
              t.len > 40 ? 40 : (int)t.len, t.s);
    return 1;
}

void mil_dim(MilReader *r, MilToken number)
{
    add_dim(r, number, literal_dim(r, number));
}
void mil_dim_any(MilReader *r, MilToken mark) { add_dim(r, mark, DIM_ANY); }

/* ---- types ------------------------------------------------------------------------------- */

static DType dtype_of(MilToken t) { return dtype_find(t.s, t.len); }

MilType mil_type_elem(MilToken elem)
{
    return (MilType){ .type = type_scalar(dtype_of(elem)), .at = elem };
}

MilType mil_type_tensor(MilReader *r, MilToken at, MilToken elem)
{
    return (MilType){ .type = module_tensor(r->m, dtype_of(elem), &r->dims), .at = at };
}

MilType mil_type_list(MilReader *r, MilToken at, MilType of, MilToken length)
{
    const int64_t n = *length.s == '?' ? DIM_ANY : literal_dim(r, length);
    return (MilType){ .type = type_list(&r->m->arena, of.type, n), .at = at };
}

MilType mil_type_dict(MilReader *r, MilToken at, MilType key, MilType value)
{
    return (MilType){ .type = type_dict(&r->m->arena, key.type, value.type), .at = at };
}

MilTypes *mil_type_member(MilReader *r, MilTypes *before, MilType t)
{
    MilTypes *m = NEW(&r->m->arena, MilTypes);
    *m = (MilTypes){ .type = t.type,
                     .before = before,
                     .count = before ? before->count + 1 : 1 };
    return m;
}

MilType mil_type_tuple(MilReader *r, MilToken at, MilTypes *members)
{
    const int n = members->count;
    const Type **sub = NEW_ARRAY(&r->m->arena, n, const Type *);
    for (const MilTypes *m = members; m; m = m->before) sub[m->count - 1] = m->type;
    return (MilType){ .type = type_tuple(&r->m->arena, n, sub), .at = at };
}

MilType mil_type_state(MilReader *r, MilToken at, MilType of)
{
    return (MilType){ .type = type_state(&r->m->arena, of.type), .at = at };
}

void mil_field(MilReader *r, MilToken name)
{
    if (r->nfield == (int)COUNT(r->field)) {
        mil_error(r, name, "a tensor_buffer has at most %d fields", (int)MAX_RANK);
        r->stop = true;
    } else
        r->field[r->nfield++] = (struct TypeField){ .name = mil_name(r, name),
                                                    .dims = r->dims };
}

MilType mil_type_buffer(MilReader *r, MilToken at, MilToken elem)
{
    Type *t = NEW(&r->m->arena, Type);
    *t = (Type){ .kind = TY_BUFFER, .dtype = dtype_of(elem) };
    t->field = NEW_ARRAY(&r->m->arena, r->nfield, struct TypeField);
    bool shaped = false;
    for (int i = 0; i < r->nfield; i++) {
        if (strcmp(r->field[i].name, "shape") != 0) t->field[t->nfield++] = r->field[i];
        else t->shape = r->field[i].dims, shaped = true;
    }
    if (!shaped) mil_error(r, at, "this tensor_buffer has no shape = [..]");
    r->nfield = 0;
    return (MilType){ .type = t, .at = at };
}
