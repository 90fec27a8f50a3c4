# What some ops of MIL are in those of Core AI.

HERE = os.path.dirname(os.path.abspath(__file__))


def weight(name, shape):
    return ops.constant(np.load(os.path.join(HERE, WEIGHTS, name + ".npy")).reshape(shape))


def dims(x):
    return list(x.type.shape)


def number(v, like):
    return ops.constant(v, dtype=like.type.element_type)


def u32(v):
    return np.array(v, np.uint32)


def plus(x, v):
    return ops.broadcasting_add(x, number(v, x))


def raised(x, v, dtype):
    return plus(x, v) if dtype(v) else x


def times(x, v):
    return ops.broadcasting_mul(x, number(v, x))


def least(x, v):
    return ops.broadcasting_minimum(x, number(v, x))


def most(x, v):
    return ops.broadcasting_maximum(x, number(v, x))


def floor(x):
    return ops.broadcasting_floor_divide(x, number(1, x))


def modulo(x, y):
    return ops.broadcasting_sub(x, ops.broadcasting_mul(ops.broadcasting_floor_divide(x, y), y))


def sign(x):
    zero, one = number(0, x), number(1, x)
    below = ops.broadcasting_where(ops.broadcasting_greater(zero, x), number(-1, x), zero)
    return ops.broadcasting_where(ops.broadcasting_greater(x, zero), one, below)


def cast(x, dtype):
    return ops.broadcasting_not_equal(x, number(0, x)) if dtype is np.bool_ else ops.cast(x, dtype)


# ---- activations


def above(x, other):
    return ops.broadcasting_where(ops.broadcasting_greater(number(0, x), x), other, x)


def leaky(x, alpha):
    return above(x, times(x, alpha))


def channels(v, x):
    return ops.reshape(v, [1, int(np.prod(dims(v)))] + [1] * (len(dims(x)) - 2))


def prelu(x, alpha):
    return above(x, ops.broadcasting_mul(x, channels(alpha, x)))


def elu(x, alpha):
    return above(x, times(plus(ops.exp(least(x, 0)), -1), alpha))


def gelu(x, mode):
    if mode == "SIGMOID_APPROXIMATION":
        return ops.broadcasting_mul(x, ops.sigmoid(times(x, 1.702)))
    return ops.gelu(x, approximate="none" if mode == "EXACT" else "tanh")


def softplus(x):
    return ops.broadcasting_add(ops.relu(x), ops.log(plus(ops.exp(times(ops.abs_(x), -1)), 1)))


def softplus_channels(x, alpha, beta):
    return ops.broadcasting_mul(softplus(ops.broadcasting_mul(x, channels(beta, x))), channels(alpha, x))


def thresholded(x, alpha):
    return ops.broadcasting_where(ops.broadcasting_greater(number(alpha, x), x), number(0, x), x)


# ---- products


def transpose(x, perm):
    return ops.transpose(x, u32([p % len(perm) for p in perm]))


def turned(x, turn):
    n = len(dims(x))
    return transpose(x, list(range(n - 2)) + [n - 1, n - 2]) if turn and n > 1 else x


def matmul(x, y, turn_x, turn_y):
    dx, dy = dims(x), dims(y)
    x = ops.reshape(x, [1] + dx) if len(dx) == 1 else turned(x, turn_x)
    y = ops.reshape(y, dy + [1]) if len(dy) == 1 else turned(y, turn_y)
    r = ops.broadcasting_batch_matmul(x, y)
    out = dims(r)
    if len(dx) == 1:
        out = out[:-2] + out[-1:]
    if len(dy) == 1:
        out = out[:-1]
    return ops.reshape(r, out) if out != dims(r) else r


def linear(x, w, bias):
    r = matmul(x, turned(w, True), False, False)
    return r if bias is None else ops.broadcasting_add(r, bias)


def attention(q, k, v, mask):
    s = times(matmul(q, k, False, True), 1 / math.sqrt(dims(q)[-1]))
    if mask is not None and mask.type.element_type == q.type.element_type:
        s = ops.broadcasting_add(s, mask)
    elif mask is not None:
        s = ops.broadcasting_where(mask, s, number(-math.inf, s))
    return matmul(ops.softmax(s, -1), v, False, False)


# ---- windows: kernel, stride, dilation, padding before and after, dimensions of the result


