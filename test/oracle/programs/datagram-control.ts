/** Control data of UDP, both ways: which packet it was, and what one datagram chooses for itself. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { controlData, controlMessage } from '../../../src/socket/control.ts';
import { IPPROTO, IP, IPV6, MSG, SO, SOL } from '../numbers.ts';
import { in4, in6 } from '../address.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import { ALL_FAMILIES, FAMILIES, INET, INET6, MAPPED, POLL, PORT, dgram, dgramPair, ints, room, silently, stream, text, wait } from '../toolkit.ts';
import type { Family } from '../toolkit.ts';

/** <linux/udp.h> */
const UDP_SEGMENT = 103;

type Option = readonly [level: number, option: number];

const IPV4_FACTS: readonly Option[] = [
  [IPPROTO.IP, IP.PKTINFO], [IPPROTO.IP, IP.RECVTTL], [IPPROTO.IP, IP.RECVTOS], [IPPROTO.IP, IP.RECVORIGDSTADDR],
];
const IPV6_FACTS: readonly Option[] = [
  [IPPROTO.IPV6, IPV6.RECVPKTINFO], [IPPROTO.IPV6, IPV6.RECVHOPLIMIT], [IPPROTO.IPV6, IPV6.RECVTCLASS],
  [IPPROTO.IPV6, IPV6.RECVORIGDSTADDR], [IPPROTO.IPV6, IPV6['2292PKTINFO']], [IPPROTO.IPV6, IPV6['2292HOPLIMIT']],
];
const SOCKET_FACTS: readonly Option[] = [
  [SOL.SOCKET, SO.TIMESTAMP], [SOL.SOCKET, SO.TIMESTAMPNS], [SOL.SOCKET, SO.TIMESTAMP_NEW], [SOL.SOCKET, SO.TIMESTAMPNS_NEW],
  [SOL.SOCKET, SO.RXQ_OVFL], [SOL.SOCKET, SO.SELECT_ERR_QUEUE],
];

function factsOf(family: Family): readonly Option[] {
  return family === INET ? [...IPV4_FACTS, ...SOCKET_FACTS] : [...IPV6_FACTS, ...IPV4_FACTS, ...SOCKET_FACTS];
}

const settings = FAMILIES.flatMap((family) => [dgram, stream].map((make) => (
  program(`control-options-${family.name}-${make === stream ? 'stream' : 'dgram'}`, async (env) => {
    const p = await env.process();
    const fd = await make(p, family);
    for (const [level, option] of factsOf(family)) {
      for (const length of [4, 1, 0, 8, -1]) await env.attempt(p.getsockopt(fd, level, option, length));
      for (const value of [ints(1), ints(-1), ints(256), ints(0), Uint8Array.of(1), Uint8Array.of(0), new Uint8Array(0), ints(1, 1)]) {
        await env.attempt(p.setsockopt(fd, level, option, value));
        await env.attempt(p.getsockopt(fd, level, option, 4));
      }
    }
  }))));

const timestamps = program('control-timestamp-options', async (env) => {
  const p = await env.process();
  const fd = await dgram(p, INET);
  const all = [SO.TIMESTAMP, SO.TIMESTAMPNS, SO.TIMESTAMP_NEW, SO.TIMESTAMPNS_NEW];
  for (const option of all) {
    for (const other of all) {
      await p.setsockopt(fd, SOL.SOCKET, option, ints(1));
      await p.setsockopt(fd, SOL.SOCKET, other, ints(1));
      for (const shown of all) await p.getsockopt(fd, SOL.SOCKET, shown, 4);
      await p.setsockopt(fd, SOL.SOCKET, option, ints(0));
      for (const shown of all) await p.getsockopt(fd, SOL.SOCKET, shown, 4);
    }
  }
});

async function arrived(p: Syscalls, fd: number, space = 256, flags = 0): Promise<void> {
  await wait(p, fd, POLL.IN);
  await p.recvmsg(fd, [room(16)], flags, 128, space);
}

