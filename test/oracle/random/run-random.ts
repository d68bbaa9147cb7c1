/**
 * Random programs on both kernels: compares them, and makes what differs short. Called by main.ts and random.test.ts.
 *
 * A difference counts when it shows twice and Linux answers the same both times; what Linux itself answers in two ways
 * (a timer that fired in between, on a machine that is busy) is told apart as unsteady.
 */
import { join } from 'node:path';
import { Comparison, isListed, readDeviations } from '../comparison.ts';
import type { Difference } from '../comparison.ts';
import { linuxMachine, linuxSide } from '../linux-side.ts';
import { ourSide } from '../our-side.ts';
import type { Side } from '../program.ts';
import { runProgram } from '../run-program.ts';
import { SharedLeftovers } from '../../../src/sim/leftovers.ts';
import type { Trace } from '../trace.ts';
import { generate } from './generator.ts';
import { shrink } from './shrink.ts';
import { replay, type Sequence, sourceOf } from './steps.ts';

/** Linux mostly sleeps between calls, so a few programs can run beside each other. */
const BESIDE = 8;
const MOST_SHRINKING = 150;

/**
 * Of so many programs at most this many may be unsteady: a machine that is busy for a second lets a timer of Linux's end. More
 * would be calls whose results nobody can promise, and these do not belong into the generator.
 */
export function mostUnsteady(programs: number): number {
  return Math.max(1, Math.floor(programs / 200));
}

export interface RandomReport {
  programs: number;
  steps: number;
  comparison: Comparison;
  /** Call -> outcome -> how often. */
  outcomes: Map<string, Map<string, number>>;
  /** Those that count, one of each kind: the shortest program, and where it goes apart. */
  differences: { seed: string; source: string; difference: Difference; trace: string }[];
  kinds: Set<string>;
  unsteady: string[];
  /** What all programs together did not give back. */
  left: readonly string[];
}

export class RandomPrograms {
  private readonly linux: Side;
  private readonly ours: Side;
  private readonly deviations: readonly string[];

  /** What a test makes of our side's outcomes, to see that it is found out. */
  private lie: (call: string, outcome: string) => string = (_call, outcome) => outcome;

  private constructor(linux: Side, ours: Side, deviations: readonly string[]) {
    this.linux = linux;
    this.ours = ours;
    this.deviations = deviations;
  }

  static async open(root: string): Promise<RandomPrograms> {
    const agentSource = join(root, 'test/oracle/agent.c');
    const buildFolder = join(root, 'build/oracle');
    const machine = await linuxMachine(agentSource, buildFolder);
    return new RandomPrograms(linuxSide(agentSource, buildFolder), ourSide(machine, false), readDeviations(join(root, 'docs/deviations.md')));
  }

  spoil(lie: (call: string, outcome: string) => string): void {
    this.lie = lie;
  }

  /** Programs `first` to `first + count - 1` of a seed. */
  async run(seed: string | number, first: number, count: number, progress: (done: number) => void = () => {}): Promise<RandomReport> {
    const report: RandomReport = { programs: 0, steps: 0, comparison: new Comparison(), outcomes: new Map(), differences: [], kinds: new Set(), unsteady: [], left: [] };
    const suspects: string[] = [];
    let next = first;
    const work = async (): Promise<void> => {
      while (next < first + count) {
        const name = `${seed}-${next++}`;
        const sequence = generate(name);
        const { linux, ours } = await this.both(sequence);
        const before = report.comparison.differences.length;
        report.comparison.add(sequence.name, linux, ours);
        report.programs++;
        report.steps += sequence.steps.length;
        countOutcomes(report.outcomes, linux);
        if (report.comparison.differences.length > before || linux.failure !== null) suspects.push(name);
        progress(report.programs);
      }
    };
    const shared = new SharedLeftovers();
    await Promise.all(Array.from({ length: BESIDE }, work));
    report.left = shared.words();
    for (const name of suspects) await this.examine(name, report);
    return report;
  }

  private async both(sequence: Sequence): Promise<{ linux: Trace; ours: Trace }> {
    const program = replay(sequence);
    const [linux, ours] = await Promise.all([runProgram(program, this.linux), runProgram(program, this.ours)]);
    for (const entry of ours.entries) entry.outcome = this.lie(entry.call, entry.outcome);
    return { linux, ours };
  }

  /** What no line of docs/deviations.md explains, when Linux answers the same twice; null else. */
  private async difference(sequence: Sequence): Promise<{ difference: Difference; linux: Trace; ours: Trace } | null> {
    const { linux, ours } = await this.both(sequence);
    const comparison = new Comparison();
    comparison.add(sequence.name, linux, ours);
    const difference = comparison.differences.find((each) => isListed(each, this.deviations) === null);
    if (difference === undefined || linux.failure !== null) return null;
    const again = await runProgram(replay(sequence), this.linux);
    const steady = new Comparison();
    steady.add(sequence.name, linux, again);
    return steady.differences.length === 0 && again.failure === null ? { difference, linux, ours } : null;
  }

