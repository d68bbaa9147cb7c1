import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Timer, TimerQueue } from './timer-queue.ts';

class TestTimer extends Timer {
  readonly label: number;
  readonly fired: number[];
  onExpired: (() => void) | null = null;

  constructor(label: number, fired: number[]) {
    super();
    this.label = label;
    this.fired = fired;
  }

  override expired(): void {
    equal(this.deadline, Infinity, 'a timer is unarmed when it fires');
    this.fired.push(this.label);
    this.onExpired?.();
  }
}

const COUNT = 12;
const command = fc.oneof(
  fc.record({ kind: fc.constant('arm' as const), which: fc.nat(COUNT - 1), inUs: fc.nat(50) }),
  fc.record({ kind: fc.constant('disarm' as const), which: fc.nat(COUNT - 1) }),
  fc.record({ kind: fc.constant('remove' as const), which: fc.nat(COUNT - 1) }),
  fc.record({ kind: fc.constant('advance' as const), byUs: fc.nat(40) }),
);

test('TimerQueue fires what is due, never early, earliest first (model)', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const fired: number[] = [];
      const timers = Array.from({ length: COUNT }, (_, i) => new TestTimer(i, fired));
      const queue = new TimerQueue();
      const model = new Map<number, number>();
      let now = 0;
      for (const step of commands) {
        if (step.kind === 'advance') {
          now += step.byUs;
          fired.length = 0;
          while (queue.fireOne(now));
          const due = [...model].filter(([, at]) => at <= now).sort((a, b) => a[1] - b[1]);
          deepEqual([...fired].sort(), due.map(([label]) => label).sort());
          deepEqual(fired.map((label) => model.get(label)), due.map(([, at]) => at), 'in the order of their deadlines');
          for (const [label] of due) model.delete(label);
          ok(queue.nextAt > now);
        } else {
          const timer = timers[step.which] as TestTimer;
          if (step.kind === 'arm') {
            timer.deadline = now + step.inUs;
            model.set(step.which, timer.deadline);
            queue.update(timer);
          } else {
            timer.deadline = Infinity;
            model.delete(step.which);
            if (step.kind === 'disarm') queue.update(timer);
            else queue.remove(timer);
            equal(timer.heapIndex, -1, 'a dead timer leaves the heap at once');
          }
        }
        equal(queue.size, model.size);
        deepEqual(new Set([...queue].map((timer) => (timer as TestTimer).label)), new Set(model.keys()));
        const earliest = Math.min(Infinity, ...model.values());
        ok(queue.nextAt <= earliest, 'nextAt may be early, never late');
        equal(queue.nextAt === Infinity, model.size === 0);
      }
    }),
    { numRuns: 300 },
  );
});

test('one call fires at most one timer', () => {
  const fired: number[] = [];
  const queue = new TimerQueue();
  for (const label of [3, 1, 2]) {
    const timer = new TestTimer(label, fired);
    timer.deadline = label;
    queue.update(timer);
  }
  equal(queue.fireOne(10), true);
  deepEqual(fired, [1]);
  equal(queue.fireOne(1.5), false, 'not due');
  while (queue.fireOne(10));
  deepEqual(fired, [1, 2, 3]);
});

test('equal deadlines fire in the order of arming', () => {
  const fired: number[] = [];
  const queue = new TimerQueue();
  for (let label = 0; label < 20; label++) {
    const timer = new TestTimer(label, fired);
    timer.deadline = 5;
    queue.update(timer);
  }
  while (queue.fireOne(5));
  deepEqual(fired, Array.from({ length: 20 }, (_, i) => i));
});

test('a timer that arms itself again while it fires is queued once', () => {
  const fired: number[] = [];
  const queue = new TimerQueue();
  const timer = new TestTimer(1, fired);
  timer.onExpired = () => {
    timer.deadline = fired.length * 10;
    queue.update(timer);
  };
  timer.deadline = 0;
  queue.update(timer);
  equal(queue.fireOne(0), true);
  equal(queue.size, 1);
  equal(queue.nextAt, 10);
  equal(queue.fireOne(9), false);
  equal(queue.fireOne(10), true);
  deepEqual(fired, [1, 1]);
});

test('a deadline that moves later leaves the heap alone; update says when the first time became earlier', () => {
  const queue = new TimerQueue();
  const timer = new TestTimer(1, []);
  timer.deadline = 100;
  equal(queue.update(timer), true);
  timer.deadline = 200;
  equal(queue.update(timer), false);
  equal(queue.nextAt, 100);
  equal(queue.fireOne(150), false);
  equal(queue.nextAt, 200);
  timer.deadline = 50;
  equal(queue.update(timer), true);
  equal(queue.nextAt, 50);
});
