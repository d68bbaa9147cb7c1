/** One seed of a simTest: its world, and how it ended, in values that go from process to process. */
import { inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { NodeProgram } from '../../../api/node/node-program.ts';
import { errorOf, fieldOf, isKind, wordsOf } from '../../../base/thrown.ts';
import type { TimelineEntry } from '../../../sim/faults.ts';
import { WorldError } from '../../../sim/world.ts';
import { WorldLog } from '../../../sim/world-log.ts';
import { type NodeWorld, simulate } from '../virtual/node-world.ts';
import type { Settings } from './options.ts';
import type { Watchdog } from './watchdog.ts';

export type Body = (world: NodeWorld) => unknown;

/** An error that was thrown in a world. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Fields of it that reporters show: code, expected, actual, operator ... */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Its code never came back. */
  readonly isLoop: boolean;
}

export interface SeedRun {
  /** The world's. */
  readonly seed: string;
  readonly failure: Failure | null;
  readonly endedAtUs: number;
  readonly timeline: readonly TimelineEntry[];
  /** Why the seed may not give the same run again; null when it does. */
  readonly notReplayable: string | null;
  /** Of a run that was recorded. */
  readonly log: string;
  readonly pcapng: Uint8Array | null;
}

export interface SeedOptions {
  readonly leaveOut: readonly number[];
  /** Is a capture made, and the log kept? */
  readonly record: boolean;
  /** Is what programs print shown as they print it? */
  readonly show: boolean;
  /** Hears of a run whose code does not come back: the last that this process does. */
  readonly onLoop: (run: SeedRun) => void;
}

/** What a world fails with whose code does not come back. */
export class LoopError extends Error {
  override readonly name = 'LoopError';
}

export async function runSeed(seed: string, body: Body, settings: Settings, watchdog: Watchdog | null, options: SeedOptions): Promise<SeedRun> {
  const { leaveOut, record, show } = options;
  const log = new WorldLog(record || show ? undefined : 0);
  if (show) log.onLine = (line) => void NodeProgram.runOutside(() => process.stdout.write(`${line}\n`));
  let world: NodeWorld | null = null;
  const ended = (failure: Failure | null): SeedRun => {
    const endedAtUs = world?.now ?? 0;
    if (failure !== null) log.add(endedAtUs, 'world', 'failed', `${failure.name}: ${failure.message}`);
    return {
      seed, failure, endedAtUs, timeline: world?.timeline ?? [], notReplayable: world?.notReplayable ?? null,
      log: log.text(), pcapng: record ? (world?.recording?.bytes() ?? null) : null,
    };
  };
  if (watchdog !== null) {
    watchdog.onLoop = (stack) => {
      const error = new LoopError(`the world's code ran for ${settings.loopLimitMs} ms of the machine's time without coming back, at\n${stack}`);
      error.stack = `LoopError: ${error.message}`;
      options.onLoop(ended(failureOf(error)));
    };
    watchdog.watch(true);
  }
  try {
    await simulate({ ...settings.limits, seed, leaveOut, record, log }, async (made) => {
      world = made;
      await body(made);
    });
    return ended(null);
  } catch (error) {
    return ended(failureOf(error));
  } finally {
    watchdog?.watch(false);
  }
}

const OWN = new Set(['name', 'message', 'stack', 'cause']);

function failureOf(thrown: unknown): Failure {
  const error = errorOf(thrown, () => new WorldError(`something that is no Error was thrown: ${inspected(thrown)}`));
  const fields: Record<string, unknown> = {};
  for (const key of keysOf(error)) {
    if (!OWN.has(key)) fields[key] = portable(fieldOf(error, key));
  }
  return { name: textOf(error, 'name', 'Error'), message: wordsOf(error), stack: textOf(error, 'stack', ''), fields, isLoop: isKind(error, LoopError) };
}

function keysOf(error: Error): string[] {
  try {
    return Object.keys(error);
  } catch {
    return [];
  }
}

/** A field that is a text in every error but those that somebody has bent. */
function textOf(error: Error, name: string, absent: string): string {
  const text = fieldOf(error, name);
  return typeof text === 'string' ? text : absent;
}

/** In Node's words, or in ours where it has none: values may bring a function that inspects them. */
function inspected(value: unknown): string {
  try {
    return inspect(value);
  } catch {
    return wordsOf(value);
  }
}

/** The value, or its words where it cannot go to another process. */
function portable(value: unknown): unknown {
  try {
    return deserialize(serialize(value));
  } catch {
    return inspected(value);
  }
}

/** Did both fail in the same way? Numbers in their words may differ, and what a stuck world's hosts wait for. */
export function isSameFailure(a: Failure | null, b: Failure | null): boolean {
  return a !== null && b !== null && signature(a) === signature(b);
}

function signature({ fields, message, name }: Failure): string {
  const words = (message.split('\n')[0] as string).replace(/ \(seed .*/, '').replace(/[\d.]+/g, '#');
  return `${name} ${String(fields['code'] ?? '')} ${words}`;
}
