/**
 * Real time in a page or worker: the clock, the timers, the macrotask and the entropy that a run loop asks for.
 *
 * Called by base/loop.ts. Made once per loop: `new Loop(new BrowserEnvironment())`. A page in the background gets its
 * timers once a second or more seldom; a worker does not. Virtual time (sockscape/sim) needs no timers at all. Read
 * base/real-time.ts first.
 */
import { RealTimeEnvironment } from '../../base/real-time.ts';
import { turn } from './turn.ts';

/** Pages hold nested timers back to 4 ms (HTML, "timer initialisation steps"), so a timer for less than that comes late. */
const POLL_BELOW_US = 5000;

export class BrowserEnvironment extends RealTimeEnvironment {
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor() {
    super({
      epochUs: Math.floor(performance.timeOrigin * 1000),
      pollBelowUs: POLL_BELOW_US,
      fill: (words) => void crypto.getRandomValues(words as Int32Array<ArrayBuffer>),
    });
  }

  override now(): number {
    return Math.floor(performance.now() * 1000);
  }

  override turn(fn: () => void): void {
    turn(fn);
  }

  protected override startPoll(fn: () => void): void {
    turn(fn);
  }

  protected override startTimer(fn: () => void, ms: number): void {
    this.timer = setTimeout(fn, ms);
  }

  protected override stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  protected override timerMs(waitUs: number): number {
    // Woken a little early, the rest is polled for: a timer is late by a millisecond or more.
    return Math.floor((waitUs - POLL_BELOW_US) / 1000) + 1;
  }
}
