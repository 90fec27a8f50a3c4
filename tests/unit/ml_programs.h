/* ml_programs.h -- programs shared by the tests that run through Core ML. */
#ifndef ANEC_TEST_ML_PROGRAMS_H
#define ANEC_TEST_ML_PROGRAMS_H

#include "../../ir/ir.h"

#define HEAD "program(1.3)\n{\n"
/* clang-format off */
#define STEP(name, k)                                                                              \
    "    func " name "<ios18>(tensor<fp16, [2, 3, 5]> x, tensor<fp32, [3, 5]> w) {\n"              \
    "        string h = const()[name = string(\"h\"), val = string(\"fp16\")];\n"                  \
    "        string s = const()[name = string(\"s\"), val = string(\"fp32\")];\n"                  \
    "        tensor<fp16, [3, 5]> w_h = cast(x = w, dtype = h)[name = string(\"w_h\")];\n"         \
    "        tensor<fp16, [2, 3, 5]> p = mul(x = x, y = fp16(" k "))[name = string(\"p\")];\n"     \
    "        tensor<fp16, [2, 3, 5]> q = add(x = p, y = w_h)[name = string(\"q\")];\n"             \
    "        tensor<fp32, [2, 3, 5]> v = cast(x = q, dtype = s)[name = string(\"v\")];\n"          \
    "    } -> (v, q);\n"
/* clang-format on */

#define UNARY(opset, type, op) \
    HEAD "    func main<" opset ">(" type " x) {\n        " type " y = " op \
         "(x = x)[name = string(\"y\")];\n" \
         "    } -> (y);\n}\n"

/* The shapes of x, v and q, and that of w. */
static const Shape shape = { .rank = 3, .dim = { 2, 3, 5 } },
                   small = { .rank = 2, .dim = { 3, 5 } };

/* v = q = 2 x + w, for x of fp16 and w of fp32; v is fp32, q fp16. */
static const char one[] = HEAD STEP("main", "0x1p+1") "}\n";
/* Adds x to a state, and returns the sum. */
static const char counts[] = HEAD
    "    func main<ios18>(state<tensor<fp16, [2, 3]>> acc, tensor<fp16, [2, 3]> x) {\n"
    "        tensor<fp16, [2, 3]> old = read_state(input = acc)[name = string(\"old\")];\n"
    "        tensor<fp16, [2, 3]> new = add(x = old, y = x)[name = string(\"new\")];\n"
    "        write_state(data = new, input = acc)[name = string(\"w\")];\n"
    "    } -> (new);\n}\n";

#endif
