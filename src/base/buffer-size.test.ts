import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { blockOf, inPages, LEAST_TRUESIZE, linearTruesize } from './buffer-size.ts';

test('heads: one size up to 576 bytes with the shared info, then powers of two', () => {
  equal(linearTruesize(0), 832);
  equal(linearTruesize(256), 832);
  equal(linearTruesize(257), 1024 + 256);
  equal(linearTruesize(704), 1024 + 256);
  equal(linearTruesize(705), 2048 + 256);
  equal(LEAST_TRUESIZE, 832);
  equal(blockOf(512), 512);
  equal(blockOf(513), 1024);
  equal(inPages(0), 0);
  equal(inPages(4097), 8192);
});
