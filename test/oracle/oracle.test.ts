/**
 * The oracle as a test: every program, no unexplained difference, and enough of each kind compared.
 *
 * Left out, by name, where there is no Linux kernel to ask: without root or without a C compiler. Under `CI=true` that
 * is a failure.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { OracleUnavailable } from '../../src/platform/node/oracle/linux-host.ts';
import { syscalls } from '../docs/declarations.ts';
import { Comparison } from './comparison.ts';
import { errorsPage, errorTable } from './errors/table.ts';
import { compareAll } from './oracle.ts';
import type { Program } from './program.ts';
import { PROGRAMS } from './programs/all.ts';
import { Trace } from './trace.ts';

const root = resolve(process.env['SOCKSCAPE_ROOT'] ?? '.');

test('our kernel answers as Linux does', async (t) => {
  let report: Awaited<ReturnType<typeof compareAll>>;
  try {
    report = await compareAll(root, PROGRAMS);
  } catch (error) {
    if (!(error instanceof OracleUnavailable) || process.env['CI'] === 'true') throw error;
    t.skip(error.message);
    return;
  }
  const { comparison, unexplained } = report;
  assert.deepEqual(comparison.broken, []);
  assert.deepEqual(unexplained.map(({ id, request, ours, linux }) => ({ id, request, ours, linux })), []);
  // docs/errors.md: no cell is empty, and it says what was compared just now.
  const calls = [...syscalls().keys()];
  assert.deepEqual(errorTable(calls, comparison.errnos).faults, []);
  assert.equal(
    readFileSync(resolve(root, 'docs/errors.md'), 'utf8'), errorsPage(calls, comparison.errnos), 'npm run oracle -- --errors writes it',
  );
  const distinct = comparison.distinct();
  assert.ok(distinct.all >= 150, `${distinct.all} distinct results`);
  assert.ok(distinct.successes >= 60, `${distinct.successes} distinct results that are not errors`);
  assert.ok(distinct.deliveries >= 40, `${distinct.deliveries} distinct results with bytes or addresses`);
  assert.ok(
    PROGRAMS.some(({ name }: Program) => name.startsWith('close-while-reading')), 'close while another task reads',
  );
});

test('--help says what the oracle does, with an example, and ends well', () => {
  const run = spawnSync(process.execPath, [resolve(root, 'scripts/run.cjs'), 'oracle', '--help'], { encoding: 'utf8', timeout: 60_000 });
  assert.deepEqual([run.status, run.stderr], [0, '']);
  assert.match(run.stdout, /^usage: npm run oracle [\s\S]*--trace [\s\S]*Exit status: 0 [\s\S]*examples:\n {2}npm run oracle\n/);
});

function traceOf(...outcomes: string[]): Trace {
  const trace = new Trace();
  for (const outcome of outcomes) trace.add('p1.read(3, 4)', 'read', 'inet stream').outcome = outcome;
  return trace;
}

test('the comparison sees another outcome, a missing call, and one call more', () => {
  const compare = (linux: Trace, ours: Trace): Comparison => {
    const comparison = new Comparison();
    comparison.add('made-up', linux, ours);
    return comparison;
  };
  assert.equal(compare(traceOf('1 "a"'), traceOf('1 "a"')).differences.length, 0);
  assert.equal(compare(traceOf('1 "a"'), traceOf('1 "b"')).differences.length, 1);
  assert.equal(compare(traceOf('1 "a"', 'EAGAIN'), traceOf('1 "a"')).differences.length, 1);
  assert.equal(compare(traceOf('1 "a"'), traceOf('1 "a"', 'EAGAIN')).differences.length, 1);
  assert.equal(compare(traceOf('in 127.0.0.1:{port:40000}'), traceOf('in 127.0.0.1:{port:50000}')).differences.length, 0);
  assert.equal(
    compare(traceOf('{port:40000}', '{port:40000}'), traceOf('{port:50000}', '{port:50001}')).differences.length, 1,
  );
  const ended = traceOf('1 "a"');
  ended.failure = 'threw';
  assert.equal(compare(traceOf('1 "a"'), ended).differences.length, 1);
});
