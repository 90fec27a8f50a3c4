// Seeded random numbers: the same seed gives the same split and the same training run.

/** mulberry32: returns a function that yields uniform numbers in [0, 1). */
export function makeRandom(seed) {
    let state = seed | 0;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
}

/** Fisher-Yates, in place. */
export function shuffle(items, random) {
    for (let last = items.length - 1; last > 0; last--) {
        const other = Math.floor(random() * (last + 1));
        [items[last], items[other]] = [items[other], items[last]];
    }
    return items;
}