const single = ALL_FAMILIES.map((family) => program(`control-received-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  for (const [level, option] of factsOf(family)) {
    await p.setsockopt(b, level, option, ints(1));
    await p.send(a, text('fact'), 0);
    await arrived(p, b, 256, MSG.PEEK);
    await arrived(p, b);
    await p.setsockopt(b, level, option, ints(0));
  }
  await p.send(a, text('none'), 0);
  await arrived(p, b);
  for (const [level, option] of factsOf(family)) await p.setsockopt(b, level, option, ints(1));
  await p.send(a, text('all'), 0);
  await arrived(p, b, 512);
  // Too little room: messages are cut off, and then left out.
  for (const space of [0, 1, 15, 16, 17, 19, 20, 24, 32, 33, 40, 48, 56, 60, 64, 72, 80, 96, 100, 120, 128, 150]) {
    await p.send(a, text('cut'), 0);
    await arrived(p, b, space);
  }
  await p.send(a, text('long enough'), 0);
  await wait(p, b, POLL.IN);
  await p.recvmsg(b, [room(3)], MSG.TRUNC, 128, 64);
  await p.send(a, text('read'), 0);
  await wait(p, b, POLL.IN);
  await p.read(b, room(16));
}));

const chosen = ALL_FAMILIES.map((family) => program(`control-sent-options-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  for (const [level, option] of factsOf(family).slice(0, -6)) await p.setsockopt(b, level, option, ints(1));
  for (const ttl of [1, 7, 255, -1]) {
    await p.setsockopt(a, IPPROTO.IP, IP.TTL, ints(ttl));
    if (family !== INET) await p.setsockopt(a, IPPROTO.IPV6, IPV6.UNICAST_HOPS, ints(ttl));
    await p.send(a, text('ttl'), 0);
    await arrived(p, b, 400);
  }
  for (const tos of [0x10, 0xfc, 2, 0]) {
    await p.setsockopt(a, IPPROTO.IP, IP.TOS, ints(tos));
    if (family !== INET) await p.setsockopt(a, IPPROTO.IPV6, IPV6.TCLASS, ints(tos));
    await p.send(a, text('tos'), 0);
    await arrived(p, b, 400);
  }
}));

/** struct in_pktinfo and struct in6_pktinfo. */
function info4(index: number, source: string): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes.set(ints(index));
  bytes.set(in4(source, 0).subarray(4, 8), 4);
  return bytes;
}

function info6(index: number, source: string): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes.set(in6(source, 0).subarray(8, 24));
  bytes.set(ints(index), 16);
  return bytes;
}

const ip = (type: number, data: Uint8Array): Uint8Array => controlMessage(IPPROTO.IP, type, data);
const ip6 = (type: number, data: Uint8Array): Uint8Array => controlMessage(IPPROTO.IPV6, type, data);
const own = (type: number, data: Uint8Array): Uint8Array => controlMessage(SOL.SOCKET, type, data);

const IPV4_CHOICES: readonly Uint8Array[] = [
  ...[1, 64, 255, 0, 256, -1].map((ttl) => ip(IP.TTL, ints(ttl))),
  ip(IP.TTL, Uint8Array.of(9)), ip(IP.TTL, ints(9, 9)),
  ...[0, 0x10, 255, 256, -1].map((tos) => ip(IP.TOS, ints(tos))),
  ip(IP.TOS, Uint8Array.of(0x20)), ip(IP.TOS, Uint8Array.of(1, 2)), ip(IP.TOS, ints(1, 2)),
  ip(IP.PKTINFO, info4(0, '127.0.0.2')), ip(IP.PKTINFO, info4(1, '0.0.0.0')), ip(IP.PKTINFO, info4(1, '127.0.0.3')),
  ip(IP.PKTINFO, info4(0, '192.0.2.7')), ip(IP.PKTINFO, info4(99, '0.0.0.0')), ip(IP.PKTINFO, info4(99, '127.0.0.2')),
  ip(IP.PKTINFO, info4(0, '224.0.0.1')), ip(IP.PKTINFO, info4(0, '255.255.255.255')), ip(IP.PKTINFO, info4(-1, '0.0.0.0')),
  ip(IP.PKTINFO, ints(1, 2)), ip(IP.PKTINFO, new Uint8Array(16)),
  ip(IP.PROTOCOL, ints(17)), ip(IP.PROTOCOL, ints(0)), ip(IP.PROTOCOL, ints(256)), ip(IP.PROTOCOL, Uint8Array.of(1)),
  ip(IP.RECVTTL, ints(1)), ip(IP.RECVERR, ints(1)), ip(99, ints(1)),
  controlData(ip(IP.TTL, ints(5)), ip(IP.TOS, ints(0x40)), ip(IP.PKTINFO, info4(0, '127.0.0.4'))),
  controlData(ip(IP.TTL, ints(5)), ip(IP.TTL, ints(6))),
  controlData(ip(IP.TTL, ints(5)), ip(IP.TTL, ints(0))),
];

