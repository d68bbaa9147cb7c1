/**
 * Faults at times: what is planned (`world.at`), and the timeline of all that happened.
 *
 * Called by world.ts. Every planned fault has a number, and a run can leave any of them out by it (`simulate({ leaveOut })`):
 * all others come at the same times, so that fewer faults that still fail can be looked for.
 */
import type { World } from './world.ts';

/** Something that was done to the world. */
export interface TimelineEntry {
  /** Virtual time in microseconds. */
  readonly atUs: number;
  /** In words. */
  readonly what: string;
  /** The number of the planned fault that did it; null for what the body did by itself. */
  readonly fault: number | null;
}

/** A planned fault. */
export interface Fault {
  /** What `leaveOut` names it by: faults are numbered from 0 as they are planned. */
  readonly index: number;
  readonly atUs: number;
  readonly what: string;
  readonly isLeftOut: boolean;
}

/** Limit of what is planned. */
const MOST_FAULTS = 100_000;

export class Faults {
  readonly timeline: TimelineEntry[] = [];
  /** All that was planned so far, those that are left out included. */
  readonly planned: Fault[] = [];
  private readonly world: World;
  private readonly leaveOut: ReadonlySet<number>;
  private readonly schedule: (atUs: number, fn: () => unknown) => void;

  constructor(world: World, leaveOut: readonly number[], schedule: (atUs: number, fn: () => unknown) => void) {
    this.world = world;
    this.leaveOut = new Set(leaveOut);
    this.schedule = schedule;
  }

  /** Plans `fn` for `atUs` (of the world's clock); it is called then, unless it is left out. */
  at(atUs: number, fn: () => unknown, what: string): Fault {
    const index = this.planned.length;
    if (index >= MOST_FAULTS) throw new RangeError(`world.at: ${MOST_FAULTS} faults are planned already`);
    const fault = { index, atUs, what, isLeftOut: this.leaveOut.has(index) };
    this.planned.push(fault);
    if (!fault.isLeftOut) {
      this.schedule(atUs, () => {
        this.record(what, index);
        return fn();
      });
    }
    return fault;
  }

  private record(what: string, fault: number): void {
    this.timeline.push({ atUs: this.world.now, what, fault });
    this.world.log?.add(this.world.now, 'world', 'fault', what);
  }
}
