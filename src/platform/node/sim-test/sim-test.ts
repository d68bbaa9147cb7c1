/**
 * `simTest`: a test that runs in a world, once for each of many seeds.
 *
 *   simTest -> the runner's test -> seeds in this process, for a moment -> the others in processes of their own (children.ts)
 *           -> the lowest that fails, again in a fresh process (analysis.ts) -> one error that says it all (report.ts)
 */
import { writeSync } from 'node:fs';
import { url } from 'node:inspector';
import { analyse, type Analysis } from './analysis.ts';
import { dealSeeds, runShares, type Share, shareOfThisProcess, tell } from './children.ts';
import { countOf, readSettings, type Settings, type SimTestOptions, worldSeed } from './options.ts';
import { Progress } from './progress.ts';
import { failureError } from './report.ts';
import { type Body, type Failure, runSeed, type SeedRun } from './run-seed.ts';
import { findRunner, type Runner } from './runner.ts';
import { Watchdog } from './watchdog.ts';

/** So long seeds run in this process, in milliseconds: less than another one takes to begin. */
const ALONE_MS = 400;

const counts: Map<string, number> = new Map();

export function simTest(name: string, body: Body): void;
export function simTest(name: string, options: SimTestOptions, body: Body): void;
export function simTest(name: string, given: SimTestOptions | Body, last?: Body): void {
  const [options, body] = typeof given === 'function' ? [{}, given] : [given, last];
  if (typeof body !== 'function') throw new TypeError(`simTest: takes a name, options and a function, simTest('name', { seeds: 200 }, async (world) => ...)`);
  const settings = readSettings(name, options, process.env);
  const runner = findRunner(stackOf(simTest), options.test);
  const index = counts.get(name) ?? 0;
  counts.set(name, index + 1);
  const share = shareOfThisProcess();
  if (share === null) {
    runner.register(name, () => runAll(name, index, body, settings, runner));
    return;
  }
  if (share.name === name && share.index === index) {
    runner.register(name, () => runShare(share, body, { ...settings, seeds: share.seeds }));
  }
}

/** Where the caller of `fn` was called from, as Node itself names the places. */
function stackOf(fn: (...args: never[]) => unknown): string {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  // Not as source maps have it: what is run again is the file that Node was given.
  Error.prepareStackTrace = (_error, frames) => frames.map((frame) => `at ${frame.getFileName()}:${frame.getLineNumber()}:1`).join('\n');
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, fn);
  const stack = holder.stack ?? '';
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
  return stack;
}

/** A process of its own: its share of the seeds, up to the first that fails. */
async function runShare(share: Share, body: Body, settings: Settings): Promise<void> {
  const { name, seeds, shrink, task } = share;
  const watchdog = settings.loopLimitMs > 0 ? new Watchdog(settings.loopLimitMs) : null;
  for (let seed = seeds.first; seed <= seeds.last; seed += seeds.step) {
    tell(share, { kind: 'begins', seed });
    if (task === 'analyse') {
      const analysed = (analysis: Analysis): void => tell(share, { kind: 'analysed', analysis });
      analysed(await analyse(name, seed, body, settings, watchdog, false, shrink, (analysis) => {
        analysed(analysis);
        tell(share, { kind: 'done' });
      }));
      continue;
    }
    const failed = (failure: Failure): void => tell(share, { kind: 'failed', seed, failure });
    const { failure } = await runSeed(worldSeed(name, seed, seeds), body, settings, watchdog, {
      leaveOut: settings.leaveOut, record: false, show: false, onLoop: (run) => failed(run.failure as Failure),
    });
    if (failure !== null) {
      failed(failure);
      break;
    }
    tell(share, { kind: 'passed', seed });
  }
  tell(share, { kind: 'done' });
  await watchdog?.end();
}

async function runAll(name: string, index: number, body: Body, settings: Settings, runner: Runner): Promise<void> {
  const watchdog = settings.loopLimitMs > 0 ? new Watchdog(settings.loopLimitMs) : null;
  const progress = new Progress(name, countOf(settings.seeds));
  try {
    if (settings.isReplay || countOf(settings.seeds) === 1) {
      const seed = settings.seeds.first;
      const shrink = settings.shrink && !settings.isReplay;
      const analysis = await analyse(name, seed, body, settings, watchdog, settings.isReplay, shrink, (last) => lastWords(name, last, settings, runner));
      if (analysis.run.failure !== null) throw failureError(analysis, analysis.run.failure, settings.seeds, 0, runner.again(name));
      return;
    }
    const found = await lowestFailure(name, index, body, settings, runner, watchdog, progress);
    progress.end();
    if (found.failed === null) return;
    const { seed, failure } = found.failed;
    const analysis = await analysisOf(name, index, seed, body, settings, runner, watchdog);
    throw failureError(analysis, analysis.run.failure ?? failure, settings.seeds, seed - settings.seeds.first, runner.again(name));
  } finally {
    progress.end();
    await watchdog?.end();
  }
}

interface Found {
  /** The lowest: all seeds below it have passed. */
  readonly failed: { readonly seed: number; readonly failure: Failure } | null;
}

async function lowestFailure(
  name: string, index: number, body: Body, settings: Settings, runner: Runner, watchdog: Watchdog | null, progress: Progress,
): Promise<Found> {
  const { seeds, leaveOut, jobs } = settings;
  const again = runner.again(name);
  // Where a debugger looks on, everything happens in the process that it looks at.
  const mayShare = jobs > 1 && again !== null && url() === undefined;
  const began = performance.now();
  let passed = 0;
  for (let seed = seeds.first; seed <= seeds.last; seed++) {
    if (mayShare && performance.now() - began > ALONE_MS && seeds.last - seed > 1) {
      const rest = { ...seeds, first: seed };
      const shares = dealSeeds(rest, jobs).map((share) => ({ name, index, seeds: share, task: 'run' as const, shrink: false }));
      const result = await runShares(again, shares, (more) => progress.show(passed + more));
      return { failed: result.failed };
    }
    const { failure } = await runSeed(worldSeed(name, seed, seeds), body, settings, watchdog, {
      leaveOut, record: false, show: false, onLoop: (run) => lastWords(name, loopAnalysis(seed, run), settings, runner),
    });
    if (failure !== null) return { failed: { seed, failure } };
    progress.show(++passed);
  }
  return { failed: null };
}

async function analysisOf(
  name: string, index: number, seed: number, body: Body, settings: Settings, runner: Runner, watchdog: Watchdog | null,
): Promise<Analysis> {
  const again = runner.again(name);
  if (again !== null && url() === undefined) {
    const seeds = { ...settings.seeds, first: seed, last: seed };
    const { analysis } = await runShares(again, [{ name, index, seeds, task: 'analyse', shrink: settings.shrink }], () => {});
    if (analysis !== null) return analysis;
  }
  return await analyse(name, seed, body, settings, watchdog, false, settings.shrink, (last) => lastWords(name, last, settings, runner));
}

/** Of a run that made no files. */
function loopAnalysis(seed: number, run: SeedRun): Analysis {
  return { seed, run, leaveOut: [], faults: 0, tries: 0, files: [], filesError: null };
}

/** This process is about to be killed, since its code does not come back: what the test would have failed with is printed. */
function lastWords(name: string, analysis: Analysis, { seeds }: Settings, runner: Runner): void {
  const { stack } = failureError(analysis, analysis.run.failure as Failure, seeds, 0, runner.again(name));
  writeSync(2, `\nsimTest ${name}: ${stack}\n`);
}
