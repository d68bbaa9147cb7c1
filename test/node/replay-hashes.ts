/**
 * Prints `SEED SHA-256` of what Node programs in bad weather leave, a line a seed: scripts/compare-nodes.mjs compares them between Nodes.
 *
 *   node replay-hashes.mjs FIRST COUNT
 */
import { digestOf, recordSeed } from './replay-world.ts';

const first = Number(process.argv[2]);
const count = Number(process.argv[3]);
for (let seed = first; seed < first + count; seed++) console.log(`${seed} ${digestOf(await recordSeed(seed))}`);
