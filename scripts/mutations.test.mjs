import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultOf, readLists } from './mutations.mjs';

test('every mutation of test/mutations/ still has its place in the source', () => {
  const all = readLists();
  ok(all.length >= 100, `${all.length} mutations`);
  deepEqual(all.map((mutation) => [mutation.file, mutation.search, faultOf(mutation)]).filter(([, , fault]) => fault !== ''), []);
});

test('a mutation without a place, with two, without tests or without a change is refused', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mutations-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src/a.ts'), 'one two two');
  const fault = (search, more = {}) => faultOf({ file: 'src/a.ts', search, replacement: '', tests: ['unit src'], ...more }, folder);
  equal(fault('one'), '');
  equal(fault('three'), 'it stands there no more');
  equal(fault('two'), 'it stands there more than once');
  equal(fault('one', { tests: [] }), 'no tests are named');
  equal(fault('one', { replacement: 'one' }), 'it changes nothing');
  equal(fault('one', { file: 'src/b.ts' }), 'there is no such file');
});
