/** The interval of the median, against figures from tables of the binomial distribution; verdicts on made-up pairs; wrong calls. */
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { benchmarkChanges, intervalOf, medianRanks, runPairs, statusOf, Verdict, verdictOf } from './bench-pairs.mjs';

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

test('more looks make the interval wider: each has its share of the 5 %', () => {
  // Of 18 values the fourth and the fifteenth for 0.025 / 4 (P(3 or fewer below) = 0.0038), the fifth and the fourteenth for 0.025.
  deepEqual(medianRanks(18, 0.025 / 4), [3, 14]);
  deepEqual(medianRanks(18), [4, 13]);
});

test('verdicts: a wide interval shows nothing', () => {
  for (const [low, high, verdict] of [
    [0.9, 0.99, Verdict.Slower], [0.999, 0.9999, Verdict.Slower], [0.7, 1, Verdict.NotShown], [0.7, 1.4, Verdict.NotShown],
    [0.949, 1.2, Verdict.NotShown], [0.95, 1.2, Verdict.NotSlower], [0.99, 1, Verdict.NotSlower], [1, 1.1, Verdict.NotSlower], [1.001, 1.1, Verdict.Better],
  ]) equal(verdictOf({ low, high }), verdict, `${low} to ${high}`);
  equal(statusOf([]), 0);
  equal(statusOf([Verdict.Better, Verdict.NotSlower]), 0);
  equal(statusOf([Verdict.NotShown, Verdict.NotSlower]), 3);
  equal(statusOf([Verdict.NotShown, Verdict.Slower]), 1);
});

/** Pairs as they come: new / old by the pair's number. */
const made = (ratios) => {
  const asked = [];
  return { asked, pairOf: (i) => Promise.resolve(ratios[asked.push(i) - 1] ?? null) };
};

test('pairs are run until they show something', async () => {
  // All alike: the first look is enough.
  const alike = made(Array.from({ length: 36 }, (_, i) => 0.99 + (i % 5) / 200));
  deepEqual([(await runPairs(alike.pairOf, 9, 36)).verdict, alike.asked.length], [Verdict.NotSlower, 9]);
  // Every one slower by a tenth: that, too.
  const tenth = made(Array.from({ length: 36 }, (_, i) => 0.88 + (i % 5) / 100));
  deepEqual([(await runPairs(tenth.pairOf, 9, 36)).verdict, tenth.asked.length], [Verdict.Slower, 9]);
  // A slowdown of 8 % on a noisy machine: nine pairs show nothing, thirty-six do. This passed once, as "no difference shown".
  const noisy = made(Array.from({ length: 36 }, (_, i) => 0.92 + [0, 0.03, -0.09, 0.04, -0.02, 0.12, -0.03, -0.06, 0.02][i % 9]));
  equal(verdictOf(intervalOf(Array.from({ length: 9 }, (_, i) => 0.92 + [0, 0.03, -0.09, 0.04, -0.02, 0.12, -0.03, -0.06, 0.02][i]), 4)), Verdict.NotShown);
  const found = await runPairs(noisy.pairOf, 9, 36);
  equal(found.verdict, Verdict.Slower);
  ok(found.pairs > 9 && found.pairs <= 36, String(found.pairs));
  // Nothing but noise: all pairs are run, and nothing is shown.
  const noise = made(Array.from({ length: 36 }, (_, i) => (i % 2 === 0 ? 0.7 : 1.4)));
  const end = await runPairs(noise.pairOf, 9, 36);
  deepEqual([end.verdict, end.pairs, noise.asked.at(-1)], [Verdict.NotShown, 36, 35]);
  // No more than was allowed, where that is no multiple; and one look alone.
  equal((await runPairs(made(Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? 0.7 : 1.4))).pairOf, 9, 20)).pairs, 20);
  equal((await runPairs(made([1, 1, 1, 1, 1, 1, 0.5]).pairOf, 7, 7)).verdict, Verdict.NotShown);
  equal(await runPairs(() => Promise.resolve(null), 9, 36), null);
});

test('a benchmark that has changed since is told of', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-bench-'));
  try {
    const git = (...args) => spawnSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: folder, encoding: 'utf8' }).stdout.trim();
    const write = (name, text) => {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    };
    git('init', '-q');
    write('test/bench/main.ts', 'one');
    write('src/a.ts', 'one');
    git('add', '.');
    git('commit', '-qm', 'one');
    const commit = git('rev-parse', 'HEAD');
    write('src/a.ts', 'two');
    deepEqual(benchmarkChanges(commit, folder), []);
    write('test/bench/main.ts', 'two');
    write('test/bench/cases/new.ts', 'one');
    deepEqual(benchmarkChanges(commit, folder), ['test/bench/main.ts', 'test/bench/cases/new.ts']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('wrong calls: a sentence, exit status 2', () => {
  for (const [args, sentence] of [
    [['--against'], /--against wants a revision/],
    [['--against', 'no-such-revision'], /there is no revision 'no-such-revision'/],
    [['--against', 'HEAD', '--pairs', '3'], /--pairs wants a whole number from 7 to 1000/],
    [['--against', 'HEAD', '--pairs', '9', '--most-pairs', '8'], /--most-pairs 8 is less than --pairs 9/],
    [['--against', 'HEAD', 'nothing'], /no case 'nothing'; there are tcp-bulk/],
    [['--against', 'HEAD', '--json'], /there is no option --json/],
  ]) {
    const run = spawnSync(process.execPath, ['scripts/bench.mjs', ...args], { cwd: root, encoding: 'utf8' });
    equal(run.status, 2, run.stderr);
    match(run.stderr, sentence);
  }
});
