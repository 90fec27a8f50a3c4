/* linear.c -- inference of matmul, linear and einsum, each of which is an equation
 * (geometry.h). */
#include "geometry.h"
#include "move.h"

#include <string.h>

/* ---- equations --------------------------------------------------------------------------- */

static void linear_label(Labels *l, int id) { l->label[l->rank++] = id; }

/* Dimensions that share a label: equal, or 1, or not known. */
static bool linear_unify(int64_t *axis, int64_t dim)
{
    Shape a = { .rank = 1, .dim = { *axis } }, b = { .rank = 1, .dim = { dim } }, out;
    if (!shape_broadcast(&a, &b, &out)) return false;
    *axis = out.dim[0];
    return true;
}

static bool dims_of(const Equation *e, const Shape *const *in, int64_t dims[LABELS],
                    int *bad)
{
    for (int i = 0; i < LABELS; i++) dims[i] = 1;
    for (int t = 0; t < e->n; t++)
        for (int i = 0; i < e->in[t].rank; i++) {
            *bad = e->in[t].label[i];
            if (!linear_unify(&dims[*bad], in[t]->dim[i])) return false;
        }
    return true;
}

/* One product (of n operands: n - 1) for each combination of all dimensions. */
static double equation_macs(const Equation *e, const Shape *const *in)
{
    int64_t dims[LABELS];
    int bad;
    double n = e->n - 1;
    if (!dims_of(e, in, dims, &bad)) return -1;
    for (int i = 0; i < LABELS; i++) {
        if (dims[i] == DIM_ANY) return -1;
        n *= (double)dims[i];
    }
    return n;
}

bool equation_shape(const Equation *e, const Shape *const *in, Shape *out, int *bad)
{
    int64_t dims[LABELS];
    if (!dims_of(e, in, dims, bad)) return false;
    *out = (Shape){ .rank = e->out.rank };
    for (int i = 0; i < e->out.rank; i++) out->dim[i] = dims[e->out.label[i]];
    return true;
}

/* ---- matmul ------------------------------------------------------------------------------ */

/* Labels of a product; those below MAX_RANK count the batch dimensions from the last. */
enum { ROW = MAX_RANK, INNER, COLUMN };

static void matrix_labels(Labels *l, int rank, int first, int second, bool transpose)
{
    for (int i = 0; i < rank - 2; i++) linear_label(l, rank - 3 - i);
    linear_label(l, transpose ? second : first);
    linear_label(l, transpose ? first : second);
}

bool equation_matmul(Call *c, Equation *e)
{
    const Shape *x = call_shape(c, P_x), *y = call_shape(c, P_y);
    if (!x->rank || !y->rank)
        return call_error(c,
                          "x is %s and y is %s; a scalar has no matrix product, use mul",
                          call_text(c, x), call_text(c, y));
    *e = (Equation){ .n = 2 };
    if (x->rank == 1) linear_label(&e->in[0], INNER);
    else matrix_labels(&e->in[0], x->rank, ROW, INNER, call_bool(c, P_transpose_x));
    if (y->rank == 1) linear_label(&e->in[1], INNER);
    else matrix_labels(&e->in[1], y->rank, INNER, COLUMN, call_bool(c, P_transpose_y));
    int batch = (x->rank > y->rank ? x->rank : y->rank) - 2;
    for (int i = 0; i < batch; i++) linear_label(&e->out, batch - 1 - i);
    if (x->rank > 1) linear_label(&e->out, ROW);
    if (y->rank > 1) linear_label(&e->out, COLUMN);
    return true;
}

/* The inner dimension does not broadcast: 1 against n is an error too. */
static int64_t linear_inner(const Labels *l, const Shape *s)
{
    for (int i = 0; i < l->rank; i++)
        if (l->label[i] == INNER) return s->dim[i];
    return DIM_ANY;
}

