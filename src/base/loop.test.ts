import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HostTimers } from './host-timers.ts';
import { Completion, EventSource, Loop, Runnable } from './loop.ts';
import { SteppedEnvironment, virtualLoop, whenIdle } from './test-environment.ts';
import { Timer } from './timer-queue.ts';

/** A source with a list of times, in order. */
class ListSource extends EventSource {
  readonly loop: Loop;
  readonly log: (source: ListSource, at: number) => void;
  private readonly times: { at: number; order: number }[] = [];

  constructor(loop: Loop, log: (source: ListSource, at: number) => void) {
    super();
    this.loop = loop;
    this.log = log;
  }

  add(at: number): void {
    this.times.push({ at, order: ++this.loop.sequence });
    this.times.sort((a, b) => a.at - b.at || a.order - b.order);
    this.show();
  }

  override run(): void {
    const { at } = this.times.shift() as { at: number };
    this.show();
    this.log(this, at);
  }

  private show(): void {
    const next = this.times[0];
    this.at = next === undefined ? Infinity : next.at;
    if (next !== undefined) this.order = next.order;
    this.loop.update(this);
  }
}

class Job extends Runnable {
  readonly act: () => void;

  constructor(act: () => void) {
    super();
    this.act = act;
  }

  override attempt(): void {
    this.act();
  }

  override deliver(): void {}
}

class Result extends Completion {
  readonly act: () => void;

  constructor(act: () => void) {
    super();
    this.act = act;
  }

  override deliver(): void {
    this.act();
  }
}

class TestTimer extends Timer {
  readonly act: () => void;

  constructor(act: () => void) {
    super();
    this.act = act;
  }

  override expired(): void {
    this.act();
  }
}

