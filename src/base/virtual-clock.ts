/**
 * Virtual time: stands still while anything runs, and moves from event to event when the loop says so.
 *
 * The platform hands in `turn`, a macrotask (setImmediate in Node, a MessageChannel in a page).
 */
import type { Environment } from './environment.ts';
import type { RandomSource } from './random.ts';

/** Where virtual time starts: 2026-01-01T00:00:00Z, in microseconds since the Unix epoch. */
export const VIRTUAL_EPOCH_US = 1767225600000000;

export class VirtualClock implements Environment {
  readonly virtual = true;
  readonly epochUs: number = VIRTUAL_EPOCH_US;
  readonly entropy: RandomSource;
  private readonly macrotask: (fn: () => void) => void;
  private time = 0.5 - 0.5;

  constructor(entropy: RandomSource, turn: (fn: () => void) => void) {
    this.entropy = entropy;
    this.macrotask = turn;
  }

  now(): number {
    return this.time;
  }

  advanceTo(us: number): void {
    if (us < this.time) throw new Error(`virtual time cannot go back from ${this.time} to ${us}`);
    this.time = us;
  }

  wakeAt(_us: number): void {
    // The loop walks from event to event itself; there is nobody else to wake it.
  }

  attach(_fn: () => void): void {}

  turn(fn: () => void): void {
    this.macrotask(fn);
  }
}
