/** What the examples draw from a world's seed, and whether they run as they were mended. */

/** A whole number below n. */
export const below = (world, n) => (world.random.int32() >>> 0) % n;

/** A cable that is silent for a while, without a FIN: one fault, with its end. */
export function silence(world, cable, atUs, lastsUs) {
  world.at(atUs, async () => {
    cable.block();
    await world.sleep(lastsUs);
    cable.mend();
  }, `client--server: silent for ${(lastsUs / 1e6).toFixed(1)} s`);
}

/** Each example has a bug; with FIXED=1 it has not. */
export const isFixed = process.env.FIXED === '1';
