/** select, epoll, eventfd, timerfd: who is ready, how often it is said, and what is refused. */
import { CLOCK, EFD_SEMAPHORE, TFD_TIMER_ABSTIME } from '../../../src/kernel/calls/events.ts';
import { EPOLL, EPOLL_CTL } from '../../../src/kernel/epoll.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { AF, F, IPPROTO, O, SHUT, SIG, SIG_MASK, SOCK } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { dgramPair, INET, INET6, listener, pair, pattern, POLL, PORT, room, silently, state, stream, text, wait } from '../toolkit.ts';

function setOf(...fds: number[]): Uint8Array {
  const set = new Uint8Array(128);
  for (const fd of fds) set[fd >> 3] |= 1 << (fd & 7);
  return set;
}

/** eventfd's eight bytes. */
function count(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

const selecting = program('select', async (env) => {
  const p = await env.process();
  const { client, server, listening } = await pair(p, INET);
  const all = [listening, client, server];
  await p.select(10, setOf(...all), setOf(...all), setOf(...all), 0);
  await p.write(client, text('data'));
  await wait(p, server, POLL.IN);
  await p.select(10, setOf(...all), setOf(...all), setOf(...all), 0);
  await p.select(server, setOf(...all), null, null, 0);
  await p.select(server + 1, setOf(...all), null, null, 0);
  await p.select(10, setOf(server), setOf(server), setOf(server), 0);
  await p.send(client, text('!'), 1);
  await wait(p, server, POLL.PRI);
  await p.select(10, setOf(server), null, setOf(server), 0);
  await p.select(0, null, null, null, 1000);
  await p.select(10, null, null, null, 0);
  await env.attempt(p.select(-1, null, null, null, 0));
  await env.attempt(p.select(10, setOf(9), null, null, 0));
  await env.attempt(p.select(9, setOf(9), null, null, 0));
  await env.attempt(p.select(10, setOf(client), setOf(9), null, 0));
  const waits = env.begin(p.select(10, setOf(listening), null, null, 5_000_000));
  await env.settle();
  const other = await stream(p, INET);
  await p.connect(other, INET.loopback(PORT));
  await waits;
  await p.select(10, setOf(client), null, setOf(client), 10_000);
  await p.shutdown(server, SHUT.WR);
  await wait(p, client, POLL.IN);
  await p.select(10, setOf(client), setOf(client), setOf(client), 0);
  const [reading, writing] = await p.pipe();
  await p.select(20, setOf(reading, writing), setOf(reading, writing), null, 0);
  await p.close(reading);
  await p.select(20, setOf(writing), setOf(writing), setOf(writing), 0);
});

const control = program('epoll-control', async (env) => {
  const p = await env.process();
  for (const flags of [0, O.CLOEXEC, O.NONBLOCK, 1]) await env.attempt(p.epoll_create1(flags));
  const epoll = await p.epoll_create1(0);
  const [reading, writing] = await p.pipe();
  const file = await p.open('f', O.RDWR | O.CREAT, 0o600);
  const folder = await p.open('.', O.RDONLY);
  const null_ = await p.open('/dev/null', O.RDWR);
  await state(p, epoll);
  await p.epoll_ctl(epoll, EPOLL_CTL.ADD, reading, POLL.IN, 1);
  await env.attempt(p.epoll_ctl(epoll, EPOLL_CTL.ADD, reading, POLL.IN, 1));
  const twin = await p.dup(reading);
  await p.epoll_ctl(epoll, EPOLL_CTL.ADD, twin, POLL.IN, 2);
  await env.attempt(p.epoll_ctl(epoll, EPOLL_CTL.MOD, writing, POLL.OUT, 3));
  await env.attempt(p.epoll_ctl(epoll, EPOLL_CTL.DEL, writing));
  await env.attempt(p.epoll_ctl(epoll, EPOLL_CTL.ADD, 99, POLL.IN));
  await env.attempt(p.epoll_ctl(99, EPOLL_CTL.ADD, reading, POLL.IN));
  await env.attempt(p.epoll_ctl(reading, EPOLL_CTL.ADD, writing, POLL.IN));
  await env.attempt(p.epoll_ctl(epoll, EPOLL_CTL.ADD, epoll, POLL.IN));
  await env.attempt(p.epoll_ctl(epoll, EPOLL_CTL.ADD, file, POLL.IN));
  await env.attempt(p.epoll_ctl(epoll, EPOLL_CTL.ADD, folder, POLL.IN));
  await env.attempt(p.epoll_ctl(epoll, EPOLL_CTL.ADD, null_, POLL.IN));
  await env.attempt(p.epoll_ctl(epoll, 7, writing, POLL.IN));
  for (const most of [0, -1, 1]) await env.attempt(p.epoll_wait(epoll, most, 0));
  await env.attempt(p.epoll_wait(reading, 1, 0));
  await env.attempt(p.epoll_wait(99, 1, 0));
  await env.attempt(p.read(epoll, room(8)));
  await env.attempt(p.write(epoll, text('x')));
  await p.write(writing, text('x'));
  await p.epoll_wait(epoll, 10, 0);
  await state(p, epoll);
  await p.epoll_ctl(epoll, EPOLL_CTL.MOD, twin, POLL.OUT, 22);
  await p.epoll_wait(epoll, 10, 0);
  await p.epoll_ctl(epoll, EPOLL_CTL.DEL, reading);
  await p.epoll_wait(epoll, 10, 0);
  await p.epoll_ctl(epoll, EPOLL_CTL.ADD, reading, 0, 4);
  await p.close(writing);
  await p.epoll_wait(epoll, 10, 0);
  // A description that is still open elsewhere stays in the list.
  await p.close(reading);
  await p.epoll_wait(epoll, 10, 0);
  await p.close(twin);
  await p.epoll_wait(epoll, 10, 0);
});

const triggers = program('epoll-triggers', async (env) => {
  const p = await env.process();
  for (const mode of [0, EPOLL.ET, EPOLL.ONESHOT, EPOLL.ET | EPOLL.ONESHOT]) {
    const epoll = await p.epoll_create1(0);
    const [reading, writing] = await p.pipe(O.NONBLOCK);
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, reading, POLL.IN | mode, 1);
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, writing, POLL.OUT | mode, 2);
    await p.epoll_wait(epoll, 10, 0);
    await p.epoll_wait(epoll, 10, 0);
    await p.write(writing, text('one'));
    await p.epoll_wait(epoll, 10, 0);
    await p.epoll_wait(epoll, 10, 0);
    await p.write(writing, text('two'));
    await p.epoll_wait(epoll, 10, 0);
    await p.read(reading, room(3));
    await p.epoll_wait(epoll, 10, 0);
    await p.epoll_ctl(epoll, EPOLL_CTL.MOD, reading, POLL.IN | mode, 3);
    await p.epoll_wait(epoll, 10, 0);
    await p.read(reading, room(10));
    await p.epoll_wait(epoll, 10, 0);
    await env.attempt(p.write(writing, pattern(65_536)));
    await p.epoll_wait(epoll, 10, 0);
    await p.read(reading, room(65_536));
    await p.epoll_wait(epoll, 10, 0);
    await p.close(writing);
    await p.epoll_wait(epoll, 10, 0);
    await p.epoll_wait(epoll, 10, 0);
    await p.close(reading);
    await p.epoll_wait(epoll, 10, 0);
    await p.close(epoll);
  }
});

