/**
 * Real time in a page or worker: the clock, the one wake-up, the macrotask and the entropy that a run loop asks for.
 *
 * Called by base/loop.ts. Made once per loop: `new Loop(new BrowserEnvironment())`. A page in the background gets its
 * timers once a second or more seldom; a worker does not. Virtual time (sockscape/sim) needs no timers at all.
 */
import type { Environment } from '../../base/environment.ts';
import type { RandomSource } from '../../base/random.ts';
import { turn } from './turn.ts';

/**
 * A wake-up nearer than this is waited for with macrotasks, which poll; a later one with a timer, which sleeps. Pages
 * hold nested timers back to 4 ms (HTML, "timer initialisation steps"), so a timer for less than that comes late.
 */
const POLL_BELOW_US = 5000;
/** setTimeout's longest delay; beyond it pages fire at once. */
const LONGEST_TIMEOUT_MS = 0x7fffffff;

/** Random words from the browser, fetched 4 KiB at a time. */
class Entropy implements RandomSource {
  private readonly words = new Int32Array(1024);
  private used = this.words.length;

  int32(): number {
    if (this.used === this.words.length) {
      crypto.getRandomValues(this.words);
      this.used = 0;
    }
    const word = this.words[this.used] as number;
    // What was handed out may be a secret (a sequence number's key): it does not stay behind.
    this.words[this.used++] = 0;
    return word;
  }
}

export class BrowserEnvironment implements Environment {
  readonly virtual = false;
  readonly epochUs: number = Math.floor(performance.timeOrigin * 1000);
  readonly entropy: RandomSource = new Entropy();
  private wake: () => void = () => {};
  /** When the loop wants to be woken. A double from birth. */
  private wantedUs = Infinity;
  /** When the timer in hand fires at the earliest; Infinity without one. */
  private timerUs = Infinity;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private polling = false;
  private readonly timerFired = (): void => {
    this.timer = null;
    this.timerUs = Infinity;
    this.look();
  };
  private readonly polled = (): void => {
    this.polling = false;
    this.look();
  };

  now(): number {
    return Math.floor(performance.now() * 1000);
  }

  advanceTo(_us: number): void {
    throw new Error('real time cannot be moved');
  }

  attach(fn: () => void): void {
    this.wake = fn;
  }

  turn(fn: () => void): void {
    turn(fn);
  }

  wakeAt(us: number): void {
    this.wantedUs = us;
    if (us === Infinity) this.dropTimer();
    else this.arm(this.now());
  }

  private look(): void {
    if (this.wantedUs === Infinity) return;
    const now = this.now();
    if (now < this.wantedUs) return this.arm(now);
    this.wantedUs = Infinity;
    this.wake();
  }

  private arm(now: number): void {
    const waitUs = this.wantedUs - now;
    if (waitUs < POLL_BELOW_US) {
      if (this.polling) return;
      this.polling = true;
      turn(this.polled);
      return;
    }
    // A timer that fires earlier does: it looks again. Deadlines mostly move outward, and so cost no new timer.
    if (this.timerUs <= this.wantedUs) return;
    this.dropTimer();
    // Woken a little early, the rest is polled for: a timer is late by a millisecond or more.
    const waitMs = Math.min(Math.floor((waitUs - POLL_BELOW_US) / 1000) + 1, LONGEST_TIMEOUT_MS);
    this.timerUs = now + waitMs * 1000;
    this.timer = setTimeout(this.timerFired, waitMs);
  }

  private dropTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.timerUs = Infinity;
  }
}
