"""The functions of the dialect. Each checks its operands and makes a value."""
import itertools
import math

import numpy as np

import coreai
from ..ir import RankedTensorType, Value, Wrong, element_of

MODULES, BLOCKS, RECORD = [], [], []
HALF = set()  # functions that made numbers of fp16


def need(is_so, text, *what):
    if not is_so:
        raise Wrong(text % what)


def record(name, value):
    need(BLOCKS, "%s outside a graph's block", name)
    RECORD.append(name)
    return value


def made(name, array, element):
    if element.text == "f16":
        HALF.add(name)
    with np.errstate(all="ignore"):
        return record(name, Value(array, element))


def tensor(x, what="an operand"):
    need(isinstance(x, Value), "%s is %r, no value", what, x)
    return x


def parameter(v, dtype, rank, what):
    """A constant operand: an array of exactly that type, or a value of it."""
    if isinstance(v, Value):
        need(v.type.element_type == element_of(dtype), "%s is %s", what, v.type)
        v = v.array
    else:
        need(isinstance(v, (np.ndarray, np.generic)) and v.dtype == dtype, "%s is %r", what, v)
    v = np.asarray(v)
    need(v.ndim == rank, "%s has rank %d", what, v.ndim)
    return [int(n) for n in v.flatten()] if rank else int(v)


def whole(v, what):
    need(isinstance(v, (list, tuple)) and all(isinstance(n, (int, np.integer)) for n in v), "%s is %r", what, v)
    return [int(n) for n in v]


# ---- graphs


class Block:
    def __enter__(self):
        BLOCKS.append(self)

    def __exit__(self, *failure):
        BLOCKS.pop()


class GraphOp:
    def __init__(self, name, input_types, result_types, input_names):
        need(MODULES, "a graph outside a module")
        need(len(input_types) == len(input_names) and result_types == [], "types and names of %s", name)
        need(len(set(input_names)) == len(input_names), "two inputs of %s have one name", name)
        self.name, self.block, self.outputs, self.arguments = name, Block(), None, []
        for kind, label in zip(input_types, input_names):
            need(isinstance(kind, RankedTensorType), "%r is no type", kind)
            given = np.asarray(coreai.INPUTS[label])
            need(list(given.shape) == kind.shape and given.dtype == kind.element_type.numpy,
                 "%s is %s%s, not %s", label, given.dtype, given.shape, kind)
            self.arguments.append(Value(given, kind.element_type))
        MODULES[-1].graphs.append(self)

    def set_outputs_spec_from_dict(self, outputs):
        for v in outputs.values():
            tensor(v)
        self.outputs = outputs


def constant(v, dtype=None):
    if dtype is None:
        need(isinstance(v, (np.ndarray, np.generic)), "constant(%r) without a type", v)
        return made("constant", v, element_of(v.dtype))
    need(isinstance(v, (int, float)), "constant(%r, dtype)", v)
    return made("constant", np.asarray(v, dtype.numpy), dtype)


def cast(x, dtype):
    element, v = element_of(dtype), tensor(x).array
    if element.is_float:
        with np.errstate(all="ignore"):
            v = v.astype(x.type.element_type.numpy).astype(element.numpy)
    elif x.type.element_type.is_float:
        need(element.text != "i1", "a float to i1")
        v = np.trunc(v).astype(np.int64).astype(element.numpy)
    return made("cast", np.asarray(v).astype(np.float64 if element.is_float else element.numpy), element)


# ---- one operand and two


def _erf(v):
    return np.vectorize(math.erf, otypes=[np.float64])(v)


def _sigmoid(v):
    return 1 / (1 + np.exp(-v))


ONE = {"acos": np.arccos, "asin": np.arcsin, "atan": np.arctan, "atanh": np.arctanh, "cos": np.cos, "cosh": np.cosh,
       "erf": _erf, "exp": np.exp, "log": np.log, "relu": lambda v: np.where(v < 0, 0, v), "round_": np.round,
       "rsqrt": lambda v: 1 / np.sqrt(v), "sigmoid": _sigmoid, "silu": lambda v: v * _sigmoid(v), "sin": np.sin,
       "sinh": np.sinh, "sqrt": np.sqrt, "tan": np.tan, "tanh": np.tanh}
TWO = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "pow": np.power, "maximum": np.maximum,
       "minimum": np.minimum, "floor_divide": np.floor_divide, "divide": np.divide}
COMPARE = {"equal": np.equal, "not_equal": np.not_equal, "greater": np.greater}
LOGIC = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


def _one(name, f):
    def op(x):
        need(tensor(x).type.element_type.is_float, "%s of %s", name, x.type)
        with np.errstate(all="ignore"):
            return made(name, f(x.array), x.type.element_type)
    return op


