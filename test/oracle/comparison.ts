/**
 * Compares the traces that one program left on both kernels, and counts what was compared.
 *
 * Called by main.ts and oracle.test.ts.
 */
import { readFileSync } from 'node:fs';
import type { Entry, Trace } from './trace.ts';

export interface Difference {
  program: string;
  /** Position in the program's trace. */
  index: number;
  request: string;
  family: string;
  ours: string;
  linux: string;
  /** What `docs/deviations.md` names it by: `PROGRAM/CALL`. */
  id: string;
}

export class Comparison {
  compared = 0;
  equal = 0;
  readonly differences: Difference[] = [];
  /** Programs that did not run to their end on Linux: their own mistake. */
  readonly broken: { program: string; failure: string }[] = [];
  /** Which errnos came from which call, equal on both kernels. */
  readonly errnos: Map<string, Set<string>> = new Map();
  /** Each that came from a call on either kernel, equal or not: `close EBADF` -> the first program and request that it came from. */
  readonly returned: Map<string, string> = new Map();
  private readonly results = new Map<string, Entry>();
  /** How many results have been compared of each program's calls. */
  private readonly perId = new Map<string, number>();
  private deliveries = 0;

  add(program: string, linux: Trace, ours: Trace): void {
    if (linux.failure !== null) this.broken.push({ program, failure: linux.failure });
    if (ours.leftovers.length > 0) {
      const place = { program, index: ours.entries.length, request: 'what is left', family: 'none', id: `${program}/leftovers` };
      this.differences.push({ ...place, ours: ours.leftovers.join('; '), linux: 'nothing' });
    }
    const theirs = linux.normalized();
    const own = ours.normalized();
    this.collect(`${program}, Linux`, theirs);
    this.collect(`${program}, ours`, own);
    for (let i = 0; i < theirs.length; i++) {
      const a = theirs[i] as Entry;
      const b = own[i];
      const id = `${program}/${a.call}`;
      const place = { program, index: i, request: a.request, family: a.family, id };
      if (b === undefined) {
        this.differences.push({ ...place, ours: `not reached: ${ours.failure ?? 'the program ended'}`, linux: a.outcome });
        return;
      }
      if (a.request !== b.request) {
        this.differences.push({ ...place, ours: `went another way: ${b.request}`, linux: a.outcome });
        return;
      }
      this.count(a, id);
      if (a.outcome === b.outcome) {
        this.equal++;
        this.countErrno(a);
      } else this.differences.push({ ...place, ours: b.outcome, linux: a.outcome });
    }
    if (own.length > theirs.length || (ours.failure !== null && linux.failure === null)) {
      const more = own[theirs.length];
      this.differences.push({
        program, index: theirs.length, request: more?.request ?? 'the end', family: 'none', id: `${program}/end`,
        ours: ours.failure ?? more?.outcome ?? 'went on', linux: linux.failure ?? 'ended',
      });
    }
  }

  private count(entry: Entry, id: string): void {
    this.compared++;
    this.perId.set(id, (this.perId.get(id) ?? 0) + 1);
    if (entry.call === 'note') return;
    if (entry.delivers) this.deliveries++;
    this.results.set(`${entry.call} | ${entry.family} | ${entry.kind}`, entry);
  }

  private collect(where: string, entries: readonly Entry[]): void {
    for (const { request, call, outcome, isError } of entries) {
      const cell = `${call.split(' ')[0]} ${outcome}`;
      if (isError && !this.returned.has(cell)) this.returned.set(cell, `${where}: ${request}`);
    }
  }

  private countErrno({ call, isError, outcome }: Entry): void {
    if (!isError) return;
    const name = call.split(' ')[0] as string;
    const known = this.errnos.get(name);
    if (known === undefined) this.errnos.set(name, new Set([outcome]));
    else known.add(outcome);
  }

  /**
   * Distinct (call, family, outcome) results; bytes, addresses and descriptors count as one outcome each. `strict`: what is
   * left when neither the family nor the option nor what a success returns makes a result another one: a call's name, and
   * its errno or that it has none.
   */
  distinct(): { all: number; strict: number; successes: number; deliveries: number; comparedDeliveries: number } {
    const entries = [...this.results.values()];
    return {
      all: entries.length,
      strict: new Set(entries.map(({ call, isError, outcome }) => `${call.split(' ')[0]} ${isError ? outcome : ''}`)).size,
      successes: entries.filter((entry) => !entry.isError).length,
      deliveries: entries.filter((entry) => entry.delivers).length,
      comparedDeliveries: this.deliveries,
    };
  }

  /** Which part of all results a deviation's mark covers, whether they differ or not. */
  shareOf(deviation: string): number {
    let covered = 0;
    for (const [id, count] of this.perId) if (covers(deviation, id)) covered += count;
    return this.compared === 0 ? 0 : covered / this.compared;
  }

  distinctResults(): string[] {
    return [...this.results.keys()].sort();
  }
}

/** The `oracle:NAME` marks of docs/deviations.md; NAME may end in `*`. */
export function readDeviations(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return [...text.matchAll(/`oracle:([^`]+)`/g)].map((match) => match[1] as string);
}

export function isListed(difference: Difference, deviations: readonly string[]): string | null {
  return deviations.find((name) => covers(name, difference.id)) ?? null;
}

function covers(deviation: string, id: string): boolean {
  return deviation.endsWith('*') ? id.startsWith(deviation.slice(0, -1)) : id === deviation;
}
