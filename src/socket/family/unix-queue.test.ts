/** What a message costs its sender: measured on Linux 6.18 with SIOCOUTQ (x86-64). */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { datagramTruesize, streamTruesize } from './unix-queue.ts';

test('the memory of a datagram', () => {
  const measured: [number, number][] = [
    [0, 768], [1, 768], [192, 768], [193, 1280], [704, 1280], [705, 2304], [1728, 2304], [1729, 4352], [3776, 4352], [3777, 8448],
    [8000, 16640], [16064, 16640], [16065, 20736], [36545, 41216], [65536, 69888], [100000, 102656], [106432, 135424],
    [200000, 200960],
  ];
  deepEqual(measured.map(([length]) => datagramTruesize(length)), measured.map(([, bytes]) => bytes));
});

test('the memory of a stream\'s message', () => {
  const measured: [number, number][] = [
    [1, 768], [3776, 4352], [3777, 4864], [4000, 4864], [5000, 6400], [8000, 8960], [10000, 12544], [36544, 37120],
  ];
  deepEqual(measured.map(([length]) => streamTruesize(length)), measured.map(([, bytes]) => bytes));
  // 64 KiB are two messages.
  equal(streamTruesize(36544) + streamTruesize(65536 - 36544), 67072);
});
