/** Runs programs on both sides and compares them. Called by main.ts and oracle.test.ts. */
import { release } from 'node:os';
import { join } from 'node:path';
import { Comparison, isListed, readDeviations } from './comparison.ts';
import type { Difference } from './comparison.ts';
import { linuxMachine, linuxSide } from './linux-side.ts';
import { ourSide } from './our-side.ts';
import type { Program } from './program.ts';
import { runProgram } from './run-program.ts';
import type { Trace } from './trace.ts';

export interface OracleReport {
  kernel: string;
  programs: number;
  comparison: Comparison;
  listed: { difference: Difference; name: string }[];
  unexplained: Difference[];
  /** Listed deviations of these programs that no longer occur. */
  unseen: string[];
  /** Programs to which Linux itself gave different answers when asked again, one of them ours (races, ports that it draws). */
  unsteady: string[];
  /** Deviations whose mark covers more than a hundredth of the results: too wide to say anything. */
  tooWide: string[];
}

/** How often Linux is asked again about a program whose answers are not ours. */
const MORE_RUNS = 2;

/** So many results are those of all programs, or nearly. */
const MANY = 50_000;

export async function compareAll(
  root: string, programs: readonly Program[], watch: (program: Program, linux: Trace, ours: Trace) => void = () => {},
  starts: (program: Program, number: number) => void = () => {},
): Promise<OracleReport> {
  const agentSource = join(root, 'test/oracle/agent.c');
  const buildFolder = join(root, 'build/oracle');
  const linux = linuxSide(agentSource, buildFolder);
  const ours = ourSide(await linuxMachine(agentSource, buildFolder));
  const comparison = new Comparison();
  const deviations = readDeviations(join(root, 'docs/deviations.md'));
  const unsteady: string[] = [];
  const agree = ({ name }: Program, theirs: Trace, own: Trace): boolean => {
    const alone = new Comparison();
    alone.add(name, theirs, own);
    return alone.broken.length === 0 && alone.differences.every((difference) => isListed(difference, deviations) !== null);
  };
  for (const [i, program] of programs.entries()) {
    starts(program, i + 1);
    const first = await runProgram(program, linux);
    let theirs = first;
    const own = await runProgram(program, ours);
    // Ours gives one answer for ever. Where Linux gives several, ours has to be among them.
    for (let more = 0; more < MORE_RUNS && !agree(program, theirs, own); more++) {
      const again = await runProgram(program, linux);
      if (agree(program, again, own)) {
        theirs = again;
        unsteady.push(program.name);
      }
    }
    watch(program, theirs, own);
    comparison.add(program.name, theirs, own);
  }
  const listed: OracleReport['listed'] = [];
  const unexplained: Difference[] = [];
  const seen = new Set<string>();
  for (const difference of comparison.differences) {
    const name = isListed(difference, deviations);
    if (name === null) unexplained.push(difference);
    else {
      listed.push({ difference, name });
      seen.add(name);
    }
  }
  // Of a few programs that somebody runs alone a mark may cover much.
  const tooWide = comparison.compared < MANY ? [] : deviations.filter((name) => comparison.shareOf(name) > 0.01);
  const ran = new Set(programs.map(({ name }) => name));
  const unseen = deviations.filter((name) => ran.has(name.split('/')[0] as string) && !seen.has(name));
  return { kernel: release(), programs: programs.length, comparison, listed, unexplained, unseen, unsteady, tooWide };
}
