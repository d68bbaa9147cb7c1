/** Planted bugs of kinds that people report: simTest finds each, and what it finds can be replayed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../results.ts';
import { cleanEnvironment, runTestFile } from './sim-test-file.ts';

const file = (name: string): string => join(root, 'test/node/planted', `${name}.test.mjs`);

/** The files that a failure has left. */
function filesOf(output: string): Buffer[] {
  const words = /files: (\S+\.pcapng), (\S+\.log)/.exec(output);
  assert.ok(words !== null, output);
  return [words[1], words[2]].map((name) => readFileSync(join(root, name as string)));
}

test('a reconnect bug: found within 200 seeds, shrunk to two faults, replayed to the same bytes', { timeout: 120_000 }, () => {
  const { status, output } = runTestFile(file('reconnect'));
  assert.equal(status, 1, output);
  const found = /seed (\d+): nothing was heard for \d+ ms/.exec(output);
  assert.ok(found !== null && Number(found[1]) <= 200, output);
  const shrunk = /what went wrong on purpose \((\d) of 6 faults are enough\), in virtual time:\n((?: +[\d.]+ s +client--server: (?:blocked|mended)\n)+) +100\.000000 s +it failed/.exec(output);
  assert.ok(shrunk !== null, output);
  assert.ok(Number(shrunk[1]) <= 2, shrunk[1]);
  assert.equal(shrunk[2]?.match(/blocked/g)?.length, Number(shrunk[1]));
  const [pcapng, log] = filesOf(output) as [Buffer, Buffer];
  assert.ok(pcapng.length > 1000 && pcapng.readUInt32LE(0) === 0x0a0d0d0a);
  assert.match(log.toString(), /client--server: blocked[\s\S]*world {4}failed {2}AssertionError: nothing was heard/);

  const command = /replay: (SOCKSCAPE_SEED=.*)/.exec(output)?.[1] as string;
  const replay = spawnSync('sh', ['-c', command.replace(' node --test ', ` ${process.execPath} --test --test-reporter=tap `)], { cwd: root, encoding: 'utf8', env: cleanEnvironment() });
  assert.equal(replay.status, 1, replay.stdout + replay.stderr);
  assert.ok(replay.stdout.includes((found as RegExpExecArray)[0]), replay.stdout);
  assert.match(replay.stdout, /# {8}0\.080000 client {3}stdout {2}connected/);
  const [again, logAgain] = filesOf(replay.stdout) as [Buffer, Buffer];
  assert.ok(pcapng.equals(again), 'the same capture');
  assert.equal(logAgain.toString(), log.toString());
});

const OTHERS: readonly (readonly [name: string, words: RegExp])[] = [
  ['listener-leak', /seed \d+: [23] listeners on the bus/],
  ['retry-storm', /seed \d+: \d{3,} attempts in two minutes/],
  ['half-close', /seed \d+: Expected values to be strictly equal:\n\s+\n\s+\d+ !== 200000/],
  ['dead-pool', /seed \d+: This socket has been ended by the other party/],
  ['keepalive', /seed \d+: nobody has noticed within a minute/],
];

for (const [name, words] of OTHERS) {
  test(`${name}: found, and not where it is mended`, { timeout: 120_000 }, () => {
    const planted = runTestFile(file(name));
    assert.equal(planted.status, 1, planted.output);
    assert.match(planted.output, words);
    assert.match(planted.output, /in virtual time:\n +[\d.]+ s +(client|server)/);
    filesOf(planted.output);
    const mended = runTestFile(file(name), { env: { FIXED: '1', SOCKSCAPE_SEED: '1..12' } });
    assert.equal(mended.status, 0, mended.output);
    assert.match(mended.output, /^# pass 1$/m);
  });
}
