/**
 * Programs that end with everything still on: timers that run, epolls that watch, signals and messages that wait, sockets in queues,
 * calls under way. Their processes just end; what is then left on our host the side looks for (our-side.ts), and what others notice of it is compared.
 */
import { EPOLL, EPOLL_CTL } from '../../../src/kernel/epoll.ts';
import { IPC } from '../../../src/kernel/ipc/ipc-object.ts';
import { SEM_UNDO } from '../../../src/kernel/ipc/semaphores.ts';
import { SIGEV } from '../../../src/kernel/posix-timers.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { un } from '../address.ts';
import { AF, ETH_P, F, IP, IPPROTO, IPV6, MSG, O, PACKET, PACKET_MR, POLL, SIG, SIG_MASK, SO, SOCK, SOL, W } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { FAMILIES, type Family, INET, INET6, ints, joined, listener, pair, pattern, room, state, stream, text } from '../toolkit.ts';
import { rightsMessage } from './unix-control.ts';

/** Long after any program; and soon enough to come before everything of a host is at rest. */
const FAR = { valueUs: 1e10, intervalUs: 0 }, AGAIN = { valueUs: 1e9, intervalUs: 1e9 }, SOON = { valueUs: 5e6, intervalUs: 0 };
const event = (signo: number, notify: number = SIGEV.SIGNAL): { notify: number; signo: number; value: number } => ({ notify, signo, value: 7 });

async function armedDescriptors(p: Syscalls): Promise<number[]> {
  const fds: number[] = [];
  for (const clock of [0, 1]) {
    for (const setting of [FAR, AGAIN, SOON]) {
      const fd = await p.timerfd_create(clock, O.NONBLOCK);
      await p.timerfd_settime(fd, 0, setting);
      fds.push(fd);
    }
  }
  return fds;
}

async function armedTimers(p: Syscalls): Promise<void> {
  for (const setting of [FAR, AGAIN, SOON]) {
    for (const what of [event(SIG.SIGUSR1), event(40), event(0, SIGEV.NONE)]) {
      const timer = await p.timer_create(1, what);
      await p.timer_settime(timer, 0, setting);
    }
  }
}

const timers: Program[] = [
  program('left-timerfd', async (env) => {
    const p = await env.process();
    const fds = await armedDescriptors(p);
    // One that has gone off, unread, and goes on; and one that somebody waits for.
    const often = await p.timerfd_create(1, O.NONBLOCK);
    await p.timerfd_settime(often, 0, { valueUs: 1000, intervalUs: 1e9 });
    await env.settle(20);
    await state(p, often);
    const waited = await p.timerfd_create(1, 0);
    await p.timerfd_settime(waited, 0, FAR);
    env.begin(p.read(waited, room(8)));
    env.begin(p.poll([{ fd: fds[0] as number, events: POLL.IN }], -1));
    await env.settle();
    await p.timerfd_gettime(fds[1] as number);
  }),
  program('left-timerfd-of-a-child', async (env) => {
    const p = await env.signalProcess();
    const [first] = await armedDescriptors(p) as [number];
    const child = await env.fork(p);
    await armedDescriptors(child);
    await p.close(first);
    // The child has it still, and it runs.
    await child.timerfd_gettime(first);
    await env.exit(p);
    await child.timerfd_gettime(first);
    await child.dup(first);
  }),
  program('left-alarm', async (env) => {
    const p = await env.signalProcess();
    await p.alarm(10_000);
    const child = await env.fork(p);
    await child.setitimer(0, AGAIN);
    const other = await env.fork(p);
    await other.setitimer(0, SOON);
    await env.exit(child, 3);
    await p.waitpid(-1, 0);
    await other.getitimer(0);
    await p.alarm(20_000);
  }),
  program('left-timers', async (env) => {
    const p = await env.signalProcess();
    await armedTimers(p);
    const child = await env.fork(p);
    await armedTimers(child);
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
    const timer = await p.timer_create(1, event(SIG.SIGUSR1));
    // Its signal waits, and it runs on.
    await p.timer_settime(timer, 0, { valueUs: 1000, intervalUs: 1e9 });
    await env.settle(20);
    await p.sigpending();
    await env.exit(child, 1);
    await p.waitpid(-1, 0);
    await p.timer_gettime(timer);
  }),
];

