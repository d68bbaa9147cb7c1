/**
 * A real-time environment that a test steps by hand: its clock is a field and its turns run when the test says so.
 */
import type { Environment } from '../../src/base/environment.ts';
import { type RandomSource, SeededRandom } from '../../src/base/random.ts';

export class SteppedEnvironment implements Environment {
  readonly virtual = false;
  readonly epochUs = 0;
  readonly entropy: RandomSource = new SeededRandom('stepped');
  private time = 0.5;
  private wakeUp: () => void = () => {};
  private wakeTime = Infinity;
  /** The loop asks for one turn at a time; an array would be garbage that the tests count. */
  private pendingTurn: (() => void) | null = null;

  /** How often the loop looked at the clock: each look is a boxed number. */
  looks = 0;

  now(): number {
    this.looks++;
    return this.time;
  }

  attach(fn: () => void): void {
    this.wakeUp = fn;
  }

  wakeAt(us: number): void {
    this.wakeTime = us;
  }

  turn(fn: () => void): void {
    if (this.pendingTurn !== null && this.pendingTurn !== fn) throw new Error('a second turn is asked for');
    this.pendingTurn = fn;
  }

  advanceTo(_us: number): void {
    throw new Error('a stepped environment moves by step()');
  }

  /** Moves the clock by `us`, ends the turn, and wakes the loop if its time has come. */
  step(us: number): void {
    this.time += us;
    const turn = this.pendingTurn;
    this.pendingTurn = null;
    if (turn !== null) turn();
    if (this.wakeTime <= this.time) {
      this.wakeTime = Infinity;
      this.wakeUp();
    }
  }

  runTurns(count: number): void {
    for (let i = 0; i < count; i++) this.step(1000);
  }
}