const sockets = program('epoll-sockets', async (env) => {
  const p = await env.process();
  for (const family of [INET, INET6]) {
    const epoll = await p.epoll_create1(0);
    const listening = await listener(p, family);
    const client = await stream(p, family, O.NONBLOCK);
    const wanted = POLL.IN | POLL.OUT | POLL.PRI | POLL.RDHUP;
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, listening, wanted, 1);
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, client, wanted | EPOLL.ET, 2);
    await p.epoll_wait(epoll, 10, 0);
    await env.attempt(p.connect(client, family.loopback(PORT)));
    await wait(p, client, POLL.OUT);
    await p.epoll_wait(epoll, 10, 1000);
    const { fd: server } = await p.accept(listening);
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, server, wanted | EPOLL.ET, 3);
    await p.epoll_wait(epoll, 10, 0);
    await p.write(client, text('hello'));
    await wait(p, server, POLL.IN);
    await p.epoll_wait(epoll, 10, 0);
    await p.epoll_wait(epoll, 10, 0);
    await p.write(client, text('again'));
    await env.settle();
    await p.epoll_wait(epoll, 10, 0);
    await p.read(server, room(20));
    await p.epoll_wait(epoll, 10, 0);
    await p.send(client, text('!'), 1);
    await wait(p, server, POLL.PRI);
    await p.epoll_wait(epoll, 10, 0);
    await p.shutdown(client, SHUT.WR);
    await wait(p, server, POLL.RDHUP);
    await p.epoll_wait(epoll, 10, 0);
    await p.close(server);
    await env.settle();
    await p.epoll_wait(epoll, 10, 0);
    await p.close(client);
    await p.close(listening);
    await p.epoll_wait(epoll, 10, 0);
    const { a, b } = await dgramPair(p, family, PORT + 10);
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, b, POLL.IN | EPOLL.ET, 5);
    await p.write(a, text('one'));
    await p.write(a, text('two'));
    await wait(p, b, POLL.IN);
    await p.epoll_wait(epoll, 10, 0);
    await p.read(b, room(10));
    await p.epoll_wait(epoll, 10, 0);
    for (const fd of [a, b, epoll]) await p.close(fd);
  }
});

