/**
 * One expression over all packets of a comparison (filter-compare.ts): three verdicts on each, counted; what differs fails.
 *
 * Two kinds of difference have a name, a row in docs/deviations.md, and a test of their own for each packet:
 *
 * - short: the packet ends inside what the filter looks at. A load that fails drops it, and which loads are made is each
 *   optimizer's choice. One of the two programs must have failed at a load, and filled up with zeros the packet must get the
 *   same verdict from both.
 * - misoptimized: libpcap's optimizer (1.10.3) makes mistakes in large expressions, such as
 *   `(not (host 10.0.0.1 and port 80)) and host (10.0.0.1 or 10.0.0.2)` on raw IP. Its own program without optimization
 *   (`-O`) must agree with ours.
 *
 * Used by filter-verdicts.test.ts and filter-captures.test.ts.
 */
import { ok } from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Instruction } from '../../src/bpf/instruction.ts';
import type { FilterComparison } from './filter-compare.ts';

const NEVER_PASSES = 'no packet can pass this filter';

export interface Tally {
  expressions: number;
  refused: number;
  /** Refused by one alone, since no packet can pass: the other takes it, and passes none. */
  empty: number;
  verdicts: number;
  passed: number;
  short: number;
  misoptimized: number;
}

export function newTally(): Tally {
  return { expressions: 0, refused: 0, empty: 0, verdicts: 0, passed: 0, short: 0, misoptimized: 0 };
}

export function addTally(sum: Tally, more: Tally): void {
  for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += more[key];
}

/** Compares all three on one expression. */
export function compare(comparison: FilterComparison, expression: string, tally: Tally): void {
  const { linkType } = comparison;
  const { ours, libpcap, ourComplaint, libpcapComplaint } = comparison.compile(expression);
  tally.expressions++;
  if (ours === null && libpcap !== null && ourComplaint === NEVER_PASSES) {
    // What contradicts itself in a roundabout way, one compiler sees and the other does not.
    ok(!comparison.run(libpcap).includes('1'), `link type ${linkType}, '${expression}': we say that nothing passes`);
    tally.empty++;
    return;
  }
  if (ours !== null && libpcap === null && libpcapComplaint?.endsWith('expression rejects all packets') === true) {
    ok(!comparison.run(ours).includes('1'), `link type ${linkType}, '${expression}': libpcap says that nothing passes`);
    tally.empty++;
    return;
  }
  if (ours === null || libpcap === null) {
    tally.refused++;
    ok(ours === null, `link type ${linkType}, '${expression}': libpcap alone refuses it: ${libpcapComplaint}`);
    ok(libpcap === null, `link type ${linkType}, '${expression}': we alone refuse it: ${ourComplaint}`);
    return;
  }
  compareVerdicts(comparison, expression, ours, libpcap, tally);
}

function compareVerdicts(
  comparison: FilterComparison, expression: string, ours: readonly Instruction[], libpcap: readonly Instruction[], tally: Tally,
): void {
  const mine = comparison.run(ours);
  const theirs = comparison.run(libpcap);
  const tcpdumps = comparison.tcpdumpVerdicts(expression);
  let unoptimized: string | null = null;
  const passes = (verdicts: string, i: number): string => (verdicts[i] === '1' ? 'passes' : 'is dropped');
  for (let i = 0; i < mine.length; i++) {
    tally.verdicts++;
    if (mine[i] === '1') tally.passed++;
    if (theirs[i] !== tcpdumps[i]) {
      const both = `libpcap's program on our machine ${passes(theirs, i)}, tcpdump's ${passes(tcpdumps, i)}`;
      ok(false, `'${expression}': ${both}; ${comparison.describe(i)}`);
    }
    if (mine[i] === theirs[i]) continue;
    if (comparison.failsToLoad(mine[i] === '1' ? libpcap : ours, i) && comparison.agreeWhenFilled(ours, libpcap, i)) {
      tally.short++;
      continue;
    }
    unoptimized ??= comparison.run(comparison.libpcapProgram(expression, '-O').program ?? []);
    ok(mine[i] === unoptimized[i], `'${expression}': ours ${passes(mine, i)}, tcpdump's ${passes(theirs, i)}; ${comparison.describe(i)}`);
    tally.misoptimized++;
  }
}

/** Says what was compared. */
export function tell(t: TestContext, tally: Tally): void {
  const { expressions, refused, empty, verdicts, passed, short, misoptimized } = tally;
  t.diagnostic(
    `${expressions} expressions (${refused} refused by both, ${empty} by one alone), ${verdicts} verdicts, ${passed} passed, ` +
      `${short} short, ${misoptimized} misoptimized`,
  );
}

/**
 * Says what was compared; fails when more than `most` in a million verdicts differ for one of the two reasons: for hundreds of thousands
 * of verdicts, since a single one of fewer is more than that.
 */
export function conclude(t: TestContext, tally: Tally, most: { short: number; misoptimized: number }): void {
  tell(t, tally);
  const { verdicts, short, misoptimized } = tally;
  ok(short * 1e6 <= most.short * verdicts, `${short} of ${verdicts} packets too short for one of the two`);
  ok(misoptimized * 1e6 <= most.misoptimized * verdicts, `${misoptimized} of ${verdicts} verdicts misoptimized`);
}
