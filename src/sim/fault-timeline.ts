/**
 * What goes wrong on purpose in a world, in the order that it came up: numbered, so that a run can leave some of it out and
 * `shrink` of sockscape/test can look for fewer faults that still fail. Called by world.ts.
 */

export interface FaultEntry {
  /** When, in microseconds since the world began. */
  readonly atUs: number;
  /** In words: `cable a-b cut for 3 s`. */
  readonly what: string;
}

/** A world keeps so many; what comes after them happens, and is not told. */
const KEPT = 10_000;

export class FaultTimeline {
  /** Those that happened. */
  readonly entries: FaultEntry[] = [];
  /** The numbers of the entries, in the same order: those that are left out have numbers, too. */
  readonly numbers: number[] = [];
  private readonly leftOut: ReadonlySet<number>;
  private next = 0;

  constructor(leaveOut: readonly number[]) {
    this.leftOut = new Set(leaveOut);
  }

  /** The next fault comes up: its number; -1 when this run leaves it out. */
  take(atUs: number, what: string): number {
    const number = this.next++;
    if (this.leftOut.has(number)) return -1;
    if (this.entries.length < KEPT) {
      this.entries.push({ atUs, what });
      this.numbers.push(number);
    }
    return number;
  }
}
