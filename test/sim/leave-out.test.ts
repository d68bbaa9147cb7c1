import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate, type TimelineEntry, WorldLog } from '../../src/entry/sim.node.ts';

interface Run {
  readonly timeline: readonly TimelineEntry[];
  readonly done: readonly string[];
  readonly planned: number;
  readonly log: string;
}

async function run(leaveOut: readonly number[]): Promise<Run> {
  const log = new WorldLog();
  return await simulate({ seed: 1, leaveOut, log }, async (world) => {
    const done: string[] = [];
    ['first', 'second', 'third'].forEach((what, i) => world.at((i + 1) * 1.5e6, () => done.push(what), what));
    await world.sleep(10e6);
    return { timeline: world.timeline, planned: world.faults.planned.length, done, log: log.text() };
  });
}

test('a fault is done, and told with its time', async () => {
  const { timeline, done, log } = await run([]);
  assert.deepEqual(done, ['first', 'second', 'third']);
  assert.deepEqual(timeline.map(({ atUs, what, fault }) => [Math.round(atUs), what, fault]), [[1500000, 'first', 0], [3000000, 'second', 1], [4500000, 'third', 2]]);
  assert.equal(log.split('\n')[1], '       3.000000 world    fault   second');
});

test('leaveOut: those faults are not done, and the others keep their numbers', async () => {
  const { timeline, planned, done } = await run([0, 1]);
  assert.deepEqual(done, ['third']);
  assert.deepEqual(timeline.map(({ what, fault }) => [what, fault]), [['third', 2]]);
  assert.equal(planned, 3);
});

test('leaveOut takes numbers from 0 on, and nothing else', async () => {
  for (const leaveOut of [[-1], [0.5], ['1'], 3]) {
    await assert.rejects(simulate({ seed: 1, leaveOut: leaveOut as number[] }, async () => {}), /leaveOut takes an array of numbers/);
  }
});

test('record: both ends of every cable, from the first frame on', async () => {
  const frames = await simulate({ seed: 1, record: true }, async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    const bridge = world.switch();
    world.cable(a, bridge);
    world.cable(b, bridge);
    await b.run(async () => {
      const { createServer } = await import('node:net');
      createServer((socket) => socket.end('x')).listen(80);
    });
    await a.run(async () => {
      const { connect } = await import('node:net');
      for await (const _ of connect(80, '10.0.1.2')) void _;
    });
    return world.recording?.frames ?? 0;
  });
  assert.ok(frames >= 18, `${frames} frames`);
});

test('a log that is full says so, and grows no more', () => {
  const log = new WorldLog();
  const line = 'x'.repeat(1 << 20);
  for (let i = 0; i < 20; i++) log.add(i, 'a', 'stdout', line);
  assert.ok(log.text().length < 1.1 * (1 << 24));
  assert.match(log.text(), /the log is full\n$/);
});
