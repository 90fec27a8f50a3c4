#!/usr/bin/env python3
"""constants.py -- a constant is a constant: every storage of a weight, for every op that wants one, on every chip.

usage: constants.py BUILD [PACKAGES]

One program holds all ops that take constant parameters. It is written once for each storage of its weights: literals,
BLOBFILE of fp16 and fp32, each kind of constexpr, alone and joined. For each chip the rewritten program has no cast of
a constant, --check finds no error, and `ref` gives what the original gives. The fp32 and the fp16 program have the same
ops; so have pairs of PACKAGES (folders of ../shared/packages/cases that differ in precision alone). Then what must not
happen. The last line is `constants: N passed, N failed`.
"""
import json, math, os, re, struct, subprocess, sys, tempfile, zipfile

from counted import Checks, build_given

BUILD = os.path.abspath(build_given(__doc__))
TARGETS = [t for t in json.loads(subprocess.check_output([os.path.join(BUILD, 'anec'), '--list-targets', '--json']))
           if t['chip'] and 'engine' in t]
CHIPS = {t['target']: int(t['opset'][3:]) for t in TARGETS}
HALF_IO = [t['target'] for t in TARGETS if t['io'] == 'fp16']
check = Checks("constants")


def tool(name, *args):
    p = subprocess.run([os.path.join(BUILD, name), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True)
    return p.returncode, p.stdout, p.stderr


class Blobs:
    """A weight file: records of 64 bytes, aligned to 64."""
    CODE = {'fp16': (1, 'e'), 'fp32': (2, 'f')}

    def __init__(self):
        self.bytes, self.count = bytearray(64), 0

    def add(self, dtype, values):
        code, fmt = self.CODE[dtype]
        data, at = struct.pack('<%d%s' % (len(values), fmt), *values), len(self.bytes)
        self.bytes += struct.pack('<IIQQQ', 0xDEADBEEF, code, len(data), at + 64, 0).ljust(64, b'\0') + data
        self.bytes += bytes(-len(self.bytes) % 64)
        self.count += 1
        return at

    def save(self, folder):
        os.makedirs(folder + '/weights', exist_ok=True)
        struct.pack_into('<II', self.bytes, 0, self.count, 2)
        with open(folder + '/weights/weight.bin', 'wb') as f:
            f.write(self.bytes)


def tensor(t, dims, values):
    return 'tensor<%s, [%s]>(%s)' % (t, ', '.join(map(str, dims)), [v for v in values] if dims else values)


def blobfile(t, dims, at):
    return ('tensor<%s, [%s]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), '
            'offset = tensor<uint64, []>(%d)))' % (t, ', '.join(map(str, dims)), at))


def packed(values, bits):
    n = sum(v << i * bits for i, v in enumerate(values))
    return list(n.to_bytes((len(values) * bits + 7) // 8, 'little'))


class Weights:
    """Emits the ops of one storage. Elements are k / 8, k below 8, so that each holds them exactly."""

    def __init__(self, storage, t):
        self.storage, self.t, self.blobs, self.text = storage, t, Blobs(), []

    def say(self, results, call, attrs):
        self.text.append('        %s = %s[%s];' % (results, call, attrs))

    def weight(self, name, *dims):
        n, t = math.prod(dims), self.t
        k = [(i * 7 + 3) % 4 + (not name.startswith('w')) for i in range(n)]
        v, nz = [x / 8 for x in k], [x for x in k if x]
        lut, own = [x / 8 for x in range(8)], 'tensor<%s, %s> %s' % (t, list(dims), name)
        label = 'name = tensor<string, []>("%s")' % name
        one, s = [1] * len(dims), self.storage

        def attr(op, **data):
            self.say(own, op + '()', ', '.join([label] + ['%s = %s' % d for d in data.items()]))

        def args(op, results=own, **data):
            self.say(results, '%s(%s)' % (op, ', '.join('%s = %s' % d for d in data.items())), label)

        if s in ('literal', 'blob'):
            attr('const', val=tensor(t, dims, v) if s == 'literal' else blobfile(t, dims, self.blobs.add(t, v)))
        elif s == 'cast16':
            attr('constexpr_cast', output_dtype='tensor<string, []>("fp32")',
                 source_val=blobfile('fp16', dims, self.blobs.add('fp16', v)))
        elif s == 'affine16':
            attr('constexpr_affine_dequantize', axis='tensor<int32, []>(0)', quantized_data=tensor('int8', dims, k),
                 scale=tensor(t, dims[:1], [1 / 8] * dims[0]), zero_point='tensor<int8, []>(0)')
        elif s == 'lut16':
            attr('constexpr_lut_to_dense', indices=tensor('uint8', [len(packed(k, 4))], packed(k, 4)),
                 lut=tensor(t, [16], [x / 8 for x in range(16)]), shape=tensor('uint32', [len(dims)], dims))
        elif s == 'sparse16':
            bits = packed([int(x > 0) for x in k], 1)
            attr('constexpr_sparse_to_dense', mask=tensor('uint8', [len(bits)], bits),
                 nonzero_data=blobfile(t, [len(nz)], self.blobs.add(t, [x / 8 for x in nz])),
                 shape=tensor('uint32', [len(dims)], dims))
        elif s == 'blockwise':
            args('constexpr_blockwise_shift_scale', data=tensor('int4', dims, k),
                 scale=tensor(t, [dims[0]] + one[1:], [1 / 8] * dims[0]))
        elif s == 'lut':
            args('constexpr_lut_to_dense', indices=tensor('uint3', dims, k), lut=tensor(t, one + [8, 1], lut))
        elif s == 'sparse':
            args('constexpr_sparse_to_dense', mask=tensor('uint1', dims, [int(x > 0) for x in k]),
                 nonzero_data=tensor(t, [len(nz)], [x / 8 for x in nz]))
        elif s == 'lut-of-blockwise':
            table = 'tensor<%s, %s> %s_table' % (t, one + [8, 1], name)
            args('constexpr_blockwise_shift_scale', table, data=tensor('int8', one + [8, 1], list(range(8))),
                 scale=tensor(t, one + [1, 1], [1 / 8]))
            args('constexpr_lut_to_dense', indices=tensor('uint3', dims, k), lut=name + '_table')
        elif s in ('sparse-of-lut', 'sparse-of-blockwise'):
            two = 'tensor<uint1, %s> %s_mask, tensor<%s, [%d]> %s_data' % (list(dims), name, t, len(nz), name)
            mask = tensor('uint1', dims, [int(x > 0) for x in k])
            if s == 'sparse-of-lut':
                args('constexpr_lut_to_sparse', two, indices_mask=mask,
                     indices_nonzero_data=tensor('uint3', [len(nz)], nz), lut=tensor(t, one + [8, 1], lut))
            else:
                args('constexpr_sparse_blockwise_shift_scale', two, data_mask=mask,
                     nonzero_data=tensor('int8', [len(nz)], nz), scale=tensor(t, one, [1 / 8]))
            args('constexpr_sparse_to_dense', mask=name + '_mask', nonzero_data=name + '_data')
        return name


OPSET = {s: 17 for s in ('literal', 'blob', 'cast16', 'affine16', 'lut16', 'sparse16')}
OPSET.update({s: 18 for s in ('blockwise', 'lut', 'sparse', 'lut-of-blockwise', 'sparse-of-lut', 'sparse-of-blockwise')})


def program(storage, t, opset):
    w = Weights(storage, t)
    half, results = t == 'fp16', []

    def op(name, dims, call, more=''):
        out = name + ('_half' if half else '')
        w.say('tensor<%s, %s> %s%s' % (t, dims, out, more), call, 'name = tensor<string, []>("%s")' % out)
        if half:
            w.say('tensor<fp32, %s> %s' % (dims, name), 'cast(dtype = tensor<string, []>("fp32"), x = %s)' % out,
                  'name = tensor<string, []>("%s")' % name)
        results.append(name)

    ins = {'a': [2, 8], 'i': [1, 8, 5, 6], 's': [3, 2, 4], 'h': [2, 4]}
    for n, d in ins.items() if half else []:
        w.say('tensor<fp16, %s> %s_half' % (d, n), 'cast(dtype = tensor<string, []>("fp16"), x = %s)' % n,
              'name = tensor<string, []>("%s_half")' % n)
    a, i, s, h = (n + ('_half' if half else '') for n in 'aish')
    W = w.weight
    op('linear', [2, 12], 'linear(bias = %s, weight = %s, x = %s)' % (W('b0', 12), W('w0', 12, 8), a))
    op('matmul', [2, 12], 'matmul(transpose_x = tensor<bool, []>(false), transpose_y = tensor<bool, []>(true), x = %s, '
       'y = %s)' % (a, W('w1', 12, 8)))
    op('conv', [1, 4, 5, 6], 'conv(bias = %s, pad_type = tensor<string, []>("same"), weight = %s, x = %s)'
       % (W('b1', 4), W('w2', 4, 8, 3, 3), i))
    op('conv_transpose', [1, 4, 7, 8], 'conv_transpose(bias = %s, weight = %s, x = %s)'
       % (W('b2', 4), W('w3', 8, 4, 3, 3), i))
    op('layer_norm', [2, 8], 'layer_norm(axes = tensor<int32, [1]>([1]), beta = %s, gamma = %s, x = %s)'
       % (W('b3', 8), W('g0', 8), a))
    op('batch_norm', [1, 8, 5, 6], 'batch_norm(beta = %s, gamma = %s, mean = %s, variance = %s, x = %s)'
       % (W('b4', 8), W('g1', 8), W('m0', 8), W('v0', 8), i))
    op('instance_norm', [1, 8, 5, 6], 'instance_norm(beta = %s, gamma = %s, x = %s)' % (W('b5', 8), W('g2', 8), i))
    op('prelu', [1, 8, 5, 6], 'prelu(alpha = %s, x = %s)' % (W('p0', 8), i))
    op('add', [2, 8], 'add(x = %s, y = %s)' % (a, W('c0', 1, 8)))
    how = ('direction = tensor<string, []>("forward"), initial_h = %s, output_sequence = tensor<bool, []>(true), '
           'x = %s' % (h, s))
    for name, gates, cell in ('lstm', 4, ', initial_c = ' + h), ('gru', 3, ''), ('rnn', 1, ''):
        last = ''.join(', tensor<%s, [2, 4]> %s_%s' % (t, name, x) for x in ('hc' if cell else 'h'))
        op(name, [3, 2, 4], '%s(bias = %s, weight_hh = %s, weight_ih = %s%s, %s)' % (
            name, W('b_' + name, 4 * gates), W('wh_' + name, 4 * gates, 4), W('wi_' + name, 4 * gates, 4), cell, how),
           last)
    head = ', '.join('tensor<fp32, %s> %s' % (d, n) for n, d in ins.items())
    body = '\n'.join(w.text)
    return 'program(1.0)\n{\n    func main<ios%d>(%s) {\n%s\n    } -> (%s);\n}\n' % (
        opset, head, body, ', '.join(results)), w.blobs, ins, results


def write(folder, text, blobs):
    os.makedirs(folder, exist_ok=True)
    blobs.save(folder)
    with open(folder + '/model.mil', 'w') as f:
        f.write(text)
    return folder + '/model.mil'


def npy(path, fmt, dims, values):
    h = "{'descr': '<f%d', 'fortran_order': False, 'shape': %s, }" % (struct.calcsize(fmt), tuple(dims))
    h = h.encode() + b' ' * (-(len(h) + 11) % 64) + b'\n'
    with open(path, 'wb') as f:
        f.write(b'\x93NUMPY\x01\0' + struct.pack('<H', len(h)) + h + struct.pack('<%d%s' % (len(values), fmt), *values))


def floats(path):
    with open(path, 'rb') as f:
        b = f.read()
    data = b[10 + struct.unpack_from('<H', b, 8)[0]:]
    size = 2 if b"'<f2'" in b[:80] else 4
    return struct.unpack('<%d%s' % (len(data) // size, 'e' if size == 2 else 'f'), data)


def run(model, ins, half, out):
    args = []
    for n, d in ins.items():
        f = '%s_%s.npy' % (out, n)
        npy(f, 'e' if half else 'f', d, [(k * 5 % 13 - 6) / 8 for k in range(math.prod(d))])
        args += ['-i', '%s=%s' % (n, f)]
    return tool('anerun', '-q', '--backend', 'ref', '-O', out, *args, model)


def ops_of(text):
    """Every op but constants, in order, and the constants that a cast takes."""
    made = re.findall(r'^ +[^=(]* \w+ = (\w+)\(', text, re.M)
    names = re.findall(r'> (\w+) = (?:const|constexpr_\w+)\(', text)
    cast = [x for x in re.findall(r'cast\([^;]*?\bx = (\w+)', text) if x in names]
    return [o for o in made if o != 'const' and not o.startswith('constexpr_')], cast


def target(model, chip, out):
    code, _, said = tool('anec', '-q', model, '--target', chip, '-o', out)
    if code:
        return None, said
    with open(out) as f:
        return f.read(), ''


def storages(tmp):
    ops = {}
    for storage, opset in OPSET.items():
        for t in ('fp32', 'fp16') if storage in ('literal', 'blob') else ('fp32',):
            what = '%s %s' % (storage, t)
            folder = '%s/%s' % (tmp, what.replace(' ', '-'))
            text, blobs, ins, results = program(storage, t, opset)
            model = write(folder, text, blobs)
            code, _, said = run(model, ins, False, folder + '/ref')
            if not check(what + ' on ref', code == 0, said):
                continue
            for chip, most in CHIPS.items():
                if opset == 18 > most and storage != 'blockwise':
                    continue  # what an older opset makes of these forms is tests/opset.py's
                os.makedirs('%s/%s' % (folder, chip))
                out = '%s/%s/t.mil' % (folder, chip)
                got, said = target(model, chip, out)
                if not check('%s for %s' % (what, chip), got is not None, said):
                    continue
                ops[storage, t, chip], cast = ops_of(got)
                check('%s for %s casts constants' % (what, chip), not cast, ' '.join(cast))
                code, _, said = tool('anec', '-q', '--check', '--target', chip, out)
                check('%s for %s is checked' % (what, chip), code == 0 and 'error:' not in said, said)
                code, _, said = run(out, ins, chip in HALF_IO, '%s/%s/o' % (folder, chip))
                if not check('%s for %s runs' % (what, chip), code == 0, said):
                    continue
                for r in results:
                    want = floats('%s/ref/%s.npy' % (folder, r))
                    have = floats('%s/%s/o/%s.npy' % (folder, chip, r))
                    far = max(abs(p - q) for p, q in zip(want, have))
                    check('%s for %s: %s differs by %g' % (what, chip, r, far),
                          len(want) == len(have) and far <= 4e-3 * max(1, *map(abs, want)))
    for chip in CHIPS:
        for storage in ('literal', 'blob'):
            check('the fp32 and the fp16 program of %s have the same ops on %s' % (storage, chip),
                  ops.get((storage, 'fp32', chip)) == ops.get((storage, 'fp16', chip)) is not None)


HEAD = 'program(1.0)\n{\n    func main<ios%d>(%s) {\n%s\n    } -> (%s);\n}\n'


def named(type_, name, call, attrs=''):
    return '        %s %s = %s[name = tensor<string, []>("%s")%s];' % (type_, name, call, name, attrs)


def through(tmp, name, text, blobs, *options):
    model = write('%s/%s' % (tmp, name), text, blobs)
    out = '%s/%s/out.mil' % (tmp, name)
    code, _, said = tool('anec', model, *options, '-o', out)
    got = ''
    if code == 0:
        with open(out) as f:
            got = f.read()
    return code, got, said


def negatives(tmp):
    fp16 = ('--passes', 'fp16,dce')
    b = Blobs()
    w = named('tensor<fp32, [4, 4]>', 'w', 'const()', ', val = ' + blobfile('fp32', [4, 4], b.add('fp32', range(16))))
    y = named('tensor<fp32, [2, 4]>', 'y', 'linear(weight = w, x = x)')
    z = named('tensor<fp32, [2, 4]>', 'z', 'linear(weight = w, x = y)')
    x = 'tensor<fp32, [2, 4]> x'
    code, got, said = through(tmp, 'twice', HEAD % (16, x, '\n'.join((w, y, z)), 'z'), b, *fp16)
    check('two uses of a weight convert it once',
          code == 0 and got.count('BLOBFILE') == 1 and 'tensor<fp16, [4, 4]>(BLOBFILE' in got, said + got)
    code, got, said = through(tmp, 'result', HEAD % (16, x, '\n'.join((w, y)), 'y, w'), b, *fp16)
    check('a weight that is a result keeps its bytes',
          'tensor<fp32, [4, 4]>(BLOBFILE' in got and 'tensor<fp16, [4, 4]>(BLOBFILE' in got, said + got)
    m = named('tensor<fp32, [2, 4]>', 'y', 'matmul(x = x, y = p)')
    p = named('tensor<fp32, [4, 4]>', 'p', 'add(x = w, y = q)')
    code, got, said = through(tmp, 'computed', HEAD % (16, x + ', tensor<fp32, [4, 4]> q', '\n'.join((w, p, m)), 'y'), b,
                              *fp16)
    check('a value that is not constant is cast when it runs',
          re.search(r'cast\([^;]*x = q\)', got) and not re.search(r'cast\([^;]*x = w\)', got), said + got)
    r = ('        tensor<fp32, [3, 2, 4]> y, tensor<fp32, [2, 4]> l = rnn(direction = tensor<string, []>("forward"), '
         'initial_h = h, output_sequence = tensor<bool, []>(true), weight_hh = w, weight_ih = w, x = s)'
         '[name = tensor<string, []>("y")];')
    code, got, said = through(tmp, 'stays', HEAD % (16, 'tensor<fp32, [3, 2, 4]> s, tensor<fp32, [2, 4]> h', w + '\n' + r,
                                                    'y'), b, *fp16)
    check('an op that stays in fp32 keeps its weight',
          got.count('tensor<fp32, [4, 4]>(BLOBFILE') == 1 and 'fp16' not in got, said + got)
    absent = w.replace('weight.bin', 'gone.bin')
    code, got, said = through(tmp, 'absent', HEAD % (16, x, absent + '\n' + named(
        'tensor<fp32, [2, 4]>', 'y', 'matmul(x = x, y = w)'), 'y'), b, *fp16)
    check('a weight whose file is absent stays a reference',
          code == 0 and 'gone.bin' in got and re.search(r'cast\([^;]*x = w\)', got), said + got)
    code, got, said = through(tmp, 'stand-in', HEAD % (16, x, absent + '\n' + y, 'y'), b, '--target', 'm1',
                              '--missing-weights', 'random')
    check('what stands in for an absent file is converted', code == 0 and 'tensor<fp16, [4, 4]>(BLOBFILE' in got,
          said + got)
    b = Blobs()
    far = blobfile('fp32', [4, 4], b.add('fp32', [1e6, -1e30, 65504.0, 2e-8] + [1] * 12))
    code, got, said = through(tmp, 'beyond', HEAD % (16, x, named('tensor<fp32, [4, 4]>', 'w', 'const()', ', val = ' + far)
                                                     + '\n' + y, 'y'), b, '--target', 'm1')
    check('weights beyond fp16 are told by name', code == 0 and 'w: 2 of 16 elements are outside fp16' in said, said)
    with open(tmp + '/beyond/weights/out.bin', 'rb') as f:
        held = f.read()
    check('weights beyond fp16 are at its edge', struct.pack('<4e', 65504, -65504, 65504, 0) in held)


def pairs(folder):
    """Cases of one net in both precisions: `.._fp32_..` beside `.._fp16_..`."""
    if not os.path.isdir(folder):
        print('constants: no %s: pairs of packages are left out' % folder)
        return
    every, step = 0, int(os.environ.get('EVERY', '6'))
    with tempfile.TemporaryDirectory() as tmp:
        for at, _, files in sorted(os.walk(folder)):
            twin = at.replace('_fp32', '_fp16')
            if 'case.json' not in files or twin == at or not os.path.isdir(twin):
                continue
            every += 1
            if every % step:
                continue
            for chip in CHIPS:
                got = [target(p + '/model.mlpackage', chip, '%s/%s.mil' % (tmp, chip))[0] for p in (at, twin)]
                if None in got:
                    continue  # the set as a whole is conform_pkg.py's
                made = [ops_of(g) for g in got]
                n = [sum(o != 'cast' for o in ops) for ops, _ in made]  # the fp16 one casts its indices to int16
                check('%s and its fp16 twin have %d and %d ops on %s' % (at, *n, chip),
                      n[0] == n[1] and not made[0][1], ' '.join(made[0][1]))


with tempfile.TemporaryDirectory() as top:
    storages(top)
    negatives(top)
if len(sys.argv) > 2:
    pairs(sys.argv[2])
check.end()
