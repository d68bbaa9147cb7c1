import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { SignalSet } from './signal-set.ts';

test('sigset_t: every one of the 64 signals has a place of its own, and nothing else has', () => {
  for (let signo = 1; signo <= 64; signo++) {
    const one = SignalSet.of([signo]);
    deepEqual(one.toArray(), [signo]);
    equal(SignalSet.all.without(one).has(signo), false);
    equal(SignalSet.all.without(one).toArray().length, 63);
  }
  deepEqual(SignalSet.of([0, -1, 65, 1.5, Number.NaN, 12]).toArray(), [12]);
  deepEqual(SignalSet.of([1, 64]).with(SignalSet.of([33])).toArray(), [1, 33, 64]);
});
