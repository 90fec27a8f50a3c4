/* test_cpu_blocks.c -- branches, loops and states by the backend cpu, which has them as steps of a
 * plan, against ref, which walks them: results and states, in every run of several. */
#include "unit.h"

#include "../../backends/backend.h"
#include "../../backends/cpu/cpu.h"
#include "../../backends/ref/ref.h"
#include "../../ir/mil/mil.h"

#include <stdio.h>

#define T2 "tensor<fp32, [2]>"
#define I "tensor<int32, []>"
#define NAME(n) "[name = string(\"" n "\")];\n"
#define MAIN(params) "program(1.3)\n{\n    func main<ios18>(" params ") {\n"

/* Each takes x: fp32 [2], n: int32, and says what it is a case of. */
static const struct {
    const char *what, *text;
} cases[] = {
    { "variables that change places, and one that stays",
      MAIN(T2 " x, " I " n")                      //
      T2 " y = mul(x = x, y = fp32(3))" NAME("y") //
      I " i, " T2 " a, " T2 " b, " T2
        " c = while_loop(loop_vars = (int32(0), x, y, x))[name = "
        "string(\"w\")]\n"
        "block0(" I " i0, " T2 " a0, " T2 " b0, " T2 " c0) { bool g = less(x = i0, y = "
        "n)" NAME("g") "} -> (g),\n"
                       "block1(" I " i1, " T2 " a1, " T2 " b1, " T2 " c1) {\n" //
      I " i2 = add(x = i1, y = int32(1))" NAME("i2")                           //
      T2 " d = add(x = b1, y = c1)" NAME("d")                                  //
      "} -> (i2, d, a1, c1);\n} -> (i, a, b, c);\n}\n" },
    { "a branch in a loop in a branch",
      MAIN(T2 " x, " I " n") "bool p = greater(x = n, y = int32(1))" NAME("p") //
      T2 " r = cond(pred = p)[name = string(\"r\")]\nyes() {\n"                //
      I " i, " T2 " a = while_loop(loop_vars = (n, x))[name = string(\"w\")]\n"
         "block0(" I " i0, " T2 " a0) { bool g = greater(x = i0, y = int32(0))" NAME(
             "g") "} -> (g),\nblock1(" I " i1, " T2 " a1) {\n" //
      I " i2 = sub(x = i1, y = int32(1))" NAME("i2")           //
      "bool q = equal(x = i2, y = int32(1))" NAME("q")         //
      T2 " e = mul(x = a1, y = fp32(0.5))" NAME("e")           //
      T2 " s = cond(pred = q)[name = string(\"s\")]\nu() {\n"  //
      T2 " t = add(x = e, y = x)" NAME("t")                    //
      "} -> (t),\nv() { } -> (e);\n} -> (i2, s);\n"            //
      T2 " z = exp(x = a)" NAME("z") "} -> (z),\nno() {\n"     //
      T2 " f = abs(x = x)" NAME("f") "} -> (f);\n"             //
      T2 " h = add(x = r, y = x)" NAME("h") "} -> (h, r);\n}\n" },
    { "a loop in a loop, over what was there before",
      MAIN(T2 " x, " I " n") T2 " k = exp(x = x)" NAME("k") //
      I " i, " T2 " a = while_loop(loop_vars = (int32(0), x))[name = string(\"w\")]\n"
        "block0(" I " i0, " T2 " a0) { bool g = less(x = i0, y = n)" NAME(
            "g") "} -> (g),\nblock1(" I " i1, " T2 " a1) {\n" //
      T2 " m = mul(x = k, y = fp32(0.25))" NAME("m") I
      " j, " T2 " b = while_loop(loop_vars = (int32(0), a1))[name = string(\"v\")]\n"
      "block2(" I " j0, " T2 " b0) { bool l = less(x = j0, y = i1)" NAME(
          "l") "} -> (l),\nblock3(" I " j1, " T2 " b1) {\n" //
      I " j2 = add(x = j1, y = int32(1))" NAME("j2")        //
      T2 " b2 = add(x = b1, y = m)" NAME("b2")              //
      "} -> (j2, b2);\n"                                    //
      I " i2 = add(x = i1, y = int32(1))" NAME("i2")        //
      "} -> (i2, b);\n"                                     //
      T2 " z = add(x = a, y = k)" NAME("z") "} -> (z);\n}\n" },
    { "a loop that makes no turn, of literals",
      MAIN(T2 " x, " I " n") //
      I " i, " T2
        " a = while_loop(loop_vars = (int32(7), tensor<fp32, [2]>([1, 2])))[name = "
        "string(\"w\")]\n"
        "block0(" I " i0, " T2 " a0) { bool g = less(x = i0, y = n)" NAME(
            "g") "} -> (g),\nblock1(" I " i1, " T2 " a1) {\n" //
      I " i2 = add(x = i1, y = int32(1))" NAME("i2")          //
      T2 " a2 = add(x = a1, y = x)" NAME("a2")                //
      "} -> (i2, a2);\n} -> (i, a);\n}\n" },
    { "a state that is read, written, and the old value used after",
      MAIN(T2 " x, " I " n, state<" T2 "> s")                               //
      T2 " old = read_state(input = s)" NAME("old")                         //
      T2 " new = add(x = old, y = x)" NAME("new")                           //
      "write_state(data = new, input = s)" NAME("w")                        //
      T2 " now = read_state(input = s)" NAME("now")                         //
      T2 " z = sub(x = now, y = old)" NAME("z")                             //
      T2 " v = reshape(x = old, shape = tensor<int32, [1]>([2]))" NAME("v") //
      "} -> (z, v, new);\n}\n" },
    { "a state whose old value is read before the write alone",
      MAIN(T2 " x, " I " n, state<" T2 "> s")         //
      T2 " old = read_state(input = s)" NAME("old")   //
      T2 " y = mul(x = old, y = fp32(0.5))" NAME("y") //
      T2 " new = add(x = y, y = x)" NAME("new")       //
      "write_state(data = new, input = s)" NAME("w")  //
      T2 " z = exp(x = y)" NAME("z") "} -> (z);\n}\n" },
    { "two states that change places",
      MAIN(T2 " x, " I " n, state<" T2 "> s, state<" T2 "> t") //
      T2 " a = read_state(input = s)" NAME("a")                //
      T2 " b = read_state(input = t)" NAME("b")                //
      T2 " c = add(x = a, y = x)" NAME("c")                    //
      "write_state(data = b, input = s)" NAME("w1")            //
      "write_state(data = c, input = t)" NAME("w2")            //
      "} -> (a, b);\n}\n" },
    { "a state in a loop",
      MAIN(T2 " x, " I " n, state<" T2 "> s") //
      I " i = while_loop(loop_vars = (int32(0)))[name = string(\"w\")]\n"
        "block0(" I " i0) { bool g = less(x = i0, y = n)" NAME("g") "} -> (g),\nblock1(" I
                                                                    " i1) {\n" //
      T2 " a = read_state(input = s)" NAME("a")                                //
      T2 " b = add(x = a, y = x)" NAME("b")                                    //
      "write_state(data = b, input = s)" NAME("ws")                            //
      I " i2 = add(x = i1, y = int32(1))" NAME("i2")                           //
      "} -> (i2);\n"                                                           //
      T2 " z = read_state(input = s)" NAME("z") "} -> (z);\n}\n" },
    { "a part of a state that is replaced where it is, twice",
      MAIN(T2 " x, " I " n, state<tensor<fp32, [3, 2]>> s") //
      "tensor<fp32, [1, 2]> u = expand_dims(x = x, axes = tensor<int32, [1]>([0]))" NAME("u") "tensor<fp32, [3, 2]> a = read_state(input = s)" NAME(
          "a") "tensor<fp32, [3, 2]> b = slice_update(x = a, update = u, begin = tensor<int32, [2]>([1, "
               "0]), end = tensor<int32, [2]>([2, 2]))" NAME(
                   "b") "write_state(data = b, input = s)" NAME("w1") //
      "tensor<fp32, [3, 2]> c = read_state(input = s)" NAME("c") "tensor<fp32, [1]> k0 = expand_dims(x = fp32(0), axes = tensor<int32, [1]>([0]))" NAME("k0") "tensor<int32, [1]> k = expand_dims(x = n, axes = tensor<int32, [1]>([0]))" NAME("k") "tensor<int32, [1]> k1 = minimum(x = k, y = tensor<int32, [1]>([2]))" NAME(
          "k1") "tensor<int32, [2]> at = concat(values = (k1, tensor<int32, [1]>([0])), axis = int32(0), "
                "interleave = bool(false))" NAME("at") "tensor<int32, [2]> to = add(x = at, y = tensor<int32, [2]>([1, 2]))" NAME("to") "tensor<fp32, [3, 2]> d = slice_update(x = c, update = u, begin = at, end = to)" NAME(
                    "d") "write_state(data = d, input = s)" NAME("w2") //
      "tensor<fp32, [3, 2]> e = read_state(input = s)" NAME(
          "e") "tensor<fp32, [2]> z = reduce_sum(x = e, axes = tensor<int32, [1]>([0]), keep_dims = "
               "bool(false))" NAME("z") "} -> (z, e);\n}\n" },
    { "a part of a state that is replaced, and the old state used after",
      MAIN(T2 " x, " I " n, state<tensor<fp32, [3, 2]>> s") //
      "tensor<fp32, [1, 2]> u = expand_dims(x = x, axes = tensor<int32, [1]>([0]))" NAME("u") "tensor<fp32, [3, 2]> a = read_state(input = s)" NAME(
          "a") "tensor<fp32, [3, 2]> b = slice_update(x = a, update = u, begin = tensor<int32, [2]>([1, "
               "0]), end = tensor<int32, [2]>([2, 2]))" NAME(
                   "b") "tensor<fp32, [3, 2]> c = sub(x = b, y = a)" NAME("c") //
      "write_state(data = b, input = s)" NAME("w") "} -> (c);\n}\n" },
};

