/**
 * Compiles the test files (TypeScript) with esbuild and runs them under node:test.
 *
 *   node scripts/unit.mjs                     every *.test.ts under src/ and test/conformance, test/contract
 *   node scripts/unit.mjs src/wire test/x.test.ts    the files and folders named
 *
 * Options after `--` go to node (for example -- --test-name-pattern=SYN).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(fileURLToPath(import.meta.url), '../..');

function testFilesUnder(path) {
  if (!statSync(path, { throwIfNoEntry: false })) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

const args = process.argv.slice(2);
const split = args.indexOf('--');
const nodeArgs = split < 0 ? [] : args.slice(split + 1);
const named = split < 0 ? args : args.slice(0, split);
const places = named.length > 0 ? named : ['src', 'test/conformance', 'test/contract'];
const files = places.flatMap((place) => testFilesUnder(resolve(root, place)));
if (files.length === 0) {
  console.error(`unit: no test files under ${places.join(', ')}`);
  process.exit(2);
}

mkdirSync(join(root, 'build'), { recursive: true });
const outdir = mkdtempSync(join(root, 'build', 'unit-'));
process.on('exit', () => rmSync(outdir, { recursive: true, force: true }));
const entryPoints = Object.fromEntries(files.map((file) => [relative(root, file).replace(/\.ts$/, ''), file]));
await build({
  entryPoints,
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'inline',
  outExtension: { '.js': '.mjs' },
  logLevel: 'warning',
});
writeFileSync(join(outdir, 'package.json'), '{"type":"module"}');
const outputs = Object.keys(entryPoints).map((name) => join(outdir, `${name}.mjs`));
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--expose-gc', '--test', '--test-concurrency=2', ...nodeArgs, ...outputs],
  { stdio: 'inherit', cwd: root, env: { ...process.env, SOCKSCAPE_ROOT: root } },
);
process.exit(run.status ?? 1);
