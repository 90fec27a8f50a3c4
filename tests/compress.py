#!/usr/bin/env python3
"""compress.py -- packages of coremltools with their weights in other forms, read by a decoder of this file's own.

usage: compress.py BUILD [PACKAGES [EVERY]]     PACKAGES: ../shared/packages/cases; EVERY: one package of so many (5)

Each package is written with sparse(0), which loses nothing: `ref` must give the bytes that it gave. Then in one of the
forms, in turn, with a report: what is decoded here from text and weight file must be off the exported weights by what
the report says, and --check finds no error for a chip, in turn too, that the package is written for with that form.
The last line is `compress: N passed, N failed`."""
import itertools, json, math, os, re, struct, subprocess, sys, tempfile

from counted import Checks, build_given

BUILD = os.path.abspath(build_given(__doc__))
FORMS = ['int8', 'int8(affine)', 'uint8(tensor)', 'int4', 'int4(block = 4)', 'uint4(block = 8, affine)', 'lut1', 'lut2',
         'lut3', 'lut4', 'lut6', 'lut8', 'lut4(group = 4)', 'lut4(scaled)', 'lut3(group = 2, scaled, int8)',
         'lut4(vector = 2)', 'lut2(vector = 4, group = 8)', 'sparse(0.5)', 'sparse(0.4, int8)',
         'sparse(0.6, int4, block = 4)', 'sparse(0.5, lut4, group = 2)', 'sparse(0.3, lut2, int8, scaled)']
CHIPS = ['m1', 'm2', 'm3', 'm4', 'm5']
BITS = {'int4': 4, 'uint1': 1, 'uint2': 2, 'uint3': 3, 'uint4': 4, 'uint6': 6}
FORMAT = {'fp16': 'e', 'fp32': 'f', 'int8': 'b', 'uint8': 'B', 'int32': 'i', 'uint32': 'I'}
check = Checks("compress")


