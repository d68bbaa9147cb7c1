/**
 * A clock that a test moves by hand, from wake-up to wake-up: an environment whose time stands still until then.
 *
 * To the loop it is real time, so every system call drains the loop and nothing waits for a macrotask. Used by
 * tcp-trace.ts.
 */
import type { Environment } from '../../src/base/environment.ts';
import { type RandomSource, SeededRandom } from '../../src/base/random.ts';

export class HandClock implements Environment {
  readonly virtual = false;
  readonly epochUs = 0;
  readonly entropy: RandomSource;
  private time = 0;
  private wakeUp: () => void = () => {};
  private wakeTime = Infinity;
  private turns: (() => void)[] = [];

  constructor(seed: string) {
    this.entropy = new SeededRandom(seed);
  }

  now(): number {
    return this.time;
  }

  attach(fn: () => void): void {
    this.wakeUp = fn;
  }

  wakeAt(us: number): void {
    this.wakeTime = us;
  }

  turn(fn: () => void): void {
    this.turns.push(fn);
  }

  advanceTo(_us: number): void {
    throw new Error('the loop cannot move a clock that is moved by hand');
  }

  /** Lets the turns that were asked for come. */
  settle(): void {
    while (this.turns.length > 0) {
      const turns = this.turns;
      this.turns = [];
      for (const turn of turns) turn();
    }
  }

  /** Moves to the next wake-up, at most to `until`. False when `until` came first. */
  stepTowards(until: number): boolean {
    this.settle();
    if (this.wakeTime > until) {
      this.time = until;
      return false;
    }
    if (this.wakeTime > this.time) this.time = this.wakeTime;
    this.wakeTime = Infinity;
    this.wakeUp();
    this.settle();
    return true;
  }
}
