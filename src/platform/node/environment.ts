/**
 * Real time in Node: the clock, the one wake-up, the macrotask and the entropy that a run loop asks for.
 *
 * Called by base/loop.ts. Made once per loop: `new Loop(new NodeEnvironment())`.
 */
import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Environment } from '../../base/environment.ts';
import type { RandomSource } from '../../base/random.ts';

/**
 * A wake-up nearer than this is waited for with setImmediate, which polls; a later one with a timer, which sleeps.
 *
 * Node's timers count whole milliseconds of a clock that was read when the turn began, so one of 1 ms comes after 1 to
 * 2.2 ms: useless for a wire with 200 µs delay or for pacing. Polling costs a core, but only for the last 1.5 ms of a
 * wait that somebody asked for; a loop without a near deadline sleeps. Look again if Node gets finer timers.
 */
const POLL_BELOW_US = 1500;
/** setTimeout's longest delay; beyond it Node fires at once. */
const LONGEST_TIMEOUT_MS = 0x7fffffff;

/** Random words from the system, fetched 4 KiB at a time. */
class Entropy implements RandomSource {
  private readonly words = new Int32Array(1024);
  private used = this.words.length;

  int32(): number {
    if (this.used === this.words.length) {
      randomFillSync(this.words);
      this.used = 0;
    }
    const word = this.words[this.used] as number;
    // What was handed out may be a secret (a sequence number's key): it does not stay behind.
    this.words[this.used++] = 0;
    return word;
  }
}

export class NodeEnvironment implements Environment {
  readonly virtual = false;
  readonly epochUs: number = Math.floor(performance.timeOrigin * 1000);
  readonly entropy: RandomSource = new Entropy();
  private wake: () => void = () => {};
  /** When the loop wants to be woken. A double from birth. */
  private wantedUs = Infinity;
  /** When the timer in hand fires at the earliest; Infinity without one. */
  private timerUs = Infinity;
  private timer: NodeJS.Timeout | null = null;
  private poll: NodeJS.Immediate | null = null;
  private referenced = true;
  private readonly timerFired = (): void => {
    this.timer = null;
    this.timerUs = Infinity;
    this.look();
  };
  private readonly polled = (): void => {
    this.poll = null;
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
    setImmediate(fn);
  }

  wakeAt(us: number): void {
    this.wantedUs = us;
    if (us === Infinity) this.dropTimer();
    else this.arm(this.now());
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
      if (this.poll !== null) return;
      this.poll = setImmediate(this.polled);
      if (!this.referenced) this.poll.unref();
      return;
    }
    // A timer that fires earlier does: it looks again. Deadlines mostly move outward, and so cost no new timer.
    if (this.timerUs <= this.wantedUs) return;
    this.dropTimer();
    const waitMs = Math.min(Math.ceil(waitUs / 1000), LONGEST_TIMEOUT_MS);
    this.timerUs = now + waitMs * 1000;
    this.timer = setTimeout(this.timerFired, waitMs);
    if (!this.referenced) this.timer.unref();
  }

  private dropTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.timerUs = Infinity;
  }
}