def _two(name, f, bools, result):
    def op(x, y):
        e = tensor(x).type.element_type
        need(e == tensor(y).type.element_type, "%s of %s and %s", name, x.type, y.type)
        need((e.text == "i1") == bools or result, "%s of %s", name, x.type)
        with np.errstate(all="ignore"):
            return made(name, f(x.array, y.array), element_of(np.bool_) if result else e)
    return op


for _n, _f in ONE.items():
    globals()[_n] = _one(_n, _f)
for _n, _f in TWO.items():
    globals()["broadcasting_" + _n] = _two(_n, _f, False, False)
for _n, _f in COMPARE.items():
    globals()["broadcasting_" + _n] = _two(_n, _f, False, True)
for _n, _f in LOGIC.items():
    globals()["broadcasting_" + _n] = _two(_n, _f, True, True)


def abs_(x):
    return made("abs", np.abs(tensor(x).array), x.type.element_type)


def not_(x):
    need(tensor(x).type.element_type.text == "i1", "not of %s", x.type)
    return made("not", ~x.array, x.type.element_type)


def gelu(x, approximate):
    need(tensor(x).type.element_type.is_float and approximate in ("none", "tanh"), "gelu of %s", x.type)
    v = x.array
    if approximate == "tanh":
        inner = np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v ** 3))
    else:
        inner = _erf(v / math.sqrt(2))
    return made("gelu", 0.5 * v * (1 + inner), x.type.element_type)


def broadcasting_where(c, a, b):
    need(tensor(c).type.element_type.text == "i1", "where of %s", c.type)
    need(tensor(a).type.element_type == tensor(b).type.element_type, "where of %s and %s", a.type, b.type)
    return made("where", np.where(c.array, a.array, b.array), a.type.element_type)


def broadcasting_batch_matmul(x, y):
    need(tensor(x).type.element_type == tensor(y).type.element_type, "matmul of %s and %s", x.type, y.type)
    need(x.array.ndim >= 2 and y.array.ndim >= 2, "matmul of %s and %s", x.type, y.type)
    need(x.type.shape[-1] == y.type.shape[-2], "matmul of %s and %s", x.type, y.type)
    return made("batch_matmul", np.matmul(x.array, y.array), x.type.element_type)


# ---- along axes


def _axis(x, axis, what):
    n = tensor(x).array.ndim
    need(isinstance(axis, (int, np.integer)) and -n <= axis < n, "%s along %r of %s", what, axis, x.type)
    return int(axis) % n


def _reduce(name, f):
    def op(x, axes):
        axes = tuple(_axis(x, a, name) for a in whole(axes, "axes"))
        need(axes and len(set(axes)) == len(axes), "%s along %r", name, axes)
        with np.errstate(all="ignore"):
            return made(name, f(x.array, axis=axes, keepdims=True), x.type.element_type)
    return op


reduce_max, reduce_min = _reduce("reduce_max", np.max), _reduce("reduce_min", np.min)
reduce_mean, reduce_sum = _reduce("reduce_mean", np.mean), _reduce("reduce_sum", np.sum)
reduce_product = _reduce("reduce_product", np.prod)


def argmax(x, axis):
    axis = _axis(x, axis, "argmax")
    return made("argmax", np.expand_dims(np.argmax(x.array, axis), axis), element_of(np.uint32))


def softmax(x, axis):
    axis = _axis(x, axis, "softmax")
    e = np.exp(x.array - np.max(x.array, axis, keepdims=True))
    return made("softmax", e / np.sum(e, axis, keepdims=True), x.type.element_type)


def scan(x, axis, flag, combiner):
    need(isinstance(axis, np.uint32) and flag is False and combiner == "sum", "scan(%r, %r, %r)", axis, flag, combiner)
    return made("scan", np.cumsum(tensor(x).array, _axis(x, axis, "scan")), x.type.element_type)


# ---- shapes


def transpose(x, perm):
    perm = parameter(perm, np.uint32, 1, "perm")
    need(sorted(perm) == list(range(tensor(x).array.ndim)), "transpose of %s by %s", x.type, perm)
    return made("transpose", np.transpose(x.array, perm), x.type.element_type)


def reshape(x, shape):
    shape = whole(shape, "shape")
    need(min(shape, default=0) >= 0 and math.prod(shape) == tensor(x).array.size, "reshape of %s to %s", x.type, shape)
    return made("reshape", x.array.reshape(shape), x.type.element_type)


def reverse(x, axes):
    axes = parameter(axes, np.int32, 1, "axes")
    need(all(0 <= a < tensor(x).array.ndim for a in axes), "reverse of %s along %s", x.type, axes)
    return made("reverse", np.flip(x.array, tuple(axes)), x.type.element_type)


