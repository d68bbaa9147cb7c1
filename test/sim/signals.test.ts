/**
 * Signals where the oracle cannot look: several tasks of one process, async handlers, what is left of a process, init.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import * as C from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { SignalSet } from '../../src/kernel/signal-set.ts';
import type { World } from '../../src/sim/world.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

function run(body: (world: World, host: Host) => Promise<void>): Promise<void> {
  return simulate({ seed: 1 }, async (world) => {
    const host = world.host('a');
    await body(world, host);
    deepEqual([...host.stack.context.timers.queue], []);
  });
}

/** What became of a call: its value, or its error's code. */
function outcome(call: Promise<unknown>, log: string[], name: string): Promise<void> {
  const returned = (value: unknown): void => void log.push(`${name} ${JSON.stringify(value) ?? 'done'}`);
  return call.then(returned, (error: Error & { code: string }) => void log.push(`${name} ${error.code}`));
}

test('signals.ts: of several tasks the one that has waited longest is interrupted, the others go on waiting', () => run(async (world, host) => {
  const process = new Process(host, 'p');
  const log: string[] = [];
  await process.sigaction(C.SIGUSR1, { handler: () => void log.push('handler') });
  const all = ['first', 'second', 'third'].map((name) => outcome(process.poll([], 1000), log, name));
  await world.sleep(1000);
  const other = new Process(host, 'other');
  await other.kill(process.pid, C.SIGUSR1);
  await world.sleep(1000);
  deepEqual(log, ['handler', 'first EINTR']);
  await other.kill(process.pid, C.SIGUSR1);
  await Promise.all(all);
  deepEqual(log, ['handler', 'first EINTR', 'handler', 'second EINTR', 'third 0']);
}));

test('signals.ts: sigsuspend comes before tasks that have waited longer', () => run(async (world, host) => {
  const process = new Process(host, 'p');
  const log: string[] = [];
  await process.sigprocmask(C.SIG_BLOCK, [C.SIGUSR1]);
  await process.sigaction(C.SIGUSR1, { handler: () => void log.push('handler') });
  const polling = outcome(process.poll([], 1000), log, 'poll');
  const suspended = outcome(process.sigsuspend([]), log, 'sigsuspend');
  await world.sleep(1000);
  await new Process(host, 'other').kill(process.pid, C.SIGUSR1);
  await Promise.all([polling, suspended]);
  deepEqual(log, ['handler', 'sigsuspend EINTR', 'poll 0']);
  deepEqual(await process.sigprocmask(C.SIG_BLOCK, null), [C.SIGUSR1]);
}));

test('_exit(2): a call that waits for an async handler returns when its process ends', () => run(async (_world, host) => {
  const process = new Process(host, 'p');
  const log: string[] = [];
  await process.sigaction(C.SIGUSR1, { handler: () => new Promise<void>(() => {}) });
  const killed = outcome(process.kill(process.pid, C.SIGUSR1), log, 'kill');
  process.exit();
  await killed;
  deepEqual(log, ['kill done']);
}));

test('kill(2): a signal to itself interrupts no other task, and its handler has run when kill returns', () => run(async (_world, host) => {
  const process = new Process(host, 'p');
  const log: string[] = [];
  await process.sigaction(C.SIGUSR1, { handler: () => void log.push('handler') });
  const polling = outcome(process.poll([], 50), log, 'poll');
  await outcome(process.raise(C.SIGUSR1), log, 'raise');
  await polling;
  deepEqual(log, ['handler', 'raise done', 'poll 0']);
}));