/** Descriptors of each kind, with something to read or not. */
async function everything(env: ProgramEnvironment, p: Syscalls): Promise<number[]> {
  const { client, server, listening } = await pair(p, INET);
  await p.write(client, text('unread'));
  const waiting = await stream(p, INET);
  await p.connect(waiting, INET.loopback(5000));
  const udp = await p.socket(AF.INET6, SOCK.DGRAM, 0);
  await p.bind(udp, INET6.loopback(6000));
  await p.sendto(udp, text('mine'), 0, INET6.loopback(6000));
  const [reading, writing] = await p.pipe(O.NONBLOCK);
  await p.write(writing, text('x'));
  const [one, other] = await p.socketpair(AF.UNIX, SOCK.SEQPACKET, 0);
  await p.send(one, text('y'), 0);
  const counter = await p.eventfd(1, O.NONBLOCK);
  const timer = await p.timerfd_create(1, O.NONBLOCK);
  await p.timerfd_settime(timer, 0, FAR);
  const queue = await p.mq_open('/watched', O.RDWR | O.CREAT | O.NONBLOCK, 0o600, { maxMessages: 2, messageSize: 10 });
  await p.mq_send(queue, text('z'), 1);
  await env.settle();
  return [client, server, listening, waiting, udp, reading, writing, one, other, counter, timer, queue];
}

const epolls: Program[] = [
  program('left-epoll', async (env) => {
    const p = await env.process();
    // The epolls first, and what they watch behind: it is closed later than they are.
    const [outer, middle, inner] = [await p.epoll_create1(0), await p.epoll_create1(0), await p.epoll_create1(0)];
    const fds = await everything(env, p);
    const kinds = [0, EPOLL.ET, EPOLL.ONESHOT, EPOLL.EXCLUSIVE];
    for (const [i, fd] of fds.entries()) await p.epoll_ctl(inner, EPOLL_CTL.ADD, fd, POLL.IN | POLL.OUT | (kinds[i % 4] as number), i);
    await p.epoll_ctl(middle, EPOLL_CTL.ADD, inner, POLL.IN, 100);
    await p.epoll_ctl(outer, EPOLL_CTL.ADD, middle, POLL.IN, 101);
    await p.epoll_ctl(outer, EPOLL_CTL.ADD, inner, POLL.IN | EPOLL.ET, 102);
    await p.epoll_wait(outer, 10, 0);
    await p.epoll_wait(inner, 20, 0);
    const idle = await p.epoll_create1(0);
    env.begin(p.epoll_wait(idle, 10, -1));
    await env.settle();
  }),
  program('left-epoll-of-a-child', async (env) => {
    const p = await env.signalProcess();
    const [reading, writing] = await p.pipe(O.NONBLOCK);
    const epoll = await p.epoll_create1(0);
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, reading, POLL.IN, 1);
    const child = await env.fork(p);
    const second = await child.epoll_create1(0);
    await child.epoll_ctl(second, EPOLL_CTL.ADD, reading, POLL.IN, 2);
    await child.epoll_ctl(second, EPOLL_CTL.ADD, epoll, POLL.IN, 3);
    // What it watches has no descriptor here any more, and goes on at the child's.
    await p.close(reading);
    await child.write(writing, text('x'));
    await p.epoll_wait(epoll, 10, 0);
    await child.epoll_wait(second, 10, 0);
    await env.exit(p);
    await child.epoll_wait(epoll, 10, 0);
  }),
  program('left-exclusive-epoll', async (env) => {
    const p = await env.process();
    const [reading, writing] = await p.pipe(O.NONBLOCK);
    const [first, second] = [await p.epoll_create1(0), await p.epoll_create1(0)];
    for (const epoll of [first, second]) await p.epoll_ctl(epoll, EPOLL_CTL.ADD, reading, POLL.IN | EPOLL.EXCLUSIVE, 1);
    await p.close(first);
    const told = env.begin(p.epoll_wait(second, 10, -1));
    await env.settle();
    // One that is closed hears nothing, and takes nobody's turn.
    await p.write(writing, text('x'));
    await told;
    // Nor does it count for how deep epolls may lie.
    let inner = second;
    for (let depth = 0; depth < 6; depth++) {
      const outer = await p.epoll_create1(0);
      if ((await env.attempt(p.epoll_ctl(outer, EPOLL_CTL.ADD, inner, POLL.IN, 1))) !== null) break;
      if (depth % 2 === 0) await p.close(outer);
      else inner = outer;
    }
  }),
];

