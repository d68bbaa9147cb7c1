/** One seed is one run of Node programs, too: the same capture and the same log, byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seed } from '../results.ts';
import { digestOf, recordSeed } from './replay-world.ts';

test('the same seed gives the same capture and log of Node programs, and another one others', { timeout: 60_000 }, async () => {
  const first = await recordSeed(seed);
  const again = await recordSeed(seed);
  assert.equal(again.log, first.log, `seed ${seed}`);
  assert.ok(Buffer.from(again.pcapng).equals(Buffer.from(first.pcapng)), `seed ${seed}: the same capture`);
  assert.ok(first.frames > 200, `${first.frames} frames`);
  assert.match(first.log, /client {3}stdout {2}pong \d+ /);
  assert.match(first.log, /client {3}stdout {2}[\d.]+ ms 200 \d+ \d+/);
  assert.match(first.log, /world {4}fault {3}client--server/);
  assert.notEqual(digestOf(await recordSeed(`${seed} and another`)), digestOf(first));
});