/* From ios17 on the types may differ where one operand is a constant; the other one's holds. */
static DType matmul_type(const Call *c)
{
    bool other = call_arg(c, P_x, 0)->constant && !call_arg(c, P_y, 0)->constant;
    return call_dtype(c, other ? P_y : P_x);
}

static bool matmul_types_agree(Call *c)
{
    const CallArg *x = call_arg(c, P_x, 0), *y = call_arg(c, P_y, 0);
    if (x->type->dtype == y->type->dtype || x->constant != y->constant) return true;
    return call_error(
        c,
        "x is %s and y is %s; their element types may differ where one of them is a "
        "constant: cast the other",
        type_text(c->arena, x->type), type_text(c->arena, y->type));
}

bool infer_matmul(Call *c)
{
    int bad;
    Shape out;
    Equation e;
    const Shape *x = call_shape(c, P_x), *y = call_shape(c, P_y), *in[] = { x, y };
    if (!matmul_types_agree(c) || !equation_matmul(c, &e)) return false;
    int64_t kx = linear_inner(&e.in[0], x), ky = linear_inner(&e.in[1], y);
    if (kx != ky && kx != DIM_ANY && ky != DIM_ANY)
        return call_error(c, "inner sizes differ, %lld and %lld: x is %s%s, y is %s%s",
                          (long long)kx, (long long)ky, call_text(c, x),
                          call_bool(c, P_transpose_x) ? " transposed" : "",
                          call_text(c, y),
                          call_bool(c, P_transpose_y) ? " transposed" : "");
    if (!equation_shape(&e, in, &out, &bad))
        return call_error(c, "batch dimensions do not broadcast: x is %s, y is %s",
                          call_text(c, x), call_text(c, y));
    return call_out(c, matmul_type(c), out);
}

double macs_matmul(Call *c)
{
    Equation e;
    const Shape *in[] = { call_shape(c, P_x), call_shape(c, P_y) };
    return equation_matmul(c, &e) ? equation_macs(&e, in) : -1;
}

/* ---- linear ------------------------------------------------------------------------------ */

void equation_linear(const Call *c, Equation *e)
{
    const Shape *x = call_shape(c, P_x);
    *e = (Equation){ .n = 2 };
    for (int i = 0; i < x->rank - 1; i++) linear_label(&e->in[0], i);
    e->out = e->in[0];
    linear_label(&e->in[0], INNER);
    linear_label(&e->in[1], COLUMN);
    linear_label(&e->in[1], INNER);
    linear_label(&e->out, COLUMN);
}

bool infer_linear(Call *c)
{
    const Shape *x = call_shape(c, P_x), *w = call_shape(c, P_weight),
                *b = call_shape(c, P_bias);
    if (w->rank != 2)
        return call_error(c, "weight is %s; it must be [outputs, inputs]",
                          call_text(c, w));
    if (!x->rank)
        return call_error(c, "x is a scalar; its last dimension must be the inputs");
    Shape in = { .rank = 1, .dim = { w->dim[1] } }, out = *x;
    Shape last = { .rank = 1, .dim = { x->dim[x->rank - 1] } };
    if (!shape_fits(&last, &in) && !shape_fits(&in, &last))
        return call_error(c, "inner sizes differ, %lld and %lld: x is %s, weight is %s",
                          (long long)last.dim[0], (long long)in.dim[0], call_text(c, x),
                          call_text(c, w));
    Shape want = { .rank = 1, .dim = { w->dim[0] } };
    if (b && !shape_fits(b, &want) && !shape_fits(&want, b))
        return call_error(c, "bias is %s where weight, which is %s, gives %s",
                          call_text(c, b), call_text(c, w), call_text(c, &want));
    out.dim[x->rank - 1] = w->dim[0];
    return call_out(c, call_dtype(c, P_x), out);
}

double macs_linear(Call *c)
{
    Equation e;
    const Shape *in[] = { call_shape(c, P_x), call_shape(c, P_weight) };
    equation_linear(c, &e);
    return equation_macs(&e, in);
}

