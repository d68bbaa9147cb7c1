/**
 * Prints `SEED SHA-256` of what web programs in bad weather leave, a line a seed: scripts/compare-nodes.mjs compares them between Nodes.
 *
 *   node web-hashes.mjs FIRST COUNT
 */
import { simulate } from '../../src/entry/sim.node.ts';

// Behind sockscape: an ES module that imports node:http loads fetch, which takes chance for itself on Node 24.
await simulate({ seed: 0 }, async () => {});
const { digestOf } = await import('./replay-world.ts');
const { ALIKE, ALIKE_WHEN_CALM, recordWeb } = await import('./replay-web.ts');

const [first, count] = [Number(process.argv[2]), Number(process.argv[3])];
for (let seed = first; seed < first + count; seed++) {
  const recorded = [await recordWeb(seed, ALIKE), await recordWeb(seed, ALIKE_WHEN_CALM, true)];
  console.log(`${seed} ${recorded.map(digestOf).join('')}`);
}
