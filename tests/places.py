#!/usr/bin/env python3
"""places.py -- how many places a new op, composite, option and container touch: each is added to a copy of
the sources, in so many places and no more, and has to work in the tools that are built there.

usage: tests/places.py [JOBS]      from the top folder. A build of all: no part of `make check`.
A new chip is tests/chips; what does not build without its parts is tests/params.sh.
"""
import os, shutil, subprocess, sys, tempfile

# What is new, and where: a file, the text that it goes in front of, and what is added there.
NEW = {
    'op': [
        ('ir/ops/unary.def', 'OP(acos, unary,', '''OP(twice, unary, 15, F_ELEMENTWISE, "x + x")
    ARGS(X(x, "T", FLOAT))
    IR(infer_like_x) EVAL(eval_twice) GRAD(ZERO) MACS(NONE) RUN(CALL)
    LAWS(NONE) SIGN(NONE) FORM(NONE) OPSETS(NONE) SIM(.wide = true) FAST(NONE) PAD(NONE)
    COREAI(WORD(NULL, "ops.broadcasting_add({x}, {x})"))
    CHIPS(FACTS(.m5 = RUNS), "", "made up", "")
    EX(15, "x = tensor<fp32, [2]>([1.5, -2.0])", "tensor<fp32, [2]>([3.0, -4.0])")
'''),
        ('ir/ops/unary.c', '/* ---- cast ---', '''bool eval_twice(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    for (size_t i = 0; i < x->count; i++) tensor_set_float(c->res[0], i, 2 * tensor_float(x, i));
    return true;
}

''')],
    'composite': [('frontend/std.anedsl', 'fn _mil_mse_loss', 'fn _mil_thrice(x) = x + x + x\n')],
    'option': [
        ('tools/anec.def', 'OPT(list_ops,', 'OPT(hello, "hello", 0, FLAG, NULL, NULL, "says hello")\n'),
        ('tools/anec.c', '    if (compiler_given(j, ANEC_list_ops)) list_ops(&j->out);',
         '    if (compiler_given(j, ANEC_hello)) buf_puts(&j->out, "hello\\n");\n')],
    'container': [
        ('ir/mil/container.c', 'static const Container containers[] = {',
         'static Module *read_other(Diag *d, const char *path, const MilReading *how)\n'
         '{\n    return read_text(d, path, how);\n}\n\n'),
        ('ir/mil/container.c', '    { .ending = ".mlmodelc"',
         '    { .ending = ".other", .text = true, .read = read_other, .write = save_text },\n')],
}
MODEL = 'import "std"\nmodel main(x: fp16[2]) -> (y, z) {\n    y = twice(x)\n    z = mil.thrice(x)\n}\n'

# What each has to do: a command in the copy, and what it says, or does not when there is a `!` in front.
WORKS = [
    ('op', 'build/anec -q m.anedsl -t m5 -o m5.mil && cat m5.mil', '= twice('),
    ('op', 'build/anec --check -t m1 m.anedsl', 'twice has no form on the engine'),  # nobody has a word about it
    ('op', 'build/anec --list-ops', 'twice'),
    ('op', 'build/anec -q -t host m.anedsl --emit coreai-py -o t.py && cat t.py', 'y_ = ops.broadcasting_add(x_, x_)'),
    ('op', 'build/anerun -q -b ref -i x=x.npy -O out m.anedsl && od -An -tx2 -j128 out/y.npy', '4200 c400'),
    ('composite', 'build/anerun -q -b ref -i x=x.npy -O out m.anedsl && od -An -tx2 -j128 out/z.npy', '4480 c600'),
    ('composite', 'cat m5.mil', '!thrice('),
    ('option', 'build/anec --help', '--hello'),
    ('option', 'build/anec --hellp', 'did you mean --hello?'),
    ('option', 'build/anec --completion bash', 'hello'),
    ('container', 'cp m5.mil m.other && build/anec m.other -o n.other && cmp m5.mil n.other && echo same', 'same'),
    ('container', 'build/anec m5.mil -o m.none', '.other'),
]


def add(copy):
    for places in NEW.values():
        for name, before, new in places:
            path = os.path.join(copy, name)
            text = open(path).read()
            if text.count(before) != 1:
                sys.exit(f'places.py: {name} has "{before}" {text.count(before)} times')
            open(path, 'w').write(text.replace(before, new + before))
    open(os.path.join(copy, 'm.anedsl'), 'w').write(MODEL)
    header = "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }".ljust(117) + '\n'
    with open(os.path.join(copy, 'x.npy'), 'wb') as f:  # 1.5 and -2
        f.write(b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header.encode() + b'\x00\x3e\x00\xc0')


def main():
    jobs = sys.argv[1] if len(sys.argv) > 1 else '2'
    files = subprocess.run(['git', 'ls-files'], capture_output=True, text=True, check=True).stdout.split('\n')
    failed = 0
    with tempfile.TemporaryDirectory() as copy:
        for name in files:
            if name and not name.startswith('tests/golden') and os.path.isfile(name):
                os.makedirs(os.path.dirname(os.path.join(copy, name)) or copy, exist_ok=True)
                shutil.copy2(name, os.path.join(copy, name))
        add(copy)
        subprocess.run(['make', '-s', '-j' + jobs, 'CFLAGS=-O0', 'WERROR=1', 'build/anec', 'build/anerun'], cwd=copy,
                       check=True, stdout=subprocess.DEVNULL)
        for what, command, says in WORKS:
            run = subprocess.run(command, shell=True, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if (says.lstrip('!') in run.stdout) == says.startswith('!'):
                failed += 1
                print(f'{what}: {command}: {run.stdout[:400]}')
    print('places:', ', '.join(f'{what} {len(places)}' for what, places in NEW.items()))
    print(f'places: {len(WORKS) - failed} passed, {failed} failed')
    sys.exit(failed > 0)


main()
