import { deepEqual, equal, ok } from 'node:assert/strict';
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

/** What Node waits for on behalf of the environment. */
function resources(): { timers: number; polls: number } {
  const names = process.getActiveResourcesInfo();
  return { timers: names.filter((name) => name === 'Timeout').length, polls: names.filter((name) => name === 'Immediate').length };
}

test('a wake-up is never early, near or far', async () => {
  const environment = new NodeEnvironment();
  for (const us of [0, 200, 900, 1500, 5300]) {
    for (let i = 0; i < 20; i++) {
      const late = await wakeAfter(environment, us);
      ok(late >= 0, `${us} µs: ${-late} µs early`);
    }
  }
});

test('a near wake-up polls, since timers count whole milliseconds; a far one sleeps', () => {
  const environment = new NodeEnvironment();
  const before = resources();
  environment.wakeAt(environment.now() + 300_000_000);
  deepEqual(resources(), { timers: before.timers + 1, polls: before.polls });
  environment.wakeAt(environment.now() + 1000);
  equal(resources().polls, before.polls + 1);
  environment.wakeAt(Infinity);
  equal(resources().timers, before.timers);
});

test('the latest call counts: a wake-up moves out, moves in, and is cancelled', async () => {
  const environment = new NodeEnvironment();
  const start = environment.now();
  let wakeUps = 0;
  const woken = (): Promise<number> =>
    new Promise((resolve) => {
      environment.attach(() => {
        wakeUps++;
        resolve(environment.now());
      });
    });
  const out = woken();
  environment.wakeAt(start + 3000);
  environment.wakeAt(start + 20_000);
  ok((await out) >= start + 20_000);
  const into = woken();
  environment.wakeAt(start + 3_600_000_000);
  environment.wakeAt(environment.now() + 2000);
  ok((await into) < start + 3_600_000_000);
  environment.wakeAt(environment.now() + 2000);
  environment.wakeAt(Infinity);
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(wakeUps, 2);
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
  while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
  equal(seen.map(([name]) => name).join(''), 'abc');
  for (const [name, late] of seen) ok(late >= 0, `${name} ${late}`);
});

test('entropy: words differ and are not handed out twice', () => {
  const { entropy } = new NodeEnvironment();
  const seen = new Set<number>();
  for (let i = 0; i < 3000; i++) seen.add(entropy.int32());
  ok(seen.size > 2990, `${seen.size} different words of 3000`);
});
