/** A spawned program has 10,000 turns that do nothing. Each line on standard input is one round, answered by turns per second. */
import { createInterface } from 'node:readline';
import { simulate } from 'sockscape/sim';

const TURNS = 10_000;
/** The clock of the machine: in a world `performance.now` is the world's. */
const now = () => Object.getPrototypeOf(performance).now.call(performance);

async function round(seed) {
  return simulate({ seed }, async (world) => {
    world.host('host').spawn(new URL('./spawned-child.mjs', import.meta.url));
    await world.sleep(100);
    const begun = now();
    await world.sleep(TURNS * 1000);
    return TURNS / ((now() - begun) / 1000);
  });
}

let seed = 1;
for await (const _line of createInterface({ input: process.stdin })) process.stdout.write(`${await round(seed++)}\n`);
