import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../base/random.ts';
import { takePacket } from '../link/packet.ts';
import { KeyedHash } from './keyed-hash.ts';
import { chooseSharer } from './reuse-port.ts';

/** The choices among `count` for 1000 peers, by a host with this seed. */
function choices(seed: string, count: number): number[] {
  const hash = new KeyedHash(new SeededRandom(seed));
  const p = takePacket();
  const chosen: number[] = [];
  for (let i = 0; i < 1000; i++) {
    p.srcD = i >> 2;
    const port = 1024 + (i & 3);
    chosen.push(chooseSharer(hash, p, 80, port, count));
    equal(chooseSharer(hash, p, 80, port, count), chosen[i], 'a peer keeps its socket');
  }
  p.release();
  return chosen;
}

test('SO_REUSEPORT: every sharer gets about as many peers as the others', () => {
  for (const count of [1, 2, 3, 7]) {
    const chosen = choices('a', count);
    for (let i = 0; i < count; i++) {
      const share = chosen.filter((value) => value === i).length;
      ok(Math.abs(share - 1000 / count) < 80, `${share} of 1000 for ${i} of ${count}`);
    }
  }
});

test('SO_REUSEPORT: the seed decides, and nothing else', () => {
  deepEqual(choices('a', 5), choices('a', 5));
  notDeepEqual(choices('a', 5), choices('b', 5));
});
