/**
 * Prints `SEED SHA-256` of the captures of bad weather, a line a seed: what scripts/compare-nodes.mjs compares between
 * Nodes.
 *
 *   node weather-hashes.mjs FIRST COUNT
 */
import { createHash } from 'node:crypto';
import { runSeed } from './weather-world.ts';

const first = Number(process.argv[2]);
const count = Number(process.argv[3]);
for (let seed = first; seed < first + count; seed++) {
  const { capture } = await runSeed(seed);
  console.log(`${seed} ${createHash('sha256').update(capture.bytes()).digest('hex')}`);
}