def around(x, before, after, value):
    pads = [n for pair in zip(before, after) for n in pair]
    return ops.pad(x, u32(pads), number(value, x), "constant") if any(pads) else x


def cut(x, begin, end):
    if list(begin) == [0] * len(begin) and list(end) == dims(x):
        return x
    return ops.slice_(x, list(begin), list(end), [1] * len(begin))


def fitted(x, window, value):
    kernel, stride, dilation, before, after, out = window
    shape = dims(x)[2:]
    ends = [max(0, (o - 1) * s + (k - 1) * d + 1 - b - n)
            for n, k, s, d, b, o in zip(shape, kernel, stride, dilation, before, out)]
    return around(x, [0, 0] + before, [0, 0] + ends, value)


def as_plane(x):
    return ops.reshape(x, dims(x)[:2] + [1] + dims(x)[2:])


def as_line(x):
    return ops.reshape(x, dims(x)[:2] + dims(x)[3:])


def conv(x, w, bias, window, groups):
    n = len(window[0])
    x, stride, dilation = fitted(x, window, 0), window[1], window[2]
    if n == 1:
        r = as_line(ops.conv2d(as_plane(x), as_plane(w), [1] + stride, [1] + dilation, groups))
    elif n == 2:
        r = ops.conv2d(x, w, stride, dilation, groups)
    else:
        r = ops.conv3d(x, w, ops.constant(u32(stride)), ops.constant(u32(dilation)), ops.constant(u32(groups)))
    return r if bias is None else ops.broadcasting_add(r, channels(bias, r))


def conv_transpose(x, w, bias, window, groups):
    kernel, stride, dilation, before, after, out = window
    line = len(kernel) == 1
    if line:
        x, w = as_plane(x), as_plane(w)
        stride, dilation, before, out = [1] + stride, [1] + dilation, [0] + before, [1] + out
    n = len(stride)
    r = (ops.conv_transpose2d if n == 2 else ops.conv_transpose3d)(
        input=x, weight=w, stride=ops.constant(u32(stride)), padding=ops.constant(u32([0] * n)),
        dilation=ops.constant(u32(dilation)), output_pad=ops.constant(u32([0] * n)),
        groups=ops.constant(u32(groups)))
    more = [max(0, b + o - f) for b, o, f in zip(before, out, dims(r)[2:])]
    r = around(r, [0] * (n + 2), [0, 0] + more, 0)
    r = cut(r, [0, 0] + before, dims(r)[:2] + [b + o for b, o in zip(before, out)])
    r = as_line(r) if line else r
    return r if bias is None else ops.broadcasting_add(r, channels(bias, r))


