/**
 * Environments for tests of the loop and of what runs on it: virtual time, and a real one whose clock the test moves.
 */
import type { Environment } from './environment.ts';
import { Loop } from './loop.ts';
import { SeededRandom } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A loop in virtual time, with Node's setImmediate as its macrotask. */
export function virtualLoop(seed: string | number = 1): Loop {
  return new Loop(new VirtualClock(new SeededRandom(seed), (fn) => void setImmediate(fn)));
}

/** Resolves when nothing is left to do in virtual time. */
export function whenIdle(loop: Loop): Promise<void> {
  return new Promise((resolve) => {
    loop.onIdle = () => {
      loop.onIdle = null;
      resolve();
    };
    loop.userStarted();
  });
}

/** A "real" environment without a real clock: time, turns and wake-ups happen when the test says so. */
export class SteppedEnvironment implements Environment {
  readonly virtual = false;
  readonly epochUs = 0;
  readonly entropy = new SeededRandom('stepped');
  time = 0;
  /** What the loop asked for last. */
  wakeUp = Infinity;
  private wake: () => void = () => {};
  private turns: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  wakeAt(us: number): void {
    this.wakeUp = us;
  }

  attach(fn: () => void): void {
    this.wake = fn;
  }

  turn(fn: () => void): void {
    this.turns.push(fn);
  }

  advanceTo(): void {
    throw new Error('real time moves by itself');
  }

  /** Ends the turn of the event loop. */
  endTurn(): void {
    const { turns } = this;
    this.turns = [];
    for (const fn of turns) fn();
  }

  /** Lets time pass to `us`, ends turns, and wakes the loop if it asked for that. */
  moveTo(us: number): void {
    this.time = us;
    this.endTurn();
    if (this.wakeUp <= us) {
      this.wakeUp = Infinity;
      this.wake();
    }
  }
}
