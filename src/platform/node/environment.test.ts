import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { EventSource, Loop } from '../../base/loop.ts';
import { NodeEnvironment } from './environment.ts';

function wakeAfter(environment: NodeEnvironment, us: number): Promise<number> {
  return new Promise((resolve) => {
    const at = environment.now() + us;
    environment.attach(() => resolve(environment.now() - at));
    environment.wakeAt(at);
  });
}

/** The best of many: what the clock can do, not what else the machine is doing. */
async function least(measure: () => Promise<number>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 40; i++) {
    const by = await measure();
    ok(by >= 0, `${-by} µs early`);
    best = Math.min(best, by);
  }
  return best;
}

test('a wake-up is never early, and a near one comes within a fraction of a millisecond', async () => {
  const environment = new NodeEnvironment();
  for (const us of [0, 200, 900]) {
    const late = await least(() => wakeAfter(environment, us));
    ok(late < 300, `${us} µs: ${late} µs late`);
  }
  for (const us of [1500, 5300]) {
    const late = await least(() => wakeAfter(environment, us));
    ok(late < 2500, `${us} µs: ${late} µs late`);
  }
});

test('a far wake-up sleeps: no processor time while waiting', async () => {
  const environment = new NodeEnvironment();
  const before = process.cpuUsage();
  await wakeAfter(environment, 300_000);
  const { user, system } = process.cpuUsage(before);
  ok(user + system < 100_000, `${user + system} µs of processor time in 300 ms`);
});

test('the latest call counts: a wake-up moves out, moves in, and is cancelled', async () => {
  const environment = new NodeEnvironment();
  let woken: number[] = [];
  const start = environment.now();
  environment.attach(() => woken.push(environment.now() - start));
  environment.wakeAt(start + 3000);
  environment.wakeAt(start + 20_000);
  await new Promise((resolve) => setTimeout(resolve, 40));
  equal(woken.length, 1);
  ok((woken[0] as number) >= 20_000);
  woken = [];
  environment.wakeAt(environment.now() + 500_000);
  environment.wakeAt(environment.now() + 2000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(woken.length, 1);
  environment.wakeAt(environment.now() + 2000);
  environment.wakeAt(Infinity);
  await new Promise((resolve) => setTimeout(resolve, 10));
  equal(woken.length, 1);
});

test('a loop on real time runs its events in order and at their time', async () => {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const seen: [string, number][] = [];
  class Once extends EventSource {
    readonly name: string;
    constructor(name: string, at: number) {
      super();
      this.name = name;
      this.at = at;
      this.order = ++loop.sequence;
    }
    run(): void {
      seen.push([this.name, environment.now() - this.at]);
      this.at = Infinity;
      loop.update(this);
    }
  }
  const start = environment.now();
  for (const [name, us] of [['c', 4000], ['a', 700], ['b', 1900]] as const) loop.update(new Once(name, start + us));
  loop.drain();
  await new Promise((resolve) => setTimeout(resolve, 30));
  equal(seen.map(([name]) => name).join(''), 'abc');
  for (const [name, late] of seen) ok(late >= 0, `${name} ${late}`);
});

test('entropy: words differ and are not handed out twice', () => {
  const { entropy } = new NodeEnvironment();
  const seen = new Set<number>();
  for (let i = 0; i < 3000; i++) seen.add(entropy.int32());
  ok(seen.size > 2990, `${seen.size} different words of 3000`);
});
