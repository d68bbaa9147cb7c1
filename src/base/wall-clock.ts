/**
 * A machine's wall clock: what time of day its programs are told (CLOCK_REALTIME, Date). It can be wrong, and it can drift;
 * what waits for a span of time follows the loop's clock and never this one.
 */
import type { Loop } from './loop.ts';

export class WallClock {
  private readonly loop: Loop;
  /** How far it is ahead, in microseconds, at `since`. */
  private aheadUs = 0;
  private since = 0.5;
  private ppm = 0;

  constructor(loop: Loop) {
    this.loop = loop;
  }

  /** Microseconds since the Unix epoch. */
  get nowUs(): number {
    const { loop } = this;
    return loop.environment.epochUs + loop.now + this.offsetUs;
  }

  /** How far it is ahead of the true time, in microseconds. */
  get offsetUs(): number {
    return this.ppm === 0 ? this.aheadUs : this.aheadUs + ((this.loop.now - this.since) * this.ppm) / 1e6;
  }

  /** From now on it gains so many microseconds a second; a negative number loses them. */
  drift(ppm: number): void {
    if (!Number.isFinite(ppm) || ppm <= -1e6) throw new RangeError(`a clock drifts by more than -1000000 ppm, not ${ppm}`);
    this.aheadUs = this.offsetUs;
    this.since = this.loop.now;
    this.ppm = ppm;
  }

  /** Puts it forward by so many microseconds, or back: as a clock does that somebody sets. */
  step(us: number): void {
    if (!Number.isFinite(us)) throw new RangeError(`a clock is set by a number of microseconds, not ${us}`);
    this.aheadUs += us;
  }
}
