/** Errnos of calls on descriptors and sockets that the other programs do not come by: one small cause each. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { in4 } from '../address.ts';
import { AF, F, IP, IPPROTO, MSG, O, SA, SHUT, SIG, SO, SOCK, SOL, TCP } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { FAMILIES, INET, PORT, POLL, dgram, ints, listener, pair, room, silently, stream, text } from '../toolkit.ts';

const noSocket = program('errors-of-no-socket', async (env) => {
  const p = await env.process();
  const file = await p.open('f', O.RDWR | O.CREAT, 0o644);
  const [reading] = await p.pipe();
  for (const fd of [file, reading, 99]) {
    for (const call of [
      () => p.bind(fd, INET.any(0)), () => p.listen(fd, 1), () => p.connect(fd, INET.any(0)), () => p.accept(fd),
      () => p.accept4(fd, 0), () => p.recv(fd, room(1), 0), () => p.recvfrom(fd, room(1), 0), () => p.recvmsg(fd, [room(1)], 0),
      () => p.send(fd, text('x'), 0), () => p.sendto(fd, text('x'), 0, null), () => p.sendmsg(fd, { iov: [text('x')] }, 0),
      () => p.shutdown(fd, SHUT.RDWR), () => p.getsockname(fd), () => p.getpeername(fd),
      () => p.getsockopt(fd, SOL.SOCKET, SO.TYPE, 4), () => p.setsockopt(fd, SOL.SOCKET, SO.KEEPALIVE, ints(1)),
    ]) await env.attempt(call());
  }
});

const limited = program('errors-of-the-descriptor-limit', async (env) => {
  const p = await env.process();
  const q = await p.mq_open('/q', O.RDWR | O.CREAT, 0o600);
  const listening = await listener(p, INET);
  const client = await stream(p, INET);
  await p.connect(client, INET.loopback(PORT));
  await env.limitDescriptors(p, client + 1);
  for (const call of [
    () => p.dup(q), () => p.dup2(q, client + 1), () => p.dup3(q, client + 1, 0), () => p.fcntl(q, F.DUPFD, 0), () => p.fcntl(q, F.DUPFD_CLOEXEC, 0),
    () => p.fcntl(q, F.DUPFD, client + 1),
    () => p.accept(listening), () => p.accept4(listening, 0), () => p.epoll_create1(0), () => p.eventfd(0, 0), () => p.timerfd_create(1, 0),
    () => p.mq_open('/q', O.RDWR), () => p.mq_open('/new', O.RDWR | O.CREAT, 0o600), () => p.pipe(), () => p.socket(AF.INET, SOCK.STREAM, 0),
    () => p.socketpair(AF.UNIX, SOCK.STREAM, 0), () => p.open('f', O.RDWR | O.CREAT, 0o600),
    () => p.poll(Array.from({ length: client + 2 }, () => ({ fd: q, events: POLL.OUT, revents: 0 })), 0),
  ]) await env.attempt(call());
});

const misused = program('errors-of-misused-descriptors', async (env) => {
  const p = await env.process();
  const file = await p.open('f', O.RDWR | O.CREAT, 0o644);
  const [reading] = await p.pipe();
  for (const fd of [file, 99]) {
    for (const call of [
      () => p.epoll_wait(fd, 1, 0), () => p.epoll_ctl(fd, 1, reading, 1, 0), () => p.timerfd_settime(fd, 0, { valueUs: 1, intervalUs: 0 }),
      () => p.timerfd_gettime(fd), () => p.mq_send(fd, text('x'), 0), () => p.mq_receive(fd, 10), () => p.mq_getattr(fd),
      () => p.mq_setattr(fd, 0), () => p.ioctl(fd, 0x5421), () => p.fcntl(fd, 9999), () => p.tee(fd, fd, 1, 0),
      () => p.splice(fd, null, fd, null, 1, 0), () => p.sendfile(fd, 99, null, 1),
    ]) await env.attempt(call());
  }
  for (const clock of [2, 77]) await env.attempt(p.timerfd_create(clock, 0));
  const q = await p.mq_open('/q', O.RDONLY | O.CREAT, 0o600);
  await env.attempt(p.mq_send(q, text('x'), 0));
  const w = await p.mq_open('/q', O.WRONLY);
  await env.attempt(p.mq_receive(w, 8192));
  await env.attempt(p.mq_setattr(q, O.APPEND));
  await env.attempt(p.read(file, room(0)));
  const timer = await p.timerfd_create(1, 0);
  await env.attempt(p.read(timer, room(4)));
  await env.attempt(p.readv(timer, [room(4)]));
  await env.attempt(p.write(timer, room(8)));
  await env.attempt(p.writev(timer, [room(8)]));
});

const listening = FAMILIES.map((family) => program(`errors-of-listen-${family.name}`, async (env) => {
  const p = await env.process();
  const [a, b] = [await stream(p, family), await stream(p, family)];
  for (const fd of [a, b]) {
    await p.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, ints(1));
    await p.bind(fd, family.loopback(PORT));
  }
  await p.listen(a, 1);
  await env.attempt(p.listen(b, 1));
  await env.attempt(p.connect(b, family.loopback(PORT)));
  const third = await stream(p, family);
  await env.attempt(p.bind(third, family.loopback(PORT)));
}));

/** The queue of a listener that accepts nobody is full: further SYNs are dropped. */
const timingOut = program('errors-of-connect-in-vain', async (env) => {
  const p = await env.process();
  const start = env.now();
  const waiting = [];
  for (const family of FAMILIES) {
    await listener(p, family, PORT, 0);
    const first = await stream(p, family);
    await p.connect(first, family.loopback(PORT));
    const second = await stream(p, family);
    await p.setsockopt(second, IPPROTO.TCP, TCP.SYNCNT, ints(1));
    waiting.push(env.begin(p.connect(second, family.loopback(PORT))));
  }
  for (const connecting of waiting) await env.attempt(connecting);
  env.noteTime('both gave up', start, 2900, 3600);
});