def tile(x, reps):
    reps = parameter(reps, np.uint32, 1, "reps")
    need(len(reps) == tensor(x).array.ndim, "tile of %s by %s", x.type, reps)
    return made("tile", np.tile(x.array, reps), x.type.element_type)


def concat(axis, values):
    need(values and all(tensor(v).type.element_type == values[0].type.element_type for v in values), "concat's types")
    return made("concat", np.concatenate([v.array for v in values], _axis(values[0], axis, "concat")),
                values[0].type.element_type)


def split(x, sizes, axis):
    sizes, n = parameter(sizes, np.uint32, 1, "sizes"), _axis(x, parameter(axis, np.int32, 0, "axis"), "split")
    need(sum(sizes) == x.type.shape[n], "split of %s into %s", x.type, sizes)
    return [made("split", part, x.type.element_type) for part in np.split(x.array, np.cumsum(sizes)[:-1], n)]


def _places(x, start, end, stride):
    start, end, stride = whole(start, "start"), whole(end, "end"), whole(stride, "stride")
    need(len(start) == len(end) == len(stride) == tensor(x).array.ndim, "slice of %s", x.type)
    for n, a, b, s in zip(x.type.shape, start, end, stride):
        need(0 <= a <= n and 0 <= b <= n and s > 0, "slice of %s from %s to %s by %s", x.type, start, end, stride)
    return tuple(slice(a, b, s) for a, b, s in zip(start, end, stride))


def slice_(x, start, end, stride):
    return made("slice", x.array[_places(x, start, end, stride)], x.type.element_type)


def slice_update(x, start, end, stride, update):
    at, v = _places(x, start, end, stride), x.array.copy()
    need(v[at].shape == tensor(update).array.shape and x.type.element_type == update.type.element_type,
         "slice_update of %s by %s", x.type, update.type)
    v[at] = update.array
    return made("slice_update", v, x.type.element_type)


def pad(x, pads, value, mode):
    pads = parameter(pads, np.uint32, 1, "pads")
    need(len(pads) == 2 * tensor(x).array.ndim, "pad of %s by %s", x.type, pads)
    need(tensor(value).type == RankedTensorType([], x.type.element_type), "pad with %s", value.type)
    pairs = list(zip(pads[::2], pads[1::2]))
    how = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}[mode]
    more = {"constant_values": value.array} if how == "constant" else {}
    return made("pad", np.pad(x.array, pairs, how, **more), x.type.element_type)


# ---- windows


def _windows(v, kernel, stride, dilation):
    out = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(v.shape[2:], kernel, stride, dilation)]
    need(min(out) >= 1, "a window larger than %s", v.shape)
    for at in itertools.product(*(range(k) for k in kernel)):
        cut = tuple(slice(a * d, a * d + (o - 1) * s + 1, s) for a, d, o, s in zip(at, dilation, out, stride))
        yield at, v[(slice(None), slice(None)) + cut]


