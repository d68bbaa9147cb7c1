/**
 * Numbers that no C program could hand in, at every call that takes one.
 */
import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { Timer, TimerQueue } from '../../src/base/timer-queue.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import * as sockets from '../../src/kernel/calls/sockets.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { Cable } from '../../src/link/cable.ts';
import { AF, F, IOCTL, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { Received } from '../../src/socket/received.ts';
import type { World } from '../../src/sim/world.ts';

/** Runs `body` with a process that has a listening stream on port 80; a world that spins fails after 10,000 events. */
function run(body: (process: Process, listener: number, world: World) => Promise<void>): Promise<void> {
  return simulate({ seed: 1, eventLimit: 10_000 }, async (world) => {
    const process = new Process(world.host('a'), 'p');
    const listener = await process.socket(AF.INET, SOCK.STREAM, 0);
    await process.bind(listener, sockaddrIn('127.0.0.1', 80));
    await process.listen(listener, 1);
    await body(process, listener, world);
  });
}

/** As JavaScript without types hands it in. */
const any = (value: unknown): number => value as number;

test('poll: the timeout is an int of milliseconds; NaN is 0, and Infinity waits for ever', () => run(async (process, listener, world) => {
  const took = async (timeout: number): Promise<number> => {
    const began = world.now;
    await process.poll([{ fd: listener, events: 1, revents: 0 }], timeout);
    return world.now - began;
  };
  equal(await took(Number.NaN), 0);
  equal(await took(0.9), 0);
  equal(await took(2.9), 2000);
  await rejects(took(any('3')), { name: 'TypeError', message: 'poll: timeoutMs must be a number, not a string' });
  equal(await took(any(undefined)), 0);
  for (const forEver of [-1, -7.5, Infinity, -Infinity, 2 ** 31]) {
    const waiting = process.poll([{ fd: listener, events: 1, revents: 0 }], forEver);
    await world.sleep(90 * 86400e6);
    equal(process.core.waitingFor().join(), 'poll', `${forEver}`);
    const client = await process.socket(AF.INET, SOCK.STREAM, 0);
    await process.connect(client, sockaddrIn('127.0.0.1', 80));
    equal(await waiting, 1);
    await process.close((await process.accept(listener)).fd);
    await process.close(client);
  }
}));

test('nanosleep: no number and less than nothing are EINVAL', () => run(async (process, _listener, world) => {
  for (const wrong of [Number.NaN, -1, -Infinity, any(undefined)]) await rejects(process.sleep(wrong), { code: 'EINVAL', syscall: 'nanosleep' });
  for (const [wrong, word] of [[any('5'), 'a string'], [any(null), 'null'], [any({}), 'an object']] as const) {
    await rejects(process.sleep(wrong), { name: 'TypeError', message: `sleep: us must be a number, not ${word}` });
  }
  const began = world.now;
  await process.sleep(0);
  await process.sleep(0.5);
  equal(world.now - began, 0.5);
  const waiting = process.sleep(Infinity);
  await world.sleep(1e12);
  process.exit();
  await rejects(waiting, { code: 'EINTR' });
}));

test('TimerQueue: a deadline that is no number throws, queued before or not', () => {
  class Alarm extends Timer {
    override expired(): void {}
  }
  const queue = new TimerQueue();
  const fresh = new Alarm();
  fresh.deadline = Number.NaN;
  throws(() => queue.update(fresh), /deadline of a Alarm is no number/);
  const queued = new Alarm();
  queued.deadline = 5;
  queue.update(queued);
  queued.deadline = Number.NaN;
  throws(() => queue.update(queued), /deadline of a Alarm is no number/);
});

test('EBADF: a descriptor is a whole number', () => run(async (process, listener) => {
  const { core } = process;
  for (const wrong of [Number.NaN, -1, 0.5, listener + 0.5, Infinity, 2 ** 32, any(undefined), any(String(listener)), any('length'), any('push'), any(null)]) {
    const isNumber = typeof wrong === 'number' || wrong === undefined;
    const bad = isNumber ? { code: 'EBADF' } : { name: 'TypeError', message: /^\w+: (fd|to) must be a number, not (a string|null)$/ };
    await rejects(process.listen(wrong, 1), bad, `${wrong}`);
    await rejects(process.read(wrong, new Uint8Array(1)), bad);
    await rejects(process.close(wrong), bad);
    await rejects(process.dup(wrong), bad);
    await rejects(process.dup2(wrong, 5), bad);
    await rejects(process.dup2(listener, wrong), bad);
    await rejects(process.fcntl(wrong, F.GETFL), bad);
    await rejects(process.ioctl(wrong, IOCTL.FIONREAD), bad);
    const entry = { fd: wrong, events: 1, revents: 0 };
    if (isNumber) await process.poll([entry], 0);
    else await rejects(process.poll([entry], 0), bad);
    equal(entry.revents, wrong < 0 || !isNumber ? 0 : 0x20);
  }
  equal(await process.fcntl(listener, F.DUPFD, 7.9), 7);
  equal(await process.fcntl(listener, F.DUPFD, Number.NaN), 4);
  deepEqual([...core.descriptors.entries()].map(([fd]) => fd), [0, 1, 2, 3, 4, 7]);
}));

test('listen: a backlog of NaN is 0, not a queue without end', () => run(async (process, listener, world) => {
  await process.listen(listener, Number.NaN);
  const clients: number[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await process.socket(AF.INET, SOCK.STREAM | SOCK.NONBLOCK, 0);
    await rejects(process.connect(client, sockaddrIn('127.0.0.1', 80)), { code: 'EINPROGRESS' });
    clients.push(client);
  }
  await world.sleep(10_000);
  equal((process.host.nstat()['TcpExtListenOverflows'] ?? 0) > 0, true);
  await process.listen(listener, Infinity);
  equal([...process.host.stack.tcp.endpoints()].find((t) => t.listener !== null)?.listener?.backlog, 4096);
}));

test('shutdown: another `how` than 0, 1 and 2 is EINVAL', () => run(async (process, listener) => {
  for (const wrong of [Number.NaN, -1, 3, 0.5, any(undefined)]) await rejects(process.shutdown(listener, wrong), { code: 'EINVAL' });
  await rejects(process.shutdown(listener, any('1')), { name: 'TypeError', message: 'shutdown: how must be a number, not a string' });
}));

test('EFAULT: the synchronous calls look at the stretch of the buffer they are given', () => run(async (process, listener) => {
  const buffer = new Uint8Array(10);
  for (const [at, length] of [[0, 11], [1, 10], [-1, 2], [Number.NaN, 1], [0, Number.NaN], [0.5, 1], [0, Infinity]] as const) {
    equal(sockets.trySend(process.core, listener, buffer, at, length, 0), -14, `${at}, ${length}`);
    equal(sockets.tryReceive(process.core, listener, buffer, at, length, 0, new Received()), -14);
  }
}));

test('SO_RCVTIMEO: seconds and microseconds are 64-bit numbers both ways', () => run(async (process, listener) => {
  const timeval = (seconds: bigint, micros: bigint): Uint8Array => new Uint8Array(BigInt64Array.of(seconds, micros).buffer);
  for (const [seconds, micros] of [[3_000_000_000n, 7n], [5_000_000_000n, 999_999n], [0n, 1n]] as const) {
    await process.setsockopt(listener, SOL.SOCKET, SO.RCVTIMEO, timeval(seconds, micros));
    deepEqual(await process.getsockopt(listener, SOL.SOCKET, SO.RCVTIMEO, 16), timeval(seconds, micros));
  }
  for (const micros of [-1n, 1_000_000n, 0x80000000n, 2n ** 62n]) {
    await rejects(process.setsockopt(listener, SOL.SOCKET, SO.RCVTIMEO, timeval(1n, micros)), { code: 'EDOM' });
  }
}));

test('a socket address takes no port and no scope that it has no room for', () => {
  for (const port of [-1, 65536, 1.5, Number.NaN, any('80'), any(undefined)]) {
    const [name, message] = typeof port === 'number' ? ['RangeError', /^sockaddrIn6?: port must be .*from 0 to 65535, not /] : ['TypeError', /^sockaddrIn6?: port must be a number, not (a string|undefined)$/];
    throws(() => sockaddrIn('127.0.0.1', port), { name, message });
    throws(() => sockaddrIn6('::1', port), { name, message });
  }
  throws(() => sockaddrIn6('::1', 1, 2 ** 32), /scope/);
});

test('configuration: prefix lengths, MTUs, weather and limits are numbers that make sense', () => run(async (process, _listener, world) => {
  const { host } = process;
  const device = host.network.loopback;
  for (const length of [Number.NaN, 1.5, -1, 33]) {
    equal(host.addAddress(device, IpAddress.from('10.0.0.1'), length), -22);
    equal(host.network.addRoute(IpAddress.from('10.0.0.0'), length, { device }), -22);
  }
  for (const mtuBytes of [0, 67, 65536, Number.NaN, 1500.5]) throws(() => new Cable(world.loop, world.random, { mtuBytes }), RangeError);
  throws(() => new Cable(world.loop, world.random, { delayUs: any('5') }), RangeError);
  throws(() => new Cable(world.loop, world.random, { loss: any('1') }), RangeError);
  await rejects(world.until(() => false, Number.NaN), /did not hold/);
  
}));