def tool(name, *args):
    p = subprocess.run([os.path.join(BUILD, name), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True)
    return p.returncode, p.stdout, p.stderr


# ---- what a text and a weight file say ---------------------------------------------------------------------------

def unpacked(raw, dtype, n):
    if dtype in FORMAT:
        return list(struct.unpack_from('<%d%s' % (n, FORMAT[dtype]), raw))
    bits, all_bits = BITS[dtype], int.from_bytes(raw, 'little')
    values = [all_bits >> i * bits & (1 << bits) - 1 for i in range(n)] if n < 4096 else \
        [int.from_bytes(raw[i * bits // 8:i * bits // 8 + 2], 'little') >> i * bits % 8 & (1 << bits) - 1 for i in range(n)]
    return [v - 16 if dtype == 'int4' and v > 7 else v for v in values]


class Blob:
    def __init__(self, path):
        self.bytes = open(path, 'rb').read() if os.path.exists(path) else b''

    def read(self, at, dtype, n):
        sentinel, _, size, data = struct.unpack_from('<IIQQ', self.bytes, at)
        assert sentinel == 0xdeadbeef
        return unpacked(self.bytes[data:data + size], dtype, n)


class Tensor:
    def __init__(self, dtype, shape, values):
        self.dtype, self.shape, self.values = dtype, shape, values

    def rounded(self):
        if self.dtype in ('fp16', 'fp32'):
            code = '<%d%s' % (len(self.values), FORMAT[self.dtype])
            self.values = list(struct.unpack(code, struct.pack(code, *self.values)))
        return self


def literal(text, blob):
    m = re.match(r'(?:tensor<(\w+), \[([\d, ]*)\]>|(\w+))\((.*)\)$', text, re.S)
    dtype, shape = m[1] or m[3], [int(d) for d in (m[2] or '').split(',') if d.strip()]
    at = re.search(r'BLOBFILE\(.*offset = (?:tensor<uint64, \[\]>|uint64)\((\d+)\)', m[4])
    if at:
        return Tensor(dtype, shape, blob.read(int(at[1]), dtype, math.prod(shape)))
    if dtype == 'string':
        return None
    return Tensor(dtype, shape, [float.fromhex(v) if 'x' in v else float(v) if '.' in v or 'e' in v else int(v)
                                 for v in re.findall(r'-?(?:0x[\da-f.]+p[+-]?\d+|[\d.]+(?:e[+-]?\d+)?)', m[4])])


def pairs(text):
    """`a = x, b = y` at the top level."""
    out, depth, begin, quoted = {}, 0, 0, False
    for i, c in enumerate(text + ','):
        quoted ^= c == '"' and text[i - 1] != '\\'
        if quoted:
            continue
        depth += (c in '([{<') - (c in ')]}>')
        if c == ',' and depth == 0 and text[begin:i].strip():
            key, value = text[begin:i].split('=', 1)
            out[key.strip()] = value.strip()
            begin = i + 1
    return out


STATEMENT = re.compile(r'^\s+(tensor<.*?) = (const|constexpr_\w+)\((.*?)\)\[(.*)\];$')


def decoded(path):
    """The weights of a text that are decoded and no part of others, by name."""
    blob = Blob(os.path.join(os.path.dirname(path), 'weights', 'weight.bin'))
    known, out, inner = {}, {}, set()
    for line in open(path):
        m = STATEMENT.match(line)
        if not m:
            continue
        names = re.findall(r'> (\w+)', m[1])
        if m[2] == 'const':
            text = pairs(m[4])['val']
            if not text.startswith(('string', 'bool', 'tensor<string', 'tensor<bool', 'dict', 'tuple', 'list')):
                known[names[0]] = literal(text, blob)
            continue
        args = {k: known[v] if v in known else literal(v, blob) for k, v in pairs(m[3]).items()}
        inner |= set(pairs(m[3]).values())
        args.update((k, literal(v, blob)) for k, v in pairs(m[4]).items() if k != 'name')
        for name, t in zip(names, globals()[m[2]](**args)):
            known[name] = out[name] = t
    return {k: v for k, v in out.items() if k not in inner}


# ---- what the operations mean ------------------------------------------------------------------------------------

def places(shape):
    return itertools.product(*(range(d) for d in shape))


def flat(at, shape):
    n = 0
    for i, d in zip(at, shape):
        n = n * d + i
    return n


def block_of(at, shape, groups):
    return flat([i * g // d for i, d, g in zip(at, shape, groups)], groups)


def scaled(shape, values, scale, offset, at=None):
    blocks = [block_of(p, shape, scale.shape) for p in places(shape)]
    blocks = blocks if at is None else [blocks[i] for i in at]
    return [scale.values[b] * (v - (offset.values[b] if offset else 0)) for v, b in zip(values, blocks)]


def constexpr_affine_dequantize(quantized_data, scale, zero_point, axis):
    shape, k = quantized_data.shape, axis.values[0]
    one = lambda t, p: t.values[p[k] if t.shape else 0]
    values = [one(scale, p) * (v - one(zero_point, p)) for p, v in zip(places(shape), quantized_data.values)]
    return [Tensor(scale.dtype, shape, values).rounded()]


def constexpr_blockwise_shift_scale(data, scale, offset=None):
    return [Tensor(scale.dtype, data.shape, scaled(data.shape, data.values, scale, offset)).rounded()]


def constexpr_lut_to_dense(indices, lut, shape=None, vector_axis=None):
    if shape:  # bytes
        bits = len(lut.values).bit_length() - 1
        dtype = {8: 'uint8'}.get(bits, 'uint%d' % bits)
        index = unpacked(bytes(indices.values), dtype, math.prod(shape.values))
        return [Tensor(lut.dtype, shape.values, [lut.values[i] for i in index])]
    dense, entries, vector = indices.shape, lut.shape[-2], lut.shape[-1]
    k = vector_axis.values[0] if vector_axis else len(dense) - 1
    out = [d * vector if i == k else d for i, d in enumerate(dense)]
    values = [0] * math.prod(out)
    for p, index in zip(places(dense), indices.values):
        table = block_of(p, dense, lut.shape[:-2])
        for v in range(vector):
            q = [i * vector + v if a == k else i for a, i in enumerate(p)]
            values[flat(q, out)] = lut.values[(table * entries + index) * vector + v]
    return [Tensor(lut.dtype, out, values)]


def kept(mask):
    return [i for i, bit in enumerate(mask.values) if bit]


def constexpr_lut_to_sparse(indices_mask, indices_nonzero_data, lut):
    shape, entries = indices_mask.shape, lut.shape[-2]
    blocks = [block_of(p, shape, lut.shape[:-2]) for p in places(shape)]
    values = [lut.values[blocks[at] * entries + i] for at, i in zip(kept(indices_mask), indices_nonzero_data.values)]
    return [indices_mask, Tensor(lut.dtype, [len(values)], values)]


def constexpr_sparse_blockwise_shift_scale(data_mask, nonzero_data, scale, offset=None):
    values = scaled(data_mask.shape, nonzero_data.values, scale, offset, kept(data_mask))
    return [data_mask, Tensor(scale.dtype, nonzero_data.shape, values).rounded()]


def constexpr_sparse_to_dense(nonzero_data, mask, shape=None):
    if shape:
        mask = Tensor('uint1', shape.values, unpacked(bytes(mask.values), 'uint1', math.prod(shape.values)))
    values = [0] * math.prod(mask.shape)
    for i, v in zip(kept(mask), nonzero_data.values):
        values[i] = v
    return [Tensor(nonzero_data.dtype, mask.shape, values)]


def constexpr_cast(source_val, output_dtype=None):
    return [Tensor('fp32', source_val.shape, source_val.values)]


# ---- packages ----------------------------------------------------------------------------------------------------

def read_npy(path):
    raw = open(path, 'rb').read()
    size = struct.unpack_from('<H', raw, 8)[0]
    code = re.search(rb"'descr': '<(f[24])'", raw[:size + 10])
    if not code:
        return None
    n = (len(raw) - 10 - size) // int(code[1][1:])
    return struct.unpack_from('<%d%s' % (n, {b'f2': 'e', b'f4': 'f'}[code[1]]), raw, 10 + size)


def files(folder):
    out = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        out[name] = open(os.path.join(folder, name), 'rb').read()
    return out


def lossless(name, package, opset, temp):
    code, _, said = tool('anec', package, *opset, '-q', '--compress', 'size > 0 & rank > 0 = sparse(0, again)', '-o',
                         temp + '/s.mlpackage')
    if not check(name + ' with sparse(0)', code == 0, said):
        return
    for kind, path in ('was', package), ('is', temp + '/s.mlpackage'):
        tool('anerun', '-q', path, '--backend', 'ref', '--random', '1', '-O', temp + '/' + kind)
    check(name + ': sparse(0) loses something', files(temp + '/was') == files(temp + '/is'))


def lossy(name, package, opset, form, temp):
    code, _, said = tool('anec', package, *opset, '-q', '--compress', 'size > 0 & rank > 0 = ' + form,
                         '--compress-report=' + temp + '/r.json', '-o', temp + '/f.mil')
    if not check('%s with %s' % (name, form), code == 0, said):
        return
    report = json.load(open(temp + '/r.json'))['weights']
    tool('anec', '-q', package, '--export-weights', temp + '/w')
    values = decoded(temp + '/f.mil')
    for note in report:
        path = '%s/w/%s.npy' % (temp, note['name'])
        was = read_npy(path) if note['form'] and note['dtype'] != 'int8' and os.path.exists(path) else None
        if was is None or len({n['name'] for n in report}) != len(report):
            continue
        off = max(abs(a - b) for a, b in zip(values[note['name']].values, was))
        check('%s with %s: %s is off by %g, not by %g' % (
            name, form, note['name'], off, note['max_error']), abs(off - note['max_error']) <= 1e-9 * abs(off))


def legal(name, package, form, chip, temp):
    if tool('anec', '-q', package, '-t', chip, '-o', temp + '/t.mil')[0]:
        return
    code, _, said = tool('anec', '-q', package, '-t', chip, '--compress', 'size > 0 & rank > 0 = ' + form, '-o', temp + '/t.mil')
    check('%s with %s for %s' % (name, form, chip), code == 0, said)
    code, _, said = tool('anec', '-q', '--check', '-t', chip, temp + '/t.mil')
    check('%s with %s is no program for %s' % (name, form, chip), code == 0, said)


def main():
    top = sys.argv[2] if len(sys.argv) > 2 else '../shared/packages/cases'
    every = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    cases = sorted(os.path.join(d, 'model.mlpackage') for d, inner, _ in os.walk(top) if 'model.mlpackage' in inner)
    if not cases:
        print('compress: skipped, there is no %s' % top)
    for i, package in enumerate(cases[::every]):
        case = json.load(open(os.path.join(os.path.dirname(package), 'case.json')))
        name, form = os.path.relpath(os.path.dirname(package), top), FORMS[i % len(FORMS)]
        opset = ['--opset', 'ios16'] if case.get('opset') == 'ios15' else []
        with tempfile.TemporaryDirectory() as temp:
            if not opset:
                lossless(name, package, opset, temp)
                lossy(name, package, opset, form, temp)
            legal(name, package, form, CHIPS[i % len(CHIPS)], temp)
    check.end()


sys.exit(main())
