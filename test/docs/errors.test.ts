/** docs/errors.md as it is committed: a row for each call, a place for each errno. What the oracle observes is held against it in test/oracle. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERRNO_FACTS, factsOf } from '../oracle/errors/facts.ts';
import { EVERYWHERE, IMPOSSIBLE, REASONS } from '../oracle/errors/impossible.ts';
import { errorsPage, errorTable, readErrorsPage } from '../oracle/errors/table.ts';
import { root } from '../results.ts';
import { syscalls } from './declarations.ts';

const calls = [...syscalls().keys()];

test('docs/errors.md has a row for each call of Syscalls, and each errno of its man page in one cell of it', () => {
  const rows = readErrorsPage(readFileSync(join(root, 'docs/errors.md'), 'utf8'));
  assert.ok(calls.length >= 122, `${calls.length} calls`);
  assert.deepEqual([...rows.keys()].sort(), [...calls].sort());
  for (const call of calls) {
    const { compared, impossible } = rows.get(call) as { compared: string[]; impossible: string[] };
    const all = [...compared, ...impossible];
    assert.equal(new Set(all).size, all.length, `${call}: an errno stands twice`);
    assert.deepEqual(factsOf(call).filter((errno) => !all.includes(errno)), [], `${call}: neither compared nor impossible`);
  }
});

test('every call of Syscalls has its facts, every fact its call, every reason its use', () => {
  assert.deepEqual(Object.keys(ERRNO_FACTS).sort(), [...calls].sort());
  const used = new Set([...Object.values(EVERYWHERE), ...Object.values(IMPOSSIBLE).flatMap((of) => Object.values(of))]);
  assert.deepEqual(Object.keys(REASONS).filter((reason) => !used.has(reason)), []);
});

test('an empty cell, a reason for what was observed, and a call without facts are faults', () => {
  const observed = new Map([['listen', new Set(['EADDRINUSE', 'EBADF', 'ENOTSOCK', 'EOPNOTSUPP', 'EINVAL'])], ['close', new Set(['EBADF', 'EIO'])]]);
  assert.deepEqual(errorTable(['listen'], new Map([['listen', observed.get('listen') as Set<string>]])).faults, []);
  assert.match(errorTable(['listen', 'close'], observed).faults.join('\n'), /close EIO: said to be impossible/);
  assert.match(errorTable(['listen'], new Map([['listen', new Set(['EBADF'])]])).faults.join('\n'), /listen EADDRINUSE: neither/);
  assert.match(errorTable(['listen', 'frobnicate'], observed).faults.join('\n'), /frobnicate: .*facts\.ts/);
  const page = readErrorsPage(errorsPage(['listen'], observed));
  assert.deepEqual(page.get('listen'), { compared: ['EADDRINUSE', 'EBADF', 'ENOTSOCK', 'EOPNOTSUPP', 'EINVAL'], impossible: [] });
});
