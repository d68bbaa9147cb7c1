/**
 * What is typed at a process's terminal.
 */
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';

test('feedInput says how much was taken: nothing is lost unseen when nobody reads', () => simulate({ seed: 1 }, async (world) => {
  const process = new Process(world.host('a'), 'p', { output: () => {} });
  const room = 1 << 20;
  const typed = Uint8Array.from({ length: room + 1000 }, (_, i) => i % 251);
  equal(process.feedInput(typed), room);
  equal(process.feedInput(typed), 0);
  const buffer = new Uint8Array(600);
  equal(await process.read(0, buffer), 600);
  equal(process.feedInput(typed.subarray(room)), 600);
  equal(process.feedInput(null), 0);
  let [count, last] = [600, 0];
  for (let n = 1; n > 0; count += n) {
    n = await process.read(0, buffer);
    if (n > 0) last = buffer[n - 1] as number;
  }
  equal(count, room + 600);
  equal(last, (room + 599) % 251);
  process.exit();
  equal(process.feedInput(typed), 0);
}));
