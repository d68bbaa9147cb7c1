/**
 * What a platform provides to a run loop: a clock, one wake-up, a macrotask, entropy. Node, a page, and virtual time
 * each implement it once; nothing below `platform/` reads a clock or a random source in another way.
 */
import type { RandomSource } from './random.ts';

export interface Environment {
  /** Microseconds since an arbitrary start; never goes back. */
  now(): number;
  /** Microseconds of `now()`'s zero since the Unix epoch, for captures and timestamps. */
  readonly epochUs: number;
  /** Asks for one call of `fn` (given at `attach`) at `us`; a later call replaces it, Infinity cancels it. */
  wakeAt(us: number): void;
  /** The function that `wakeAt` calls. Set once by the loop. */
  attach(fn: () => void): void;
  /** Runs `fn` in a later turn of the event loop, after promises have settled. */
  turn(fn: () => void): void;
  /** Entropy in real use, the seed's source in a world. */
  readonly entropy: RandomSource;
  /** True when time stands still until the loop moves it with `advanceTo`. */
  readonly virtual: boolean;
  /** Virtual time only: moves the clock to `us`. */
  advanceTo(us: number): void;
}