def max_plane(x, kernel, stride):
    shape = dims(x)[:2] + [(n - k) // s + 1 for n, k, s in zip(dims(x)[2:], kernel, stride)]
    return ops.maxpool2d(output=RankedTensorType.get(shape, x.type.element_type), input=x,
                         kernel_size=u32(kernel), stride=u32(stride), dilation=u32([1, 1]), ceil_mode=False)


def sum_plane(x, kernel, stride):
    return ops.sumpool2d(x, kernel_size=u32(kernel), strides=u32(stride), dilation=u32([1, 1]))


def pooled(pool, x, window, value):
    kernel, stride = window[0], window[1]
    x = fitted(x, window, value)
    if len(kernel) == 1:
        return as_line(pool(as_plane(x), [1] + kernel, [1] + stride))
    if len(kernel) == 2:
        return pool(x, kernel, stride)
    n, c, d, h, w = dims(x)
    x = pool(ops.reshape(x, [n, c * d, h, w]), kernel[1:], stride[1:])
    h, w = dims(x)[2:]
    x = pool(ops.reshape(x, [n, c, d, h * w]), [kernel[0], 1], [stride[0], 1])
    return ops.reshape(x, [n, c, dims(x)[2], h, w])


def max_pool(x, window):
    return pooled(max_plane, x, window, -math.inf)


def sum_pool(x, window):
    return pooled(sum_plane, x, window, 0)


def avg_pool(x, window, inside, dtype):
    kernel, stride, dilation, before, after, out = window
    count = np.ones([1, 1] + [1] * len(out))
    for i, n in enumerate(dims(x)[2:]):
        start = np.arange(out[i]) * stride[i] - before[i]
        stop = np.minimum(start + kernel[i], n if inside else n + after[i])
        shape = [1] * (2 + len(out))
        shape[2 + i] = out[i]
        count = count * (stop - (np.maximum(start, 0) if inside else start)).reshape(shape)
    return ops.broadcasting_divide(sum_pool(x, window), ops.constant(np.maximum(count, 1).astype(dtype)))


# ---- norms


def scaled(x, gamma, beta, shape):
    if gamma is not None:
        x = ops.broadcasting_mul(x, ops.reshape(gamma, shape))
    return x if beta is None else ops.broadcasting_add(x, ops.reshape(beta, shape))


def batch_norm(x, mean, variance, gamma, beta, epsilon):
    shape = [1, -1] + [1] * (len(dims(x)) - 2)
    shape[1] = dims(x)[1]
    x = ops.broadcasting_sub(x, ops.reshape(mean, shape))
    x = ops.broadcasting_mul(x, ops.rsqrt(plus(ops.reshape(variance, shape), epsilon)))
    return scaled(x, gamma, beta, shape)


def normed(x, axes, epsilon):
    x = ops.broadcasting_sub(x, ops.reduce_mean(x, axes))
    square = ops.reduce_mean(ops.broadcasting_mul(x, x), axes)
    return ops.broadcasting_mul(x, ops.rsqrt(plus(square, epsilon)))


def instance_norm(x, gamma, beta, epsilon):
    n = len(dims(x))
    return scaled(normed(x, list(range(2, n)), epsilon), gamma, beta, [1, dims(x)[1]] + [1] * (n - 2))


def layer_norm(x, axes, gamma, beta, epsilon):
    n = len(dims(x))
    axes = sorted(a % n for a in (range(n) if axes is None else axes))
    shape = [d if i in axes else 1 for i, d in enumerate(dims(x))]
    return scaled(normed(x, axes, epsilon), gamma, beta, shape)


def l2_norm(x, epsilon):
    n = len(dims(x))
    square = ops.reduce_sum(ops.broadcasting_mul(x, x), list(range(n - 3, n)))
    return ops.broadcasting_mul(x, ops.rsqrt(plus(square, epsilon)))


def local_response(x, size, alpha, beta, k):
    shape = dims(x)
    rest = [0] * (len(shape) - 2)
    square = around(ops.broadcasting_mul(x, x), [0, size // 2] + rest, [0, (size - 1) // 2] + rest, 0)
    total = None
    for i in range(size):
        part = cut(square, [0, i] + rest, [shape[0], i + shape[1]] + shape[2:])
        total = part if total is None else ops.broadcasting_add(total, part)
    return ops.broadcasting_divide(x, ops.broadcasting_pow(plus(times(total, alpha / size), k), number(beta, x)))


# ---- along axes


def over(reduce, x, axes, shape):
    n = len(dims(x))
    axes = list(range(n)) if axes is None else [a % n for a in axes]
    r = reduce(x, axes) if axes else x
    return r if dims(r) == shape else ops.reshape(r, shape)


def log_sum_exp(x, axes, shape):
    n = len(dims(x))
    axes = list(range(n)) if axes is None else [a % n for a in axes]
    top = ops.reduce_max(x, axes)
    r = ops.log(ops.reduce_sum(ops.exp(ops.broadcasting_sub(x, top)), axes))
    r = ops.broadcasting_add(r, top)
    return r if dims(r) == shape else ops.reshape(r, shape)


def arg_of(x, axis, shape, dtype):
    r = ops.cast(ops.argmax(x, axis % len(dims(x))), dtype)
    return r if dims(r) == shape else ops.reshape(r, shape)


def reverse(x, axes):
    n = len(dims(x))
    return ops.reverse(x, np.array([a % n for a in (range(n) if axes is None else axes)], np.int32))


def cumsum(x, axis, exclusive, back):
    n = len(dims(x))
    axis = axis % n
    x = reverse(x, [axis]) if back else x
    r = ops.scan(x, np.uint32(axis), False, combiner="sum")
    if exclusive:
        first = [1 if i == axis else 0 for i in range(n)]
        r = cut(around(r, first, [0] * n, 0), [0] * n, dims(x))
    return reverse(r, [axis]) if back else r


# ---- shapes


def shuffle(x, r, depth):
    n, c, h, w = dims(x)
    c //= r * r
    if depth:
        x = transpose(ops.reshape(x, [n, r, r, c, h, w]), [0, 3, 4, 1, 5, 2])
    else:
        x = transpose(ops.reshape(x, [n, c, r, r, h, w]), [0, 1, 4, 2, 5, 3])
    return ops.reshape(x, [n, c, h * r, w * r])


def unshuffle(x, r, depth):
    n, c, h, w = dims(x)
    x = ops.reshape(x, [n, c, h // r, r, w // r, r])
    x = transpose(x, [0, 3, 5, 1, 2, 4] if depth else [0, 1, 3, 5, 2, 4])
    return ops.reshape(x, [n, c * r * r, h // r, w // r])


def pairs(v):
    v = list(np.array(v).flatten())
    return [int(n) for n in v[::2]], [int(n) for n in v[1::2]]


def batch_to_space(x, block, crops):
    n, c, h, w = dims(x)
    a, b = block
    x = transpose(ops.reshape(x, [a, b, n // (a * b), c, h, w]), [2, 3, 4, 0, 5, 1])
    x = ops.reshape(x, [n // (a * b), c, h * a, w * b])
    before, after = pairs(crops)
    return cut(x, [0, 0] + before, dims(x)[:2] + [d - e for d, e in zip(dims(x)[2:], after)])


def space_to_batch(x, block, paddings):
    before, after = pairs(paddings)
    x = around(x, [0, 0] + before, [0, 0] + after, 0)
    n, c, h, w = dims(x)
    a, b = block
    x = transpose(ops.reshape(x, [n, c, h // a, a, w // b, b]), [3, 5, 0, 1, 2, 4])
    return ops.reshape(x, [n * a * b, c, h // a, w // b])


def bounds(x, begin, end, stride, begin_mask, end_mask, squeeze):
    first, last, step = [], [], []
    for i, n in enumerate(dims(x)):
        s = 1 if stride is None else stride[i]
        drop = squeeze is not None and squeeze[i]
        a = None if begin_mask is not None and begin_mask[i] and not drop else begin[i]
        b = None if end_mask is not None and end_mask[i] else end[i]
        taken = range(n)[a:][:1] if drop and a == -1 else range(n)[a:a + 1] if drop else range(n)[a:b:s]
        first.append(taken[0] if len(taken) else 0)
        last.append(taken[-1] if len(taken) else -1)
        step.append(1 if drop else s)
    return first, last, step


def forward(x, first, last, step):
    """The same places of the reversed tensor where a step goes back, since a stride is above 0 there."""
    back = [i for i, s in enumerate(step) if s < 0]
    mirrored = lambda v: [n - 1 - p if i in back else p for i, (p, n) in enumerate(zip(v, dims(x)))]
    return back, mirrored(first), [n + 1 for n in mirrored(last)], [abs(s) for s in step]


def slice_by(x, begin, end, stride, begin_mask, end_mask, squeeze, shape):
    places = bounds(x, begin, end, stride, begin_mask, end_mask, squeeze)
    back, begin, end, stride = forward(x, *places)
    r = ops.slice_(reverse(x, back) if back else x, begin, end, stride)
    return r if dims(r) == shape else ops.reshape(r, shape)


def slice_sized(x, begin, shape):
    begin = [b % n if n else 0 for b, n in zip(begin, dims(x))]
    return cut(x, begin, [b + n for b, n in zip(begin, shape)])


def updated(x, update, begin, end, stride, begin_mask, end_mask, squeeze):
    first, last, step = bounds(x, begin, end, stride, begin_mask, end_mask, squeeze)
    shape = [(b - a) // s + 1 for a, b, s in zip(first, last, step)]
    update = ops.reshape(update, shape) if dims(update) != shape else update
    back, begin, end, stride = forward(x, first, last, step)
    r = ops.slice_update(reverse(x, back) if back else x, begin, end, stride, update)
    return reverse(r, back) if back else r


def windows(x, axis, size, stride, shape):
    n = len(dims(x))
    axis = axis % n
    parts = []
    for i in range(shape[axis]):
        begin, end = [0] * n, dims(x)
        begin[axis], end[axis] = i * stride, i * stride + size
        parts.append(ops.reshape(cut(x, begin, end), shape[:axis] + [1] + shape[axis + 1:]))
    return ops.concat(axis, parts)


def band(x, lower, upper):
    rows, columns = dims(x)[-2:]
    i, j = np.arange(rows)[:, None], np.arange(columns)[None, :]
    inside = ((lower < 0) | (i - j <= lower)) & ((upper < 0) | (j - i <= upper))
    return ops.broadcasting_where(ops.constant(inside), x, number(0, x))


def one_hot(indices, axis, on, off, shape, dtype):
    axis = axis % len(shape)
    line = [1] * len(shape)
    line[axis] = shape[axis]
    given = shape[:axis] + [1] + shape[axis + 1:]
    same = ops.broadcasting_equal(ops.reshape(indices, given),
                                  ops.constant(np.arange(shape[axis], dtype=np.int32).reshape(line)))
    return ops.broadcasting_where(same, ops.constant(np.array(on, dtype)), ops.constant(np.array(off, dtype)))


def pad(x, pads, mode, value):
    n = len(dims(x))
    pads = [0] * (2 * n - len(pads)) + list(pads)
    return ops.pad(x, u32(pads), number(value, x), mode)


def split(x, count, sizes, axis):
    axis = axis % len(dims(x))
    sizes = [dims(x)[axis] // count] * count if sizes is None else sizes
    return list(ops.split(x, u32(sizes), np.int32(axis)))


def stack(values, axis, shape):
    axis = axis % len(shape)
    one = shape[:axis] + [1] + shape[axis + 1:]
    return ops.concat(axis, [ops.reshape(v, one) for v in values])


def crop(x, height, width):
    n = len(dims(x))
    begin = [0] * (n - 2) + [height[0], width[0]]
    return cut(x, begin, dims(x)[:-2] + [dims(x)[-2] - height[1], dims(x)[-1] - width[1]])


# ---- gathers and scatters: places below 0 count from the end


def places(indices, sizes):
    indices = ops.cast(indices, np.int32)
    below = ops.broadcasting_greater(number(0, indices), indices)
    size = ops.constant(np.array(sizes, np.int32))
    return ops.broadcasting_where(below, ops.broadcasting_add(indices, size), indices)


def gather(x, indices, axis, shape):
    n = len(dims(x))
    axis = axis % n
    order = [axis] + [i for i in range(n) if i != axis]
    many = len(dims(indices))
    indices = places(ops.reshape(indices, dims(indices) + [1]), [dims(x)[axis]])
    r = ops.gather_nd(transpose(x, order), indices)
    back = list(range(many, many + axis)) + list(range(many)) + list(range(many + axis, many + n - 1))
    r = transpose(r, back) if back else r
    return r if dims(r) == shape else ops.reshape(r, shape)


def gather_along(x, indices, axis):
    axis = axis % len(dims(x))
    return ops.gather_along_axis(x, places(indices, dims(x)[axis]), axis)


def gather_nd(x, indices):
    return ops.gather_nd(x, places(indices, dims(x)[:dims(indices)[-1]]))


def scatter_nd(x, indices, updates):
    return ops.scatter_nd(input=x, indices=places(indices, dims(x)[:dims(indices)[-1]]), updates=updates)


def scatter_along(x, indices, updates, axis):
    axis = axis % len(dims(x))
    return ops.scatter_along_axis(output=x.type, input=x, indices=places(indices, dims(x)[axis]), updates=updates,
                                  axis=axis)


# ---- numbers of few bits


def along(v, x, axis):
    if v is None or dims(v) == []:
        return v
    shape = [1] * len(dims(x))
    shape[axis % len(shape)] = dims(v)[0]
    return ops.reshape(v, shape)


def dequantize(x, zero, scale, axis, dtype):
    r = ops.cast(x, dtype)
    if zero is not None:
        r = ops.broadcasting_sub(r, ops.cast(along(zero, x, axis), dtype))
    return ops.broadcasting_mul(r, along(scale, x, axis))


def quantize(x, zero, scale, axis, dtype, wide):
    r = ops.round_(ops.broadcasting_divide(x, along(scale, x, axis)))
    if zero is not None:
        r = ops.broadcasting_add(r, ops.cast(along(zero, x, axis), wide))
    return ops.cast(least(most(r, np.iinfo(dtype).min), np.iinfo(dtype).max), dtype)