test('an async handler: its signal stays blocked and the interrupted call waits until its promise settles', () => run(async (world, host) => {
  const process = new Process(host, 'p');
  const other = new Process(host, 'other');
  const log: string[] = [];
  const handler = async (_signo: number, info: { value: number }): Promise<void> => {
    log.push(`begins ${info.value}`);
    await process.sleep(5000);
    log.push(`ends ${info.value}`);
  };
  await process.sigaction(C.SIGRTMIN, { handler, flags: C.SA_RESTART });
  const polling = outcome(process.poll([], 1000), log, 'poll');
  await world.sleep(1000);
  await other.sigqueue(process.pid, C.SIGRTMIN, 1);
  await other.sigqueue(process.pid, C.SIGRTMIN, 2);
  await world.sleep(1000);
  deepEqual(log, ['begins 1']);
  deepEqual(await process.sigprocmask(C.SIG_BLOCK, null), [C.SIGRTMIN]);
  await polling;
  deepEqual(log, ['begins 1', 'ends 1', 'begins 2', 'ends 2', 'poll EINTR']);
  deepEqual(await process.sigprocmask(C.SIG_BLOCK, null), []);
  // kill waits for the handler of its own signal, a write to a broken pipe for that of SIGPIPE.
  log.length = 0;
  await outcome(process.sigqueue(process.pid, C.SIGRTMIN, 3), log, 'sigqueue');
  await process.sigaction(C.SIGPIPE, { handler, flags: C.SA_NODEFER });
  const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
  await outcome(process.write(fd, new Uint8Array(1)), log, 'write');
  deepEqual(log, ['begins 3', 'ends 3', 'sigqueue done', 'begins 0', 'ends 0', 'write EPIPE']);
}));

test('an async handler that is interrupted itself: masks are taken back in whatever order the handlers end', () => run(async (world, host) => {
  const process = new Process(host, 'p');
  const other = new Process(host, 'other');
  const log: string[] = [];
  const sleeper = (name: string, us: number) => async (): Promise<void> => {
    const end = world.now + us;
    while (world.now < end) await world.sleep(1000);
    log.push(name);
  };
  await process.sigaction(C.SIGUSR1, { handler: sleeper('outer', 5000) });
  await process.sigaction(C.SIGUSR2, { handler: sleeper('inner', 20_000) });
  await other.kill(process.pid, C.SIGUSR1);
  await world.sleep(1000);
  await other.kill(process.pid, C.SIGUSR2);
  await world.sleep(10_000);
  deepEqual(log, ['outer']);
  deepEqual(await process.sigprocmask(C.SIG_BLOCK, null), [C.SIGUSR1, C.SIGUSR2]);
  await world.sleep(20_000);
  deepEqual(log, ['outer', 'inner']);
  deepEqual(await process.sigprocmask(C.SIG_BLOCK, null), []);
}));

test('SA_RESTART: data that comes while the handler runs is the handler\'s to read first', () => run(async (world, host) => {
  const process = new Process(host, 'p');
  const peer = new Process(host, 'peer');
  const listener = await peer.socket(AF.INET, SOCK.STREAM, 0);
  await peer.bind(listener, sockaddrIn('127.0.0.1', 80));
  await peer.listen(listener, 1);
  const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.connect(fd, sockaddrIn('127.0.0.1', 80));
  const server = (await peer.accept(listener)).fd;
  const log: string[] = [];
  const handler = async (): Promise<void> => {
    await process.sleep(5000);
    const byte = new Uint8Array(1);
    await process.read(fd, byte);
    log.push(`handler ${byte[0]}`);
  };
  await process.sigaction(C.SIGUSR1, { handler, flags: C.SA_RESTART });
  const buffer = new Uint8Array(1);
  const reading = outcome(process.read(fd, buffer), log, 'read');
  await world.sleep(1000);
  await peer.kill(process.pid, C.SIGUSR1);
  await world.sleep(1000);
  await peer.write(server, new Uint8Array([1]));
  await world.sleep(10_000);
  deepEqual(log, ['handler 1']);
  await peer.write(server, new Uint8Array([2]));
  await reading;
  deepEqual([...log, buffer[0]], ['handler 1', 'read 1', 2]);
  for (const each of [process, peer]) each.exit();
  await world.sleep(200e6);
}));

test('a process that a signal ends: what waits is EINTR, calls fail, its timer and its signals are gone', () => run(async (world, host) => {
  const process = new Process(host, 'p');
  const log: string[] = [];
  await process.alarm(100);
  await process.sigprocmask(C.SIG_BLOCK, [C.SIGUSR1]);
  await process.raise(C.SIGUSR1);
  const waits = [
    outcome(process.poll([], -1), log, 'poll'), outcome(process.pause(), log, 'pause'),
    outcome(process.sigwaitinfo([C.SIGUSR2]), log, 'sigwaitinfo'),
  ];
  await world.sleep(1000);
  await new Process(host, 'other').kill(process.pid, C.SIGTERM);
  await Promise.all(waits);
  equal(log.every((line) => line.endsWith('EINTR')), true, log.join());
  equal(process.core.signals.hasPendingBeside(SignalSet.none), false);
  equal(host.kernel.pendingSignals.of(0), 0);
  deepEqual(process.core.signals.waiters, []);
  const calls = [
    () => process.raise(C.SIGUSR1), () => process.pause(), () => process.alarm(1), () => process.waitpid(-1),
    () => process.setuid(1), () => process.setsid(),
  ];
  for (const call of calls) await rejects(call(), { code: 'ESRCH' });
  await rejects(process.close(0), { code: 'EBADF' });
}));

