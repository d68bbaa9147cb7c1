/**
 * Builds the package into dist/: the command, the entries for Node and for pages (one set of shared chunks each), and
 * their declarations. Does nothing when dist/ was made from the same sources.
 *
 *   node scripts/build.mjs [--no-types] [--force]
 *
 *   dist/cli.js            src/cli/main.ts, started by bin/sockscape.cjs
 *   dist/node/NAME.js      the entries that run in Node (entries.mjs says which files they are)
 *   dist/browser/NAME.js   the entries that run in pages
 *   dist/types/            declarations; dist/node/NAME.d.ts and dist/browser/NAME.d.ts lead there
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findEntries } from './entries.mjs';
import { importsOf } from './scan.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const dist = join(root, 'dist');
const force = process.argv.includes('--force');

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** A digest of everything that what is built follows from. */
function digest() {
  const hash = createHash('sha256');
  const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  const scripts = ['scripts/build.mjs', 'scripts/entries.mjs', 'scripts/scan.mjs', 'scripts/keep-const.mjs'];
  const sources = filesUnder(join(root, 'src')).filter(
    (file) => /\.(ts|tsx|c|json)$/.test(file) && !file.endsWith('.test.ts'),
  );
  for (const file of [...settings, ...scripts].map((name) => join(root, name)).concat(sources)) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/** Runs `make` unless the stamp in dist/ says that it ran for these sources. */
async function unlessDone(name, wanted, make) {
  const stamp = join(dist, `.${name}-stamp`);
  if (!force && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(stamp, { force: true });
  const before = Date.now();
  await make();
  mkdirSync(dist, { recursive: true });
  writeFileSync(stamp, wanted);
  console.error(`build: ${name} in ${((Date.now() - before) / 1000).toFixed(1)} s`);
}

async function bundle(entries) {
  const { build } = await import('esbuild');
  const { keepConstPlugin } = await import('./keep-const.mjs');
  const shared = {
    bundle: true,
    splitting: true,
    format: 'esm',
    sourcemap: true,
    // The sources are not in the package: without their text the maps would lead nowhere.
    sourcesContent: true,
    legalComments: 'none',
    logLevel: 'warning',
    absWorkingDir: root,
    plugins: [keepConstPlugin],
  };
  const points = (environment) =>
    Object.fromEntries(entries.filter((entry) => entry[environment]).map((entry) => [entry.name, entry[environment]]));
  // The folders' declarations go with them, so these have to be made again.
  for (const name of ['node', 'browser', 'cli.js', 'cli.js.map', '.declarations-stamp'])
    rmSync(join(dist, name), { recursive: true, force: true });
  const node = Object.fromEntries(Object.entries(points('node')).map(([name, file]) => [`node/${name}`, file]));
  if (existsSync(join(root, 'src/cli/main.ts'))) node.cli = 'src/cli/main.ts';
  if (Object.keys(node).length > 0) {
    await build({
      ...shared,
      entryPoints: node,
      outdir: 'dist',
      chunkNames: 'node/chunk-[hash]',
      platform: 'node',
      target: 'node20.19',
      packages: 'external',
    });
  }
  const browser = points('browser');
  if (Object.keys(browser).length > 0) {
    await build({
      ...shared,
      entryPoints: browser,
      outdir: 'dist/browser',
      chunkNames: 'chunk-[hash]',
      platform: 'browser',
      conditions: ['browser'],
      target: 'es2022',
      external: ['node:*'],
    });
  }
}

/**
 * Declarations name their imports as the sources do, with `.ts`; consumers whose TypeScript is older than ours find
 * them only under `.js`, so the names are changed.
 */
function rename(text) {
  let result = text;
  for (const { name, at, form } of importsOf(text).reverse()) {
    if (form === 'url' || !name?.startsWith('.') || !name.endsWith('.ts')) continue;
    const start = at + 1;
    result = `${result.slice(0, start)}${name.replace(/\.ts$/, '.js')}${result.slice(start + name.length)}`;
  }
  return result;
}

function declarations(entries) {
  const { bin } = JSON.parse(readFileSync(join(root, 'node_modules/typescript/package.json'), 'utf8'));
  rmSync(join(dist, 'types'), { recursive: true, force: true });
  const compiler = join(root, 'node_modules/typescript', bin.tsc);
  const run = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--pretty', 'false'], {
    cwd: root,
    encoding: 'utf8',
  });
  // Complaints about types are the business of `npm run check:types`; the declarations are written all the same.
  const made = filesUnder(join(dist, 'types')).filter((file) => file.endsWith('.d.ts'));
  if (made.length === 0 && entries.length > 0) throw new Error(`no declarations: ${run.stdout}${run.stderr}`);
  for (const file of made) writeFileSync(file, rename(readFileSync(file, 'utf8')));
  for (const entry of entries) {
    for (const environment of ['node', 'browser']) {
      if (!entry[environment]) continue;
      const file = join(dist, environment, `${entry.name}.d.ts`);
      const source = posix.join('types', entry[environment].replace(/^src\//, '').replace(/\.ts$/, '.js'));
      const target = relative(dirname(file), join(dist, source)).split(sep).join('/');
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `export * from '${target}';\n`);
    }
  }
}

const entries = findEntries(root);
const wanted = digest();
try {
  await unlessDone('bundles', wanted, () => bundle(entries));
  if (!process.argv.includes('--no-types')) await unlessDone('declarations', wanted, () => declarations(entries));
} catch (error) {
  // esbuild has printed its own words.
  console.error(error.errors ? 'build: failed' : `build: ${error.message}`);
  process.exitCode = 1;
}