typedef struct {
    Source src;
    Module *m;
    Func *f;
    Diag diag;
} Read;

static void read_case(Read *r, int i)
{
    *r = (Read){
        .src = { .name = "case.mil", .text = cases[i].text, .len = strlen(cases[i].text) }
    };
    r->m = mil_read(&r->diag, &r->src, ".");
    if (!r->m || !diag_ok(&r->diag))
        fail_msg("%s: %s", cases[i].what, r->diag.text.s ? r->diag.text.s : "no module");
    if (!module_verify(r->m, &r->diag, NULL))
        fail_msg("%s: %s", cases[i].what, r->diag.text.s);
    r->f = module_main(r->m);
}

static void run_once(Read *r, Program *p, int turn, uint64_t most)
{
    float x[] = { 0.5F + (float)turn, -2 };
    int32_t n = turn;
    const Shape two = SHAPE(2), none = { .rank = 0 };
    const Binding in[] = { { .name = "x", .value = tensor_view(DT_FP32, &two, x) },
                           { .name = "n", .value = tensor_view(DT_INT32, &none, &n) } };
    const RunOptions o = { .threads = 1, .max_steps = most };
    const bool ok = program_run(p, &r->diag, in, 2, &o);
    if (most) assert_false(ok);
    else if (!ok) fail_msg("%s", r->diag.text.s);
}

