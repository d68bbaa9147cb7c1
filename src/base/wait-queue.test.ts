import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Poll, Waiter, WaitQueue } from './wait-queue.ts';

class TestWaiter extends Waiter {
  readonly label: number;
  readonly woken: number[];

  constructor(label: number, events: number, exclusive: boolean, woken: number[]) {
    super();
    this.label = label;
    this.events = events;
    this.exclusive = exclusive;
    this.woken = woken;
  }

  override wake(): void {
    this.woken.push(this.label);
  }

  override attempt(): void {}
  override deliver(): void {}
}

test('WaitQueue wakes in order, by events, all that share and then the first exclusive waiter (model)', () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), events: fc.integer({ min: 1, max: 7 }), exclusive: fc.boolean() }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('wake' as const), events: fc.integer({ min: 1, max: 7 }) }),
  );
  fc.assert(
    fc.property(fc.array(command), (commands) => {
      const queue = new WaitQueue();
      const model: TestWaiter[] = [];
      const woken: number[] = [];
      let label = 0;
      for (const step of commands) {
        if (step.kind === 'add') {
          const waiter = new TestWaiter(label++, step.events, step.exclusive, woken);
          queue.add(waiter);
          model.push(waiter);
        } else if (step.kind === 'remove') {
          const [gone] = model.splice(step.which % (model.length || 1), 1);
          if (gone !== undefined) {
            queue.remove(gone);
            equal(gone.queue, null);
            queue.remove(gone);
          }
        } else {
          woken.length = 0;
          queue.wake(step.events);
          const asked = model.filter((waiter) => (waiter.events & step.events) !== 0);
          const one = asked.find((waiter) => waiter.exclusive);
          const expected = asked.filter((waiter) => !waiter.exclusive).map((waiter) => waiter.label);
          if (one !== undefined) expected.push(one.label);
          deepEqual(woken, expected);
          woken.length = 0;
          queue.wakeAll(step.events);
          deepEqual(woken, [...asked.filter(({ exclusive }) => !exclusive), ...asked.filter(({ exclusive }) => exclusive)].map((waiter) => waiter.label));
        }
        equal(queue.empty, model.length === 0);
      }
    }),
  );
});

test('a waiter can be in one queue only', () => {
  const waiter = new TestWaiter(1, Poll.IN, false, []);
  const queue = new WaitQueue();
  queue.add(waiter);
  throws(() => new WaitQueue().add(waiter), /queued already/);
  new WaitQueue().remove(waiter);
  equal(queue.empty, false, 'another queue cannot remove it');
});

test('of thousands that wait exclusively a wake looks at one', () => {
  let looks = 0;
  const queue = new WaitQueue();
  for (let i = 0; i < 5000; i++) {
    const waiter = new TestWaiter(i, Poll.IN, true, []);
    Object.defineProperty(waiter, 'events', { get: () => (looks++, Poll.IN) });
    queue.add(waiter);
  }
  queue.wake(Poll.IN);
  equal(looks, 1);
});
