/** docs/errors.md as it is committed: a row for each call, a place for each errno. What the oracle observes is held against it in test/oracle. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERRNO_FACTS, factsOf } from '../oracle/errors/facts.ts';
import { EVERYWHERE, IMPOSSIBLE, REASONS, whyNot } from '../oracle/errors/impossible.ts';
import { occurringFrom } from '../oracle/errors/occurring.ts';
import { readErrorsPage } from '../oracle/errors/page.ts';
import { errorsPage, errorTable, falseCellsAmong } from '../oracle/errors/table.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { Process } from '../../src/api/posix/process.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { TAKING_NO_MEMORY } from '../oracle/errors/taking-no-memory.ts';
import { Comparison } from '../oracle/comparison.ts';
import { Trace } from '../oracle/trace.ts';
import { root, seed } from '../results.ts';
import { falseCells } from '../tools/errno-watch.ts';
import { syscalls } from './declarations.ts';

const calls = [...syscalls().keys()];

test('docs/errors.md has a row for each call of Syscalls, and each errno of its man page in one cell of it', () => {
  const rows = readErrorsPage(readFileSync(join(root, 'docs/errors.md'), 'utf8'));
  assert.ok(calls.length >= 122, `${calls.length} calls`);
  assert.deepEqual([...rows.keys()].sort(), [...calls].sort());
  for (const call of calls) {
    const { compared, occurring, impossible } = rows.get(call) as Record<'compared' | 'occurring' | 'impossible', string[]>;
    const all = [...compared, ...occurring, ...impossible];
    assert.equal(new Set(all).size, all.length, `${call}: an errno stands twice`);
    assert.deepEqual(factsOf(call).filter((errno) => !all.includes(errno)), [], `${call}: neither compared nor impossible`);
  }
});

test('docs/errors.md is what the table makes of what it says was compared: neither reasons nor tested cells have changed since', () => {
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  const observed = new Map([...readErrorsPage(page)].map(([call, { compared }]) => [call, new Set(compared)]));
  assert.deepEqual(errorTable(calls, observed).faults, []);
  assert.equal(errorsPage(calls, observed), page);
  for (const call of calls) assert.deepEqual(readErrorsPage(page).get(call)?.occurring.sort(), occurringFrom(call).sort(), call);
});

test('an errno that no call has is one that no source names', () => {
  const rows = [...readErrorsPage(readFileSync(join(root, 'docs/errors.md'), 'utf8')).values()];
  const occurs = new Set(rows.flatMap(({ compared, occurring }) => [...compared, ...occurring]));
  const never = [...new Set(rows.flatMap(({ impossible }) => impossible))].filter((errno) => !occurs.has(errno));
  assert.ok(never.includes('EROFS') && never.includes('EDQUOT') && never.includes('EMLINK'), never.join(' '));
  const named: string[] = [];
  for (const folder of ['kernel', 'socket', 'transport', 'net', 'api/posix']) {
    for (const path of readdirSync(join(root, 'src', folder), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts') || path.endsWith('.test.ts') || path.endsWith('constants.ts')) continue;
      const source = readFileSync(join(root, 'src', folder, path), 'utf8');
      for (const errno of never) if (new RegExp(`-Errno\\.${errno}\\b`).test(source)) named.push(`${folder}/${path}: ${errno}`);
    }
  }
  assert.deepEqual(named.filter((line) => !KNOWN.includes(line)), []);
});
/** No cell's: that of connect(2), whose page does not list it, after a connection that ended without an error of its own. */
const KNOWN: readonly string[] = ['socket/family/inet-stream.ts: ECONNABORTED'];

test('each call whose page lists ENOMEM and that is said to take no memory is among those that a test makes without any', () => {
  const said = calls.filter((call) => factsOf(call).includes('ENOMEM') && !occurringFrom(call).includes('ENOMEM') && whyNot(call, 'ENOMEM') === 'memory');
  assert.deepEqual(said.sort(), Object.keys(TAKING_NO_MEMORY).sort());
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
  assert.match(errorTable(['dup'], new Map([['dup', new Set(['ENOMEM'])]])).faults.join('\n'), /dup ENOMEM: stands in occurring\.ts/);
  assert.match(errorTable(['listen', 'frobnicate'], observed).faults.join('\n'), /frobnicate: .*facts\.ts/);
  const page = readErrorsPage(errorsPage(['listen'], observed));
  assert.deepEqual(page.get('listen'), { compared: ['EADDRINUSE', 'EBADF', 'ENOTSOCK', 'EOPNOTSUPP', 'EINVAL'], occurring: [], impossible: [] });
});

test('what either kernel returns to a program of the oracle is held against the cells, equal or not', () => {
  const [linux, ours] = [new Trace(), new Trace()];
  for (const [trace, errno] of [[linux, 'ENOTDIR'], [ours, 'EINTR']] as const) {
    Object.assign(trace.add('p1.fsync(3)', 'fsync', 'file'), { outcome: errno, kind: errno, isError: true });
    Object.assign(trace.add('p1.close(9)', 'close', 'none'), { outcome: 'EBADF', kind: 'EBADF', isError: true });
  }
  const comparison = new Comparison();
  comparison.add('made-up', linux, ours);
  assert.deepEqual(falseCellsAmong(comparison.returned), ['fsync EINTR: said to be impossible, and it came from made-up, ours: p1.fsync(3)']);
});

test('what a call of ours fails with, in whatever test, is held against the page: a false cell is seen', async () => {
  await simulate({ seed }, async (world) => {
    const process = new Process(world.host('a'), 'p');
    await assert.rejects(process.close(77), { code: 'EBADF' });
    // One that waits, and whose error is made when it has done so.
    const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
    await assert.rejects(process.connect(fd, sockaddrIn('127.0.0.1', 9)), { code: 'ECONNREFUSED' });
  });
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  assert.deepEqual(falseCells(page), []);
  const false_ = page.replace(/^(\| close \| .*) \|$/m, '$1 EBADF (1) |').replace(/^(\| connect \| .*) \|$/m, '$1 ECONNREFUSED (1) |');
  const found = falseCells(false_);
  assert.equal(found.length, 2, found.join('\n'));
  assert.match(found[0] as string, /^docs\/errors\.md says that close cannot fail with EBADF here, and it did\n[\s\S]*errors\.test\.ts:\d+/);
  assert.match(found[1] as string, /connect cannot fail with ECONNREFUSED here/);
});
