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
import type { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { takeChunk } from '../../src/base/slab.ts';
import { Timer } from '../../src/base/timer-queue.ts';
import { Waiter, WaitQueue } from '../../src/base/wait-queue.ts';
import { takePacket } from '../../src/link/packet.ts';
import { FilterMode, GroupMembership } from '../../src/net/group-membership.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { Comparison } from './comparison.ts';
import { errorsPage, errorTable, falseCellsAmong } from './errors/table.ts';
import { AF, O, SOCK } from './numbers.ts';
import { ourSide } from './our-side.ts';
import { compareAll } from './oracle.ts';
import { type Program, program } from './program.ts';
import { PROGRAMS } from './programs/all.ts';
import { runProgram } from './run-program.ts';
import { silently } from './toolkit.ts';
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
  assert.deepEqual(falseCellsAmong(comparison.returned), []);
  assert.equal(
    readFileSync(resolve(root, 'docs/errors.md'), 'utf8'), errorsPage(calls, comparison.errnos), 'npm run oracle -- --errors writes it',
  );
  const distinct = comparison.distinct();
  // Ports that Linux draws, and races of a busy machine: at most half of a hundredth.
  assert.ok(report.unsteady.length <= 4, `Linux itself gave several answers to ${report.unsteady.join(', ')}`);
  assert.deepEqual(report.tooWide, []);
  assert.ok(distinct.all >= 5000, `${distinct.all} distinct results`);
  assert.ok(distinct.strict >= 750, `${distinct.strict} results of a call and an errno alone`);
  assert.ok(distinct.successes >= 2000, `${distinct.successes} distinct results that are not errors`);
  assert.ok(distinct.deliveries >= 400, `${distinct.deliveries} distinct results with bytes or addresses`);
  assert.ok(
    PROGRAMS.some(({ name }: Program) => name.startsWith('close-while-reading')), 'close while another task reads',
  );
});

test('distinct results, counted strictly: a call and its errno alone', () => {
  const comparison = new Comparison();
  const trace = new Trace();
  for (const [call, family, outcome] of [
    ['socket', 'inet', 'fd 3'], ['socket', 'inet6', 'fd 4'], ['setsockopt SO_A', 'inet', 'EINVAL'], ['setsockopt SO_B', 'inet', 'EINVAL'],
    ['setsockopt SO_B', 'inet', 'EPERM'], ['setsockopt SO_B', 'unix', '0'], ['read', 'inet', '3 "abc"'], ['read', 'inet', '0'],
  ] as const) Object.assign(trace.add(call, call, family), { outcome, kind: outcome, isError: outcome.startsWith('E') });
  comparison.add('made-up', trace, trace);
  const { all, strict } = comparison.distinct();
  assert.deepEqual([all, strict], [8, 5]);
});

test('a deviation that covers everything is too wide', () => {
  const comparison = new Comparison();
  const [linux, ours] = [new Trace(), new Trace()];
  for (const trace of [linux, ours]) for (let i = 0; i < 150; i++) trace.add(`note ${i}`, 'note', 'none');
  comparison.add('program', linux, ours);
  assert.equal(comparison.shareOf('*'), 1);
  assert.equal(comparison.shareOf('program/note'), 1);
  assert.equal(comparison.shareOf('other*'), 0);
});

/** What a program might leave behind, and the words for it. */
const LEAKS: readonly { what: string; words: RegExp; leave: (process: Process) => Promise<void> }[] = [
  {
    what: 'a chunk', words: /^1 chunks$/, leave: async () => {
      leaked.push(takeChunk());
    },
  },
  {
    what: 'a packet', words: /1 packets$/, leave: async () => {
      takePacket();
    },
  },
  {
    what: 'a place in a wait queue', words: /^1 wait-queue entries$/, leave: async () => {
      new WaitQueue().add(new Forgotten());
    },
  },
  {
    what: 'a descriptor in a process that goes on', words: /^oracle: UDP endpoint on port \d+; oracle: descriptor 3 of process \d+; oracle: \d+ bytes of the host's memory$/,
    leave: async (process) => {
      const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
      await process.sendto(fd, Uint8Array.of(1), 0, sockaddrIn('127.0.0.1', 9));
      await process.spawn(() => new Promise(() => {}));
    },
  },
  {
    what: 'an endpoint', words: /^oracle: raw endpoint of protocol 17; oracle: 3072 bytes of the host's memory$/, leave: async ({ core }) => {
      core.kernel.stack.raw.create(true, 17);
    },
  },
  {
    what: 'memory', words: /^oracle: 7 bytes of the host's memory$/, leave: async ({ core }) => {
      core.kernel.memory.hold(7);
    },
  },
  {
    what: 'what users are charged for', words: /^oracle: 2 pending signals and timers; oracle: 1 watches of epolls; oracle: \d+ bytes of the host's memory$/,
    leave: async ({ core }) => {
      core.kernel.pendingSignals.add(1000, 2);
      core.kernel.epollWatches.add(0, 1);
    },
  },
  {
    what: 'a notice for a process that has ended', words: /^oracle: 1 queues that would tell of a message$/, leave: async (process) => {
      await process.mq_open('/q', O.RDWR | O.CREAT, 0o600);
      const { init, ipc } = process.core.kernel;
      for (const queue of ipc.posixQueues.values()) queue.notification = { process: init, event: { notify: 1, signo: 0, value: 0 } };
    },
  },
  {
    what: 'a listener to all frames, and a member of a group', words: /^oracle: 1 listeners to all frames of lo; oracle: 1 members of 239\.1\.1\.1 on lo$/,
    leave: async ({ core }) => {
      for (const { device, groups } of core.kernel.stack.network.interfaces()) {
        device.promiscuity++;
        groups.push(new GroupMembership(IpAddress.from('239.1.1.1'), FilterMode.Exclude, () => {}));
      }
    },
  },
  {
    what: 'a timer', words: /^oracle: timer of Forgiven at \d+/, leave: async ({ core }) => {
      const timer = new Forgiven();
      timer.deadline = core.kernel.loop.now + 1e12;
      core.kernel.timers.arm(timer);
    },
  },
  {
    what: 'a timer that runs out soon after its owner has gone', words: /^oracle: timer of Forgiven at \d+$/, leave: async ({ core }) => {
      const timer = new Forgiven();
      timer.deadline = core.kernel.loop.now + 1e6;
      core.kernel.timers.arm(timer);
    },
  },
];
const leaked: unknown[] = [];

class Forgotten extends Waiter {
  wake(): void {}
  attempt(): void {}
  deliver(): void {}
}

class Forgiven extends Timer {
  expired(): void {}
}

for (const { what, words, leave } of LEAKS) {
  test(`what is left behind is found: ${what}`, async () => {
    const side = ourSide({ settings: new Map(), capabilities: -1 });
    const leaking = program('leaks', async (env) => leave(silently(await env.process()) as Process));
    const trace = await runProgram(leaking, side);
    assert.equal(trace.failure, null);
    assert.match(trace.leftovers.join('; '), words);
    const clean = await runProgram(program('does not', async (env) => {
      const p = await env.process();
      await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    }), side);
    assert.deepEqual(clean.leftovers, []);
    const comparison = new Comparison();
    comparison.add('leaks', new Trace(), trace);
    assert.equal(comparison.differences.length, 1);
  });
}

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
