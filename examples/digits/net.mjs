// The net: two strided convolutions with relu and a linear layer, forward and backward, one
// digit at a time. Layouts are those of MIL: activations [C, H, W], convolution weights
// [out, in, kh, kw] applied as cross-correlation, linear weights [out, in].
import { CLASSES, PIXELS, SIDE } from './digits.mjs';

const KERNEL = 5;
const STRIDE = 2;
const PAD = 2;
const CONV1_CHANNELS = 8;
const CONV2_CHANNELS = 16;

function makeParameter(name, shape) {
    const count = shape.reduce((product, dim) => product * dim, 1);
    return { name, shape, value: new Float64Array(count), grad: new Float64Array(count) };
}

// An activation carries one more element, always 0 when read: the taps that fall into the
// padding point at it, so that gathering needs no bounds checks.
function makeActivation(count) {
    return { count, value: new Float64Array(count + 1), grad: new Float64Array(count + 1) };
}

/** For each output position and each tap: the index of the input element it reads. */
function gatherTable(inChannels, inSide, outSide) {
    const table = [];
    for (let outY = 0; outY < outSide; outY++) {
        for (let outX = 0; outX < outSide; outX++) {
            for (let tap = 0; tap < inChannels * KERNEL * KERNEL; tap++) {
                const channel = Math.floor(tap / (KERNEL * KERNEL));
                const y = outY * STRIDE - PAD + (Math.floor(tap / KERNEL) % KERNEL);
                const x = outX * STRIDE - PAD + (tap % KERNEL);
                const inside = y >= 0 && y < inSide && x >= 0 && x < inSide;
                const padding = inChannels * inSide * inSide;
                table.push(inside ? (channel * inSide + y) * inSide + x : padding);
            }
        }
    }
    return Int32Array.from(table);
}

function makeConv(name, inChannels, inSide, outChannels) {
    const outSide = Math.floor((inSide + 2 * PAD - KERNEL) / STRIDE) + 1;
    const gather = gatherTable(inChannels, inSide, outSide);
    return {
        weight: makeParameter(`${name}_w`, [outChannels, inChannels, KERNEL, KERNEL]),
        bias: makeParameter(`${name}_b`, [outChannels]),
        outChannels,
        outSide,
        positions: outSide * outSide,
        taps: inChannels * KERNEL * KERNEL,
        gather,
        columns: new Float64Array(gather.length),
        columnsGrad: new Float64Array(gather.length),
        out: makeActivation(outChannels * outSide * outSide),
    };
}

/** He's uniform initialisation: keeps the variance of activations through relu layers. */
function initialise(weight, fanIn, random) {
    const bound = Math.sqrt(6 / fanIn);
    weight.value.forEach((_, i) => {
        weight.value[i] = (2 * random() - 1) * bound;
    });
}

export function makeNet() {
    const conv1 = makeConv('conv1', 1, SIDE, CONV1_CHANNELS);
    const conv2 = makeConv('conv2', CONV1_CHANNELS, conv1.outSide, CONV2_CHANNELS);
    const fc = {
        weight: makeParameter('fc_w', [CLASSES, conv2.out.count]),
        bias: makeParameter('fc_b', [CLASSES]),
        out: makeActivation(CLASSES),
    };
    const parameters = [conv1, conv2, fc].flatMap(({ weight, bias }) => [weight, bias]);
    return { input: makeActivation(PIXELS), conv1, conv2, fc, parameters };
}

export function initialiseNet(net, random) {
    initialise(net.conv1.weight, net.conv1.taps, random);
    initialise(net.conv2.weight, net.conv2.taps, random);
    initialise(net.fc.weight, net.conv2.out.count, random);
}

function gatherColumns({ gather, columns }, values) {
    for (let i = 0; i < gather.length; i++) {
        columns[i] = values[gather[i]];
    }
}

/** Four channels at a time: their sums do not wait for each other and share the column. */
function convReluChannels({ taps, positions, columns, weight, bias, out }, channel) {
    const filters = weight.value;
    const f0 = channel * taps;
    const f1 = f0 + taps;
    const f2 = f1 + taps;
    const f3 = f2 + taps;
    for (let position = 0; position < positions; position++) {
        const column = position * taps;
        let sum0 = bias.value[channel];
        let sum1 = bias.value[channel + 1];
        let sum2 = bias.value[channel + 2];
        let sum3 = bias.value[channel + 3];
        for (let tap = 0; tap < taps; tap++) {
            const x = columns[column + tap];
            sum0 += filters[f0 + tap] * x;
            sum1 += filters[f1 + tap] * x;
            sum2 += filters[f2 + tap] * x;
            sum3 += filters[f3 + tap] * x;
        }
        const at = channel * positions + position;
        out.value[at] = Math.max(sum0, 0);
        out.value[at + positions] = Math.max(sum1, 0);
        out.value[at + 2 * positions] = Math.max(sum2, 0);
        out.value[at + 3 * positions] = Math.max(sum3, 0);
    }
}

