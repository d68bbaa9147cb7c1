/**
 * Arguments that a C compiler would have refused, and the helpers that make the right ones.
 */
import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { int32, linger, timeval } from '../../src/api/posix/option-values.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { group_filter, group_req } from '../../src/api/posix/multicast-values.ts';
import { controlData, controlMessage, readControl } from '../../src/socket/control.ts';
import { sockaddrLl } from '../../src/socket/family/packet-address.ts';
import { filterBytes } from '../../src/socket/socket-filter.ts';
import { formatSockaddr, sockaddrIn, sockaddrUn } from '../../src/socket/sockaddr.ts';

/** As JavaScript without types hands it in. */
const any = (value: unknown): Uint8Array => value as Uint8Array;

/** Runs `body` with a UDP socket on port 7 of 127.0.0.1. */
function run(body: (process: Process, fd: number) => Promise<void>): Promise<void> {
  return simulate({ seed: 1 }, async (world) => {
    const process = new Process(world.host('a'), 'p');
    const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
    await process.bind(fd, sockaddrIn('127.0.0.1', 7));
    await body(process, fd);
  });
}

test('a buffer that is no Uint8Array rejects with a TypeError that names the call and what it got', () => run(async (process, fd) => {
  for (const [wrong, word] of [
    ['hello', 'a string'], [undefined, 'undefined'], [null, 'null'], [7, 'a number'], [{}, 'an object'],
    [new Uint16Array(2), 'a Uint16Array'], [new DataView(new ArrayBuffer(2)), 'a DataView'], [new ArrayBuffer(2), 'an ArrayBuffer'],
  ] as const) {
    const fault = (name: string): object => ({ name: 'TypeError', message: `${name}: buffer must be a Uint8Array, not ${word}` });
    await rejects(process.write(fd, any(wrong)), fault('write'));
    await rejects(process.send(fd, any(wrong), 0), fault('send'));
    await rejects(process.sendto(fd, any(wrong), 0, sockaddrIn('127.0.0.1', 7)), fault('sendto'));
    await rejects(process.read(fd, any(wrong)), fault('read'));
    await rejects(process.recv(fd, any(wrong), 0), fault('recv'));
    await rejects(process.recvfrom(fd, any(wrong), 0), fault('recvfrom'));
    const each = { name: 'TypeError', message: new RegExp(`: every buffer must be a Uint8Array, not ${word}$`) };
    await rejects(process.writev(fd, [new Uint8Array(1), any(wrong)]), each);
    await rejects(process.readv(fd, [any(wrong)]), each);
    await rejects(process.recvmsg(fd, [any(wrong)], 0), each);
    await rejects(process.sendmsg(fd, { iov: [any(wrong)] }, 0), each);
  }
  await rejects(process.writev(fd, any('x') as unknown as Uint8Array[]), /^TypeError: writev: iov must be an array of Uint8Arrays, not a string$/);
}));

test('an address that is no bytes rejects with a TypeError that names sockaddrIn', () => run(async (process, fd) => {
  const fault = (name: string): object => ({
    name: 'TypeError', message: `${name}: address must be bytes of a sockaddr (sockaddrIn(...)), not a string`,
  });
  await rejects(process.connect(fd, any('127.0.0.1:7')), fault('connect'));
  await rejects(process.bind(fd, any('127.0.0.1:7')), fault('bind'));
  await rejects(process.sendto(fd, new Uint8Array(1), 0, any('127.0.0.1:7')), fault('sendto'));
  await rejects(process.sendmsg(fd, { iov: [], name: any('127.0.0.1:7') }, 0), fault('sendmsg'));
}));

test('a message whose address or control data is none rejects, whatever it is, alone or among others', () => run(async (process, fd) => {
  for (const [wrong, word] of [[5, 'a number'], [{}, 'an object'], ['x'.repeat(200), 'a string'], [true, 'a boolean']] as const) {
    const iov = [new Uint8Array(1)];
    for (const [message, what] of [
      [{ iov, name: any(wrong) }, 'address must be bytes of a sockaddr (sockaddrIn(...))'],
      [{ iov, control: any(wrong) }, 'control must be a Uint8Array'],
      [{ iov, name: any(wrong), control: new Uint8Array(16) }, 'address must be bytes of a sockaddr (sockaddrIn(...))'],
    ] as const) {
      const fault = (call: string): object => ({ name: 'TypeError', message: `${call}: ${what}, not ${word}` });
      await rejects(process.sendmsg(fd, message, 0), fault('sendmsg'));
      await rejects(process.sendmmsg(fd, [{ iov }, message], 0), fault('sendmmsg'));
    }
  }
}));