const signals: Program[] = [
  program('left-signals', async (env) => {
    const p = await env.signalProcess();
    const set = [SIG.SIGUSR1, SIG.SIGUSR2, SIG.SIGCHLD, 40, 41];
    await p.sigprocmask(SIG_MASK.BLOCK, set);
    const fd = await p.signalfd(-1, set, O.NONBLOCK);
    const pid = await p.getpid();
    for (const signo of [SIG.SIGUSR1, SIG.SIGUSR2, 40]) await p.kill(pid, signo);
    for (let i = 0; i < 5; i++) await p.sigqueue(pid, 41, i);
    const child = await env.fork(p);
    for (let i = 0; i < 3; i++) await child.sigqueue(env.pidOf(child), 40, i);
    await p.sigqueue(env.pidOf(child), 41, 9);
    await child.sigpending();
    await env.exit(child, 2);
    await p.sigpending();
    await state(p, fd);
    const epoll = await p.epoll_create1(0);
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, fd, POLL.IN, 1);
    await p.epoll_wait(epoll, 10, 0);
  }),
  program('left-owners', async (env) => {
    const p = await env.signalProcess();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGIO, SIG.SIGURG]);
    const { client, server } = await pair(p, INET);
    const [reading, writing] = await p.pipe(O.NONBLOCK);
    const child = await env.fork(p);
    for (const fd of [client, server, reading]) {
      await p.fcntl(fd, F.SETOWN, env.pidOf(fd === reading ? child : p));
      await p.fcntl(fd, F.SETFL, O.NONBLOCK | O.ASYNC);
    }
    await p.send(client, text('!'), MSG.OOB);
    await p.write(writing, text('x'));
    await env.settle();
    await p.sigpending();
    await child.sigpending();
    await env.exit(child);
    await p.write(writing, text('x'));
    await p.sigpending();
    await p.waitpid(-1, W.NOHANG);
  }),
];

/** Who asks to be told of a queue's message goes without taking it back. */
const queues: Program[] = [SIGEV.SIGNAL, SIGEV.NONE].map((notify) => program(`left-queue-notice-${notify}`, async (env) => {
  const p = await env.signalProcess();
  await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
  const fd = await p.mq_open('/told', O.RDWR | O.CREAT | O.NONBLOCK, 0o600, { maxMessages: 2, messageSize: 10 });
  const child = await env.fork(p);
  // Queues' descriptors are closed when a program begins.
  const own = await child.mq_open('/told', O.RDWR | O.NONBLOCK);
  await child.mq_notify(own, event(SIG.SIGUSR1, notify));
  await env.attempt(p.mq_notify(fd, event(SIG.SIGUSR1)));
  await env.exit(child);
  // It went with its process.
  await env.attempt(p.mq_notify(fd, event(SIG.SIGUSR1, notify)));
  const other = await p.mq_open('/told-too', O.RDWR | O.CREAT | O.NONBLOCK, 0o600, { maxMessages: 2, messageSize: 10 });
  await p.mq_notify(other, event(40, notify));
  await p.mq_send(fd, text('one'), 0);
  await p.mq_send(fd, text('two'), 0);
  await p.sigpending();
}));

const objects = program('left-attachments-and-undos', async (env) => {
  const p = await env.signalProcess();
  const [kept, removed] = [await p.shmget(1, 100, IPC.CREAT | 0o600), await p.shmget(IPC.PRIVATE, 5000, IPC.CREAT | 0o600)];
  for (const id of [kept, kept, removed]) await p.shmat(id, 0);
  await p.shmctl(removed, IPC.RMID);
  const set = await p.semget(1, 2, IPC.CREAT | 0o600);
  await p.semop(set, [{ num: 0, op: 3, flg: SEM_UNDO }, { num: 1, op: 1, flg: 0 }]);
  const child = await env.fork(p);
  await child.shmat(kept, 0);
  await child.semop(set, [{ num: 0, op: 2, flg: SEM_UNDO }]);
  await p.shmctl(kept, IPC.STAT);
  await env.exit(child);
  await p.shmctl(kept, IPC.STAT);
  await p.semctl(set, 0, 12);
  const messages = await p.msgget(1, IPC.CREAT | 0o600);
  await p.msgsnd(messages, 1, pattern(50), 0);
});

