/** What a failing simTest says: the seed, what went wrong on purpose and when, the command that replays it, the files. */
import type { Analysis } from './analysis.ts';
import { seedLabel, type Seeds } from './options.ts';
import { seedMark } from '../../../sim/world.ts';
import { type Again, quoted } from './runner.ts';
import type { Failure } from './run-seed.ts';

/** A timeline is shown up to so many entries: the first ones and the last ones. */
const SHOWN = 40;

export function seconds(us: number): string {
  return `${(us / 1e6).toFixed(6)} s`;
}

function timelineLines({ run: { endedAtUs, timeline } }: Analysis): string[] {
  const lines = timeline.map(({ atUs, what }) => `  ${seconds(atUs).padStart(18)}  ${what}`);
  const left = lines.length - SHOWN;
  if (left > 0) lines.splice(SHOWN / 2, left, `  ${''.padStart(18)}  ... ${left} more`);
  return [...lines, `  ${seconds(endedAtUs).padStart(18)}  it failed`];
}

/** The error of a test whose seed fails. */
export function failureError(analysis: Analysis, failure: Failure, seeds: Seeds, passed: number, again: Again | null): Error {
  const label = seedLabel(analysis.seed, seeds);
  const { faults, files, filesError, leaveOut, run, tries } = analysis;
  const { notReplayable, seed } = run;
  const mark = seedMark(seed, notReplayable);
  const lines = [`seed ${label}: ${failure.message.replaceAll(` ${mark}`, '')}`, ''];
  const kept = new Set(run.timeline.flatMap(({ fault }) => (fault === null ? [] : [fault]))).size;
  if (run.failure === null) {
    const why = notReplayable === null ? 'what is left in modules by the seeds before it matters' : `no seed replays it: ${notReplayable}`;
    lines.push(`in a process of its own the seed does not fail: ${why}`);
  } else {
    if (run.timeline.length > 0) {
      const shrunk = tries > 0 && kept < faults ? ` (${kept} of ${faults} faults are enough)` : '';
      lines.push(`what went wrong on purpose${shrunk}, in virtual time:`);
    } else if (tries > 0) lines.push(`it fails without any of its ${faults} faults, in virtual time:`);
    else lines.push('no fault was planned; in virtual time:');
    lines.push(...timelineLines(analysis));
  }
  if (passed > 0) lines.push(`seeds that passed before: ${passed}`);
  if (again !== null) {
    const out = leaveOut.length > 0 && run.failure !== null ? `SOCKSCAPE_LEAVE_OUT=${leaveOut.join(',')} ` : '';
    const verb = notReplayable === null ? 'replay' : `no seed replays it (${notReplayable}); run again`;
    lines.push(`${verb}: SOCKSCAPE_SEED=${quoted(run.failure === null && seeds.text === null ? `${seeds.first}..${label}` : label)} ${out}${again.command}`);
  }
  if (files.length > 0) lines.push(`files: ${files.join(', ')}`);
  if (filesError !== null) lines.push(`no files were written: ${filesError}`);
  return withMessage(failure, lines.join('\n'));
}

/** An error of the same name, place and fields, with another message. */
function withMessage(failure: Failure, message: string): Error {
  const error = new Error(message);
  const frames = failure.stack.split('\n').filter((line) => /^\s+at /.test(line));
  Object.defineProperty(error, 'name', { value: failure.name, configurable: true, writable: true });
  error.stack = [`${failure.name}: ${message}`, ...frames].join('\n');
  for (const [key, value] of Object.entries(failure.fields)) {
    Object.defineProperty(error, key, { value, configurable: true, enumerable: true, writable: true });
  }
  return error;
}
