// Reading and writing of .npy files (version 1.0, C order, little endian), uint8 and fp16 only.
import fs from 'node:fs';

const MAGIC = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
const PREAMBLE_BYTES = MAGIC.length + 2;
const ALIGNMENT = 64;

const scratch = new DataView(new ArrayBuffer(8));

function unbiasedExponent(value) {
    scratch.setFloat64(0, value);
    return ((scratch.getUint16(0) >> 4) & 0x7ff) - 1023;
}

function roundHalfToEven(value) {
    const floor = Math.floor(value);
    const rest = value - floor;
    if (rest !== 0.5) {
        return rest < 0.5 ? floor : floor + 1;
    }
    return floor % 2 === 0 ? floor : floor + 1;
}

/** The bits of the fp16 nearest to a number, ties to even. */
export function halfFromNumber(value) {
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    const magnitude = Math.abs(value);
    if (Number.isNaN(value)) {
        return 0x7e00;
    }
    if (magnitude >= 65520) {
        return sign | 0x7c00;
    }
    // Below 2^-14 fp16 is subnormal: the step stays that of the smallest normal exponent.
    const exponent = Math.max(unbiasedExponent(magnitude), -14);
    const significand = roundHalfToEven(magnitude / 2 ** (exponent - 10));
    // The leading one of a normal significand (1024) carries into the exponent field by itself,
    // and so does a significand rounded up to 2048.
    return sign | ((exponent + 14) * 1024 + significand);
}

/** The number that fp16 bits stand for. */
export function numberFromHalf(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0x1f) {
        return fraction ? NaN : sign * Infinity;
    }
    if (exponent === 0) {
        return sign * fraction * 2 ** -24;
    }
    return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function headerFor(descr, shape) {
    const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
    const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
    // The format wants the data aligned, and the header to end in a newline.
    const unpadded = PREAMBLE_BYTES + dict.length + 1;
    const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
    const text = Buffer.from(dict + ' '.repeat(padding) + '\n', 'latin1');
    const length = Buffer.alloc(2);
    length.writeUInt16LE(text.length);
    return Buffer.concat([MAGIC, length, text]);
}

function checkCount(path, count, shape) {
    const expected = shape.reduce((product, dim) => product * dim, 1);
    if (count !== expected) {
        throw new Error(`${path}: ${count} elements do not fill the shape [${shape}]`);
    }
}

export function writeUint8Npy(path, shape, values) {
    checkCount(path, values.length, shape);
    fs.writeFileSync(path, Buffer.concat([headerFor('|u1', shape), Buffer.from(values)]));
}

export function writeHalfNpy(path, shape, values) {
    checkCount(path, values.length, shape);
    const data = Buffer.alloc(values.length * 2);
    values.forEach((value, i) => data.writeUInt16LE(halfFromNumber(value), i * 2));
    fs.writeFileSync(path, Buffer.concat([headerFor('<f2', shape), data]));
}

function decode(path, descr, data) {
    if (descr === '|u1') {
        return Uint8Array.from(data);
    }
    if (descr === '<f2') {
        const read = (_, i) => numberFromHalf(data.readUInt16LE(i * 2));
        return Float64Array.from({ length: data.length / 2 }, read);
    }
    throw new Error(`${path}: dtype ${descr} is not supported`);
}

/** Returns { shape, values }; fp16 values come widened to Float64Array. */
export function readNpy(path) {
    const file = fs.readFileSync(path);
    if (!file.subarray(0, MAGIC.length).equals(MAGIC)) {
        throw new Error(`${path}: not a .npy file of version 1.0`);
    }
    const dataOffset = PREAMBLE_BYTES + file.readUInt16LE(MAGIC.length);
    const header = file.toString('latin1', PREAMBLE_BYTES, dataOffset);
    const match = /'descr': '(.+?)', 'fortran_order': False, 'shape': \((.*?)\)/.exec(header);
    if (!match) {
        throw new Error(`${path}: header not understood: ${header}`);
    }
    const shape = match[2].split(',').filter((dim) => dim.trim()).map(Number);
    const values = decode(path, match[1], file.subarray(dataOffset));
    checkCount(path, values.length, shape);
    return { shape, values };
}
