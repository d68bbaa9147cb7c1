/**
 * What a simTest is asked for: its seeds, from its options and from the environment, and its limits. Called by sim-test.ts.
 *
 *   SOCKSCAPE_SEED=17        one seed
 *   SOCKSCAPE_SEED=5..20     a range
 *   SOCKSCAPE_LEAVE_OUT=0,3  planned faults that do not happen, by their numbers
 */
import { availableParallelism } from 'node:os';

/** What a runner's `test` is called with; a promise that rejects is a failure. */
export type RegisterTest = (name: string, run: () => Promise<void>) => unknown;

export interface SimTestOptions {
  /** How many seeds are tried, or the first and the last one; 100. They are numbers; the test's name makes them its own. */
  readonly seeds?: number | readonly [first: number, last: number];
  /** One seed alone: a number of `seeds`, or a text, which is then the seed of the world as it is. */
  readonly seed?: number | string;
  /** Are fewer faults looked for that still fail? True. */
  readonly shrink?: boolean;
  /** Where a failure leaves its files; `sockscape-failures`, in the working directory. */
  readonly failures?: string;
  /** How many processes run seeds at the same time; one for each core. */
  readonly jobs?: number;
  /** The world fails when its clock passes this; a day. */
  readonly timeLimitUs?: number;
  /** The world fails after this many events; fifty million. */
  readonly eventLimit?: number;
  /** The world fails after this many turns of user code without its clock moving on; 300,000. */
  readonly turnLimit?: number;
  /** The world fails when its code runs for so long (of the machine's time) without ever coming back; 10,000. 0: never. */
  readonly loopLimitMs?: number;
  /** The runner's function, where it is not found (`test` of vitest, `it` of mocha). */
  readonly test?: RegisterTest;
}

const KNOWN = [
  'seeds', 'seed', 'shrink', 'failures', 'jobs', 'timeLimitUs', 'eventLimit', 'turnLimit', 'loopLimitMs', 'test',
] as const satisfies readonly (keyof SimTestOptions)[];

const DAY_US = 86_400e6;
const MOST_SEEDS = 1e9;

/** The seeds of a run: `first`, `first + step` and on to `last`; or one that is a text. */
export interface Seeds {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly text: string | null;
}

export interface Settings {
  readonly seeds: Seeds;
  /** The environment names one seed: it is replayed, and what its programs print is shown. */
  readonly isReplay: boolean;
  readonly leaveOut: readonly number[];
  readonly shrink: boolean;
  readonly failures: string;
  readonly jobs: number;
  readonly limits: { readonly timeLimitUs: number; readonly eventLimit: number; readonly turnLimit: number };
  readonly loopLimitMs: number;
}

export function countOf({ first, last, step }: Seeds): number {
  return Math.floor((last - first) / step) + 1;
}

/** Reads the options and the environment. Throws a TypeError with a sentence where they make no sense. */
export function readSettings(name: unknown, options: SimTestOptions, environment: Readonly<Record<string, string | undefined>>): Settings {
  if (typeof name !== 'string' || name === '') throw new TypeError(`simTest: the name must be a string with something in it, not ${String(name)}`);
  for (const key of Object.keys(options)) {
    if (!(KNOWN as readonly string[]).includes(key)) throw new TypeError(`simTest: unknown option ${key}; there are ${KNOWN.join(', ')}`);
  }
  if (options.seed !== undefined && options.seeds !== undefined) throw new TypeError('simTest: seed and seeds are both given; one of them says which seeds run');
  const fromEnvironment = environment['SOCKSCAPE_SEED'];
  const hasSeed = fromEnvironment !== undefined && fromEnvironment !== '';
  const seeds = hasSeed ? seedsOfText(fromEnvironment) : seedsOfOptions(options);
  const { shrink = true, failures = 'sockscape-failures', jobs = availableParallelism(), loopLimitMs = 10_000 } = options;
  const { timeLimitUs = DAY_US, eventLimit = 50_000_000, turnLimit = 300_000 } = options;
  if (!Number.isInteger(jobs) || jobs < 1) throw new RangeError(`simTest: jobs must be 1 or more, not ${jobs}`);
  if (!(loopLimitMs >= 0)) throw new RangeError(`simTest: loopLimitMs must be 0 or more, not ${loopLimitMs}`);
  return {
    seeds, isReplay: hasSeed && countOf(seeds) === 1, leaveOut: numbersOf(environment['SOCKSCAPE_LEAVE_OUT'] ?? ''),
    shrink, failures, jobs, limits: { timeLimitUs, eventLimit, turnLimit }, loopLimitMs,
  };
}

function seedsOfOptions({ seed, seeds = 100 }: SimTestOptions): Seeds {
  if (typeof seed === 'string') return { first: 1, last: 1, step: 1, text: seed };
  if (seed !== undefined) return range(seed, seed);
  if (typeof seeds === 'number') return range(1, seeds);
  if (Array.isArray(seeds) && seeds.length === 2) return range(seeds[0] as number, seeds[1] as number);
  throw new TypeError(`simTest: seeds takes a number of them, or the first and the last ([5, 20]), not ${String(seeds)}`);
}

function range(first: number, last: number): Seeds {
  if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last < first || last > MOST_SEEDS) {
    throw new RangeError(`simTest: no range of seeds: ${first}..${last}; they are whole numbers from 0 to ${MOST_SEEDS}`);
  }
  return { first, last, step: 1, text: null };
}

function seedsOfText(text: string): Seeds {
  const found = /^(\d{1,10})(?:\.\.(\d{1,10}))?$/.exec(text);
  if (found === null) return { first: 1, last: 1, step: 1, text };
  return range(Number(found[1]), Number(found[2] ?? found[1]));
}

function numbersOf(text: string): number[] {
  if (text === '') return [];
  if (!/^\d+(,\d+)*$/.test(text)) throw new TypeError(`SOCKSCAPE_LEAVE_OUT: takes numbers of faults, 0,3,4, not ${text}`);
  return text.split(',').map(Number);
}

/** The seed of the world: each test has its own ones. */
export function worldSeed(name: string, seed: number, { text }: Seeds): string {
  return text ?? `${name}/${seed}`;
}

/** As SOCKSCAPE_SEED names it. */
export function seedLabel(seed: number, { text }: Seeds): string {
  return text ?? String(seed);
}
