/**
 * A seed that fails, looked at: run again with a capture and a log, with as few faults as still make it fail, and its files
 * written. In a process that has run no other seed, so that what it finds is what the replay command will find.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

export async function analyse(
  name: string, seed: number, body: Body, settings: Settings, watchdog: Watchdog | null, show: boolean, shrink: boolean,
): Promise<Analysis> {
  const world = worldSeed(name, seed, settings.seeds);
  const given = settings.leaveOut;
  const attempt = (leaveOut: readonly number[], record: boolean): Promise<SeedRun> =>
    runSeed(world, body, settings, watchdog, { leaveOut: [...given, ...leaveOut], record, show: record && show });
  let run = await attempt([], true);
  const numbers = run.timeline.flatMap(({ fault }) => (fault === null ? [] : [fault]));
  const faults = [...new Set(numbers)].sort((a, b) => a - b);
  let left: readonly number[] = [];
  let tries = 0;
  if (run.failure !== null && shrink && !run.failure.isLoop && faults.length > 0) {
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
  const { log, pcapng, ...rest } = run;
  let files: string[] = [];
  let filesError: string | null = null;
  if (run.failure !== null) {
    try {
      files = writeFiles(settings.failures, `${name}-${seedLabel(seed, settings.seeds)}`, log, pcapng);
    } catch (error) {
      filesError = error instanceof Error ? error.message : String(error);
    }
  }
  return { seed, run: rest, leaveOut: [...given, ...left], faults: faults.length, tries, files, filesError };
}

function writeFiles(folder: string, base: string, log: string, pcapng: Uint8Array | null): string[] {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, base.replace(/[^\w.-]+/g, '-').slice(0, 120));
  const files = pcapng === null ? [] : [`${path}.pcapng`];
  if (pcapng !== null) writeFileSync(`${path}.pcapng`, pcapng);
  writeFileSync(`${path}.log`, log);
  return [...files, `${path}.log`];
}
