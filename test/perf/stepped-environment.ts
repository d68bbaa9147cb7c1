/**
 * A real-time environment that a test steps by hand: its clock is a field and its turns run when the test says so.
 */
import type { Environment } from '../../src/base/environment.ts';
import { type RandomSource, SeededRandom } from '../../src/base/random.ts';

export class SteppedEnvironment implements Environment {
  readonly virtual = false;
  readonly epochUs = 0;
  readonly entropy: RandomSource = new SeededRandom('stepped');
  /**
   * `null` at first, so that V8 keeps the clock as a boxed number: `now` hands out the box that is there, and only `step`
   * makes one. From a field of doubles `now` would make one or none, depending on where it is inlined.
   */
  private time: number | null = null;
  private wakeUp: () => void = () => {};
  private wakeTime = Infinity;
  /** The loop asks for one turn at a time; an array would be garbage that the tests count. */
  private pendingTurn: (() => void) | null = null;

  /** How often the clock was moved: each time costs a boxed number of 16 bytes. */
  steps = 0;

  constructor() {
    this.time = 0.5;
  }

  now(): number {
    return this.time as number;
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
    const time = (this.time as number) + us;
    this.steps++;
    this.time = time;
    const turn = this.pendingTurn;
    this.pendingTurn = null;
    if (turn !== null) turn();
    if (this.wakeTime <= time) {
      this.wakeTime = Infinity;
      this.wakeUp();
    }
  }

  runTurns(count: number): void {
    for (let i = 0; i < count; i++) this.step(1000);
  }
}