const IPV6_CHOICES: readonly Uint8Array[] = [
  ...[1, 64, 255, 0, 256, -1, -2].map((hops) => ip6(IPV6.HOPLIMIT, ints(hops))),
  ip6(IPV6.HOPLIMIT, Uint8Array.of(9)), ip6(IPV6.HOPLIMIT, ints(9, 9)), ip6(IPV6['2292HOPLIMIT'], ints(11)),
  ...[0, 0x10, 255, 256, -1, -2].map((tclass) => ip6(IPV6.TCLASS, ints(tclass))),
  ip6(IPV6.TCLASS, Uint8Array.of(0x20)),
  ...[0, 1, 2, -1].map((flag) => ip6(IPV6.DONTFRAG, ints(flag))), ip6(IPV6.DONTFRAG, Uint8Array.of(1)),
  ip6(IPV6.PKTINFO, info6(0, '::1')), ip6(IPV6.PKTINFO, info6(1, '::')), ip6(IPV6.PKTINFO, info6(1, '::1')),
  ip6(IPV6.PKTINFO, info6(0, '2001:db8::9')), ip6(IPV6.PKTINFO, info6(99, '::')), ip6(IPV6.PKTINFO, info6(99, '::1')),
  ip6(IPV6.PKTINFO, info6(0, 'ff02::1')), ip6(IPV6.PKTINFO, info6(0, 'fe80::1')), ip6(IPV6.PKTINFO, info6(-1, '::')),
  ip6(IPV6.PKTINFO, info6(0, '::ffff:127.0.0.2')), ip6(IPV6.PKTINFO, info6(0, '::ffff:192.0.2.2')),
  ip6(IPV6.PKTINFO, info6(1, '::ffff:0.0.0.0')),
  ip6(IPV6.PKTINFO, ints(1, 2)), ip6(IPV6.PKTINFO, new Uint8Array(24)), ip6(IPV6['2292PKTINFO'], info6(1, '::1')),
  ip6(IPV6.RECVHOPLIMIT, ints(1)), ip6(99, ints(1)),
  controlData(ip6(IPV6.HOPLIMIT, ints(5)), ip6(IPV6.TCLASS, ints(0x40)), ip6(IPV6.PKTINFO, info6(1, '::1'))),
];

const SOCKET_CHOICES: readonly Uint8Array[] = [
  own(1, ints(0)), own(2, new Uint8Array(12)), own(SO.MARK, ints(7)), own(SO.MARK, Uint8Array.of(7)), own(SO.PRIORITY, ints(6)),
  own(SO.PRIORITY, ints(7)), own(SO.PRIORITY, ints(-1)), own(SO.PRIORITY, Uint8Array.of(1)), own(SO.TIMESTAMP, new Uint8Array(16)),
  own(99, ints(1)), new Uint8Array(8), new Uint8Array(16), ints(16, 1, 0, 0), ints(15, 0, 0, 2), ints(40, 0, 0, 2, 1, 0),
  controlMessage(99, 1, ints(1)), controlMessage(IPPROTO.TCP, 1, ints(1)),
];

/** A receiver that is told of everything, a socket that sends to it, and one that is connected to it. */
async function chooserSockets(
  env: ProgramEnvironment, family: Family,
): Promise<{ p: Syscalls; receiver: number; free: number; connected: number }> {
  const p = await env.process();
  const receiver = await dgram(p, family);
  await p.bind(receiver, family.any(PORT));
  for (const [level, option] of factsOf(family).slice(0, -6)) await p.setsockopt(receiver, level, option, ints(1));
  const free = await dgram(p, family);
  const connected = await dgram(p, family);
  await p.connect(connected, family.loopback(PORT));
  return { p, receiver, free, connected };
}

async function choose(env: ProgramEnvironment, family: Family, choices: readonly Uint8Array[]): Promise<void> {
  const { p, receiver, free, connected } = await chooserSockets(env, family);
  for (const control of choices) {
    for (const [fd, name] of [[free, family.loopback(PORT)], [connected, null]] as const) {
      if ((await env.attempt(p.sendmsg(fd, { name, iov: [text('choice')], control }, 0))) !== null) continue;
      await wait(p, receiver, POLL.IN);
      await p.recvmsg(receiver, [room(16)], 0, 0, 400);
    }
  }
  // The next one is as the options say again.
  await p.send(connected, text('plain'), 0);
  await wait(p, receiver, POLL.IN);
  await p.recvmsg(receiver, [room(16)], 0, 0, 400);
}