const sending = program('errors-of-sending', async (env) => {
  const p = await env.process();
  // Broadcasts that were permitted, and are not any more.
  const udp = await dgram(p, INET);
  await env.attempt(p.connect(udp, in4('127.255.255.255', PORT)));
  await p.setsockopt(udp, SOL.SOCKET, SO.BROADCAST, ints(1));
  await env.attempt(p.connect(udp, in4('127.255.255.255', PORT)));
  await p.setsockopt(udp, SOL.SOCKET, SO.BROADCAST, ints(0));
  await p.setsockopt(udp, IPPROTO.IP, IP.TOS, ints(4));
  await env.attempt(p.send(udp, text('x'), 0));
  await env.attempt(p.sendto(udp, text('x'), 0, in4('127.255.255.255', PORT)));
  await env.attempt(p.sendmsg(udp, { iov: [text('x')], name: in4('127.255.255.255', PORT) }, 0));
  await env.attempt(p.sendmmsg(udp, [{ iov: [text('x')], name: in4('127.255.255.255', PORT) }], 0));
  // More control data than a socket may hold (net.core.optmem_max).
  await env.attempt(p.sendmsg(udp, { iov: [text('x')], name: INET.loopback(PORT), control: room(1 << 20) }, 0));
  await env.attempt(p.sendmmsg(udp, [{ iov: [text('x')], name: INET.loopback(PORT), control: room(1 << 20) }], 0));
  const { client } = await pair(p, INET, PORT + 1);
  await env.attempt(p.sendmsg(client, { iov: [text('x')], name: INET.loopback(PORT) }, 0));
  const [one] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await env.attempt(p.sendmsg(one, { iov: [text('x')], name: INET.loopback(PORT) }, 0));
  await env.attempt(p.sendmmsg(one, [{ iov: [text('x')], name: INET.loopback(PORT) }], 0));
  await env.attempt(p.sendto(one, text('x'), 0, INET.loopback(PORT)));
  for (const lonely of [await stream(p, INET), await p.socket(AF.UNIX, SOCK.STREAM, 0)]) {
    for (const flags of [MSG.NOSIGNAL, MSG.NOSIGNAL | MSG.OOB]) await env.attempt(p.sendmmsg(lonely, [{ iov: [text('x')] }], flags));
  }
  await env.attempt(p.sendmmsg(await p.socket(AF.UNIX, SOCK.DGRAM, 0), [{ iov: [text('x')] }], MSG.OOB));
  const raw = await p.socket(AF.INET, SOCK.RAW, IPPROTO.RAW);
  await p.connect(raw, INET.loopback(0));
  await env.attempt(p.send(raw, text('too short'), 0));
  await env.attempt(p.sendmsg(raw, { iov: [text('too short')] }, 0));
  await env.attempt(p.write(raw, text('too short')));
  const blocked = await stream(p, INET, SOCK.NONBLOCK);
  await env.attempt(p.connect(blocked, INET.loopback(PORT + 1)));
  const full = await p.socketpair(AF.UNIX, SOCK.STREAM | SOCK.NONBLOCK, 0);
  while ((await env.attempt(silently(p).send(full[0], room(65536), 0))) === null);
  await env.attempt(p.sendmsg(full[0], { iov: [text('x')] }, 0));
  await env.attempt(p.sendto(full[0], text('x'), 0, null));
  await env.attempt(p.send(full[0], text('x'), MSG.DONTWAIT));
  await env.attempt(p.writev(full[0], [text('x')]));
});

