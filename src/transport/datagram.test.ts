import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { datagramTruesize } from './datagram.ts';

test('datagrams, as skmem of `ss -m` on Linux 6.18 shows them', () => {
  const shown: readonly (readonly [number, number])[] = [
    [197, 832], [198, 1280], [645, 1280], [646, 2304], [1669, 2304], [1670, 4352], [3717, 4352], [3718, 8448], [7813, 8448], [7814, 16640],
    [16005, 16640], [16006, 832 + 16006],
  ];
  for (const [length, truesize] of shown) equal(datagramTruesize(length, true), truesize, `${length} bytes`);
  equal(datagramTruesize(177, false), 832);
  equal(datagramTruesize(178, false), 1280);
});