/** How often each of several waiters is told. */
const waiters = program('epoll-waiters', async (env) => {
  const p = await env.process();
  const [reading, writing] = await p.pipe();
  const epoll = await p.epoll_create1(0);
  await p.epoll_ctl(epoll, EPOLL_CTL.ADD, reading, POLL.IN, 1);
  const first = env.begin(p.epoll_wait(epoll, 10, 5000));
  await env.settle();
  await p.write(writing, text('x'));
  await first;
  await p.read(reading, room(1));
  await p.epoll_wait(epoll, 10, 1);
  const polled = env.begin(p.poll([{ fd: epoll, events: POLL.IN, revents: 0 }], 5000));
  await env.settle();
  await p.write(writing, text('x'));
  await polled;
  // Of the list's waiters, the most that one call may take, in turn.
  const more = [];
  for (let i = 0; i < 3; i++) {
    const ends = await p.pipe();
    await p.epoll_ctl(epoll, EPOLL_CTL.ADD, ends[0], POLL.IN, 10 + i);
    await p.write(ends[1], text('y'));
    more.push(ends);
  }
  const seen = new Set<number>();
  for (let i = 0; i < 2; i++) for (const { data } of await silently(p).epoll_wait(epoll, 2, 0)) seen.add(data);
  env.note('had their turn', seen.size);
});

const nested = program('epoll-nested', async (env) => {
  const p = await env.process();
  const [reading, writing] = await p.pipe();
  const inner = await p.epoll_create1(0);
  const outer = await p.epoll_create1(0);
  await p.epoll_ctl(inner, EPOLL_CTL.ADD, reading, POLL.IN, 1);
  await p.epoll_ctl(outer, EPOLL_CTL.ADD, inner, POLL.IN, 2);
  await env.attempt(p.epoll_ctl(inner, EPOLL_CTL.ADD, outer, POLL.IN, 3));
  await p.epoll_wait(outer, 10, 0);
  await p.write(writing, text('x'));
  await p.epoll_wait(outer, 10, 0);
  await p.epoll_wait(inner, 10, 0);
  await p.read(reading, room(1));
  await p.epoll_wait(outer, 10, 0);
  await env.attempt(p.epoll_ctl(outer, EPOLL_CTL.MOD, inner, POLL.IN | EPOLL.EXCLUSIVE, 3));
  const third = await p.epoll_create1(0);
  await env.attempt(p.epoll_ctl(third, EPOLL_CTL.ADD, inner, POLL.IN | EPOLL.EXCLUSIVE, 3));
  await env.attempt(p.epoll_ctl(third, EPOLL_CTL.ADD, reading, POLL.IN | EPOLL.EXCLUSIVE, 3));
  await env.attempt(p.epoll_ctl(third, EPOLL_CTL.MOD, reading, POLL.IN, 3));
  await env.attempt(p.epoll_ctl(third, EPOLL_CTL.ADD, writing, POLL.OUT | POLL.RDHUP | EPOLL.EXCLUSIVE, 3));
  await env.attempt(p.epoll_ctl(third, EPOLL_CTL.ADD, writing, POLL.OUT | EPOLL.ONESHOT | EPOLL.EXCLUSIVE, 3));
  // How deep it may go.
  let last = outer;
  for (let i = 0; i < 5; i++) {
    const next = await p.epoll_create1(0);
    if ((await env.attempt(p.epoll_ctl(next, EPOLL_CTL.ADD, last, POLL.IN, i))) !== null) break;
    last = next;
  }
});

async function counter(p: Syscalls, initial: number, flags = O.NONBLOCK): Promise<number> {
  return p.eventfd(initial, flags);
}