test('a Uint8Array of another realm is one', () => run(async (process, fd) => {
  const foreign = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array;
  equal(foreign instanceof Uint8Array, false);
  const address = runInNewContext('Uint8Array.from(bytes)', { bytes: [...sockaddrIn('127.0.0.1', 7)] }) as Uint8Array;
  equal(await process.sendto(fd, foreign, 0, address), 3);
  const buffer = runInNewContext('new Uint8Array(9)') as Uint8Array;
  equal(await process.recv(fd, buffer, 0), 3);
  deepEqual([...buffer.subarray(0, 3)], [1, 2, 3]);
}));

test('setsockopt takes any view of bytes, and the helpers lay out what C does', () => run(async (process, fd) => {
  await process.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, Int32Array.of(1));
  deepEqual(await process.getsockopt(fd, SOL.SOCKET, SO.REUSEADDR, 4), int32(true));
  await process.setsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, timeval(1.25));
  deepEqual(await process.getsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, 16), timeval(1.25));
  await rejects(process.recv(fd, new Uint8Array(1), 0), { code: 'EAGAIN' });
  await process.setsockopt(fd, SOL.SOCKET, SO.LINGER, linger(true, 5));
  deepEqual(await process.getsockopt(fd, SOL.SOCKET, SO.LINGER, 8), Uint8Array.of(1, 0, 0, 0, 5, 0, 0, 0));
  deepEqual(timeval(0.9999999), timeval(1), 'rounded up to a whole second');
  await rejects(process.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, any(1)), /TypeError: setsockopt: value must be .* not a number$/);
  for (const wrong of [1.5, 2 ** 31, Number.NaN]) throws(() => int32(wrong), RangeError);
  for (const wrong of [-1, Infinity, Number.NaN]) throws(() => timeval(wrong), RangeError);
}));

test('poll fills in revents where it was left out', () => run(async (process, fd) => {
  const asked = [{ fd, events: 4 }];
  equal(await process.poll(asked, 0), 1);
  deepEqual(asked, [{ fd, events: 4, revents: 4 }]);
}));

test('what a world is made of: a sentence that names the right thing, and nothing half made', () => simulate({ seed: 1 }, async (world) => {
  const a = world.host('a');
  const wrong = (value: unknown): never => value as never;
  const says = (make: () => unknown, message: string): void => throws(make, { name: 'TypeError', message });
  says(() => world.host(wrong(5)), 'world.host: the name must be a string with something in it, not a number');
  says(() => world.host(''), 'world.host: the name must be a string with something in it, not a string');
  says(() => world.cable(wrong('a'), a), "world.cable: the first end must be a host (world.host('a')) or a switch, not a string");
  says(() => world.cable(a, wrong(undefined)), "world.cable: the second end must be a host (world.host('a')) or a switch, not undefined");
  says(() => world.capture(wrong(a)), 'world.capture: takes an array of devices ([cable.a]), not a Host');
  says(() => world.capture([wrong(a)]), 'world.capture: each of the devices must be one (cable.a), not a Host');
  says(() => new Process(wrong('a'), 'p'), "Process: takes a host (world.host('a')) and a name, not a string");
  says(() => new Process(a, wrong(undefined)), 'Process: the name must be a string, not undefined');
  equal(world.hosts.length, 1);
  deepEqual(a.network.interfaces().map((entry) => entry.device.name), ['lo']);
}));

test('simulate wants a seed and a body', async () => {
  const wrong = (value: unknown): never => value as never;
  const body = 'simulate: takes options and a function, simulate({ seed: 1 }, async (world) => ...), not undefined';
  await rejects(simulate(wrong(async () => {}), wrong(undefined)), { name: 'TypeError', message: body });
  await rejects(simulate(wrong({}), async () => {}), { name: 'TypeError', message: 'simulate: the seed must be a text or a number, not undefined' });
});