/* ---- einsum ------------------------------------------------------------------------------ */

/* Letters are labels 0 to 51; the dimensions that `...` stands for come after them, counted so
 * that the last one always has the same label. */
enum { DOTS = 52, DOTS_END = DOTS + MAX_RANK };

static int linear_letter(char ch)
{
    return ch >= 'a' && ch <= 'z' ? ch - 'a'
         : ch >= 'A' && ch <= 'Z' ? 26 + ch - 'A'
                                  : -1;
}

/* One term, up to `,`, `-` or the end. dots: how many dimensions `...` is here. */
static bool parse_term(Call *c, const char **at, Labels *l, int dots)
{
    const char *s = *at;
    bool seen = false;
    for (; *s && *s != ',' && *s != '-'; s++) {
        if (*s == ' ') continue;
        bool is_dots = !strncmp(s, "...", 3);
        if ((!is_dots && linear_letter(*s) < 0) || (is_dots && seen))
            return call_error(c, "equation \"%s\": '%c' is no letter",
                              call_str(c, P_equation), *s);
        if (l->rank + (is_dots ? dots : 1) > MAX_RANK)
            return call_error(c, "equation \"%s\": a term has more than %d dimensions",
                              call_str(c, P_equation), MAX_RANK);
        for (int i = 0; is_dots && i < dots; i++) linear_label(l, DOTS_END - dots + i);
        if (!is_dots) linear_label(l, linear_letter(*s));
        seen |= is_dots;
        s += is_dots ? 2 : 0;
    }
    *at = s;
    return true;
}

/* How many dimensions `...` is in the term at s for an operand of this rank; 0 without it. */
static int count_dots(const char *s, int rank)
{
    bool dots = false;
    for (; *s && *s != ',' && *s != '-'; s++) {
        if (linear_letter(*s) >= 0) rank--;
        if (*s == '.') dots = true;
    }
    return dots && rank > 0 ? rank : 0;
}

/* Without `->`: the dimensions of `...`, then the letters that occur once, A-Z before a-z. */
static bool implicit_result(Call *c, Equation *e)
{
    int times[LABELS] = { 0 }, order[LABELS], n = 0;
    for (int i = DOTS; i < DOTS_END; i++) order[n++] = i;
    for (int i = 26; i < DOTS; i++) order[n++] = i;
    for (int i = 0; i < 26; i++) order[n++] = i;
    for (int t = 0; t < e->n; t++)
        for (int i = 0; i < e->in[t].rank; i++) times[e->in[t].label[i]]++;
    for (int i = 0; i < n; i++) {
        int id = order[i];
        if (!times[id] || (id < DOTS && times[id] > 1)) continue;
        if (e->out.rank == MAX_RANK)
            return call_error(c, "the result has more than %d dimensions", MAX_RANK);
        linear_label(&e->out, id);
    }
    return true;
}

static bool check_result(Call *c, const Equation *e)
{
    int times[LABELS] = { 0 };
    for (int t = 0; t < e->n; t++)
        for (int i = 0; i < e->in[t].rank; i++) times[e->in[t].label[i]] = 1;
    for (int i = 0; i < e->out.rank; i++) {
        int id = e->out.label[i];
        if (times[id] == 0)
            return call_error(c, "equation \"%s\": the result names what no operand has",
                              call_str(c, P_equation));
        if (times[id]++ > 1)
            return call_error(c, "equation \"%s\": the result names a dimension twice",
                              call_str(c, P_equation));
    }
    return true;
}

