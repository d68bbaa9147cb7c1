/**
 * One seed is one run on every Node: the captures of bad weather (test/sim/weather-hashes.ts), and the captures and logs of
 * Node programs in it (test/node/replay-hashes.ts; of the web: test/node/web-hashes.ts), are compared between this Node and the others, byte for byte by their
 * SHA-256. `npm test` takes two seeds, the long tier 200.
 *
 *   node scripts/compare-nodes.mjs [COUNT]
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { bundleForNode, root } from './bundle.mjs';
import { writeRecord } from './records.mjs';
import { nodeFolder } from './with-node.mjs';

const OTHERS = ['20.19', '22', '24'];
const full = process.env.SOCKSCAPE_FULL === '1';
const count = Number(process.argv[2] ?? (full ? 200 : 2));
const first = Number(process.env.SOCKSCAPE_SEED ?? 1) >>> 0;
const scripts = await bundleForNode(['sim/weather', 'node/replay', 'node/web'].map((name) => join(root, `test/${name}-hashes.ts`)));

/** The lines of all scripts, one behind the other. */
function allHashes(node) {
  const all = scripts.map((script) => hashes(node, script));
  return { version: all[0].version, lines: all.flatMap(({ lines }) => lines) };
}

function hashes(node, script) {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  const run = spawnSync(node, [script, String(first), String(count)], {
    encoding: 'utf8',
    // A warning of the process has its number in it, and comes once, into the log of whichever program it comes in.
    env: { ...process.env, TZ: 'UTC', SOCKSCAPE_ROOT: root, NODE_NO_WARNINGS: '1' },
    maxBuffer: 1 << 26,
  });
  if (run.status !== 0) throw new Error(`Node ${version} failed: ${run.stderr}`);
  const lines = run.stdout.trim().split('\n');
  if (lines.length !== count) throw new Error(`Node ${version} ran ${lines.length} of ${count} seeds`);
  return { version, lines };
}

try {
  const mine = allHashes(process.execPath);
  const versions = [mine.version];
  const differing = [];
  for (const other of OTHERS) {
    const { version, lines } = allHashes(join(nodeFolder(other), 'node'));
    versions.push(version);
    lines.forEach((line, i) => {
      if (line !== mine.lines[i]) differing.push(`${version}: ${line}, ${mine.version}: ${mine.lines[i]}`);
    });
  }
  if (differing.length > 0) throw new Error(`captures differ:\n${differing.join('\n')}`);
  if (new Set(mine.lines.map((line) => line.split(' ')[1])).size !== mine.lines.length) throw new Error('two seeds have the same capture');
  console.log(`nodes: ${count} seeds from ${first} on, of hosts and of Node programs: the same bytes on ${versions.join(', ')}`);
  if (full) writeRecord('nodes', 'npm run test:full', { seeds: count, firstSeed: first, versions, differing: 0 });
} catch (error) {
  console.error(`nodes: ${error.message}`);
  process.exitCode = 1;
}