test('SIGPIPE ends a process that writes to a broken stream and has not said otherwise', () => run(async (_world, host) => {
  const process = new Process(host, 'p');
  const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
  await rejects(process.send(fd, new Uint8Array(1), C.MSG_NOSIGNAL), { code: 'EPIPE' });
  equal(process.core.exited, false);
  await rejects(process.send(fd, new Uint8Array(1), 0), { code: 'EPIPE' });
  equal(process.core.exited, true);
}));

test('a stopped process: its calls neither return nor take anything until it is continued', () => run(async (world, host) => {
  const process = new Process(host, 'p');
  const other = new Process(host, 'other');
  const log: string[] = [];
  const read = outcome(process.read(0, new Uint8Array(4)), log, 'read');
  const poll = outcome(process.poll([], 5), log, 'poll');
  await other.kill(process.pid, C.SIGSTOP);
  await world.sleep(1000);
  process.feedInput(new Uint8Array(3));
  await world.sleep(50_000);
  deepEqual(log, []);
  const late = outcome(process.poll([], 5), log, 'late');
  await world.sleep(50_000);
  deepEqual(log, []);
  await other.kill(process.pid, C.SIGCONT);
  await Promise.all([read, poll, late]);
  deepEqual(log.sort(), ['late 0', 'poll 0', 'read 3']);
}));

test('kill(-1): everybody but init and the caller, as far as allowed; init takes no harm', () => run(async (world, host) => {
  const [caller, a, b] = ['caller', 'a', 'b'].map((name) => new Process(host, name)) as [Process, Process, Process];
  await b.setuid(7);
  await caller.kill(1, C.SIGKILL);
  // b is another user's, and nobody complains that it goes on.
  await caller.seteuid(5);
  await caller.kill(-1, C.SIGTERM);
  await world.sleep(1000);
  deepEqual(host.kernel.everyProcess().map(({ name }) => name), ['init', 'caller', 'b']);
  equal(a.core.exited, true);
  await caller.seteuid(0);
  await caller.kill(-1, C.SIGTERM);
  await rejects(caller.kill(-1, 0), { code: 'ESRCH' });
}));

test('F_SETOWN: the owner\'s place in the wait queue goes with the description', () => run(async (world, host) => {
  const process = new Process(host, 'p');
  const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
  const file = process.core.descriptors.file(fd);
  equal(file?.operations.waiters.empty, true);
  await process.fcntl(fd, C.F_SETOWN, process.pid);
  equal(file?.operations.waiters.empty, false);
  await process.close(fd);
  equal(file?.operations.waiters.empty, true);
  await world.sleep(1000);
}));

test('siginfo_t: handlers, sigtimedwait and waitid tell its fields and nothing of the kernel, in an object of their own', () => run(async (_world, host) => {
  const FIELDS = ['signo', 'code', 'pid', 'uid', 'status', 'value', 'band', 'fd', 'timer', 'overrun'];
  const process = new Process(host, 'p');
  const told: object[] = [];
  await process.sigaction(C.SIGUSR1, { handler: (_signo, info) => void told.push(info) });
  await process.kill(process.pid, C.SIGUSR1);
  await process.sigprocmask(C.SIG_BLOCK, [C.SIGUSR2]);
  await process.kill(process.pid, C.SIGUSR2);
  await process.kill(process.pid, C.SIGUSR2);
  told.push(await process.sigtimedwait([C.SIGUSR2], 0));
  const child = await process.spawn(async () => 3);
  told.push(await process.waitid(C.P_PID, child, C.WEXITED));
  deepEqual(told.map((info) => Object.keys(info)), [FIELDS, FIELDS, FIELDS]);
}));