static void same(const char *what, int turn, const Tensor *a, const Tensor *b)
{
    assert_true(a->dtype == b->dtype && shape_equal(&a->shape, &b->shape));
    for (size_t i = 0; i < a->count; i++) {
        const double u = tensor_float(a, i), v = tensor_float(b, i);
        if (u != v
            && !(u - v < 1e-5 * (1 + (v < 0 ? -v : v))
                 && v - u < 1e-5 * (1 + (v < 0 ? -v : v))))
            fail_msg("%s, run %d: element %zu is %g, of ref %g", what, turn, i, u, v);
    }
}

/* Runs with 0 to 4 turns, then with none again, states kept. */
static void test_cases(void **state)
{
    (void)state;
    for (int i = 0; i < (int)COUNT(cases); i++) {
        Read r;
        const Binding *a, *b;
        Binding *s, *t;
        read_case(&r, i);
        Program *cpu = program_new(&backend_cpu, r.m, r.f, &r.diag),
                *ref = program_new(&backend_ref, r.m, r.f, &r.diag);
        Arena arena = { 0 };
        Placings plan;
        assert_non_null(cpu);
        assert_non_null(ref);
        assert_true(program_place(cpu, &arena, &r.diag, &plan));
        if (!plan.nstep) fail_msg("%s: there is no plan", cases[i].what);
        for (int turn = 0; turn < 6; turn++) {
            run_once(&r, cpu, turn % 5, 0);
            run_once(&r, ref, turn % 5, 0);
            const int n = program_results(cpu, &a);
            assert_int_equal(n, program_results(ref, &b));
            for (int k = 0; k < n; k++)
                same(cases[i].what, turn, &a[k].value, &b[k].value);
            const int ns = program_states(cpu, &s);
            program_states(ref, &t);
            for (int k = 0; k < ns; k++)
                same(cases[i].what, turn, &s[k].value, &t[k].value);
        }
        program_free(cpu);
        program_free(ref);
        module_free(r.m);
        arena_free(&arena);
        diag_free(&r.diag);
    }
}

/* A loop that makes more turns than it may ends in the same words. */
static void test_turns(void **state)
{
    (void)state;
    Read r;
    read_case(&r, 0);
    Program *p = program_new(&backend_cpu, r.m, r.f, &r.diag);
    assert_non_null(p);
    run_once(&r, p, 3, 3 - 1);
    expect_says(&r.diag, "while_loop has not ended after 2 steps");
    run_once(&r, p, 3, 0);
    program_free(p);
    module_free(r.m);
    diag_free(&r.diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases),
                                        cmocka_unit_test(test_turns) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
