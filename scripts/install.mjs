/**
 * Installs the packages when node_modules is missing or older than what package-lock.json asks for; otherwise takes a
 * few milliseconds. Called by start.mjs, test.mjs and prepare.mjs before anything that needs a package; uses Node's modules only.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const STAMP = join(root, 'node_modules/.sockscape-installed');
/** Tells the `prepare` of the npm below that its caller builds. */
const INSTALLING = 'SOCKSCAPE_INSTALLING';

/** Whether this process was started by an `ensureInstalled` further up. */
export function installing() {
  return process.env[INSTALLING] === '1';
}

/**
 * The environment for npm: `npm install ../sockscape` elsewhere leads here too, and what that npm was told about its own
 * project (npm_config_prefix, ..._global, ..._dry_run) is not meant for this one.
 */
function environment() {
  const env = { ...process.env, [INSTALLING]: '1' };
  for (const name of Object.keys(env)) {
    if (/^npm_config_(local_prefix|prefix|global|location|dry_run|package_lock_only|workspaces?|install_links|json)$/i.test(name)) delete env[name];
  }
  return env;
}

/** Whether every package the lock file requires on this machine is there in the version that it names. */
function matchesLock() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  for (const [place, wanted] of Object.entries(packages)) {
    if (place === '' || wanted.optional || wanted.link) continue;
    const manifest = join(root, place, 'package.json');
    if (!existsSync(manifest) || JSON.parse(readFileSync(manifest, 'utf8')).version !== wanted.version) return false;
  }
  return true;
}

/** Makes node_modules fit package-lock.json. Throws with npm's words when that fails. */
export function ensureInstalled() {
  const lock = existsSync(join(root, 'package-lock.json')) ? readFileSync(join(root, 'package-lock.json')) : '';
  const wanted = createHash('sha256')
    .update(lock)
    .update(readFileSync(join(root, 'package.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  if (lock === '' || !existsSync(join(root, 'node_modules')) || !matchesLock()) {
    process.stderr.write('sockscape: installing packages ...\n');
    // Not `npm ci`: that empties node_modules first, under the feet of whatever else runs in this folder. The lock file
    // decides the versions here too, and --no-save leaves it as it is.
    const args = ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error'];
    // npm tells its children which npm runs; without it, the one on the path serves.
    const npm = process.env.npm_execpath;
    const options = { cwd: root, encoding: 'utf8', env: environment() };
    const run = npm?.endsWith('.js')
      ? spawnSync(process.execPath, [npm, ...args], options)
      : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
    if (run.status !== 0) {
      throw new Error(`npm install failed: ${(run.stderr || run.error?.message || '').trim()}`);
    }
  }
  writeFileSync(STAMP, wanted);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) ensureInstalled();