const choices = ALL_FAMILIES.flatMap((family) => [
  program(`control-choices-ip-${family.name}`, (env) => choose(env, family, IPV4_CHOICES)),
  program(`control-choices-ipv6-${family.name}`, (env) => choose(env, family, IPV6_CHOICES)),
  program(`control-choices-socket-${family.name}`, (env) => choose(env, family, SOCKET_CHOICES)),
]);

/** MSG_MORE: what the first write of a datagram chooses holds for all of it, and what a later one chooses for nothing. */
const collected = ALL_FAMILIES.map((family) => program(`control-choices-collected-${family.name}`, async (env) => {
  const { p, receiver, free, connected } = await chooserSockets(env, family);
  const choices = family === INET6
    ? [ip6(IPV6.HOPLIMIT, ints(9)), ip6(IPV6.TCLASS, ints(0x20)), ip6(IPV6.PKTINFO, info6(1, '::1')), ip6(IPV6.HOPLIMIT, ints(999))]
    : [ip(IP.TTL, ints(9)), ip(IP.TOS, ints(0x20)), ip(IP.PKTINFO, info4(0, '127.0.0.9')), ip(IP.TTL, ints(999))];
  const choice = own(SO.PRIORITY, ints(3));
  for (const control of [...choices, controlData(choices[0] as Uint8Array, choices[1] as Uint8Array, choice)]) {
    for (const [fd, name] of [[free, family.loopback(PORT)], [connected, null]] as const) {
      // That is kept there: the next program.
      if (name === null && family !== INET6 && control === choices[2]) continue;
      const send = (word: string, flags: number, chosen?: Uint8Array): Promise<string | null> => (
        env.attempt(p.sendmsg(fd, chosen === undefined ? { name, iov: [text(word)] } : { name, iov: [text(word)], control: chosen }, flags)));
      await send('A', MSG.MORE, control);
      await send('B', 0);
      await arrived(p, receiver, 400);
      await send('A', MSG.MORE, control);
      await send('B', MSG.MORE, choices[0]);
      await send('C', 0, choices[1]);
      await arrived(p, receiver, 400);
      await send('A', MSG.MORE);
      await send('B', 0, control);
      await arrived(p, receiver, 400);
      await p.send(connected, text('plain'), 0);
      await arrived(p, receiver, 400);
    }
  }
}));

/** A source that a collected datagram chose stays that of a connected socket in Linux (inet->cork), for IPv4 alone. */
const keptSource = program('control-source-kept-inet', async (env) => {
  const p = await env.process();
  const [a, b] = [await dgram(p, INET), await dgram(p, INET)];
  await p.bind(b, INET.any(PORT));
  await p.connect(a, INET.loopback(PORT));
  await p.sendmsg(a, { iov: [text('A')], control: ip(IP.PKTINFO, info4(0, '127.0.0.9')) }, MSG.MORE);
  await p.send(a, text('B'), 0);
  await wait(p, b, POLL.IN);
  const { address } = await silently(p).recvfrom(b, room(16), 0);
  env.note('source of what was collected', [...address.subarray(4, 8)].join('.'));
  await p.send(a, text('plain'), 0);
  await arrived(p, b, 0);
});

/** The same with datagrams that are cut. */
const collectedSegments = FAMILIES.map((family) => program(`control-segments-collected-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  const cut = controlMessage(IPPROTO.UDP, UDP_SEGMENT, Uint8Array.of(4, 0));
  await env.attempt(p.sendmsg(a, { iov: [text('one two ')], control: cut }, MSG.MORE));
  await env.attempt(p.send(a, text('six'), 0));
  for (let i = 0; i < 3; i++) await arrived(p, b);
  await env.attempt(p.send(a, text('one two '), MSG.MORE));
  await env.attempt(p.sendmsg(a, { iov: [text('six')], control: cut }, 0));
  await arrived(p, b);
}));

const order = ALL_FAMILIES.map((family) => program(`control-errors-in-order-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await dgram(p, family);
  const bad = family === INET6 ? ip6(IPV6.HOPLIMIT, ints(999)) : ip(IP.TTL, ints(999));
  const send = (name: Uint8Array | null, control: Uint8Array, size = 1): Promise<string | null> => (
    env.attempt(p.sendmsg(fd, { name, iov: [room(size)], control }, 0)));
  await send(null, bad);
  await send(family.loopback(0), bad);
  await send(family.elsewhere(PORT), bad);
  await send(family.loopback(PORT), bad, 70_000);
  await send(family.loopback(PORT), bad, 65_520);
  await send(text('x'), bad);
  await env.attempt(p.sendmsg(fd, { name: family.loopback(PORT), iov: [text('x')], control: bad }, MSG.OOB));
  await p.getsockname(fd);
  await p.shutdown(fd, 1).catch(() => {});
  await send(family.loopback(PORT), bad);
}));

