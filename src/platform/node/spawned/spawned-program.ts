/**
 * `host.spawn('app.js')`: a Node program in a process of its own on a host of a world, as the body of the world sees it. What
 * runs it is program-process.ts, beside; who starts it, and hears of crashes, is virtual/node-host.ts.
 */
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { basename, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { described } from '../../../base/arguments.ts';
import { onlyKnown } from '../../../sim/arguments.ts';
import type { ProcessImage, ProgramProcess } from './program-process.ts';
import { STOPS } from './stops.ts';

/** How a spawned program begins. */
export interface SpawnOptions {
  /** Its name in `ss -p` and in messages; that of its file. */
  readonly name?: string;
  /** Its working directory; that of this process. */
  readonly cwd?: string;
  /** All of its environment, as node:child_process has it; that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Options for Node itself: `['--max-old-space-size=200']`. */
  readonly execArgv?: readonly string[];
  /** Is it begun anew when the host restarts after a crash? True: as a service is that the machine starts by itself. */
  readonly restarts?: boolean;
  /** So many milliseconds of the machine's may its code run without coming back before it is ended; 10,000, and 0 for no limit. */
  readonly loopLimitMs?: number;
}

/** How a spawned program ended, and what it printed. */
export interface SpawnEnd {
  /** Its exit status; null when a signal ended it. */
  readonly code: number | null;
  /** The name of the signal that ended it, or null. */
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const OPTIONS = ['name', 'cwd', 'env', 'execArgv', 'restarts', 'loopLimitMs'] as const;
const LOOP_LIMIT_MS = 10_000;
/** What of this process's environment is about this process alone. */
const OWN_VARIABLES = ['NODE_TEST_CONTEXT', 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE'];

/** Reads what `spawn` was given. Throws TypeErrors and RangeErrors, and an Error with code ENOENT when there is no such file or folder. */
export function readImage(file: unknown, args: unknown, options: SpawnOptions, seed: string): ProcessImage {
  onlyKnown('host.spawn', options, OPTIONS);
  const { cwd = process.cwd(), execArgv = [], loopLimitMs = LOOP_LIMIT_MS } = options;
  if (typeof file !== 'string' && !(file instanceof URL)) throw new TypeError(`host.spawn: takes the path of a program, not ${described(file)}`);
  for (const [what, words] of [['the program\'s words', args], ['execArgv', execArgv]]) {
    if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
      throw new TypeError(`host.spawn: ${what} must be an array of texts, not ${described(words)}`);
    }
  }
  if (!(loopLimitMs >= 0)) throw new RangeError(`host.spawn: loopLimitMs must be 0 or more, not ${loopLimitMs}`);
  const folder = resolve(cwd);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw missing(`the working directory ${folder}`);
  const path = typeof file === 'string' ? resolve(folder, file) : fileURLToPath(file);
  if (!existsSync(path)) throw missing(`the program ${path}`);
  return {
    name: options.name ?? basename(path), file: path, args: args as readonly string[], execArgv, cwd: folder, env: options.env ?? ownEnvironment(),
    preload: preload(), seed, loopLimitMs,
  };
}

function missing(what: string): Error {
  return Object.assign(new Error(`host.spawn: ENOENT: ${what} does not exist`), { code: 'ENOENT' });
}

function ownEnvironment(): Record<string, string | undefined> {
  const env = { ...process.env };
  for (const name of OWN_VARIABLES) delete env[name];
  // Two processes cannot listen for one debugger.
  if (env['NODE_OPTIONS'] !== undefined) env['NODE_OPTIONS'] = env['NODE_OPTIONS'].replace(/--inspect\S*/g, '');
  return env;
}

/** The entry sockscape/spawned: beside this file in the package, or where a bundle finds the package. */
function preload(): string {
  const beside = new URL('./spawned.js', import.meta.url);
  if (existsSync(beside)) return beside.href;
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve('sockscape/spawned')).href;
  } catch (error) {
    throw new Error(`host.spawn: finds no package sockscape from ${fileURLToPath(import.meta.url)}, which a process of its own needs`, { cause: error });
  }
}

export class SpawnedProgram {
  readonly name: string;
  private running: ProgramProcess;
  private end: Promise<SpawnEnd>;

  /** Made by `host.spawn`. */
  constructor(name: string, running: ProgramProcess, end: Promise<SpawnEnd>) {
    this.name = name;
    this.running = running;
    this.end = end;
  }

  /** Its number on the host. */
  get pid(): number {
    return this.running.core.pid;
  }

  /** What it has printed so far. */
  get stdout(): string {
    return this.running.textOf('stdout');
  }

  get stderr(): string {
    return this.running.textOf('stderr');
  }

  /**
   * Resolves when it has ended with status 0, or by a signal that `kill` has sent. Rejects with a ProgramError for any other end,
   * with the last lines of its standard error, and with a HostCrash when the host loses its power. A ProgramError that nobody
   * looks at fails the world. After a restart of the host it is about the process that runs then.
   */
  get ended(): Promise<SpawnEnd> {
    return this.end;
  }

  get hasEnded(): boolean {
    return this.running.hasEnded;
  }

  /**
   * Sends it a signal, SIGTERM when none is named: its listeners hear it, or it does what the signal does by itself. SIGKILL ends
   * it also on a host that is frozen. Throws a TypeError for what is no signal, and for those that stop a process: `host.freeze` does.
   */
  kill(signal: string = 'SIGTERM'): void {
    if (!(signal in constants.signals)) throw new TypeError(`kill: there is no signal ${String(signal)}`);
    if (STOPS.has(signal)) throw new TypeError(`kill: ${signal} would stop the program and the world with it; host.freeze() stops programs`);
    this.running.kill(signal);
  }

  /** The host has begun it anew. Called by the host. */
  restarted(running: ProgramProcess, end: Promise<SpawnEnd>): void {
    this.running = running;
    this.end = end;
  }
}

