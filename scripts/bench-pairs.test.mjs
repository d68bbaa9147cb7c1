/** The interval of the median, against figures from tables of the binomial distribution; wrong calls. */
import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { intervalOf, medianRanks } from './bench-pairs.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');

test('ranks of the interval that holds the median with 95 %', () => {
  // Of 9 values the second and the eighth (96.1 %), of 15 the fourth and the twelfth (96.5 %), of 30 the tenth (95.7 %).
  for (const [n, low, high] of [[6, 0, 5], [7, 0, 6], [9, 1, 7], [15, 3, 11], [20, 5, 14], [30, 9, 20]]) deepEqual(medianRanks(n), [low, high]);
  throws(() => medianRanks(5), /5 pairs have no interval/);
});

test('median and interval', () => {
  deepEqual(intervalOf([1.02, 0.98, 1.1, 0.9, 1, 1.05, 0.95, 1.2, 0.8]), { ratio: 1, low: 0.9, high: 1.1 });
  equal(intervalOf([1, 2, 3, 4, 5, 6, 7, 8]).ratio, 4.5);
});

test('wrong calls: a sentence, exit status 2', () => {
  for (const [args, sentence] of [
    [['--against'], /--against wants a revision/],
    [['--against', 'no-such-revision'], /there is no revision 'no-such-revision'/],
    [['--against', 'HEAD', '--pairs', '3'], /--pairs wants a whole number from 7 to 1000/],
    [['--against', 'HEAD', 'nothing'], /no case 'nothing'; there are tcp-bulk/],
    [['--against', 'HEAD', '--json'], /there is no option --json/],
  ]) {
    const run = spawnSync(process.execPath, ['scripts/bench.mjs', ...args], { cwd: root, encoding: 'utf8' });
    equal(run.status, 2, run.stderr);
    match(run.stderr, sentence);
  }
});