const refused = FAMILIES.map((family) => program(`errors-of-refused-datagrams-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await dgram(p, family);
  await p.connect(fd, family.loopback(PORT));
  for (const call of [
    () => p.recvmsg(fd, [room(1)], 0), () => p.readv(fd, [room(1)]), () => p.writev(fd, [text('x')]), () => p.recvfrom(fd, room(1), 0),
  ]) {
    await p.send(fd, text('x'), 0);
    await env.settle();
    await env.attempt(call());
  }
}));

/** Calls that wait, each ended by a signal with a handler. */
async function endedBySignal(env: ProgramEnvironment, p: Syscalls, other: Syscalls, call: () => Promise<unknown>): Promise<void> {
  const pid = env.pidOf(p);
  const waiting = env.begin(call());
  await env.settle();
  await other.kill(pid, SIG.SIGUSR1);
  await env.attempt(waiting);
}

const interrupted = program('errors-of-interrupted-calls', async (env) => {
  const p = await env.signalProcess();
  const other = await env.signalProcess();
  await p.sigaction(SIG.SIGUSR1, { handler: () => {} });
  const listening = await listener(p, INET);
  await endedBySignal(env, p, other, () => p.accept4(listening, 0));
  const [one, two] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await endedBySignal(env, p, other, () => p.readv(one, [room(1)]));
  await endedBySignal(env, p, other, () => p.recvfrom(one, room(1), 0));
  await endedBySignal(env, p, other, () => p.recvmsg(one, [room(1)], 0));
  await endedBySignal(env, p, other, () => p.sigtimedwait([SIG.SIGUSR2], Infinity));
  await endedBySignal(env, p, other, () => p.sigwaitinfo([SIG.SIGUSR2]));
  await p.fcntl(two, F.SETFL, O.NONBLOCK);
  while ((await env.attempt(silently(p).send(two, room(65536), 0))) === null);
  await p.fcntl(two, F.SETFL, 0);
  await endedBySignal(env, p, other, () => p.send(two, text('x'), 0));
  await endedBySignal(env, p, other, () => p.sendto(two, text('x'), 0, null));
  await endedBySignal(env, p, other, () => p.sendmsg(two, { iov: [text('x')] }, 0));
  await endedBySignal(env, p, other, () => p.sendmmsg(two, [{ iov: [text('x')] }], 0));
  await endedBySignal(env, p, other, () => p.writev(two, [text('x')]));
  await endedBySignal(env, p, other, () => p.mq_receive(two, 10).catch(() => p.pause()));
  const [reading, writing] = await p.pipe();
  const [, full] = await p.pipe();
  await silently(p).write(full, room(65536));
  await endedBySignal(env, p, other, () => p.splice(reading, null, full, null, 1, 0));
  await endedBySignal(env, p, other, () => p.tee(reading, full, 1, 0));
  const file = await p.open('f', O.RDWR | O.CREAT, 0o644);
  await p.write(file, text('something'));
  await endedBySignal(env, p, other, () => p.sendfile(full, file, 0, 4));
  await p.close(writing);
  await p.sigaction(SIG.SIGUSR1, { handler: () => {}, flags: SA.RESTART });
});

/** While another task waits in accept for its descriptor, dup finds the number taken but empty. */
const reserved = program('errors-of-a-reserved-number', async (env) => {
  const p = await env.process();
  await p.mkfifo('fifo', 0o644);
  const [reading] = await p.pipe();
  const waiting = env.begin(p.open('fifo', O.RDONLY));
  await env.settle();
  const number = reading + 2;
  await env.attempt(p.dup2(reading, number));
  await env.attempt(p.dup3(reading, number, 0));
  await p.open('fifo', O.WRONLY);
  await env.attempt(waiting);
});

export const programs: Program[] = [
  noSocket, limited, misused, ...listening, timingOut, sending, ...refused, interrupted, reserved,
];
