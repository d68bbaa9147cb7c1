/**
 * Types of the whole tree: the core, the rooms of Node with all tests, and the rooms of the browser, each with the
 * globals it may see. Run by `npm run check:types`.
 *
 *   node scripts/check-types.mjs [PREFIX...]    only the complaints about files whose path begins so
 *
 * SOCKSCAPE_TYPES_ROOT names another tree, for the tests.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = resolve(fileURLToPath(import.meta.url), '../..');
const root = process.env.SOCKSCAPE_TYPES_ROOT ?? repository;
const typescript = join(repository, 'node_modules/typescript');
const { bin } = JSON.parse(readFileSync(join(typescript, 'package.json'), 'utf8'));
const prefixes = process.argv.slice(2);

const complaints = new Set();
let failed = 0;
for (const config of ['tsconfig.json', 'tsconfig.node.json', 'tsconfig.browser.json']) {
  const run = spawnSync(process.execPath, [join(typescript, bin.tsc), '--noEmit', '--pretty', 'false', '-p', config], {
    cwd: root,
    encoding: 'utf8',
  });
  // TS18003: no files yet for this configuration.
  const lines = run.stdout.split('\n').filter((line) => line.trim() !== '' && !line.includes('TS18003'));
  if (run.status !== 0 && lines.length === 0 && !run.stdout.includes('TS18003'))
    lines.push(`${config}: ${run.stderr.trim() || 'tsc failed'}`);
  let shown = true;
  for (const line of lines) {
    // Lines that begin with a space go on with the complaint before them. A core file may be reported by each program.
    if (!line.startsWith(' ')) {
      shown = !complaints.has(line) && (prefixes.length === 0 || prefixes.some((prefix) => line.startsWith(prefix)));
      complaints.add(line);
      if (shown) failed++;
    }
    if (shown) console.error(line);
  }
}
console.log(`types: ${failed} complaints`);
process.exitCode = failed > 0 ? 1 : 0;