const queueOverflow = FAMILIES.map((family) => program(`control-lost-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.setsockopt(b, SOL.SOCKET, SO.RCVBUF, ints(0));
  await p.setsockopt(b, SOL.SOCKET, SO.RXQ_OVFL, ints(1));
  for (let i = 0; i < 8; i++) await p.send(a, text(`datagram ${i}`), 0);
  await env.settle();
  for (let i = 0; i < 4; i++) {
    if ((await env.attempt(p.recvmsg(b, [room(16)], MSG.DONTWAIT, 0, 64))) !== null) break;
  }
  await p.send(a, text('after'), 0);
  await arrived(p, b, 64);
  await p.send(a, text('again'), 0);
  await arrived(p, b, 64);
}));

const late = FAMILIES.map((family) => program(`control-asked-late-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.send(a, text('early'), 0);
  await wait(p, b, POLL.IN);
  await p.setsockopt(b, SOL.SOCKET, SO.TIMESTAMP, ints(1));
  await p.setsockopt(b, IPPROTO.IP, IP.RECVTTL, ints(1));
  await p.setsockopt(b, IPPROTO.IP, IP.RECVTOS, ints(1));
  if (family === INET6) await p.setsockopt(b, IPPROTO.IPV6, IPV6.RECVHOPLIMIT, ints(1));
  await arrived(p, b);
}));

const broadcasts = program('control-of-broadcasts', async (env) => {
  const p = await env.process();
  const receiver = await dgram(p, INET);
  await p.bind(receiver, in4('0.0.0.0', PORT));
  await p.setsockopt(receiver, IPPROTO.IP, IP.PKTINFO, ints(1));
  await p.setsockopt(receiver, IPPROTO.IP, IP.RECVORIGDSTADDR, ints(1));
  const sender = await dgram(p, INET);
  await p.setsockopt(sender, SOL.SOCKET, SO.BROADCAST, ints(1));
  for (const to of ['127.255.255.255', '127.0.0.9']) {
    await env.attempt(p.sendto(sender, text('all'), 0, in4(to, PORT)));
    await arrived(p, receiver);
  }
});

const others = program('options-of-sockets-and-devices', async (env) => {
  const p = await env.process();
  for (const family of [INET, INET6, MAPPED]) {
    const fd = await dgram(p, family);
    for (const [level, option, values] of [
      [SOL.SOCKET, SO.BINDTOIFINDEX, [1, 0, -1]], [SOL.SOCKET, SO.BUF_LOCK, [1, 2, 3, 0, 4, -1]], [SOL.SOCKET, SO.BSDCOMPAT, [1]],
      [IPPROTO.IPV6, IPV6.DONTFRAG, [1, 0, 5, -1]], [IPPROTO.IP, IP.HDRINCL, [1]],
    ] as const) {
      if (family === INET && level === IPPROTO.IPV6) continue;
      await env.attempt(p.getsockopt(fd, level, option, 4));
      for (const value of values) {
        await env.attempt(p.setsockopt(fd, level, option, ints(value)));
        await env.attempt(p.getsockopt(fd, level, option, 4));
      }
    }
    for (const length of [0, 4, 16, 28, 29]) await env.attempt(p.getsockopt(fd, SOL.SOCKET, SO.PEERNAME, length));
    await p.connect(fd, family.loopback(PORT));
    for (const length of [0, 4, 16, 28, 29]) await env.attempt(p.getsockopt(fd, SOL.SOCKET, SO.PEERNAME, length));
    await p.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, ints(5000));
    await p.getsockopt(fd, SOL.SOCKET, SO.BUF_LOCK, 4);
  }
});

export const programs: Program[] = [
  ...settings, timestamps, ...single, ...chosen, ...choices, ...collected, keptSource, ...collectedSegments, ...order,
  ...queueOverflow, ...late, broadcasts, others,
];