bool equation_einsum(Call *c, Equation *e)
{
    if (c->equation) {
        *e = *c->equation;
        return true;
    }
    const char *text = call_str(c, P_equation), *s = text;
    int n = call_has(c, P_values), most = 0;
    *e = (Equation){ .n = n };
    if (!text)
        return call_error(c, "equation must be a string that is known at compile time");
    if (n > MAX_TERM) return call_error(c, "more than %d operands", MAX_TERM);
    for (int t = 0; t < n; t++) {
        const Shape *x = &call_arg(c, P_values, t)->type->shape;
        int dots = count_dots(s, x->rank);
        if (!parse_term(c, &s, &e->in[t], dots)) return false;
        if (e->in[t].rank != x->rank)
            return call_error(
                c, "equation \"%s\": term %d names %d dimensions, operand %d is %s", text,
                t + 1, e->in[t].rank, t + 1, call_text(c, x));
        most = dots > most ? dots : most;
        if ((t + 1 < n) != (*s == ','))
            return call_error(c, "equation \"%s\" needs %d terms, one for each value",
                              text, n);
        s += t + 1 < n;
    }
    if (!*s) return implicit_result(c, e);
    if (s[1] != '>') return call_error(c, "equation \"%s\": -> is expected", text);
    s += 2;
    if (!parse_term(c, &s, &e->out, most)) return false;
    if (*s)
        return call_error(c, "equation \"%s\": more follows after the result's term",
                          text);
    return check_result(c, e);
}

const Equation *op_equation(const Op *op, Arena *a)
{
    if (op->kind != OP_einsum) return NULL;
    Call *c = NEW(a, Call);
    Diag quiet = { .quiet = true };
    Equation *e = NEW(a, Equation);
    const bool ok = call_of_op(c, op, a, &quiet) && equation_einsum(c, e);
    diag_free(&quiet);
    return ok ? e : NULL;
}

/* Of the forms that Core ML defines the sum's dimensions must be equal: 1 does not broadcast
 * there. */
static bool sum_agrees(Call *c)
{
    if (call_has(c, P_values) != 2) return true;
    const Shape *x = &call_arg(c, P_values, 0)->type->shape;
    const Shape *y = &call_arg(c, P_values, 1)->type->shape;
    if (x->rank != y->rank || !einsum_is_defined(call_str(c, P_equation), x->rank))
        return true;
    const int64_t a = x->dim[x->rank - 1], b = y->dim[y->rank - 3];
    return a == b || a == DIM_ANY || b == DIM_ANY
        || call_error(
               c,
               "equation \"%s\": inner sizes differ, %lld and %lld: the operands are %s, %s",
               call_str(c, P_equation), (long long)a, (long long)b, call_text(c, x),
               call_text(c, y));
}

bool infer_einsum(Call *c)
{
    Equation e;
    Shape out;
    int bad, n = call_has(c, P_values);
    const Shape *in[MAX_TERM];
    DType t = call_dtype(c, P_values);
    for (int i = 0; i < n; i++) {
        const Type *y = call_arg(c, P_values, i)->type;
        bool number = y->kind == TY_TENSOR
                   && (dtype_is_float(y->dtype) || dtype_is_int(y->dtype));
        if (!number || y->dtype != t)
            return call_error(
                c, "operand %d is %s; the operands must be numbers of one type", i + 1,
                type_text(c->arena, y));
    }
    if (!equation_einsum(c, &e) || !sum_agrees(c)) return false;
    for (int i = 0; i < n; i++) in[i] = &call_arg(c, P_values, i)->type->shape;
    if (!equation_shape(&e, in, &out, &bad)) {
        Buf b = { 0 };
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s%s", i ? ", " : "", call_text(c, in[i]));
        call_error(
            c, "equation \"%s\": the operands disagree about dimension %c; they are %s",
            call_str(c, P_equation),
            bad < 26     ? 'a' + bad
            : bad < DOTS ? 'A' + bad - 26
                         : '.',
            b.s);
        buf_free(&b);
        return false;
    }
    return call_out(c, t, out);
}

double macs_einsum(Call *c)
{
    Equation e;
    const Shape *in[MAX_TERM];
    if (!equation_einsum(c, &e)) return -1;
    for (int i = 0; i < e.n; i++) in[i] = &call_arg(c, P_values, i)->type->shape;
    return equation_macs(&e, in);
}
