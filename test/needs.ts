/**
 * What a test needs from the machine: root, network namespaces, a TAP device, Chromium, Debian's programs. Used in test
 * options, so that a test is left out, by name and with its reason, only where something is truly missing:
 *
 *   test('curl fetches 100 MB', { ...needs('root', 'namespaces', 'tap', 'curl'), timeout: 60_000 }, async () => { ... });
 *
 * Under CI nothing may be missing: there the test runs, and fails by itself.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const SEARCH = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

const POSTGRESQL = '/usr/lib/postgresql';

/** The full path of a program, or null. */
export function findProgram(name: string): string | null {
  for (const folder of SEARCH) {
    const path = join(folder || '.', name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

function isTrue(attempt: () => boolean): boolean {
  try {
    return attempt();
  } catch {
    return false;
  }
}

const found = new Map<string, boolean>();

function has(need: string): boolean {
  switch (need) {
    case 'root':
      return process.geteuid?.() === 0;
    case 'namespaces':
      return isTrue(() => spawnSync('unshare', ['--net', 'true']).status === 0);
    case 'tap':
      return isTrue(() => {
        closeSync(openSync('/dev/net/tun', 'r+'));
        return true;
      });
    case 'chromium':
      return chromium() !== null;
    case 'postgresql':
      return postgresPrograms() !== null;
    default:
      return findProgram(need) !== null;
  }
}

/** The path of an installed Chromium, or null. */
export function chromium(): string | null {
  const named = process.env.SOCKSCAPE_CHROMIUM;
  if (named) return named;
  return findProgram('chromium') ?? findProgram('chromium-browser') ?? findProgram('google-chrome');
}

/** The folder of PostgreSQL's programs, which Debian keeps out of everybody's way; null when there is none. */
export function postgresPrograms(): string | null {
  const versions = existsSync(POSTGRESQL) ? readdirSync(POSTGRESQL).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(POSTGRESQL, version, 'bin'));
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name)))) ?? null;
}

/** Test options: `skip` is the reason when one of `names` is missing here; a name that is no word above is a program. */
export function needs(...names: string[]): { skip: string | false } {
  if (process.env.CI && process.env.CI !== 'false' && process.env.CI !== '0') return { skip: false };
  const missing = names.filter((name) => {
    if (!found.has(name)) found.set(name, has(name));
    return !found.get(name);
  });
  return { skip: missing.length > 0 && `needs ${missing.join(', ')}` };
}
