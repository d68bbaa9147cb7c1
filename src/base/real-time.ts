/**
 * Real time, as Node and pages share it: one wake-up from a timer that sleeps and from macrotasks that poll, and entropy
 * in blocks. A platform adds its clock and those primitives (platform/node, platform/browser).
 *
 * Called by base/loop.ts. Made once per loop. Virtual time is in virtual-clock.ts.
 */
import type { Environment } from './environment.ts';
import type { RandomSource } from './random.ts';

/** setTimeout's longest delay; beyond it Node and pages fire at once. */
const LONGEST_TIMEOUT_MS = 0x7fffffff;

/** Random words from the platform, fetched 4 KiB at a time. */
class Entropy implements RandomSource {
  private readonly words = new Int32Array(1024);
  private used = this.words.length;
  private readonly fill: (words: Int32Array) => void;

  constructor(fill: (words: Int32Array) => void) {
    this.fill = fill;
  }

  int32(): number {
    if (this.used === this.words.length) {
      this.fill(this.words);
      this.used = 0;
    }
    const word = this.words[this.used] as number;
    // What was handed out may be a secret (a sequence number's key): it does not stay behind.
    this.words[this.used++] = 0;
    return word;
  }
}

export interface RealTimeOptions {
  /** Microseconds of `now()`'s zero since the Unix epoch. */
  readonly epochUs: number;
  /** A wake-up nearer than this is waited for with macrotasks, which poll; a later one with a timer, which sleeps. */
  readonly pollBelowUs: number;
  /** Fills an array with random bits. */
  readonly fill: (words: Int32Array) => void;
}

export abstract class RealTimeEnvironment implements Environment {
  readonly virtual = false;
  readonly epochUs: number;
  readonly entropy: RandomSource;
  private readonly pollBelowUs: number;
  private wake: () => void = () => {};
  /** When the loop wants to be woken. A double from birth. */
  private wantedUs = Infinity;
  /** When the timer in hand fires at the earliest; Infinity without one. */
  private timerUs = Infinity;
  private polling = false;
  private readonly timerFired = (): void => {
    this.timerUs = Infinity;
    this.look();
  };
  private readonly polled = (): void => {
    this.polling = false;
    this.look();
  };

  constructor(options: RealTimeOptions) {
    this.epochUs = options.epochUs;
    this.pollBelowUs = options.pollBelowUs;
    this.entropy = new Entropy(options.fill);
  }

  abstract now(): number;
  abstract turn(fn: () => void): void;

  /** Calls `fn` once, in a macrotask that comes as soon as others had theirs. */
  protected abstract startPoll(fn: () => void): void;
  /** Calls `fn` once, after so many milliseconds. */
  protected abstract startTimer(fn: () => void, ms: number): void;
  /** Forgets the timer that was started; there may be none. */
  protected abstract stopTimer(): void;
  /** For how many milliseconds to sleep when the wake-up is `waitUs` ahead. One that comes early looks again. */
  protected abstract timerMs(waitUs: number): number;

  advanceTo(_us: number): void {
    throw new Error('real time cannot be moved');
  }

  attach(fn: () => void): void {
    this.wake = fn;
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
    if (waitUs < this.pollBelowUs) {
      if (this.polling) return;
      this.polling = true;
      this.startPoll(this.polled);
      return;
    }
    // A timer that fires earlier does: it looks again. Deadlines mostly move outward, and so cost no new timer.
    if (this.timerUs <= this.wantedUs) return;
    this.dropTimer();
    const waitMs = Math.min(this.timerMs(waitUs), LONGEST_TIMEOUT_MS);
    this.timerUs = now + waitMs * 1000;
    this.startTimer(this.timerFired, waitMs);
  }

  private dropTimer(): void {
    this.stopTimer();
    this.timerUs = Infinity;
  }
}
