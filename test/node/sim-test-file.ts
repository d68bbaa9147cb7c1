/** Runs files that hold simTests, as their users do: with `node --test`, from dist/, without what this run has in its environment. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../results.ts';

/**
 * A function for such files: takes so many milliseconds of the processor's time. User and system time together: the
 * kernel divides what it knows to the nanosecond by what its ticks happened to hit, so that one of them alone can stand
 * still for more than half a second.
 */
export const BURN = `function burn(ms) {
    const from = process.cpuUsage();
    for (let used = from; used.user + used.system - from.user - from.system < ms * 1000; used = process.cpuUsage());
  }`;

let isBuilt = false;

export function buildPackage(): void {
  if (isBuilt) return;
  const run = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--no-types'], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`the package is not built: ${run.stderr}`);
  isBuilt = true;
}

export function cleanEnvironment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, SOCKSCAPE_SEED: _seed, SOCKSCAPE_SIM_SHARE: _share, ...rest } = process.env;
  return { ...rest, ...more };
}

export interface FileRun {
  readonly status: number | null;
  readonly output: string;
}

export interface FileOptions {
  readonly env?: Record<string, string>;
  readonly node?: string;
  readonly args?: readonly string[];
}

/** `file`: below the repository, where `sockscape/test` is found. */
export function runTestFile(file: string, { args = [], env = {}, node = process.execPath }: FileOptions = {}): FileRun {
  buildPackage();
  const run = spawnSync(node, ['--test', '--test-reporter=tap', ...args, file], {
    cwd: root, encoding: 'utf8', env: cleanEnvironment(env), timeout: 120_000, maxBuffer: 1 << 26,
  });
  return { status: run.status, output: run.stdout + run.stderr };
}

/** A folder of its own below build/, for test files and what they leave. */
export function scratchFolder(): { readonly path: string; write(name: string, text: string): string; remove(): void } {
  const parent = join(root, 'build');
  mkdirSync(parent, { recursive: true });
  const path = mkdtempSync(join(parent, 'sim-test-'));
  return {
    path,
    write: (name, text) => {
      const file = join(path, name);
      writeFileSync(file, text);
      return file;
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}