def _conv(name, x, w, stride, dilation, groups):
    n = len(stride)
    need(tensor(x).array.ndim == tensor(w).array.ndim == n + 2 == len(dilation) + 2, "%s of %s and %s", name, x.type, w.type)
    need(x.type.element_type == w.type.element_type and x.type.element_type.is_float, "%s of %s and %s", name, x.type, w.type)
    batch, channels = x.type.shape[:2]
    out, each = w.type.shape[:2]
    need(each * groups == channels and out % groups == 0, "%s of %s and %s, %d groups", name, x.type, w.type, groups)
    weight, total = w.array.reshape([groups, out // groups, each] + w.type.shape[2:]), 0
    for at, part in _windows(x.array, w.type.shape[2:], stride, dilation):
        part = part.reshape((batch, groups, each) + part.shape[2:])
        total = total + np.einsum("goi,bgi...->bgo...", weight[(slice(None),) * 3 + at], part)
    return made(name, total.reshape((batch, out) + total.shape[3:]), x.type.element_type)


def conv2d(x, w, strides, dilations, groups):
    need(isinstance(groups, int), "groups is %r", groups)
    return _conv("conv2d", x, w, whole(strides, "strides"), whole(dilations, "dilations"), groups)


def conv3d(x, w, strides, dilations, groups):
    for v in (strides, dilations, groups):
        tensor(v)
    return _conv("conv3d", x, w, parameter(strides, np.uint32, 1, "strides"),
                 parameter(dilations, np.uint32, 1, "dilations"), parameter(groups, np.uint32, 0, "groups"))


def _transposed(name, n, x, w, stride, padding, dilation, output_pad, groups):
    for v in (stride, padding, dilation, output_pad, groups):
        tensor(v)
    stride, dilation = parameter(stride, np.uint32, 1, "stride"), parameter(dilation, np.uint32, 1, "dilation")
    need(parameter(padding, np.uint32, 1, "padding") == [0] * n, "padding")
    need(parameter(output_pad, np.uint32, 1, "output_pad") == [0] * n, "output_pad")
    groups = parameter(groups, np.uint32, 0, "groups")
    need(tensor(x).array.ndim == tensor(w).array.ndim == n + 2, "%s of %s and %s", name, x.type, w.type)
    batch, channels = x.type.shape[:2]
    need(w.type.shape[0] == channels and channels % groups == 0, "%s of %s and %s", name, x.type, w.type)
    each, kernel = w.type.shape[1], w.type.shape[2:]
    size = [(m - 1) * s + (k - 1) * d + 1 for m, s, k, d in zip(x.type.shape[2:], stride, kernel, dilation)]
    r = np.zeros([batch, groups, each] + size)
    v = x.array.reshape([batch, groups, channels // groups] + x.type.shape[2:])
    weight = w.array.reshape([groups, channels // groups, each] + kernel)
    for at in itertools.product(*(range(k) for k in kernel)):
        cut = tuple(slice(a * d, a * d + (m - 1) * s + 1, s)
                    for a, d, m, s in zip(at, dilation, x.type.shape[2:], stride))
        r[(slice(None),) * 3 + cut] += np.einsum("gio,bgi...->bgo...", weight[(slice(None),) * 3 + at], v)
    return made(name, r.reshape([batch, groups * each] + size), x.type.element_type)


def conv_transpose2d(*, input, weight, stride, padding, dilation, output_pad, groups):
    return _transposed("conv_transpose2d", 2, input, weight, stride, padding, dilation, output_pad, groups)


def conv_transpose3d(*, input, weight, stride, padding, dilation, output_pad, groups):
    return _transposed("conv_transpose3d", 3, input, weight, stride, padding, dilation, output_pad, groups)


def _pool(name, f, x, kernel, stride, dilation):
    need(tensor(x).array.ndim == 4 and x.type.element_type.is_float, "%s of %s", name, x.type)
    parts = [part for _, part in _windows(x.array, parameter(kernel, np.uint32, 1, "kernel"),
                                          parameter(stride, np.uint32, 1, "stride"),
                                          parameter(dilation, np.uint32, 1, "dilation"))]
    return made(name, f(np.stack(parts), 0), x.type.element_type)


def maxpool2d(*, output, input, kernel_size, stride, dilation, ceil_mode):
    need(ceil_mode is False, "ceil_mode")
    r = _pool("maxpool2d", np.max, input, kernel_size, stride, dilation)
    need(output == r.type, "maxpool2d gives %s, not %s", r.type, output)
    return r


def sumpool2d(x, *, kernel_size, strides, dilation):
    return _pool("sumpool2d", np.sum, x, kernel_size, strides, dilation)


# ---- gathers and scatters


def _indices(v, sizes):
    need(tensor(v).type.element_type.text == "si32", "indices are %s", v.type)
    need(np.all((v.array >= 0) & (v.array < np.asarray(sizes))), "an index outside %s", sizes)
    return v.array


def gather_nd(x, indices):
    sizes = tensor(x).type.shape[:tensor(indices).type.shape[-1]]
    at = _indices(indices, sizes)
    return made("gather_nd", x.array[tuple(np.moveaxis(at, -1, 0))], x.type.element_type)


def gather_along_axis(x, indices, axis):
    axis = _axis(x, axis, "gather_along_axis")
    at = _indices(indices, x.type.shape[axis])
    return made("gather_along_axis", np.take_along_axis(x.array, at, axis), x.type.element_type)


def scatter_nd(*, input, indices, updates):
    sizes = tensor(input).type.shape[:tensor(indices).type.shape[-1]]
    at, v = _indices(indices, sizes), input.array.copy()
    need(updates.type.element_type == input.type.element_type, "updates are %s", updates.type)
    v[tuple(np.moveaxis(at, -1, 0))] = updates.array
    return made("scatter_nd", v, input.type.element_type)


def scatter_along_axis(*, output, input, indices, updates, axis):
    axis = _axis(input, axis, "scatter_along_axis")
    at, v = _indices(indices, input.type.shape[axis]), input.array.copy()
    need(output == input.type and updates.type.element_type == input.type.element_type, "types of scatter_along_axis")
    np.put_along_axis(v, at, updates.array, axis)
    return made("scatter_along_axis", v, input.type.element_type)