  private async examine(name: string, report: RandomReport): Promise<void> {
    const whole = generate(name);
    const found = await this.difference(whole);
    if (found === null) {
      // Where it showed first.
      const seen = report.comparison.differences.find(({ program }) => program === whole.name);
      report.unsteady.push(seen === undefined ? name : `${name} (${seen.request}: ${seen.linux}; ours ${seen.ours})`);
      return;
    }
    const kind = kindOf(found.linux, found.difference);
    if (report.kinds.has(kind)) return;
    report.kinds.add(kind);
    // The same kind of difference, so that the shortest one is still the one that was found.
    const short = await shrink(whole, async (shorter) => {
      const still = await this.difference(shorter);
      return still !== null && kindOf(still.linux, still.difference) === kind;
    }, MOST_SHRINKING);
    const last = (await this.difference(short)) ?? found;
    report.differences.push({ seed: name, source: sourceOf(short), difference: last.difference, trace: traceText(last.linux, last.ours) });
  }
}

/** The call and both answers, numbers and bytes left out. */
function kindOf(linux: Trace, { index, ours, linux: theirs }: Difference): string {
  const general = (text: string): string => (/^E[A-Z]+/.exec(text)?.[0] ?? text.replaceAll(/[0-9a-f]{2,}|\d+|".*"/g, 'N')).slice(0, 60);
  return `${linux.entries[index]?.call ?? 'end'}: ${general(ours)}, not ${general(theirs)}`;
}

/**
 * Programs of a seed on our kernel alone: Linux is not asked. `talk` counts what succeeded on sockets of the rarer families
 * (`netlink route send`, `ping recv` ...), and what kinds of answers netlink gave.
 */
export async function ownOutcomes(seed: string, count: number): Promise<{ outcomes: RandomReport['outcomes']; talk: Map<string, number> }> {
  const everything = 2 ** 31 - 1;
  const ours = ourSide({ settings: new Map(), capabilities: everything }, false);
  const outcomes: RandomReport['outcomes'] = new Map();
  const talk = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const trace = await runProgram(replay(generate(`${seed}-${i}`)), ours);
    countOutcomes(outcomes, trace);
    countTalk(talk, trace);
  }
  return { outcomes, talk };
}

const RARE_FAMILIES: readonly [request: RegExp, name: string][] = [
  [/AF_NETLINK.*, 0\)$/, 'netlink route'], [/AF_NETLINK.*, (2|IPPROTO_IGMP|IPPROTO_2)\)$/, 'netlink user'], [/AF_NETLINK.*, (4|IPPROTO_\w+)\)$/, 'netlink diag'],
  [/AF_PACKET/, 'packet'], [/AF_INET, SOCK_DGRAM.*IPPROTO_ICMP\)$/, 'ping'], [/AF_INET6, SOCK_DGRAM.*IPPROTO_ICMPV6\)$/, 'ping6'],
];

function countTalk(talk: Map<string, number>, trace: Trace): void {
  const families = new Map<string, string>();
  const count = (what: string): Map<string, number> => talk.set(what, (talk.get(what) ?? 0) + 1);
  for (const { request, call, outcome, isError, kind } of trace.entries) {
    const [, process = '', fd = ''] = /^(p\d)\.\w+\((\d+)/.exec(request) ?? [];
    if (isError) continue;
    if (call === 'socket') {
      const family = RARE_FAMILIES.find(([pattern]) => pattern.test(request))?.[1];
      const made = `${request.slice(0, 2)} ${outcome.slice(3)}`;
      if (family === undefined) families.delete(made);
      else families.set(made, family);
    }
    const family = families.get(`${process} ${fd}`);
    if (family === undefined) continue;
    count(`${family} ${call.split(' ')[0]}`);
    if (kind.startsWith('words')) for (const word of new Set(outcome.match(/NEW\w+|DONE|ERROR (?=0)|ERROR|inet \d+|unix|packet/g))) count(word.trim());
    if (call === 'close') families.delete(`${process} ${fd}`);
  }
}

function countOutcomes(outcomes: Map<string, Map<string, number>>, trace: Trace): void {
  for (const { call, isError, outcome } of trace.entries) {
    const name = call.split(' ')[0] as string;
    const kind = isError ? outcome : outcome === 'blocked' ? 'waits' : 'ok';
    const ofCall = outcomes.get(name) ?? new Map<string, number>();
    outcomes.set(name, ofCall.set(kind, (ofCall.get(kind) ?? 0) + 1));
  }
}

/** Every call with Linux's outcome, and ours where it is another. */
function traceText(linux: Trace, ours: Trace): string {
  const own = ours.normalized();
  return linux.normalized().map((entry, i) => {
    const other = own[i];
    const mark = other?.outcome === entry.outcome ? '' : `\n      ours: ${other?.outcome ?? ours.failure ?? 'not reached'}`;
    return `    ${entry.request} = ${entry.outcome}${mark}`;
  }).join('\n');
}

/** Calls and what became of them, one call a line. */
export function distribution(outcomes: RandomReport['outcomes']): string {
  return [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([call, kinds]) => {
    const counts = [...kinds].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${kind} ${count}`);
    return `${call.padEnd(16)} ${counts.join(', ')}`;
  }).join('\n');
}

export function reportText({ differences, unsteady, left }: RandomReport): string {
  const lines = differences.map(({ seed, source, difference, trace }) => (
    `random program ${seed}: ${difference.request}\n    ours  ${difference.ours}\n    linux ${difference.linux}\n${trace}\n${source}\n`
  ));
  return [...lines, ...(left.length > 0 ? [`left: ${left.join(', ')}`] : []), ...(unsteady.length > 0 ? [`unsteady: ${unsteady.join('\n          ')}`] : [])].join('\n');
}