test('virtual time: the events of all sources run in the order of (time, sequence)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ source: fc.nat(5), at: fc.nat(30), more: fc.option(fc.record({ source: fc.nat(5), in: fc.nat(10) })) })),
      async (plan) => {
        const loop = virtualLoop();
        const seen: string[] = [];
        const follow = new Map<string, { source: number; in: number }>();
        // The model: one list, stable by time, into which follow-ups are inserted as they are made.
        const model: { at: number; seq: number; id: string }[] = [];
        let seq = 0;
        const ids = new Map<ListSource, string[][]>();
        const sources = Array.from({ length: 6 }, () => new ListSource(loop, (source, at) => {
          equal(loop.now, at, 'time stands at the event');
          const list = ids.get(source) as string[][];
          const [, id] = list.shift() as [string, string];
          seen.push(`${at} ${id}`);
          const more = follow.get(id);
          if (more !== undefined) addTo(more.source, at + more.in, `${id}+`);
        }));
        for (const source of sources) ids.set(source, []);
        function addTo(index: number, at: number, id: string): void {
          const source = sources[index] as ListSource;
          const list = ids.get(source) as string[][];
          list.push([String(at).padStart(6, '0') + String(++seq).padStart(6, '0'), id]);
          list.sort((a, b) => ((a[0] as string) < (b[0] as string) ? -1 : 1));
          model.push({ at, seq, id });
          source.add(at);
        }
        plan.forEach(({ source, at, more }, i) => {
          if (more !== null) follow.set(String(i), more);
          addTo(source, at, String(i));
        });
        await whenIdle(loop);
        model.sort((a, b) => a.at - b.at || a.seq - b.seq);
        deepEqual(seen, model.map(({ at, id }) => `${at} ${id}`));
        equal([...loop.pending()].length, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('a runnable is attempted once per ready, after the event that woke it and before the next one', async () => {
  const loop = virtualLoop();
  const log: string[] = [];
  const job = new Job(() => log.push('job'));
  const source = new ListSource(loop, (_, at) => {
    log.push(`event ${at}`);
    loop.ready(job);
    loop.ready(job);
    log.push('woken');
  });
  source.add(1);
  source.add(1);
  await whenIdle(loop);
  deepEqual(log, ['event 1', 'woken', 'job', 'event 1', 'woken', 'job']);
});

test('virtual time: results are delivered when everything due has run, and time waits for the user', async () => {
  const loop = virtualLoop();
  const log: string[] = [];
  const source = new ListSource(loop, (_, at) => {
    log.push(`event ${at}`);
    if (at !== 5) return;
    loop.complete(new Result(() => {
      log.push('result');
      Promise.resolve().then(() => log.push(`user at ${loop.now}`)).then(() => source.add(loop.now + 1));
    }));
  });
  source.add(5);
  source.add(5);
  source.add(100);
  await whenIdle(loop);
  deepEqual(log, ['event 5', 'event 5', 'result', 'result', 'user at 5', 'user at 5', 'event 6', 'event 6', 'event 100']);
});

test('a drain inside a drain returns at once; the outer one goes on', () => {
  const environment = new SteppedEnvironment();
  const loop = new Loop(environment);
  const log: string[] = [];
  const source = new ListSource(loop, (_, at) => {
    log.push(`begin ${at}`);
    loop.drain();
    log.push(`end ${at}`);
  });
  source.add(0);
  source.add(0);
  loop.drain();
  deepEqual(log, ['begin 0', 'end 0', 'begin 0', 'end 0']);
});

test('real time: one wake-up for the first event, moved when an earlier one comes, none when all are gone', () => {
  const environment = new SteppedEnvironment();
  const loop = new Loop(environment);
  const seen: number[] = [];
  const source = new ListSource(loop, (_, at) => seen.push(at));
  source.add(500);
  loop.drain();
  environment.endTurn();
  equal(environment.wakeUp, 500);
  source.add(200);
  loop.drain();
  environment.endTurn();
  equal(environment.wakeUp, 200);
  environment.moveTo(300);
  environment.endTurn();
  deepEqual(seen, [200]);
  equal(environment.wakeUp, 500);
  environment.moveTo(600);
  environment.endTurn();
  deepEqual(seen, [200, 500]);
  equal(environment.wakeUp, Infinity);
});

test('real time: when the slice is used up, results wait for the next turn while draining goes on', () => {
  const environment = new SteppedEnvironment();
  const loop = new Loop(environment);
  const log: string[] = [];
  let left = 200;
  const source = new ListSource(loop, () => {
    environment.time += 50;
    loop.complete(new Result(() => log.push('result')));
    if (--left > 0) source.add(0);
  });
  source.add(0);
  loop.drain();
  equal(left, 0, 'draining went on past the slice');
  equal(log.length, 0, 'its results wait');
  environment.endTurn();
  equal(log.length, 200, 'and come in the next turn');
});

test('real time: overdue timers fire one at a time, and what the wires have for now goes first', () => {
  const environment = new SteppedEnvironment();
  const loop = new Loop(environment);
  const timers = new HostTimers(loop);
  const log: string[] = [];
  const wire = new ListSource(loop, () => log.push('frame'));
  for (const us of [10, 20, 30]) {
    const timer = new TestTimer(() => {
      log.push(`timer ${us}`);
      wire.add(loop.now);
    });
    timer.deadline = us;
    timers.arm(timer);
  }
  loop.drain();
  environment.moveTo(1000);
  deepEqual(log, ['timer 10', 'frame', 'timer 20', 'frame', 'timer 30', 'frame']);
});

test('HostTimers: arming other timers again and again does not keep an overdue one from firing', () => {
  const environment = new SteppedEnvironment();
  const loop = new Loop(environment);
  const timers = new HostTimers(loop);
  let fired = 0;
  const first = new TestTimer(() => fired++);
  const other = new TestTimer(() => {});
  first.deadline = 10;
  timers.arm(first);
  const second = new TestTimer(() => fired++);
  second.deadline = 11;
  timers.arm(second);
  let frames = 0;
  const wire = new ListSource(loop, () => {
    frames++;
    other.deadline = loop.now + 1000 + frames;
    timers.arm(other);
    if (fired < 2 && frames < 1000) wire.add(loop.now);
  });
  wire.add(20);
  loop.drain();
  environment.moveTo(100);
  equal(fired, 2);
  ok(frames < 10, `${frames} frames went first`);
});

/** So many turns of the event loop, whatever time they take: virtual time moves in them. */
async function macrotasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a stopped loop runs nothing any more, not even what is due now', async () => {
  const loop = virtualLoop();
  const seen: number[] = [];
  const source = new ListSource(loop, (_, at) => {
    seen.push(at);
    if (at === 2) loop.stop();
  });
  for (const at of [1, 2, 2, 3]) source.add(at);
  loop.userStarted();
  await macrotasks(20);
  deepEqual(seen, [1, 2]);
});

test('the event limit calls onLimit once, in place of going on for ever', async () => {
  const loop = virtualLoop();
  const source = new ListSource(loop, () => source.add(loop.now));
  source.add(0);
  loop.eventLimit = 1000;
  await new Promise<void>((resolve) => {
    loop.onLimit = () => {
      loop.stop();
      resolve();
    };
    loop.userStarted();
  });
  equal(Math.floor(loop.eventCount), 1000);
});

test('onIdle is called when nothing is left, and not while user code has something coming', async () => {
  const loop = virtualLoop();
  const log: string[] = [];
  const source = new ListSource(loop, (_, at) => {
    log.push(`event ${at}`);
    if (at === 1) loop.complete(new Result(() => void Promise.resolve().then(() => source.add(2))));
  });
  source.add(1);
  loop.onIdle = () => log.push('idle');
  loop.userStarted();
  await macrotasks(20);
  deepEqual(log, ['event 1', 'event 2', 'idle']);
});

test('virtual time that follows a clock: nothing happens before its time, input is as late as the clock or as the next event', async () => {
  const loop = virtualLoop();
  const log: string[] = [];
  let clock = 0;
  const wanted: number[] = [];
  loop.pace = { now: () => clock, hasReached: (us) => us <= clock, wakeAt: (us) => wanted.push(us) };
  const source = new ListSource(loop, (_, at) => log.push(`${at} at ${loop.now}`));
  for (const at of [10, 20, 30]) source.add(at);
  loop.userStarted();
  await macrotasks(5);
  deepEqual([log, wanted], [[], [10]]);
  clock = 7;
  loop.catchUp();
  equal(loop.now, 7);
  clock = 15;
  loop.catchUp();
  equal(loop.now, 10);
  loop.resume();
  await macrotasks(5);
  deepEqual([log, wanted], [['10 at 10'], [10, 20]]);
  clock = 99;
  loop.resume();
  await macrotasks(5);
  deepEqual(log, ['10 at 10', '20 at 20', '30 at 30']);
  loop.catchUp();
  equal(loop.now, 99);
});
