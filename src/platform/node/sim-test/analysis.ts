/**
 * A seed that fails, looked at: run again with a capture and a log, with as few faults as still make it fail, and its files
 * written. In a process that has run no other seed, so that what it finds is what the replay command will find.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { wordsOf } from '../../../base/thrown.ts';
import { type Settings, seedLabel, worldSeed } from './options.ts';
import { type Body, isSameFailure, runSeed, type SeedRun } from './run-seed.ts';
import { fewestFaults } from './shrink.ts';
import type { Watchdog } from './watchdog.ts';

/** Looking for fewer faults ends after so many runs, or so many milliseconds. */
const MOST_RUNS = 300;
const MOST_MS = 60_000;

export interface Analysis {
  readonly seed: number;
  /** The run that the files tell of; its failure is null when the seed does not fail here. */
  readonly run: Omit<SeedRun, 'log' | 'pcapng'>;
  /** Planned faults that were left out of it, by their numbers, and how many there were. */
  readonly leaveOut: readonly number[];
  readonly faults: number;
  /** Runs that the search for fewer faults took; 0 when there was none. */
  readonly tries: number;
  readonly files: readonly string[];
  /** Why there are no files, if so. */
  readonly filesError: string | null;
}

/** `onLoop`: hears of a run whose code does not come back, the last that this process does. */
export async function analyse(
  name: string, seed: number, body: Body, settings: Settings, watchdog: Watchdog | null, show: boolean, shrink: boolean,
  onLoop: (analysis: Analysis) => void,
): Promise<Analysis> {
  const world = worldSeed(name, seed, settings.seeds);
  const given = settings.leaveOut;
  let faults: number[] = [];
  let tries = 0;
  const finish = (run: SeedRun, left: readonly number[]): Analysis => {
    const { log: _log, pcapng: _pcapng, ...rest } = run;
    const files = run.failure === null ? { names: [], error: null } : writeFiles(settings.failures, `${name}-${seedLabel(seed, settings.seeds)}`, run);
    return { seed, run: rest, leaveOut: [...given, ...left], faults: faults.length, tries, files: files.names, filesError: files.error };
  };
  const attempt = (left: readonly number[], record: boolean): Promise<SeedRun> => runSeed(world, body, settings, watchdog, {
    leaveOut: [...given, ...left], record, show: record && show, onLoop: (run) => onLoop(finish(run, left)),
  });
  let run = await attempt([], true);
  let left: readonly number[] = [];
  const numbers = run.timeline.flatMap(({ fault }) => (fault === null ? [] : [fault]));
  faults = [...new Set(numbers)].sort((a, b) => a - b);
  // What another run does says nothing of this one where no seed replays it.
  if (run.failure !== null && shrink && faults.length > 0 && run.notReplayable === null) {
    const { failure } = run;
    const began = performance.now();
    const without = (kept: readonly number[]): number[] => faults.filter((fault) => !kept.includes(fault));
    const kept = await fewestFaults(faults, async (some) => {
      tries++;
      return isSameFailure((await attempt(without(some), false)).failure, failure);
    }, () => tries < MOST_RUNS && performance.now() - began < MOST_MS);
    if (kept.length < faults.length) {
      left = without(kept);
      run = await attempt(left, true);
    }
  }
  return finish(run, left);
}

function writeFiles(folder: string, base: string, { log, pcapng }: SeedRun): { names: string[]; error: string | null } {
  const path = join(folder, base.replace(/[^\w.-]+/g, '-').slice(0, 120));
  try {
    mkdirSync(folder, { recursive: true });
    if (pcapng !== null) writeFileSync(`${path}.pcapng`, pcapng);
    writeFileSync(`${path}.log`, log);
  } catch (error) {
    return { names: [], error: wordsOf(error) };
  }
  return { names: pcapng === null ? [`${path}.log`] : [`${path}.pcapng`, `${path}.log`], error: null };
}
