/** The test runner can fail: failures, skips, files without a test or with a crash all reach the totals and the exit code. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');

/** Runs unit.mjs over one planted file. */
function runPlanted(text) {
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build/run-planted-'));
  try {
    const file = join(folder, 'planted.test.ts');
    const totalsFile = join(folder, 'totals.json');
    writeFileSync(file, text);
    const env = { ...process.env, SOCKSCAPE_TOTALS: totalsFile };
    // Set by node:test for the files that it runs; a runner that sees it reports to its parent instead.
    delete env.NODE_TEST_CONTEXT;
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts/unit.mjs'), file], {
      encoding: 'utf8',
      env,
    });
    let totals = null;
    try {
      totals = JSON.parse(readFileSync(totalsFile, 'utf8'));
    } catch {
      // It ended before there was anything to count.
    }
    return { status, totals, output: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a test that passes', () => {
  const { status, totals } = runPlanted("import { test } from 'node:test'; test('a', (t: unknown): void => {});");
  equal(status, 0);
  deepEqual(totals, { passed: 1, failed: 0, skipped: [] });
});

test('a test that fails, in a suite beside one that passes, counts once and shows its place in the source', () => {
  const { status, totals, output } = runPlanted(`import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
describe('suite', () => {
  test('good', () => {});
  test('bad', () => {
    equal(1 + 1, 3);
  });
});`);
  equal(status, 1);
  deepEqual(totals, { passed: 1, failed: 1, skipped: [] });
  match(output, /✖ bad/);
  match(output, /planted\.test\.ts:6:/);
});

test('what tests have to say is printed under their names, and Node\'s own totals are not', () => {
  const { output } = runPlanted(`import { test } from 'node:test';
test('silent', () => {});
test('counted', (t: { diagnostic(text: string): void }) => {
  t.diagnostic('tcp 68, udp 69');
  t.diagnostic('cooked 7');
});`);
  match(output, /^ℹ counted \(planted\.test\.ts:\d+\)\n {4}tcp 68, udp 69\n {4}cooked 7\n2 passed, 0 failed, 0 skipped in \S+ s\n$/);
});

test('a test left out is named with its reason', () => {
  const { status, totals } = runPlanted(
    "import { test } from 'node:test'; test('a', { skip: 'needs tap' }, () => {});",
  );
  equal(status, 0);
  deepEqual(totals, { passed: 0, failed: 0, skipped: [{ name: 'a', reason: 'needs tap' }] });
});

test('a file without a test, one that throws, one that does not compile', () => {
  for (const text of ['export {};', "throw new Error('boom');"]) {
    const { status, totals } = runPlanted(text);
    equal(status, 1, text);
    equal(totals?.failed, 1, text);
  }
  equal(runPlanted('const = 1;').status, 1);
});

test('a place without tests is an error, not a success', () => {
  equal(spawnSync(process.execPath, [join(root, 'scripts/unit.mjs'), 'no/such/place'], { cwd: root }).status, 2);
});

test('a Node that is too old gets one sentence and exit code 1', () => {
  const check = (version) =>
    spawnSync(process.execPath, ['-e', `require('./bin/node-version.cjs')('sockscape', '${version}')`], {
      cwd: root,
      encoding: 'utf8',
    });
  for (const old of ['8.17.0', '18.20.4', '20.18.3']) {
    const { status, stderr } = check(old);
    equal(status, 1, old);
    equal(stderr, `sockscape: Node 20.19 or newer is needed; this one is ${old}.\n`);
  }
  for (const good of ['20.19.0', '22.0.0', '24.1.0']) equal(check(good).status, 0, good);
});
