import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { RealTimeEnvironment } from './real-time.ts';

/** A platform by hand: the test moves the clock and runs what is due. */
class ByHand extends RealTimeEnvironment {
  time = 1000;
  polls: (() => void)[] = [];
  timers: number[] = [];
  private fire: (() => void) | null = null;

  constructor(fill: (words: Int32Array) => void = () => {}) {
    super({ epochUs: 7, pollBelowUs: 1500, fill });
  }

  override now(): number {
    return this.time;
  }

  override turn(fn: () => void): void {
    fn();
  }

  /** Time passes, and the platform does what is due then. */
  pass(us: number): void {
    this.time += us;
    const { fire, polls } = this;
    this.polls = [];
    for (const poll of polls) poll();
    if (fire === null || this.time < (this.timers.at(-1) as number)) return;
    this.fire = null;
    fire();
  }

  protected override startPoll(fn: () => void): void {
    this.polls.push(fn);
  }

  protected override startTimer(fn: () => void, ms: number): void {
    this.fire = fn;
    this.timers.push(this.time + ms * 1000);
  }

  protected override stopTimer(): void {
    this.fire = null;
  }

  protected override timerMs(waitUs: number): number {
    return Math.ceil(waitUs / 1000);
  }
}

function environment(): { by: ByHand; woken: number[] } {
  const by = new ByHand();
  const woken: number[] = [];
  by.attach(() => woken.push(by.time));
  return { by, woken };
}

test('a near wake-up polls until it is time, a far one sleeps and polls no more than the rest', () => {
  const { by, woken } = environment();
  by.wakeAt(2000);
  equal(by.polls.length, 1);
  by.pass(400);
  by.pass(400);
  deepEqual(woken, []);
  by.pass(400);
  deepEqual(woken, [2200]);
  equal(by.polls.length, 0);
  by.wakeAt(10_000);
  deepEqual([by.timers, by.polls.length], [[10_200], 0]);
  by.pass(8000);
  deepEqual(woken, [2200, 10_200]);
});

test('a deadline that moves outward costs no new timer, one that moves inward does, and Infinity cancels', () => {
  const { by, woken } = environment();
  by.wakeAt(11_000);
  for (const later of [20_000, 30_000, 40_000]) by.wakeAt(later);
  deepEqual(by.timers, [11_000]);
  by.pass(10_000);
  deepEqual([woken, by.timers], [[], [11_000, 40_000]]);
  by.wakeAt(20_000);
  equal(by.timers.at(-1), 20_000);
  by.wakeAt(Infinity);
  by.pass(100_000);
  deepEqual(woken, []);
  by.wakeAt(by.time + 1e15);
  equal(by.timers.at(-1), by.time + 0x7fffffff * 1000, 'the longest there is');
  throws(() => by.advanceTo(5), /cannot be moved/);
});

test('entropy: words come from the platform in blocks, and what was handed out is wiped', () => {
  const blocks: Int32Array[] = [];
  const by = new ByHand((words) => {
    blocks.push(words);
    words.forEach((_, i) => (words[i] = i + 1));
  });
  const drawn = Array.from({ length: 1025 }, () => by.entropy.int32());
  deepEqual([drawn[0], drawn[1023], drawn[1024], blocks.length], [1, 1024, 1, 2]);
  deepEqual(blocks[0]?.subarray(0, 2), Int32Array.of(0, 2));
});
