/** recvmmsg and sendmmsg: several messages by one call, on every family. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { MSG_WAITFORONE } from '../../../src/kernel/message-batch.ts';
import { rightsMessage } from '../../../src/socket/control.ts';
import { un } from '../address.ts';
import { AF, IP, IPPROTO, IPV6, MSG, O, SA, SHUT, SIG, SO, SOCK, SOL } from '../numbers.ts';
import { type Program, program } from '../program.ts';
import { ALL_FAMILIES, dgram, dgramPair, type Family, INET, ints, pair, PORT, room, silently, text, timeval } from '../toolkit.ts';

const into = (...lengths: number[]): { iov: Uint8Array[]; nameLength: number }[] =>
  lengths.map((length) => ({ iov: [room(length)], nameLength: 28 }));
const messages = (...words: string[]): { iov: Uint8Array[] }[] => words.map((word) => ({ iov: [text(word)] }));

const families: Program[] = ALL_FAMILIES.flatMap((family: Family) => [
  program(`batch-datagrams-${family.name}`, async (env) => {
    const p = await env.process();
    const { a, b } = await dgramPair(p, family);
    await p.sendmmsg(a, messages('one', 'two', '', 'three'), 0);
    await p.recvmmsg(b, into(8, 8, 8, 2), 0);
    await p.sendmmsg(a, messages('x', 'y'), MSG.DONTWAIT);
    await p.recvmmsg(b, into(4, 4, 4, 4), MSG.DONTWAIT);
    await env.attempt(p.recvmmsg(b, into(4), MSG.DONTWAIT));
    await p.sendmmsg(a, messages('x', 'y'), 0);
    await p.recvmmsg(b, into(4, 4, 4), MSG_WAITFORONE);
    await p.sendmmsg(a, messages('p', 'q'), 0);
    await p.recvmmsg(b, into(4, 4), MSG.PEEK);
    await p.recvmmsg(b, [{ iov: [room(1), room(1)] }, { iov: [] }], 0);
    // Waits for all of them.
    const waiting = env.begin(p.recvmmsg(b, into(4, 4, 4), 0));
    await env.settle();
    await p.send(a, text('1'), 0);
    await env.settle();
    await p.sendmmsg(a, messages('2', '3'), 0);
    await env.attempt(waiting);
    // Addresses of each, and errors in the middle: what went before counts.
    const c = await dgram(p, family);
    const good = { name: family.loopback(PORT + 1), iov: [text('good')] };
    const bad = { name: family.loopback(0), iov: [text('bad')] };
    await p.sendmmsg(c, [good, { ...good, iov: [text('g'), text('h')] }], 0);
    await p.connect(b, family.loopback(PORT));
    await p.sendmmsg(c, [], 0);
    await env.attempt(p.sendmmsg(c, [bad, good], 0));
    await p.sendmmsg(c, [good, bad, good], 0);
    await env.attempt(p.sendmmsg(c, messages('nowhere'), 0));
    await env.attempt(p.sendmmsg(c, [{ name: room(200), iov: [text('x')] }], 0));
    await env.attempt(p.sendmmsg(c, [{ name: family.loopback(PORT), iov: [room(70000)] }], 0));
    await env.attempt(p.sendmmsg(c, [{ ...good, control: room(3) }], 0));
    await env.attempt(p.sendmmsg(c, [good, { ...good, control: ints(3, 0, 0, 0) }], 0));
  }),
  program(`batch-timeouts-${family.name}`, async (env) => {
    const p = await env.process();
    const { a, b } = await dgramPair(p, family);
    await env.attempt(p.recvmmsg(b, into(4), 0, -1));
    await p.sendmmsg(a, messages('1', '2', '3'), 0);
    // The time is looked at after each message.
    await p.recvmmsg(b, into(4, 4, 4), 0, 0);
    await p.recvmmsg(b, into(4, 4), 0, 5_000_000);
    const start = env.now();
    const waiting = env.begin(p.recvmmsg(b, into(4, 4), 0, 30_000));
    await env.settle(60);
    await p.send(a, text('late'), 0);
    await env.attempt(waiting);
    env.noteTime('ended by a message after its time', start, 60, 1000);
    // SO_RCVTIMEO ends each wait.
    await p.setsockopt(b, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 50_000));
    await env.attempt(p.recvmmsg(b, into(4, 4), 0));
    await p.send(a, text('1'), 0);
    await p.recvmmsg(b, into(4, 4), 0);
    await env.attempt(p.recvmmsg(b, [], 0));
  }),
  program(`batch-waits-${family.name}`, async (env) => {
    const p = await env.process();
    const { a, b } = await dgramPair(p, family);
    // Each message has the whole of SO_RCVTIMEO for itself.
    await p.setsockopt(b, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 150_000));
    let start = env.now();
    const renewed = env.begin(p.recvmmsg(b, into(4, 4, 4), 0));
    await env.settle(100);
    await p.send(a, text('1'), 0);
    await env.settle(100);
    await p.send(a, text('2'), 0);
    await env.attempt(renewed);
    env.noteTime('each wait is a whole one', start, 300, 2000);
    await p.getsockopt(b, SOL.SOCKET, SO.ERROR, 4);
    // The call's time ends no wait, SO_RCVTIMEO does; what there is counts.
    start = env.now();
    await env.attempt(p.recvmmsg(b, into(4, 4), 0, 10_000));
    env.noteTime('the time of the socket', start, 100, 2000);
    // Over after the first of two that are there, not before.
    await p.sendmmsg(a, messages('1', '2'), 0);
    await p.recvmmsg(b, into(4, 4), 0, 0);
    await p.recvmmsg(b, into(4, 4), MSG_WAITFORONE, 1_000_000);
    // MSG_WAITFORONE waits for one, and takes what else is there.
    const one = env.begin(p.recvmmsg(b, into(4, 4, 4), MSG_WAITFORONE));
    await env.settle(20);
    await p.sendmmsg(a, messages('1'), 0);
    await env.attempt(one);
    start = env.now();
    await env.attempt(p.recvmmsg(b, into(4, 4), MSG_WAITFORONE));
    env.noteTime('it waits for the first', start, 100, 2000);
    await env.attempt(p.recvmmsg(b, into(4, 4), MSG_WAITFORONE | MSG.DONTWAIT));
  }),
  program(`batch-errors-${family.name}`, async (env) => {
    const p = await env.process();
    const { a, b } = await dgramPair(p, family);
    await p.close(b);
    // A refusal that waits is told before anything is received or sent.
    await p.send(a, text('x'), 0);
    await env.attempt(p.recvmmsg(a, into(4, 4), 0));
    await p.send(a, text('x'), 0);
    await env.attempt(p.sendmmsg(a, messages('1', '2'), 0));
    await p.send(a, text('x'), 0);
    await env.attempt(p.recvmmsg(a, [], 0));
    await env.attempt(p.recvmmsg(a, into(4), MSG.DONTWAIT));
    await p.sendmmsg(a, messages('1', '2', '3'), 0);
    await p.getsockopt(a, SOL.SOCKET, SO.ERROR, 4);
    // One that comes while it waits for the second message is kept for the next call.
    const again = await dgram(p, family);
    await p.bind(again, family.loopback(PORT + 1));
    const waiting = env.begin(p.recvmmsg(a, into(4, 4), 0));
    await env.settle();
    await p.connect(again, family.loopback(PORT));
    await p.send(again, text('1'), 0);
    await env.settle();
    await p.close(again);
    await p.send(a, text('x'), 0);
    await env.attempt(waiting);
    await p.getsockopt(a, SOL.SOCKET, SO.ERROR, 4);
    await env.attempt(p.recvmmsg(a, into(4), MSG.DONTWAIT));
  }),
  program(`batch-stream-${family.name}`, async (env) => {
    const p = await env.process();
    const { client, server } = await pair(p, family);
    await p.sendmmsg(client, messages('abc', 'def'), 0);
    await env.settle();
    await p.recvmmsg(server, into(4, 4), MSG.DONTWAIT);
    await p.sendmmsg(client, messages('abcdefgh'), 0);
    await p.recvmmsg(server, into(3, 3, 2), MSG.WAITALL);
    await p.shutdown(client, SHUT.WR);
    await p.recvmmsg(server, into(3, 3), 0);
    await env.attempt(p.sendmmsg(client, messages('x'), MSG.NOSIGNAL));
    // Urgent data ends it.
    const { client: other, server: end } = await pair(p, family, PORT + 10);
    await p.send(other, text('!'), MSG.OOB);
    await p.send(other, text('data'), 0);
    await env.settle();
    await p.recvmmsg(end, into(3, 3), MSG.OOB);
    // Data, then a reset: told by the next call.
    await p.setsockopt(other, SOL.SOCKET, SO.LINGER, ints(1, 0));
    const waiting = env.begin(p.recvmmsg(end, into(4, 3), 0));
    await env.settle();
    await p.close(other);
    await env.attempt(waiting);
    await p.getsockopt(end, SOL.SOCKET, SO.ERROR, 4);
    const listening = await p.socket(family.domain, SOCK.STREAM, 0);
    await env.attempt(p.recvmmsg(listening, into(3), 0));
    await env.attempt(p.sendmmsg(listening, messages('x'), MSG.NOSIGNAL));
  }),
]);

const waitingSenders = ([['stream', SOCK.STREAM], ['seqpacket', SOCK.SEQPACKET]] as const).map(([name, type]) =>
  program(`batch-senders-${name}`, async (env) => {
    const p = await env.process();
    const [a, b] = await p.socketpair(AF.UNIX, type, 0);
    await p.setsockopt(a, SOL.SOCKET, SO.SNDBUF, ints(4608));
    await p.setsockopt(a, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 150_000));
    let full = 0;
    while ((await env.attempt(silently(p).send(a, room(1000), MSG.DONTWAIT))) === null) full++;
    env.note('some fit', full > 0 && full < 20);
    // Each message waits for SO_SNDTIMEO anew.
    let start = env.now();
    const renewed = env.begin(p.sendmmsg(a, messages('one', 'two', 'three'), 0));
    await env.settle(100);
    for (let i = 0; i < full; i++) await silently(p).recv(b, room(1000), 0);
    await env.attempt(renewed);
    env.noteTime('there was room', start, 90, 140);
    while ((await env.attempt(silently(p).send(a, room(1000), MSG.DONTWAIT))) === null);
    start = env.now();
    await env.attempt(p.sendmmsg(a, messages('four', 'five'), 0));
    env.noteTime('no room, for the time of one message', start, 140, 290);
    // An end while it waits: what went before counts, and the next call hears of it.
    for (let i = 0; i < 3; i++) await env.attempt(silently(p).recv(b, room(1000), MSG.DONTWAIT));
    await p.setsockopt(a, SOL.SOCKET, SO.SNDTIMEO, timeval(10, 0));
    const ended = env.begin(silently(p).sendmmsg(a, Array.from({ length: 50 }, () => ({ iov: [room(1000)] })), MSG.NOSIGNAL));
    await env.settle();
    await p.close(b);
    const counts = await ended;
    env.note('some were sent', counts.length > 0 && counts.length < 50);
    await env.attempt(p.sendmmsg(a, messages('x', 'y'), MSG.NOSIGNAL));
    await env.attempt(p.sendmmsg(a, messages('x', 'y'), MSG.NOSIGNAL));
  }));

const control: Program[] = [
  program('batch-control-inet', async (env) => {
    const p = await env.process();
    const { a, b } = await dgramPair(p, INET);
    await p.setsockopt(b, IPPROTO.IP, IP.RECVTTL, ints(1));
    const withTtl = (ttl: number): Uint8Array => {
      const bytes = room(24);
      bytes.set(ints(20, 0, IPPROTO.IP, IP.TTL, ttl));
      return bytes;
    };
    await p.sendmmsg(a, [1, 9, 77].map((ttl) => ({ iov: [text('x')], control: withTtl(ttl) })), 0);
    await p.sendmmsg(a, messages('y'), 0);
    await p.recvmmsg(b, [1, 2, 3, 4].map((_, i) => ({ iov: [room(4)], controlLength: i === 2 ? 8 : 64 })), 0);
  }),
  ...[SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET].map((type) => program(`batch-unix-${type}`, async (env) => {
    const p = await env.process();
    const [a, b] = await p.socketpair(AF.UNIX, type, 0);
    const [reading, writing] = await p.pipe();
    await p.sendmmsg(a, [
      { iov: [text('one')] }, { iov: [text('two')], control: rightsMessage(reading) }, { iov: [text('three')], control: rightsMessage(writing, a) },
    ], 0);
    await p.recvmmsg(b, [1, 2, 3].map(() => ({ iov: [room(8)], controlLength: 64 })), MSG.DONTWAIT);
    await env.attempt(p.sendmmsg(a, [{ iov: [text('x')] }, { iov: [text('y')], control: rightsMessage(99) }], 0));
    await env.attempt(p.sendmmsg(a, [{ iov: [text('y')], control: rightsMessage(99) }], 0));
    await p.recvmmsg(b, into(8, 8), MSG.DONTWAIT);
    await env.attempt(p.recvmmsg(b, into(8), MSG.DONTWAIT));
    // A queue that fills: as many as fit, then none.
    await p.setsockopt(a, SOL.SOCKET, SO.SNDBUF, ints(4608));
    const sent = await silently(p).sendmmsg(a, Array.from({ length: 100 }, () => ({ iov: [room(500)] })), MSG.DONTWAIT);
    env.note('some were sent, not all', sent.length > 0 && sent.length < 100);
    await env.attempt(p.sendmmsg(a, [{ iov: [room(500)] }], MSG.DONTWAIT));
    await p.close(b);
    await env.attempt(p.sendmmsg(a, messages('gone'), MSG.NOSIGNAL));
    await env.attempt(p.recvmmsg(a, into(8, 8), type === SOCK.DGRAM ? MSG.DONTWAIT : 0));
  })),
  program('batch-unix-names', async (env) => {
    const p = await env.process();
    const a = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
    const b = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
    await p.bind(a, un('/tmp/a'));
    await p.bind(b, un('/tmp/b'));
    await p.sendmmsg(a, [{ name: un('/tmp/b'), iov: [text('1')] }, { name: un('/tmp/b'), iov: [text('2')] }], 0);
    await env.attempt(p.sendmmsg(a, [{ name: un('/tmp/b'), iov: [text('3')] }, { name: un('/tmp/none'), iov: [text('4')] }], 0));
    await env.attempt(p.sendmmsg(a, [{ name: un('/tmp/none'), iov: [text('4')] }], 0));
    await p.recvmmsg(b, into(4, 4, 4), 0);
  }),
  program('batch-faults', async (env) => {
    const p = await env.process();
    const fd = await dgram(p, INET);
    const [reading, writing] = await p.pipe();
    for (const bad of [-1, 99, reading, writing]) {
      await env.attempt(p.recvmmsg(bad, into(4), 0));
      await env.attempt(p.sendmmsg(bad, messages('x'), 0));
      await env.attempt(p.recvmmsg(bad, [], 0));
      await env.attempt(p.sendmmsg(bad, [], 0));
    }
    await p.recvmmsg(fd, [], 0);
    await p.sendmmsg(fd, [], 0);
    await env.attempt(p.recvmmsg(fd, into(4), 0x80000000 | 0));
    await env.attempt(p.sendmmsg(fd, messages('x'), 0x80000000 | 0));
    await p.fcntl(fd, 4, O.NONBLOCK);
    await env.attempt(p.recvmmsg(fd, into(4), 0));
    await env.attempt(p.recvmmsg(fd, into(4), MSG.ERRQUEUE));
    // No more than UIO_MAXIOV are looked at.
    await p.bind(fd, INET.loopback(PORT));
    const many = Array.from({ length: 1030 }, () => ({ name: INET.loopback(PORT), iov: [] }));
    const sent = await silently(p).sendmmsg(fd, many.slice(0, 200), 0);
    env.note('sent', sent.length);
  }),
  program('batch-raw', async (env) => {
    const p = await env.process();
    const fd = await p.socket(AF.INET, SOCK.RAW, 253);
    await p.sendmmsg(fd, [{ name: INET.loopback(0), iov: [text('1')] }, { name: INET.loopback(0), iov: [text('22')] }], 0);
    await p.recvmmsg(fd, into(2, 2), MSG.TRUNC);
    await env.attempt(p.sendmmsg(fd, messages('x'), 0));
    const packet = await p.socket(AF.PACKET, SOCK.DGRAM, 0);
    await env.attempt(p.recvmmsg(packet, into(64), MSG.DONTWAIT));
    await env.attempt(p.sendmmsg(packet, messages('x'), 0));
    const six = await p.socket(AF.INET6, SOCK.DGRAM, 0);
    await p.setsockopt(six, IPPROTO.IPV6, IPV6.V6ONLY, ints(1));
    await env.attempt(p.sendmmsg(six, [{ name: INET.loopback(PORT), iov: [text('x')] }], 0));
  }),
];

async function watched(p: Syscalls, flags: number): Promise<number[]> {
  const list: number[] = [];
  await p.sigaction(SIG.SIGUSR1, { handler: (signo) => void list.push(signo), flags });
  return list;
}

const signals: Program[] = ([['plain', 0], ['restart', SA.RESTART]] as const).map(([kind, flags]) =>
  program(`batch-interrupted-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const list = await watched(p, flags);
    const pid = await p.getpid();
    const { a, b } = await dgramPair(p, INET);
    const child = await env.fork(p);
    // Nothing there yet: as recvmsg.
    const first = env.begin(p.recvmmsg(b, into(4, 4), MSG_WAITFORONE));
    await env.settle();
    await other.kill(pid, SIG.SIGUSR1);
    await env.settle();
    await child.send(a, text('1'), 0);
    await env.attempt(first);
    await p.getpid();
    env.note('caught', list.splice(0).length);
    await env.attempt(p.recvmmsg(b, into(4), MSG.DONTWAIT));
    // One message is there, and counts. (SO_RCVTIMEO: an error of the kernel's own would be kept otherwise.)
    await p.setsockopt(b, SOL.SOCKET, SO.RCVTIMEO, timeval(10, 0));
    const second = env.begin(p.recvmmsg(b, into(4, 4), 0));
    await env.settle();
    await child.send(a, text('2'), 0);
    await env.settle();
    await other.kill(pid, SIG.SIGUSR1);
    await env.attempt(second);
    await p.getpid();
    env.note('caught', list.splice(0).length);
    await p.getsockopt(b, SOL.SOCKET, SO.ERROR, 4);
    // A sender that waits for room.
    const [one, peer] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    const third = env.begin(silently(p).sendmmsg(one, Array.from({ length: 200 }, () => ({ iov: [room(5000)] })), 0));
    await env.settle();
    await other.kill(pid, SIG.SIGUSR1);
    const counts = await third;
    env.note('a part was sent', counts.length > 0 && counts.length < 200);
    env.note('caught', list.splice(0).length);
    await p.close(peer);
    await watched(p, flags);
    await p.sigaction(SIG.SIGPIPE, { handler: (signo) => void list.push(signo) });
    await env.attempt(p.sendmmsg(one, messages('x', 'y'), 0));
    env.note('SIGPIPE', list.length);
  }));

const kept: Program[] = [
  // Deviation: Linux keeps ERESTARTSYS, an error of its own.
  program('batch-interrupt-kept', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    await watched(p, 0);
    const { a, b } = await dgramPair(p, INET);
    const child = await env.fork(p);
    const waiting = env.begin(p.recvmmsg(b, into(4, 4), 0));
    await env.settle();
    await child.send(a, text('2'), 0);
    await env.settle();
    await other.kill(env.pidOf(p), SIG.SIGUSR1);
    await env.attempt(waiting);
    await p.getsockopt(b, SOL.SOCKET, SO.ERROR, 4);
  }),
];

export const programs: readonly Program[] = [...families, ...waitingSenders, ...control, ...signals, ...kept];
