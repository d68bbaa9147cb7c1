/**
 * The libraries of this folder's tests: unchanged, in the exact versions of package.json beside this file. They are no part of the
 * repository: the first test that needs them has npm put them into build/, once for each content of package.json. Where
 * that fails, every test is left out with npm's words as the reason, and under CI fails with them.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What a library exports. They are not there when types are checked. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Library = any;

const ROOT = process.env.SOCKSCAPE_ROOT ?? process.cwd();
const MANIFEST = join(ROOT, 'test/node/libraries/package.json');
/** An installation that has lasted longer was killed. */
const STALE_MS = 300_000;
const NPM = ['install', '--ignore-scripts', '--omit=optional', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];

const cell = new Int32Array(new SharedArrayBuffer(4));

function isYoung(path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && Date.now() - there.mtimeMs < STALE_MS;
}

/** Has npm fill `folder`: into another one at first, so that what stands there is whole. Returns what went wrong, or null. */
function install(folder: string): string | null {
  const making = `${folder}-${process.pid}`;
  try {
    mkdirSync(making, { recursive: true });
    copyFileSync(MANIFEST, join(making, 'package.json'));
    // Names in a library's folder are looked up as its own users' are.
    writeFileSync(join(making, 'load.mjs'), 'export const load = (name) => import(name);\n');
    const npm = spawnSync('npm', NPM, { cwd: making, encoding: 'utf8', timeout: STALE_MS });
    if (npm.status !== 0) return (npm.error?.message ?? npm.stderr).trim().slice(0, 500);
    renameSync(making, folder);
    return null;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** The folder that has them, made if need be; or why there is none. */
function installed(): { folder: string; reason: string | null } {
  const digest = createHash('sha256').update(readFileSync(MANIFEST)).update(process.platform).update(process.arch).digest('hex');
  const folder = join(ROOT, 'build', `libraries-${digest.slice(0, 16)}`);
  const lock = `${folder}.lock`;
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  // Tests of several files begin at the same time, each in a process of its own: one installs, the others wait.
  for (;;) {
    if (existsSync(folder)) return { folder, reason: null };
    if (!isYoung(lock)) rmSync(lock, { recursive: true, force: true });
    try {
      mkdirSync(lock);
      break;
    } catch {
      Atomics.wait(cell, 0, 0, 200);
    }
  }
  try {
    return { folder, reason: existsSync(folder) ? null : install(folder) };
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

const { folder, reason } = installed();
const isCi = Boolean(process.env.CI) && process.env.CI !== 'false' && process.env.CI !== '0';
if (reason !== null && isCi) throw new Error(`the libraries could not be installed: ${reason}`);

/** A test's `skip`, with the library's name. */
export function leftOut(name: string): string | false {
  return reason !== null && `${name} could not be installed: ${reason}`;
}

/** As `import(name)` in a project that has it. */
export async function load(name: string): Promise<Library> {
  const loader = (await import(pathToFileURL(join(folder, 'load.mjs')).href)) as { load(name: string): Promise<Library> };
  return loader.load(name);
}
