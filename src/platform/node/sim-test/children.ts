/**
 * Seeds on all cores: the same file is run again, for this test alone, in other processes; each has a share of the seeds and
 * tells what came of them in a file, line by line.
 *
 * Of several seeds that fail the lowest is told, whoever is faster: a process that is past it is ended.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { makeScratchFolder } from '../scratch-folder.ts';
import type { Analysis } from './analysis.ts';
import { countOf, type Seeds } from './options.ts';
import type { Failure } from './run-seed.ts';
import type { Again } from './runner.ts';

/** What a process is started for, in its environment. */
export interface Share {
  readonly name: string;
  /** Which of the tests of that name. */
  readonly index: number;
  readonly seeds: Seeds;
  readonly task: 'run' | 'analyse';
  readonly shrink: boolean;
  readonly file: string;
  readonly parent: number;
}

export type Told =
  | { readonly kind: 'begins'; readonly seed: number }
  | { readonly kind: 'passed'; readonly seed: number }
  | { readonly kind: 'failed'; readonly seed: number; readonly failure: Failure }
  | { readonly kind: 'analysed'; readonly analysis: Analysis }
  | { readonly kind: 'done' };

const VARIABLE = 'SOCKSCAPE_SIM_SHARE';
/** How often the files are looked at, in milliseconds. */
const LOOK_MS = 20;
/** The last words of a process that has told nothing. */
const LAST_WORDS = 4000;
const { clearInterval: stopInterval, setInterval: startInterval } = globalThis;

/** What this process was started for; null when it was started by somebody else. */
export function shareOfThisProcess(): Share | null {
  const text = process.env[VARIABLE];
  return text === undefined ? null : (JSON.parse(text) as Share);
}

/** A process with a share tells. It ends when nobody listens any more. */
export function tell({ file, parent }: Share, told: Told): void {
  try {
    process.kill(parent, 0);
  } catch {
    process.exit(1);
  }
  if (!existsSync(file)) process.exit(1);
  appendFileSync(file, `${serialize(told).toString('base64')}\n`);
}

class Child {
  readonly share: Share;
  readonly process: ChildProcess;
  /** The seed that it is at; those before it have passed. */
  at = 0;
  isDone = false;
  hasExited = false;
  lastWords = '';
  private readonly listener: (told: Told) => void;
  private readonly fd: number;
  private readonly buffer = Buffer.alloc(1 << 16);
  private rest = '';

  constructor(again: Again, share: Share, listener: (told: Told) => void) {
    this.share = share;
    this.listener = listener;
    this.fd = openSync(share.file, 'a+');
    const { NODE_TEST_CONTEXT: _context, SOCKSCAPE_SEED: _seed, VITEST: _vitest, ...environment } = process.env;
    for (const name of Object.keys(environment)) if (name.startsWith('VITEST_')) delete environment[name];
    if (environment['NODE_OPTIONS'] !== undefined) environment['NODE_OPTIONS'] = environment['NODE_OPTIONS'].replace(/--inspect\S*/g, '');
    this.process = spawn(process.execPath, again.args, {
      stdio: ['ignore', 'pipe', 'pipe'], env: { ...environment, [VARIABLE]: JSON.stringify(share) },
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.lastWords = (this.lastWords + text.toString('utf8')).slice(-LAST_WORDS);
      });
    }
    this.process.on('error', (error) => {
      this.lastWords += error.message;
      this.hasExited = true;
    });
    this.process.on('close', () => {
      this.hasExited = true;
    });
  }

  /** Reads what it has told since. */
  look(): void {
    for (;;) {
      const n = readSync(this.fd, this.buffer, 0, this.buffer.length, null);
      if (n === 0) return;
      const lines = (this.rest + this.buffer.toString('latin1', 0, n)).split('\n');
      this.rest = lines.pop() as string;
      for (const line of lines) this.listener(deserialize(Buffer.from(line, 'base64')) as Told);
    }
  }

  end(): void {
    if (!this.hasExited) this.process.kill('SIGKILL');
    closeSync(this.fd);
  }
}

export interface ChildrenResult {
  readonly failed: { readonly seed: number; readonly failure: Failure } | null;
  readonly analysis: Analysis | null;
}

/** Runs the shares to their end, or to the first failure. Throws when a process ends without having done its share. */
export async function runShares(
  again: Again, shares: readonly Omit<Share, 'file' | 'parent'>[], progress: (passed: number) => void,
): Promise<ChildrenResult> {
  const folder = makeScratchFolder();
  let passed = 0;
  let failed: { seed: number; failure: Failure } | null = null;
  let analysis: Analysis | null = null;
  const children: Child[] = [];
  const endAll = (): void => {
    for (const child of children) if (!child.hasExited) child.process.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', endAll);
  try {
    for (const [i, share] of shares.entries()) {
      const child: Child = new Child(again, { ...share, file: join(folder, String(i)), parent: process.pid }, (told) => {
        if (told.kind === 'begins') child.at = told.seed;
        else if (told.kind === 'passed') passed++;
        else if (told.kind === 'analysed') analysis = told.analysis;
        else {
          child.isDone = true;
          if (told.kind === 'failed' && (failed === null || told.seed < failed.seed)) failed = told;
        }
      });
      children.push(child);
    }
    await new Promise<void>((resolve, reject) => {
      const timer = startInterval(() => {
        try {
          if (look(children, () => failed?.seed ?? Infinity)) return progress(passed);
          stopInterval(timer);
          resolve();
        } catch (error) {
          stopInterval(timer);
          reject(error);
        }
      }, LOOK_MS);
    });
  } finally {
    process.off('exit', endAll);
    for (const child of children) child.end();
    rmSync(folder, { recursive: true, force: true });
  }
  return { failed, analysis };
}

/** True while one of them has seeds that matter. */
function look(children: readonly Child[], lowest: () => number): boolean {
  let isOpen = false;
  for (const child of children) {
    const { hasExited } = child;
    child.look();
    if (child.isDone || child.at > lowest()) continue;
    if (hasExited) {
      const { code, signal } = { code: child.process.exitCode, signal: child.process.signalCode };
      throw new Error(
        `the process that was at seed ${child.at} ended with ${signal ?? `status ${code}`} before it had told what came of it:\n${child.lastWords.trim()}`,
      );
    }
    isOpen = true;
  }
  return isOpen;
}

/** The seeds of each of `jobs` processes: every so many'th, so that all of them go up together. */
export function dealSeeds(seeds: Seeds, jobs: number): Seeds[] {
  const count = Math.min(jobs, countOf(seeds));
  return Array.from({ length: count }, (_, i) => ({ ...seeds, first: seeds.first + i, step: count }));
}