/** Connections that nobody has accepted, some with data. */
async function unaccepted(p: Syscalls, domain: number, type: number, address: Uint8Array): Promise<number> {
  const listening = await p.socket(domain, type, 0);
  await p.bind(listening, address);
  await p.listen(listening, 5);
  for (let i = 0; i < 3; i++) {
    const client = await p.socket(domain, type, 0);
    await p.connect(client, address);
    if (i > 0) await p.write(client, pattern(200));
  }
  return listening;
}

const sockets: Program[] = [
  ...FAMILIES.map((family: Family) => program(`left-connections-${family.name}`, async (env) => {
    const p = await env.process();
    await unaccepted(p, family.domain, SOCK.STREAM, family.loopback(5000));
    const q = await env.process();
    const listening = await unaccepted(q, family.domain, SOCK.STREAM, family.loopback(5001));
    await env.settle();
    const { client, server } = await pair(p, family, 5002);
    await p.write(client, pattern(60_000));
    await p.write(server, pattern(1000));
    // Who is closed with data that nobody read, and who waits for somebody to take his.
    const slow = await listener(q, family, 5003);
    const nonblocking = await stream(q, family, SOCK.NONBLOCK);
    await env.attempt(q.connect(nonblocking, family.loopback(5003)));
    await env.settle();
    await q.write(nonblocking, pattern(50_000));
    await state(q, slow);
    await state(q, listening);
    await env.exit(q);
    await state(p, client);
  })),
  program('left-connections-unix', async (env) => {
    const p = await env.process();
    for (const [i, type] of [SOCK.STREAM, SOCK.SEQPACKET].entries()) await unaccepted(p, AF.UNIX, type, un(`\0left${i}`));
    await unaccepted(p, AF.UNIX, SOCK.STREAM, un('/tmp/left'));
    const q = await env.process();
    const full = await q.socket(AF.UNIX, SOCK.STREAM, 0);
    await q.bind(full, un('\0full'));
    await q.listen(full, 0);
    for (let i = 0; i < 3; i++) env.begin(q.connect(await q.socket(AF.UNIX, SOCK.STREAM, 0), un('\0full')));
    await env.settle();
    await state(q, full);
  }),
  program('left-rights', async (env) => {
    const p = await env.process();
    const timer = await p.timerfd_create(1, 0);
    await p.timerfd_settime(timer, 0, FAR);
    const epoll = await p.epoll_create1(0);
    const { client, server } = await pair(p, INET);
    await p.write(client, text('unread'));
    const [one, other] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    const [reading, writing] = await p.pipe(0);
    // Descriptors that are nowhere but in messages, an epoll that watches among them; and a socket in its own queue.
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, timer, POLL.IN, 1);
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, reading, POLL.IN, 2);
    await p.sendmsg(one, { iov: [text('a')], control: rightsMessage(timer, epoll, server, reading, writing) }, 0);
    await p.sendmsg(one, { iov: [text('b')], control: rightsMessage(one, other) }, 0);
    for (const fd of [timer, epoll, server, reading, writing]) await p.close(fd);
    const listening = await unaccepted(p, AF.UNIX, SOCK.STREAM, un('\0rights'));
    const sender = await p.socket(AF.UNIX, SOCK.STREAM, 0);
    await p.connect(sender, un('\0rights'));
    await p.sendmsg(sender, { iov: [text('c')], control: rightsMessage(listening, client, sender) }, 0);
    await p.close(listening);
    await p.close(client);
    await state(p, other);
  }),
  program('left-rights-of-nobody', async (env) => {
    const p = await env.process();
    for (const type of [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET]) {
      const [one, other] = await p.socketpair(AF.UNIX, type, 0);
      const timer = await p.timerfd_create(1, 0);
      await p.timerfd_settime(timer, 0, FAR);
      const udp = await p.socket(AF.INET, SOCK.DGRAM, 0);
      await p.bind(udp, INET.loopback(6000 + type));
      const [reading, writing] = await p.pipe(0);
      await p.sendmsg(one, { iov: [text('a')], control: rightsMessage(timer, udp, reading) }, 0);
      for (const fd of [timer, udp, reading]) await p.close(fd);
      // Read by nobody; of the second pair the receiver goes first, and then there is no reader any more.
      if (type === SOCK.DGRAM) await p.close(other);
      await state(p, writing);
    }
  }),
  program('left-datagrams', async (env) => {
    const p = await env.process();
    for (const family of FAMILIES) {
      const fd = await p.socket(family.domain, SOCK.DGRAM, 0);
      await p.bind(fd, family.loopback(6000));
      for (let i = 0; i < 4; i++) await p.sendto(fd, pattern(500), 0, family.loopback(6000));
      // One that is being put together, and an error that nobody reads.
      await p.sendto(fd, text('half'), MSG.MORE, family.loopback(6000));
      const lost = await p.socket(family.domain, SOCK.DGRAM, 0);
      const [level, option] = family === INET ? [SOL.IP, IP.RECVERR] as const : [SOL.IPV6, IPV6.RECVERR] as const;
      await p.setsockopt(lost, level, option, ints(1));
      await p.sendto(lost, text('nobody'), 0, family.loopback(6001));
    }
    const raw = await p.socket(AF.INET, SOCK.RAW, IPPROTO.UDP);
    const [one, other] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
    for (let i = 0; i < 5; i++) await p.send(one, pattern(300), 0);
    const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
    await p.sendto(fd, text('raw sees it'), 0, INET.loopback(6000));
    await env.settle();
    await state(p, raw);
    await state(p, other);
  }),
  program('left-frames-and-groups', async (env) => {
    const p = await env.process();
    const lo = ints(1).subarray(0, 4);
    const fd = await p.socket(AF.PACKET, SOCK.RAW, (ETH_P.ALL << 8 | ETH_P.ALL >> 8) & 0xffff);
    await p.setsockopt(fd, SOL.PACKET, PACKET.ADD_MEMBERSHIP, joined(lo, Uint8Array.of(PACKET_MR.PROMISC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
    const udp = await p.socket(AF.INET, SOCK.DGRAM, 0);
    await p.setsockopt(udp, SOL.IP, IP.ADD_MEMBERSHIP, Uint8Array.of(239, 1, 2, 3, 127, 0, 0, 1));
    const udp6 = await p.socket(AF.INET6, SOCK.DGRAM, 0);
    await p.setsockopt(udp6, SOL.IPV6, IPV6.ADD_MEMBERSHIP, joined(Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34), lo));
    await p.sendto(udp, text('seen'), 0, INET.loopback(7));
    const netlink = await p.socket(AF.NETLINK, SOCK.RAW, 0);
    await p.setsockopt(netlink, 270, 1, ints(1));
    const request = Uint8Array.of(20, 0, 0, 0, 18, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    await p.send(netlink, request, 0);
    await env.settle();
    await state(p, fd);
    await state(p, netlink);
  }),
];

/** A call of each kind that waits, when its process ends. */
const waits = program('left-waiting', async (env) => {
  const p = await env.process();
  const listening = await listener(p, INET);
  const [reading] = await p.pipe(0);
  const [other] = await p.pipe(0);
  const [, full] = await p.pipe(0);
  const [one] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const set = await p.semget(IPC.PRIVATE, 1, IPC.CREAT | 0o600);
  const messages = await p.msgget(IPC.PRIVATE, IPC.CREAT | 0o600);
  const queue = await p.mq_open('/waited', O.RDWR | O.CREAT, 0o600, { maxMessages: 1, messageSize: 10 });
  await p.setsockopt(one, SOL.SOCKET, SO.RCVTIMEO, new Uint8Array(BigInt64Array.of(10_000n, 0n).buffer));
  for (const call of [
    p.accept(listening), p.read(reading, room(1)), p.recv(one, room(1), 0), p.poll([{ fd: reading, events: POLL.IN }], 1_000_000),
    p.select(64, null, null, null, 1e10), p.semop(set, [{ num: 0, op: -1, flg: SEM_UNDO }]), p.msgrcv(messages, 10, 0, 0),
    p.mq_receive(queue, 10, 1e10), p.splice(other, null, one, null, 10, 0), p.write(full, pattern(100_000)),
  ] as Promise<unknown>[]) env.begin(call);
  await env.settle();
});

export const programs: readonly Program[] = [...timers, ...epolls, ...signals, ...queues, objects, ...sockets, waits];
