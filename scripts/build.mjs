/**
 * Builds the package into dist/: the command, the entries for Node and for pages (one set of shared chunks each), and
 * their declarations. Does nothing when dist/ was made from the same sources.
 *
 * Others may load dist/ at any time, and build at the same time. So a build first makes everything elsewhere, and then
 * moves file by file, chunks before the entries that name them; what the entries before it named stays for a while. Of
 * several builds one works and the others wait, for a limited time: they would only do the same again.
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
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findEntries } from './entries.mjs';
import { importsOf } from './scan.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const dist = join(root, 'dist');
const force = process.argv.includes('--force');
/** Where this build makes its files; beside dist/, so that they can be moved there. */
const made = join(root, 'build', `dist.${process.pid}`);
const lock = join(root, 'build', 'dist.lock');
/** A lock that is older is nobody's, whatever it says. */
const LOCK_MS = 120_000;
/** How long a file stays that no entry names any more. Whoever has read the entry before loads it within that time. */
const STALE_MS = 60_000;

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

/** Runs `make` unless the stamp in dist/ says that it ran for these sources; `owned` are the files that it makes. */
async function unlessDone(name, owned, make) {
  const stamp = join(dist, `.${name}-stamp`);
  const done = () => !force && textOf(stamp) === digest();
  if (done()) return;
  const locked = await lockBuild();
  try {
    if (done()) return;
    const wanted = digest();
    const before = Date.now();
    const files = await make();
    rmSync(stamp, { force: true });
    install(name, owned, files);
    put(stamp, wanted);
    console.error(`build: ${name} in ${((Date.now() - before) / 1000).toFixed(1)} s`);
  } finally {
    rmSync(made, { recursive: true, force: true });
    if (locked) rmSync(lock, { force: true });
  }
}

/** What a small file holds; empty when it is not there, or no longer. */
function textOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return '';
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * Waits until no other build is at work, or for long enough: whether the lock is ours. That dist/ is whole at any time
 * does not depend on it.
 */
async function lockBuild() {
  mkdirSync(dirname(lock), { recursive: true });
  sweep();
  for (const last = Date.now() + LOCK_MS; Date.now() < last; await delay(50)) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    try {
      const holder = Number(readFileSync(lock, 'utf8'));
      const abandoned = holder > 0 ? !isAlive(holder) : false;
      if (abandoned || Date.now() - statSync(lock).mtimeMs > LOCK_MS) rmSync(lock, { force: true });
    } catch (error) {
      // It has just been given back.
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return false;
}

/** Removes what builds that were killed have left. */
function sweep() {
  for (const name of readdirSync(dirname(lock))) {
    const pid = /^dist\.(\d+)$/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(join(dirname(lock), name), { recursive: true, force: true });
  }
}

/** Writes a file of dist/ in one step: who looks sees the one before or this one. */
function put(file, content) {
  const whole = join(made, 'whole');
  mkdirSync(made, { recursive: true });
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(whole, content);
  renameSync(whole, file);
}

/** Puts `files` (name in dist/, content) there in their order; then removes what nobody can ask for any more. */
function install(name, owned, files) {
  for (const [file, content] of files) put(join(dist, file), content);
  const list = join(dist, `.${name}-stale-stamp`);
  const since = JSON.parse(textOf(list) || '{}');
  const stale = {};
  for (const path of filesUnder(dist)) {
    const file = relative(dist, path).split(sep).join('/');
    if (!owned.test(file) || files.has(file)) continue;
    const first = since[file] ?? Date.now();
    // A package holds nothing stale, and nobody runs what is being packed.
    if (Date.now() - first > STALE_MS || process.env.npm_lifecycle_event === 'prepack') rmSync(path, { force: true });
    else stale[file] = first;
  }
  put(list, JSON.stringify(stale));
}

/** The bundles, chunks first. */
async function bundle(entries) {
  const { build } = await import('esbuild');
  const { keepConst, keepConstAcross } = await import('./keep-const.mjs');
  const shared = {
    bundle: true,
    // Not into a folder of this build's own: the source maps name the sources as they are seen from dist/.
    write: false,
    splitting: true,
    format: 'esm',
    sourcemap: true,
    // The sources are not in the package: without their text the maps would lead nowhere.
    sourcesContent: true,
    legalComments: 'none',
    logLevel: 'warning',
    absWorkingDir: root,
  };
  const points = (environment) =>
    Object.fromEntries(entries.filter((entry) => entry[environment]).map((entry) => [entry.name, entry[environment]]));
  const outputs = [];
  const node = Object.fromEntries(Object.entries(points('node')).map(([name, file]) => [`node/${name}`, file]));
  if (existsSync(join(root, 'src/cli/main.ts'))) node.cli = 'src/cli/main.ts';
  if (Object.keys(node).length > 0) {
    const { outputFiles } = await build({
      ...shared,
      entryPoints: node,
      outdir: 'dist',
      chunkNames: 'node/chunk-[hash]',
      platform: 'node',
      target: 'node20.19',
      packages: 'external',
    });
    outputs.push(...outputFiles);
  }
  const browser = points('browser');
  if (Object.keys(browser).length > 0) {
    const { outputFiles } = await build({
      ...shared,
      entryPoints: browser,
      outdir: 'dist/browser',
      chunkNames: 'chunk-[hash]',
      platform: 'browser',
      conditions: ['browser'],
      target: 'es2022',
      external: ['node:*'],
    });
    outputs.push(...outputFiles);
  }
  const isChunk = (file) => /(^|\/)chunk-[^/]*$/.test(file);
  const texts = outputs.map(({ path, text }) => [
    relative(dist, path).split(sep).join('/'),
    path.endsWith('.js') ? keepConst(text) : text,
  ]);
  const files = [...keepConstAcross(new Map(texts))];
  return new Map([...files.filter(([file]) => isChunk(file)), ...files.filter(([file]) => !isChunk(file))]);
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
  const types = join(made, 'types');
  const compiler = join(root, 'node_modules/typescript', bin.tsc);
  const words = [compiler, '-p', 'tsconfig.build.json', '--pretty', 'false', '--outDir', types];
  const run = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
  // Complaints about types are the business of `npm run check:types`; the declarations are written all the same.
  const files = new Map();
  for (const file of filesUnder(types).filter((name) => name.endsWith('.d.ts'))) {
    files.set(posix.join('types', relative(types, file).split(sep).join('/')), rename(readFileSync(file, 'utf8')));
  }
  if (files.size === 0 && entries.length > 0) throw new Error(`no declarations: ${run.stdout}${run.stderr}`);
  for (const entry of entries) {
    for (const environment of ['node', 'browser']) {
      if (!entry[environment]) continue;
      const file = posix.join(environment, `${entry.name}.d.ts`);
      const source = posix.join('types', entry[environment].replace(/^src\//, '').replace(/\.ts$/, '.js'));
      files.set(file, `export * from '${posix.relative(environment, source)}';\n`);
    }
  }
  return files;
}

const entries = findEntries(root);
try {
  await unlessDone('bundles', /\.js(\.map)?$/, () => bundle(entries));
  if (!process.argv.includes('--no-types')) {
    await unlessDone('declarations', /\.d\.ts$/, () => declarations(entries));
  }
} catch (error) {
  // esbuild has printed its own words.
  console.error(error.errors ? 'build: failed' : `build: ${error.message}`);
  process.exitCode = 1;
}