test('calls with structures and lists reject with a sentence instead of throwing', () => run(async (process, fd) => {
  const wrong = any(7) as never;
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['semop: operations must be an array of { num, op, flg }', () => process.semop(1, wrong)],
    ['semop: every operation must be { num, op, flg }', () => process.semop(1, [wrong])],
    ['setgroups: groups must be an array of numbers', () => process.setgroups(wrong)],
    ['timerfd_settime: setting must be { valueUs, intervalUs }', () => process.timerfd_settime(fd, 0, wrong)],
    ['setrlimit: limit must be { soft, hard }', () => process.setrlimit(7, wrong)],
    ['spawn: program must be a function', () => process.spawn(wrong)],
    ['spawn: args must be an array of strings', () => process.spawn(async () => 0, wrong)],
    ['spawn: options must be an object', () => process.spawn(async () => 0, [], wrong)],
    ['spawn: every duplicate must be [from, to]', () => process.spawn(async () => 0, [], { duplicate: [wrong] })],
    ['sigaction: action must be { handler, flags, mask } or null', () => process.sigaction(1, wrong)],
    ['sigaction: mask must be an array of numbers', () => process.sigaction(1, { handler: 0, mask: wrong })],
    ['sigprocmask: a set of signals must be an array of numbers', () => process.sigprocmask(0, wrong)],
    ['sigsuspend: a set of signals must be an array of numbers', () => process.sigsuspend(wrong)],
    ['sigtimedwait: a set of signals must be an array of numbers', () => process.sigtimedwait(wrong, 0)],
    ['setitimer: value must be { valueUs, intervalUs }', () => process.setitimer(0, wrong)],
    ['timer_create: event must be { notify, signo, value } or null', () => process.timer_create(1, wrong)],
    ['timer_settime: setting must be { valueUs, intervalUs }', () => process.timer_settime(1, 0, wrong)],
    ['ppoll: fds must be an array of { fd, events }', () => process.ppoll(wrong, 0, [])],
    ['ppoll: a set of signals must be an array of numbers', () => process.ppoll([], 0, wrong)],
    ['pselect: a set of signals must be an array of numbers', () => process.pselect(0, null, null, null, 0, wrong)],
    ['epoll_pwait: a set of signals must be an array of numbers', () => process.epoll_pwait(1, 1, 0, wrong)],
    ['signalfd: a set of signals must be an array of numbers', () => process.signalfd(-1, wrong, 0)],
    ['recvmmsg: messages must be an array of { iov }', () => process.recvmmsg(fd, wrong, 0)],
    ['recvmmsg: every message must be { iov }', () => process.recvmmsg(fd, [wrong], 0)],
    ['sendmmsg: iov must be an array of Uint8Arrays', () => process.sendmmsg(fd, [{ iov: wrong }], 0)],
    ['sendmmsg: every buffer must be a Uint8Array', () => process.sendmmsg(fd, [{ iov: [wrong] }], 0)],
    ['semctl: argument must be an array of numbers', () => process.semctl(1, 0, 17, wrong)],
  ];
  for (const [sentence, call] of calls) await rejects(call(), { name: 'TypeError', message: `${sentence}, not a number` });
}));

test('helpers throw a TypeError or RangeError that is their own, whatever they are given', () => {
  const thrower = (): never => {
    throw new Error('from the caller');
  };
  const odd = [5n, Symbol('x'), {}, Object.create(null), { [Symbol.toPrimitive]: thrower, toString: thrower }, new Proxy([], { get: thrower }),
    new Proxy(new Uint8Array(4), {}), { get protocol(): never { return thrower(); } }, () => 1];
  const helpers: readonly ((value: never) => unknown)[] = [
    int32, timeval, (value) => linger(true, value), (value) => group_filter(1, value, 0), (value) => group_filter(1, '239.1.1.1', 0, value),
    (value) => group_filter(value, '239.1.1.1', 0), (value) => group_req(value, '239.1.1.1'), (value) => group_req(1, value), filterBytes,
    (value) => filterBytes([value]), (value) => sockaddrLl({ protocol: value }), (value) => sockaddrLl({ address: value }), formatSockaddr, readControl,
    (value) => controlData(value), (value) => controlMessage(1, 1, value), (value) => controlMessage(value, 1, new Uint8Array(4)),
    (value) => sockaddrIn(value, 1), (value) => sockaddrIn('127.0.0.1', value), sockaddrUn,
  ];
  for (const helper of helpers) {
    for (const value of odd) {
      throws(() => helper(value as never), (error: Error) => (error instanceof TypeError || error instanceof RangeError) && /must be|cannot be read|not an IP/.test(error.message),
        `${String(helper)} of ${typeof value}`);
    }
  }
});
