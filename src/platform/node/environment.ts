/**
 * Real time in Node: the clock, the timers, the macrotask and the entropy that a run loop asks for.
 *
 * Called by base/loop.ts. Made once per loop: `new Loop(new NodeEnvironment())`. Read base/real-time.ts first.
 */
import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { RealTimeEnvironment } from '../../base/real-time.ts';

/**
 * Node's timers count whole milliseconds of a clock that was read when the turn began, so one of 1 ms comes after 1 to
 * 2.2 ms: useless for a wire with 200 µs delay or for pacing. Polling costs a core, but only for the last 1.5 ms of a
 * wait that somebody asked for; a loop without a near deadline sleeps. Look again if Node gets finer timers.
 */
const POLL_BELOW_US = 1500;

export class NodeEnvironment extends RealTimeEnvironment {
  private timer: NodeJS.Timeout | null = null;
  private poll: NodeJS.Immediate | null = null;
  private referenced = true;

  constructor() {
    super({ epochUs: Math.floor(performance.timeOrigin * 1000), pollBelowUs: POLL_BELOW_US, fill: randomFillSync });
  }

  override now(): number {
    return Math.floor(performance.now() * 1000);
  }

  override turn(fn: () => void): void {
    setImmediate(fn);
  }

  /** Lets the process end although deadlines are pending: a connection in TIME_WAIT holds nobody up. */
  unref(): void {
    this.referenced = false;
    this.timer?.unref();
    this.poll?.unref();
  }

  /** The opposite, and the state at the beginning. */
  ref(): void {
    this.referenced = true;
    this.timer?.ref();
    this.poll?.ref();
  }

  protected override startPoll(fn: () => void): void {
    this.poll = setImmediate(fn);
    if (!this.referenced) this.poll.unref();
  }

  protected override startTimer(fn: () => void, ms: number): void {
    this.timer = setTimeout(fn, ms);
    if (!this.referenced) this.timer.unref();
  }

  protected override stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  protected override timerMs(waitUs: number): number {
    return Math.ceil(waitUs / 1000);
  }
}