const eventfds = program('eventfd', async (env) => {
  const p = await env.process();
  for (const flags of [0, O.NONBLOCK, O.CLOEXEC, EFD_SEMAPHORE, 2]) await env.attempt(p.eventfd(0, flags));
  const fd = await counter(p, 0);
  await state(p, fd);
  await env.attempt(p.read(fd, room(8)));
  await p.write(fd, count(5n));
  await p.write(fd, count(0n));
  await p.write(fd, count(7n));
  await state(p, fd);
  await p.read(fd, room(8));
  await env.attempt(p.read(fd, room(7)));
  await env.attempt(p.write(fd, room(7)));
  await env.attempt(p.write(fd, count(0xffffffffffffffffn)));
  await p.write(fd, count(0xfffffffffffffffen));
  await state(p, fd);
  await env.attempt(p.write(fd, count(1n)));
  await p.read(fd, room(20));
  await env.attempt(p.write(fd, new Uint8Array([...count(3n), ...count(4n)])));
  const semaphore = await p.eventfd(2, O.NONBLOCK | EFD_SEMAPHORE);
  await p.read(semaphore, room(8));
  await p.read(semaphore, room(8));
  await env.attempt(p.read(semaphore, room(8)));
  const blocking = await p.eventfd(0, 0);
  const reads = env.begin(p.read(blocking, room(8)));
  await env.settle();
  await p.write(blocking, count(9n));
  await reads;
  await p.write(blocking, count(0xfffffffffffffffen));
  const writes = env.begin(p.write(blocking, count(2n)));
  await env.settle();
  await p.read(blocking, room(8));
  await writes;
  await p.read(blocking, room(8));
  await env.attempt(p.lseek(fd, 0, 0));
  const epoll = await p.epoll_create1(0);
  await p.epoll_ctl(epoll, EPOLL_CTL.ADD, fd, POLL.IN | EPOLL.ET, 1);
  await p.write(fd, count(1n));
  await p.epoll_wait(epoll, 4, 0);
  await p.epoll_wait(epoll, 4, 0);
  await p.write(fd, count(1n));
  await p.epoll_wait(epoll, 4, 0);
});

const timerfds = program('timerfd', async (env) => {
  const p = await env.process();
  const { MONOTONIC, REALTIME, BOOTTIME } = CLOCK;
  for (const [clock, flags] of [[MONOTONIC, O.CLOEXEC], [REALTIME, 0], [BOOTTIME, 0], [99, 0], [MONOTONIC, 1]] as const) {
    await env.attempt(p.timerfd_create(clock, flags));
  }
  const fd = await p.timerfd_create(CLOCK.MONOTONIC, O.NONBLOCK);
  await state(p, fd);
  await p.timerfd_gettime(fd);
  await env.attempt(p.read(fd, room(8)));
  await p.timerfd_settime(fd, 0, { valueUs: 5_000_000, intervalUs: 0 });
  await p.timerfd_gettime(fd);
  await p.timerfd_settime(fd, 0, { valueUs: 20_000, intervalUs: 0 });
  await wait(p, fd, POLL.IN);
  await p.timerfd_gettime(fd);
  await env.attempt(p.read(fd, room(7)));
  await p.read(fd, room(8));
  await env.attempt(p.read(fd, room(8)));
  await p.timerfd_settime(fd, 0, { valueUs: 100_000, intervalUs: 100_000 });
  await env.settle(350);
  await p.read(fd, room(8));
  await p.timerfd_gettime(fd);
  await p.timerfd_settime(fd, 0, { valueUs: 0, intervalUs: 700 });
  await p.timerfd_gettime(fd);
  await p.timerfd_settime(fd, TFD_TIMER_ABSTIME, { valueUs: 1, intervalUs: 0 });
  await wait(p, fd, POLL.IN);
  await p.read(fd, room(8));
  await env.attempt(p.timerfd_settime(fd, 8, { valueUs: 1, intervalUs: 0 }));
  await env.attempt(p.write(fd, room(8)));
  const [reading] = await p.pipe();
  await env.attempt(p.timerfd_settime(reading, 0, { valueUs: 1, intervalUs: 0 }));
  await env.attempt(p.timerfd_gettime(99));
  const blocking = await p.timerfd_create(CLOCK.MONOTONIC, 0);
  await p.timerfd_settime(blocking, 0, { valueUs: 30_000, intervalUs: 0 });
  await p.read(blocking, room(8));
});

