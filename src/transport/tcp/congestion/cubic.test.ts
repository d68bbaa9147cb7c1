import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../base/random.ts';
import { cubeRoot } from './cubic.ts';

test('RFC 9438: the cube root is exact at cubes and beside them', () => {
  for (const r of [1, 2, 3, 10, 255, 1000, 65535, 131071, 200000]) {
    const cube = r * r * r;
    equal(cubeRoot(cube), r);
    equal(cubeRoot(cube - 1), r - 1);
    if (cube + 1 < 2 ** 53) equal(cubeRoot(cube + 1), r);
  }
  equal(cubeRoot(0), 0);
});

test('the cube root is the largest whole number whose cube is not larger', () => {
  const random = new SeededRandom('cubic');
  for (let i = 0; i < 5000; i++) {
    const a = (random.int32() >>> 0) * (1 + ((random.int32() >>> 0) & 0xfffff));
    const r = BigInt(cubeRoot(a));
    ok(r ** 3n <= BigInt(a) && (r + 1n) ** 3n > BigInt(a), String(a));
  }
});
