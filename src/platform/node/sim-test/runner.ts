/**
 * Which test runner a simTest runs under: how a test is registered with it, and how one test of one file is run again, in
 * another process.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RegisterTest } from './options.ts';

export interface Again {
  /** What Node is given. */
  readonly args: readonly string[];
  /** The same as one types it. */
  readonly command: string;
}

export interface Runner {
  readonly name: 'node:test' | 'vitest' | 'mocha';
  readonly register: RegisterTest;
  /** How the test is run again; null where nobody knows. */
  again(name: string): Again | null;
}

const require = createRequire(import.meta.url);

type TestFunction = (name: string, ...rest: unknown[]) => unknown;

/** The runner that loads the file of `caller` (a stack from there on); `given` is its `test`, where the options have it. */
export function findRunner(caller: string, given: RegisterTest | undefined): Runner {
  const world = globalThis as unknown as Record<string, unknown>;
  for (const [name, version] of [['Bun', process.versions['bun']], ['Deno', process.versions['deno']]]) {
    if (version !== undefined) throw new Error(`simTest runs in Node, 20.19 or newer, not in ${name}: worlds stand below Node's own net and timers`);
  }
  if (process.env['JEST_WORKER_ID'] !== undefined || 'jest' in world) {
    throw new Error(
      'simTest does not run under jest, which gives every test file clocks and modules of its own that a world cannot reach: ' +
      'run the file with node:test (node --test) or vitest',
    );
  }
  if (process.env['VITEST'] !== undefined) return vitest(caller, given);
  if (typeof world['specify'] === 'function' || /[\\/]mocha[\\/]/.test(process.argv[1] ?? '')) return mocha(given);
  return nodeTest(caller, given);
}

/** The file that the runner has loaded: the outermost one of the stack that is a file. */
function fileOf(caller: string): string | null {
  const files = [...caller.matchAll(/(?:\(|at |async )((?:file:\/\/)?\/[^()\n]*?):\d+:\d+\)?$/gm)].map((match) => match[1] as string);
  const own = files.filter((file) => !/[\\/]node_modules[\\/]/.test(file));
  const file = own.at(-1);
  if (file === undefined) return null;
  return file.startsWith('file://') ? fileURLToPath(file) : file;
}

function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

/** As a shell reads it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function shown(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith('..') ? file : path;
}

/** Options of the runner and of the debugger are not for another process that runs one test. */
function inheritedOptions(): string[] {
  const kept: string[] = [];
  const { execArgv } = process;
  for (let i = 0; i < execArgv.length; i++) {
    const word = execArgv[i] as string;
    if (/^--(test|watch|inspect|experimental-test|experimental-default-type)/.test(word)) {
      if (/^--(test-name-pattern|test-reporter|test-reporter-destination|test-concurrency|test-timeout|watch-path)$/.test(word)) i++;
      continue;
    }
    kept.push(word);
  }
  return kept;
}

/** Of options that are filled in those that a typed command needs: what is loaded, and how. */
const TYPED = /^--((import|require|loader|experimental-loader|conditions|env-file|env-file-if-exists|max-old-space-size)=|experimental-(strip|transform)-types|no-|enable-source-maps|preserve-symlinks|expose-gc|permission|allow-)/;

/**
 * From Node 24 on the runner gives its files every option that has a value, such as `--v8-pool-size=4`, as one word, and those of its own
 * command again. Nobody wants to read or type them.
 */
function typedOptions(options: readonly string[]): readonly string[] {
  const areFilledIn = options.some((word) => word.startsWith('--trace-event-file-pattern='));
  return areFilledIn ? options.filter((word) => TYPED.test(word)) : options;
}

function nodeTest(caller: string, given: RegisterTest | undefined): Runner {
  const { test } = require('node:test') as { test: TestFunction };
  // A file that runs by itself is the process's; where one process runs all files (--test-isolation=none) the stack tells.
  const runsAll = process.execArgv.some((word) => /^--test($|-isolation=none)/.test(word));
  const file = runsAll ? fileOf(caller) : (process.argv[1] ?? fileOf(caller));
  return {
    name: 'node:test',
    register: given ?? ((name, run) => test(name, run)),
    again: (name) => {
      if (file === null || !existsSync(file)) return null;
      const pattern = `${escaped(name)}$`;
      const options = inheritedOptions();
      return {
        args: [...options, `--test-name-pattern=${pattern}`, file],
        command: ['node', ...typedOptions(options), '--test', `--test-name-pattern=${pattern}`, shown(file)].map(quoted).join(' '),
      };
    },
  };
}

function vitest(caller: string, given: RegisterTest | undefined): Runner {
  const state = (globalThis as unknown as { __vitest_worker__?: { filepath?: string; config?: { root?: string } } }).__vitest_worker__;
  const root = state?.config?.root ?? process.cwd();
  const home = vitestHome([join(root, 'x.js'), join(process.cwd(), 'x.js'), import.meta.url]);
  let register = given;
  if (register === undefined) {
    const test = (globalThis as unknown as { test?: TestFunction }).test ?? vitestFunction(home);
    register = (name, run) => test(name, { timeout: 0 }, run);
  }
  const file = state?.filepath ?? fileOf(caller);
  return {
    name: 'vitest',
    register,
    again: (name) => {
      if (file === null || home === null) return null;
      const pattern = `${escaped(name)}$`;
      return {
        args: [join(home, 'vitest.mjs'), 'run', file, '--root', root, '-t', pattern, '--coverage.enabled=false', '--passWithNoTests'],
        command: ['npx', 'vitest', 'run', '-t', pattern, shown(file)].map(quoted).join(' '),
      };
    },
  };
}

function vitestHome(places: readonly string[]): string | null {
  for (const place of places) {
    try {
      return dirname(createRequire(place).resolve('vitest/package.json'));
    } catch {
      // Not to be seen from there.
    }
  }
  return null;
}

/** vitest's `test`: its module is loaded already, and Node gives it to whoever requires it by its path. */
function vitestFunction(home: string | null): TestFunction {
  try {
    const { test } = require(join(home ?? 'vitest', 'dist/index.js')) as { test: TestFunction };
    return test;
  } catch (error) {
    throw new Error("simTest does not find vitest's test function: hand it over, simTest(name, { test }, ...)", { cause: error });
  }
}

function mocha(given: RegisterTest | undefined): Runner {
  const world = globalThis as unknown as { it?: TestFunction; test?: TestFunction };
  const it = world.it ?? world.test;
  if (given === undefined && it === undefined) throw new Error("simTest does not find mocha's it: hand it over, simTest(name, { test: it }, ...)");
  return {
    name: 'mocha',
    register: given ?? ((name, run) => (it as TestFunction)(name, function (this: { timeout(ms: number): void }) {
      this.timeout(0);
      return run();
    })),
    again: (name) => {
      const file = process.argv.slice(2).find((word) => existsSync(word));
      if (file === undefined) return null;
      const pattern = `${escaped(name)}$`;
      return {
        args: [process.argv[1] as string, '--grep', pattern, file],
        command: ['npx', 'mocha', '--grep', pattern, shown(file)].map(quoted).join(' '),
      };
    },
  };
}