function convReluForward(conv, input) {
    gatherColumns(conv, input.value);
    for (let channel = 0; channel < conv.outChannels; channel += 4) {
        convReluChannels(conv, channel);
    }
}

function linearForward({ weight, bias, out }, input) {
    const { count, value } = input;
    const weights = weight.value;
    for (let row = 0; row < out.count; row++) {
        let sum = bias.value[row];
        for (let i = 0; i < count; i++) {
            sum += weights[row * count + i] * value[i];
        }
        out.value[row] = sum;
    }
}

/** Runs the net on input pixels scaled to [0, 1]; the logits end up in net.fc.out.value. */
export function forward(net) {
    convReluForward(net.conv1, net.input);
    convReluForward(net.conv2, net.conv1.out);
    linearForward(net.fc, net.conv2.out);
}

function linearBackward({ weight, bias, out }, input) {
    input.grad.fill(0);
    for (let row = 0; row < out.count; row++) {
        const outGrad = out.grad[row];
        bias.grad[row] += outGrad;
        for (let i = 0; i < input.count; i++) {
            weight.grad[row * input.count + i] += outGrad * input.value[i];
            input.grad[i] += outGrad * weight.value[row * input.count + i];
        }
    }
}

/** Where relu cut the output off, nothing flows back. */
function maskReluGrad({ count, value, grad }) {
    for (let i = 0; i < count; i++) {
        grad[i] = value[i] > 0 ? grad[i] : 0;
    }
}

function accumulateConvGrads({ weight, bias, out, outChannels, positions, taps, columns }) {
    const weightGrad = weight.grad;
    for (let at = 0; at < outChannels * positions; at++) {
        const outGrad = out.grad[at];
        if (outGrad === 0) {
            continue;
        }
        const channel = Math.floor(at / positions);
        const filter = channel * taps;
        const column = (at % positions) * taps;
        bias.grad[channel] += outGrad;
        for (let tap = 0; tap < taps; tap++) {
            weightGrad[filter + tap] += outGrad * columns[column + tap];
        }
    }
}

function convInputGrad(conv, input) {
    const { out, outChannels, positions, taps, columnsGrad, gather } = conv;
    const filters = conv.weight.value;
    columnsGrad.fill(0);
    for (let at = 0; at < outChannels * positions; at++) {
        const outGrad = out.grad[at];
        if (outGrad === 0) {
            continue;
        }
        const filter = Math.floor(at / positions) * taps;
        const column = (at % positions) * taps;
        for (let tap = 0; tap < taps; tap++) {
            columnsGrad[column + tap] += outGrad * filters[filter + tap];
        }
    }
    input.grad.fill(0);
    for (let i = 0; i < gather.length; i++) {
        input.grad[gather[i]] += columnsGrad[i];
    }
}

/** Turns the logits into the gradient of the cross-entropy loss; returns the loss. */
function softmaxCrossEntropy({ count, value, grad }, label) {
    let max = -Infinity;
    for (let i = 0; i < count; i++) {
        max = Math.max(max, value[i]);
    }
    let sum = 0;
    for (let i = 0; i < count; i++) {
        grad[i] = Math.exp(value[i] - max);
        sum += grad[i];
    }
    for (let i = 0; i < count; i++) {
        grad[i] /= sum;
    }
    const loss = -Math.log(grad[label]);
    grad[label] -= 1;
    return loss;
}

/** Adds the gradients of one digit's loss to those of the parameters; returns the loss. */
export function backward(net, label) {
    const loss = softmaxCrossEntropy(net.fc.out, label);
    linearBackward(net.fc, net.conv2.out);
    maskReluGrad(net.conv2.out);
    accumulateConvGrads(net.conv2);
    convInputGrad(net.conv2, net.conv1.out);
    maskReluGrad(net.conv1.out);
    accumulateConvGrads(net.conv1);
    return loss;
}

/** The class with the highest logit. */
export function predictedClass({ fc }) {
    const logits = fc.out.value.subarray(0, fc.out.count);
    return logits.indexOf(Math.max(...logits));
}