/** Each datagram that has left tells of room, though nobody had lacked any: an edge-triggered watch hears of every one. */
const roomier = program('epoll-room', async (env) => {
  await env.sysctl('net.ipv4.ping_group_range', '0 2147483647');
  const p = await env.process();
  const echo = (type: number): Uint8Array => Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 1, 97);
  for (const family of [INET, INET6]) {
    const six = family === INET6;
    const kinds: [number, number, Uint8Array, number][] = [
      [SOCK.DGRAM, 0, text('nobody'), PORT],
      [SOCK.DGRAM, six ? IPPROTO.ICMPV6 : IPPROTO.ICMP, echo(six ? 128 : 8), 0],
      [SOCK.RAW, 253, text('raw'), 0],
    ];
    for (const [type, protocol, data, port] of kinds) {
      for (const events of [POLL.IN | POLL.OUT, POLL.OUT]) {
        const epoll = await p.epoll_create1(0);
        const fd = await p.socket(six ? AF.INET6 : AF.INET, type, protocol);
        await p.epoll_ctl(epoll, EPOLL_CTL.ADD, fd, events | EPOLL.ET, 1);
        await p.epoll_wait(epoll, 10, 0);
        await p.epoll_wait(epoll, 10, 0);
        for (let i = 0; i < 2; i++) {
          await env.attempt(p.sendto(fd, data, 0, family.loopback(port)));
          await env.settle();
          await p.epoll_wait(epoll, 10, 0);
          await p.epoll_wait(epoll, 10, 0);
        }
        await p.close(fd);
        await p.close(epoll);
      }
    }
  }
});

/** With SIGIO: of room hears only who has found none. */
const unasked = program('room-sigio', async (env) => {
  const p = await env.signalProcess();
  await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGIO]);
  const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await p.fcntl(fd, F.SETOWN, await p.getpid());
  await p.fcntl(fd, F.SETFL, O.ASYNC);
  await p.poll([{ fd, events: POLL.OUT }], 0);
  await p.sendto(fd, text('one'), 0, INET.loopback(PORT));
  await env.settle();
  await p.sigpending();
});

/** A shutdown that nobody waits for is no news to SIGIO, whatever the socket. */
const shut = program('shutdown-sigio', async (env) => {
  await env.sysctl('net.ipv4.ping_group_range', '0 2147483647');
  const p = await env.signalProcess();
  await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGIO]);
  for (const [type, protocol] of [[SOCK.STREAM, 0], [SOCK.DGRAM, 0], [SOCK.DGRAM, IPPROTO.ICMP], [SOCK.RAW, 253]] as const) {
    const fd = await p.socket(AF.INET, type, protocol);
    await p.fcntl(fd, F.SETOWN, await p.getpid());
    await p.fcntl(fd, F.SETFL, O.ASYNC);
    for (const how of [SHUT.RD, SHUT.WR, SHUT.RDWR, 3]) await env.attempt(p.shutdown(fd, how));
    await env.settle();
    await p.sigpending();
    await p.close(fd);
  }
});

/** How many ways lead from what is watched to the epolls above: any number through one of them, fewer the more there are. */
const ways = program('epoll-ways', async (env) => {
  const p = await env.process();
  const quiet = silently(p);
  const source = await p.eventfd(0, O.NONBLOCK);
  const watch = (epoll: number, fd: number): Promise<void> => quiet.epoll_ctl(epoll, EPOLL_CTL.ADD, fd, POLL.IN, fd);
  const made = async (): Promise<number> => quiet.epoll_create1(0);
  const watching = async (fd: number): Promise<number> => {
    const epoll = await made();
    await watch(epoll, fd);
    return epoll;
  };
  const until = async (most: number, add: () => Promise<unknown>): Promise<string> => {
    for (let i = 0; i < most; i++) {
      try {
        await add();
      } catch (error) {
        return `${i}, then ${(error as { code?: string }).code}`;
      }
    }
    return `${most}`;
  };
  env.note('one epoll on the way', await until(60, () => watching(source)));
  const top = await made();
  env.note('two', await until(600, async () => watch(top, await watching(source))));
  // Others that watch the same: the ways of all count.
  const other = await p.eventfd(0, O.NONBLOCK);
  const [middle, above] = [await made(), await made()];
  await watch(above, middle);
  env.note('three', await until(600, async () => watch(middle, await watching(other))));
  env.note('another source below what is full', await until(3, async () => watch(middle, await watching(await quiet.eventfd(0, O.NONBLOCK)))));
  await p.write(other, count(1n));
  await p.epoll_wait(above, 5, 0);
});

export const programs: readonly Program[] = [roomier, unasked, shut, selecting, control, triggers, sockets, waiters, nested, ways, eventfds, timerfds];
