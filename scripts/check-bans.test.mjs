/** The check of bans can fail: every banned form planted, and the allowed neighbours. */
import { deepEqual, equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkFile, isCore } from './check-bans.mjs';

const BANNED = [
  'const t = Date.now();',
  'const t = new Date();',
  'const t = new Date;',
  'const t = Date();',
  'const t = performance.now();',
  'setTimeout(f, 1);',
  'const g = globalThis.f;',
  'queueMicrotask(f);',
  'const x = Math.random();',
  'const x = Math.pow(2, 3);',
  'const x = Math.cbrt(2);',
  'const x = Math.log2(2);',
  'const x = Math.sin(2);',
  'const x = Math.hypot(2, 3);',
  'const { pow } = Math;',
  "const x = Math['pow'](2, 3);",
  'const x = 2 ** 3;',
  'x **= 2;',
  'const s = `${2 ** 3}`;',
];
const ALLOWED = [
  'const t = new Date(us / 1000);',
  'const x = Math.floor(Math.sqrt(2)) + Math.imul(3, 4) + Math.max(1, 2);',
  '// 2 ** 3 and Math.pow\n/** Date.now() */',
  "const s = 'Math.random() ** 2';",
  'const o = { setTimeout: f, performance: 1 }; o.setTimeout(f); o.performance;',
  'interface E { setTimeout?: F; performance: P }',
  'function f(date: Date): Date { return date; }',
];

test('every banned form is refused', () => {
  for (const line of BANNED) equal(checkFile('src/base/a.ts', `${line}\n`).length, 1, line);
});
test('what is exact or handed in passes', () => {
  for (const line of ALLOWED) deepEqual(checkFile('src/base/a.ts', `${line}\n`), [], line);
});
test('the core is everything but the rooms of an environment and the tests', () => {
  for (const file of ['src/base/a.ts', 'src/host.ts', 'src/api/posix/a.ts', 'src/sim/a.ts'])
    equal(isCore(file), true, file);
  for (const file of [
    'src/platform/node/a.ts',
    'src/cli/a.ts',
    'src/entry/a.ts',
    'src/api/node/a.ts',
    'src/base/a.test.ts',
  ]) {
    equal(isCore(file), false, file);
  }
});
test('the command exits 1 on a planted violation and 0 without it', () => {
  const root = mkdtempSync(join(tmpdir(), 'sockscape-bans-'));
  try {
    mkdirSync(join(root, 'src/net'), { recursive: true });
    const script = fileURLToPath(new URL('./check-bans.mjs', import.meta.url));
    const run = (text) => {
      writeFileSync(join(root, 'src/net/a.ts'), text);
      return spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
    };
    equal(run('export const a = 1;\n').status, 0);
    const failed = run('\nexport const a = Date.now();\n');
    equal(failed.status, 1);
    equal(failed.stderr.startsWith('src/net/a.ts:2: Date.now'), true, failed.stderr);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
