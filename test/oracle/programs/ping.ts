/** Ping sockets (icmp(7)): who may have one, identifiers as ports, echo requests and nothing else, answers, errors. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { familyOnly, in4, in6, withPort } from '../address.ts';
import { AF, IOCTL, IP, IPPROTO, IPV6, MSG, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import { FAMILIES, INET, INET6, POLL, ints, pattern, room, silently, state, text, wait } from '../toolkit.ts';
import type { Family } from '../toolkit.ts';

const GROUPS = 'net.ipv4.ping_group_range';
const ID = 4321;

/** An echo request: type, code, checksum and identifier of the program's choice, which the kernel overwrites, a number, data. */
function echo(family: Family, sequence: number, data: Uint8Array, type?: number, code = 0): Uint8Array {
  const bytes = new Uint8Array(8 + data.length);
  bytes.set([type ?? (family === INET ? 8 : 128), code, 0xab, 0xcd, 0x11, 0x22, sequence >> 8, sequence & 255]);
  bytes.set(data, 8);
  return bytes;
}

function protocolOf(family: Family): number {
  return family === INET ? IPPROTO.ICMP : IPPROTO.ICMPV6;
}

function ping(p: Syscalls, family: Family, flags = 0): Promise<number> {
  return p.socket(family.domain, SOCK.DGRAM | flags, protocolOf(family));
}

/** A process whose group may ping. */
async function allowed(env: ProgramEnvironment): Promise<Syscalls> {
  await env.sysctl(GROUPS, '0 100');
  return env.process();
}

async function bound(p: Syscalls, family: Family, id = ID): Promise<number> {
  const fd = await ping(p, family);
  await p.bind(fd, family.any(id));
  return fd;
}

const groups = program('ping-groups', async (env) => {
  const p = await env.process();
  for (const range of ['1 0', '0 0', '0 100', '5 100', '10 9', '0 2147483647']) {
    await env.sysctl(GROUPS, range);
    for (const family of FAMILIES) {
      const fd = await ping(p, family).catch(() => -1);
      if (fd >= 0) await p.close(fd);
    }
  }
  await env.attempt(p.socket(AF.INET, SOCK.DGRAM, IPPROTO.ICMPV6));
  await env.attempt(p.socket(AF.INET6, SOCK.DGRAM, IPPROTO.ICMP));
  await env.attempt(p.socket(AF.INET, SOCK.STREAM, IPPROTO.ICMP));
  await env.attempt(p.socket(AF.INET, SOCK.SEQPACKET, IPPROTO.ICMP));
  await env.attempt(p.socketpair(AF.INET, SOCK.DGRAM, IPPROTO.ICMP));
});

/** The group of the process, and those beside it. */
const supplementary = program('ping-supplementary-groups', async (env) => {
  const p = await env.signalProcess();
  await env.sysctl(GROUPS, '50 60');
  await env.attempt(ping(p, INET));
  await env.attempt(p.setgroups([7, 55]));
  await env.attempt(ping(p, INET));
  await env.attempt(p.setgroups([]));
  await env.attempt(p.setresgid(0, 52, 0));
  await env.attempt(ping(p, INET6));
  await env.attempt(p.setresgid(0, 0, 0));
  await env.attempt(ping(p, INET6));
});

const exchange = FAMILIES.map((family) => program(`ping-exchange-${family.name}`, async (env) => {
  const p = await allowed(env);
  const fd = await bound(p, family);
  await p.getsockname(fd);
  await state(p, fd);
  for (const length of [0, 1, 56, 1400, 20_000]) {
    await p.sendto(fd, echo(family, length, pattern(length)), 0, family.loopback(0));
    await wait(p, fd, POLL.IN);
    const bytes = room(length + 100);
    await p.recvfrom(fd, bytes, 0);
  }
  await p.sendto(fd, echo(family, 7, text('port')), 0, family.loopback(99));
  await wait(p, fd, POLL.IN);
  await p.recvmsg(fd, [room(5), room(30)], 0, 128, 0);
  for (const flags of [0, MSG.TRUNC, MSG.PEEK, MSG.PEEK | MSG.TRUNC]) {
    await p.sendto(fd, echo(family, 8, text('cut off')), 0, family.loopback(0));
    await wait(p, fd, POLL.IN);
    await p.recvfrom(fd, room(9), flags);
    if ((flags & MSG.PEEK) !== 0) await p.recvfrom(fd, room(64), 0);
  }
  await env.attempt(p.recvfrom(fd, room(9), MSG.DONTWAIT));
  await env.attempt(p.recvfrom(fd, room(9), MSG.OOB));
  await env.attempt(p.recvmsg(fd, [room(9)], MSG.ERRQUEUE, 128, 128));
  await env.attempt(p.ioctl(fd, IOCTL.FIONREAD));
  await env.attempt(p.ioctl(fd, IOCTL.SIOCOUTQ));
  await env.attempt(p.listen(fd, 1));
  await env.attempt(p.accept(fd));
}));

const refused = FAMILIES.map((family) => program(`ping-refused-messages-${family.name}`, async (env) => {
  const p = await allowed(env);
  const fd = await bound(p, family);
  const to = family.loopback(0);
  for (let type = 0; type < 256; type += type < 20 || (type > 120 && type < 150) ? 1 : 5) {
    await env.attempt(p.sendto(fd, echo(family, 1, text('type'), type), 0, to));
  }
  for (const type of [8, 42, 128, 160]) await env.attempt(p.sendto(fd, echo(family, 1, text('type'), type), 0, to));
  for (const code of [1, 8, 255]) await env.attempt(p.sendto(fd, echo(family, 1, text('code'), undefined, code), 0, to));
  for (const length of [0, 1, 4, 7]) await env.attempt(p.sendto(fd, echo(family, 1, text('')).subarray(0, length), 0, to));
  await env.attempt(p.sendto(fd, echo(family, 1, room(65_520)), 0, to));
  await env.attempt(p.sendto(fd, echo(family, 1, room(65_600)), 0, to));
  await env.attempt(p.sendto(fd, echo(family, 1, text('oob')), MSG.OOB, to));
  await env.attempt(p.send(fd, echo(family, 1, text('nobody')), 0));
  await env.attempt(p.send(fd, text('short'), 0));
  await env.attempt(p.sendto(fd, text('short'), 0, familyOnly(77)));
  for (const address of [
    family.loopback(0).subarray(0, 15), family.loopback(0).subarray(0, 24), familyOnly(AF.UNSPEC), familyOnly(77, 28), in4('127.0.0.1', 0), in6('::1', 0),
    in6('::ffff:127.0.0.1', 0), in6('fe80::1', 0), in6('fe80::1', 0, 99), family.elsewhere(0), in4('255.255.255.255', 0),
  ]) {
    await env.attempt(p.sendto(fd, echo(family, 2, text('where')), 0, address));
  }
  await p.shutdown(fd, SHUT.WR).catch(() => {});
  await env.attempt(p.sendto(fd, echo(family, 2, text('shut')), 0, to));
}));

const names = FAMILIES.map((family) => program(`ping-names-${family.name}`, async (env) => {
  const p = await allowed(env);
  const fd = await ping(p, family);
  await p.getsockname(fd);
  await env.attempt(p.getpeername(fd));
  for (const address of [
    family.loopback(ID).subarray(0, 15), family.loopback(ID).subarray(0, 24), familyOnly(AF.UNSPEC), familyOnly(77, 28), in4('127.0.0.1', ID, AF.UNSPEC),
    family.elsewhere(ID), in4('224.0.0.1', ID), in4('255.255.255.255', ID), in6('ff02::1', ID), in6('fe80::1', ID), in6('fe80::1', ID, 99),
    in6('::ffff:127.0.0.1', ID), family.loopback(ID),
  ]) {
    await env.attempt(p.bind(fd, address));
  }
  await p.getsockname(fd);
  await env.attempt(p.bind(fd, family.any(ID + 1)));
  await env.attempt(p.bind(fd, familyOnly(77, 28)));
  // Everybody may use an identifier again, unless somebody says otherwise.
  const second = await ping(p, family);
  await p.getsockopt(second, SOL.SOCKET, SO.REUSEADDR, 4);
  await env.attempt(p.bind(second, family.any(ID)));
  const third = await ping(p, family);
  await p.setsockopt(third, SOL.SOCKET, SO.REUSEADDR, ints(0));
  await env.attempt(p.bind(third, family.any(ID)));
  await env.attempt(p.bind(third, family.any(ID + 2)));
  const fourth = await ping(p, family);
  await env.attempt(p.bind(fourth, family.any(ID + 2)));
  // Below 1024 too, and one that the kernel chooses.
  await env.attempt(p.bind(fourth, family.any(7)));
  await p.getsockname(fourth);
  const fifth = await ping(p, family);
  await p.bind(fifth, family.any(0));
  const name = await silently(p).getsockname(fifth);
  env.note('an identifier of its own', new DataView(name.buffer).getUint16(2) !== 0);
  await env.attempt(p.bind(fifth, family.any(ID + 3)));
}));

const ids = FAMILIES.map((family) => program(`ping-identifiers-${family.name}`, async (env) => {
  const p = await allowed(env);
  const first = await bound(p, family);
  const second = await bound(p, family);
  const other = await bound(p, family, ID + 1);
  const own = await ping(p, family);
  await p.bind(own, family.loopback(ID + 2));
  // Of those that share one the latest hears it.
  await p.sendto(first, echo(family, 1, text('first')), 0, family.loopback(0));
  await env.settle();
  for (const fd of [first, second, other, own]) await state(p, fd);
  await p.recvfrom(second, room(64), 0);
  await p.close(second);
  await p.sendto(other, echo(family, 2, text('other')), 0, family.loopback(0));
  await p.sendto(first, echo(family, 3, text('first')), 0, family.loopback(0));
  await p.sendto(own, echo(family, 4, text('own')), 0, family.loopback(0));
  await env.settle();
  for (const fd of [first, other, own]) await p.recvfrom(fd, room(64), MSG.DONTWAIT);
  // Who binds no identifier gets one with the first message.
  const late = await ping(p, family);
  await env.attempt(p.sendto(late, text('short'), 0, family.loopback(0)));
  const name = await silently(p).getsockname(late);
  env.note('has an identifier', new DataView(name.buffer).getUint16(2) !== 0);
  await p.sendto(late, echo(family, 5, text('late')), 0, family.loopback(0));
  await wait(p, late, POLL.IN);
  const bytes = room(64);
  const { count } = await silently(p).recvfrom(late, bytes, 0);
  env.note('the answer', `${count} ${[...bytes.subarray(6, count)].join(' ')}`);
}));

const connecting = FAMILIES.map((family) => program(`ping-connect-${family.name}`, async (env) => {
  const p = await allowed(env);
  const fd = await bound(p, family);
  for (const address of [
    family.loopback(0).subarray(0, 8), familyOnly(77, 28), in4('127.0.0.1', 9), in6('::ffff:127.0.0.1', 9), in6('fe80::1', 9), family.elsewhere(9),
    in4('255.255.255.255', 0),
  ]) {
    await env.attempt(p.connect(fd, address));
  }
  await p.connect(fd, family.loopback(0));
  await env.attempt(p.getpeername(fd));
  await p.getsockname(fd);
  await p.connect(fd, family.loopback(77));
  await p.getpeername(fd);
  await p.send(fd, echo(family, 1, text('connected')), 0);
  await wait(p, fd, POLL.IN);
  await p.recv(fd, room(64), 0);
  await p.write(fd, echo(family, 2, text('written')));
  await wait(p, fd, POLL.IN);
  await p.read(fd, room(64));
  await env.attempt(p.sendto(fd, echo(family, 3, text('to')), 0, family.loopback(0)));
  await env.settle();
  await env.attempt(p.connect(fd, familyOnly(AF.UNSPEC)));
  await env.attempt(p.getpeername(fd));
  await p.getsockname(fd);
  await env.attempt(p.send(fd, echo(family, 1, text('nobody')), 0));
  // One without an identifier of its own loses it.
  const auto = await ping(p, family);
  await p.connect(auto, family.loopback(0));
  await env.attempt(p.connect(auto, familyOnly(AF.UNSPEC)));
  await p.getsockname(auto);
  await p.shutdown(fd, SHUT.RD).catch(() => {});
  await env.attempt(p.recv(fd, room(8), MSG.DONTWAIT));
  await state(p, fd);
}));

/** What options ask to be told with an answer. */
const control = FAMILIES.map((family) => program(`ping-control-${family.name}`, async (env) => {
  const p = await allowed(env);
  const fd = await bound(p, family);
  const options: [number, number][] = family === INET
    ? [[IPPROTO.IP, IP.PKTINFO], [IPPROTO.IP, IP.RECVTTL], [IPPROTO.IP, IP.RECVTOS], [IPPROTO.IP, IP.RECVORIGDSTADDR]]
    : [[IPPROTO.IPV6, IPV6.RECVPKTINFO], [IPPROTO.IPV6, IPV6.RECVHOPLIMIT], [IPPROTO.IPV6, IPV6.RECVTCLASS]];
  for (const [level, option] of options) {
    await p.setsockopt(fd, level, option, ints(1));
    await p.sendto(fd, echo(family, 1, text('told')), 0, family.loopback(0));
    await wait(p, fd, POLL.IN);
    await p.recvmsg(fd, [room(64)], 0, 128, 256);
  }
  for (const [level, option, value] of (family === INET
    ? [[IPPROTO.IP, IP.TTL, 9], [IPPROTO.IP, IP.TOS, 0x10]] : [[IPPROTO.IPV6, IPV6.UNICAST_HOPS, 9], [IPPROTO.IPV6, IPV6.TCLASS, 0x20]]) as [number, number, number][]) {
    await p.setsockopt(fd, level, option, ints(value));
  }
  await p.sendto(fd, echo(family, 2, text('chosen')), 0, family.loopback(0));
  await wait(p, fd, POLL.IN);
  await p.recvmsg(fd, [room(64)], 0, 128, 256);
  for (const [level, option] of [[SOL.SOCKET, SO.PROTOCOL], [SOL.SOCKET, SO.TYPE], [IPPROTO.IPV6, IPV6.V6ONLY], [IPPROTO.IP, IP.HDRINCL], [SOL.RAW, 1], [SOL.ICMPV6, 1], [IPPROTO.UDP, 1]] as const) {
    await env.attempt(p.getsockopt(fd, level, option, 4));
    await env.attempt(p.setsockopt(fd, level, option, ints(1)));
  }
}));

/** Nobody is there: a route that is refused, and how the socket hears of what did not arrive. */
const errors = FAMILIES.map((family) => program(`ping-errors-${family.name}`, async (env) => {
  const p = await allowed(env);
  for (const withQueue of [false, true]) {
    const fd = await bound(p, family);
    if (withQueue) {
      if (family === INET) await p.setsockopt(fd, IPPROTO.IP, IP.RECVERR, ints(1));
      else await p.setsockopt(fd, IPPROTO.IPV6, IPV6.RECVERR, ints(1));
    }
    // Longer than IP allows, and longer than the way lets through in one piece.
    await env.attempt(p.sendto(fd, echo(family, 1, room(65_527)), 0, family.loopback(0)));
    await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256));
    if (family === INET) await p.setsockopt(fd, IPPROTO.IP, IP.MTU_DISCOVER, ints(2));
    else await p.setsockopt(fd, IPPROTO.IPV6, IPV6.MTU_DISCOVER, ints(2));
    await env.attempt(p.sendto(fd, echo(family, 1, room(65_520)), 0, family.loopback(0)));
    await state(p, fd);
    await env.attempt(p.recvmsg(fd, [room(16)], MSG.ERRQUEUE, 128, 256));
    await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
    await p.close(fd);
  }
}));

/** An ICMP error about a packet of `protocol` that this host sent to itself: what a raw socket of ICMP sends. */
function icmpError(family: Family, type: number, code: number, rest: number, protocol: number, transport: Uint8Array): Uint8Array {
  const header = room(family === INET ? 20 : 40);
  const view = new DataView(header.buffer);
  if (family === INET) {
    header.set([0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    view.setUint16(2, 20 + transport.length);
  } else {
    header.set([0x60, 0, 0, 0, 0, 0, protocol, 64]);
    view.setUint16(4, transport.length);
    header[23] = 1;
    header[39] = 1;
  }
  const message = room(8 + header.length + transport.length);
  message.set([type, code, 0, 0, rest >>> 24, rest >>> 16, rest >>> 8, rest]);
  message.set(header, 8);
  message.set(transport, 8 + header.length);
  if (family === INET) {
    let sum = 0;
    for (let at = 0; at < message.length; at += 2) sum += ((message[at] as number) << 8) | (message[at + 1] ?? 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    new DataView(message.buffer).setUint16(2, ~sum & 0xffff);
  }
  return message;
}

/** Type, code, and the word behind them. */
const ERRORS4: readonly (readonly [number, number, number])[] = [
  ...Array.from({ length: 17 }, (_, code) => [3, code, code === 4 ? 1400 : 0] as const), [3, 4, 0], [4, 0, 0], [11, 0, 0], [11, 1, 0], [11, 7, 0], [12, 0, 0x05000000],
  [12, 1, 0], [5, 1, 0x7f000001], [40, 0, 0],
];
const ERRORS6: readonly (readonly [number, number, number])[] = [
  ...Array.from({ length: 9 }, (_, code) => [1, code, 0] as const), [2, 0, 1400], [2, 0, 100], [3, 0, 0], [3, 1, 0], [4, 0, 6], [4, 1, 6], [4, 2, 6], [4, 9, 0], [5, 0, 0],
  [100, 0, 0],
];

async function hearErrors(env: ProgramEnvironment, p: Syscalls, family: Family, fd: number, protocol: number, transport: Uint8Array): Promise<void> {
  const raw = await p.socket(family.domain, SOCK.RAW, protocolOf(family));
  for (const [type, code, word] of family === INET ? ERRORS4 : ERRORS6) {
    await silently(p).sendto(raw, icmpError(family, type, code, word, protocol, transport), 0, family.loopback(0));
    await env.settle(1);
    env.note('after', `${type} ${code} ${word}`);
    await state(p, fd);
    await env.attempt(p.recvmsg(fd, [room(64)], MSG.ERRQUEUE, 128, 256));
    await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  }
  await p.close(raw);
}

const injected = FAMILIES.flatMap((family) => ['quiet', 'connected', 'queue', 'connected-queue', 'dont-fragment', 'dont'].map((kind) => (
  program(`ping-icmp-errors-${family.name}-${kind}`, async (env) => {
    const p = await allowed(env);
    const [level, option, discover] = family === INET
      ? [IPPROTO.IP, IP.RECVERR, IP.MTU_DISCOVER] : [IPPROTO.IPV6, IPV6.RECVERR, IPV6.MTU_DISCOVER];
    const prepare = async (fd: number): Promise<void> => {
      if (kind.includes('queue')) await p.setsockopt(fd, level, option, ints(1));
      if (kind.startsWith('dont')) await p.setsockopt(fd, level, discover, ints(kind === 'dont' ? 0 : 2));
      if (kind.includes('connected') || kind.startsWith('dont')) await p.connect(fd, family.loopback(0));
    };
    const fd = await bound(p, family);
    await prepare(fd);
    const request = echo(family, 1, text('quoted'));
    new DataView(request.buffer).setUint16(4, ID);
    await hearErrors(env, p, family, fd, protocolOf(family), request);
    // An answer of ours, and a request of somebody else's, are no business of the socket's.
    const answer = request.slice();
    answer[0] = family === INET ? 0 : 129;
    const [type, code] = family === INET ? [3, 1] : [1, 4];
    const raw = await p.socket(family.domain, SOCK.RAW, protocolOf(family));
    for (const quoted of [answer, echo(family, 1, text('other'))]) {
      await silently(p).sendto(raw, icmpError(family, type, code, 0, protocolOf(family), quoted), 0, family.loopback(0));
      await env.settle(1);
      await state(p, fd);
    }
    const own = await p.socket(family.domain, SOCK.RAW, 253);
    await prepare(own);
    await hearErrors(env, p, family, own, 253, text('raw payload'));
  }))));

/** A full buffer loses answers; who asked is told how many. */
const full = FAMILIES.map((family) => program(`ping-full-buffer-${family.name}`, async (env) => {
  const p = await allowed(env);
  const fd = await bound(p, family);
  await p.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, ints(2304));
  await p.setsockopt(fd, SOL.SOCKET, SO.RXQ_OVFL, ints(1));
  for (let i = 0; i < 8; i++) await p.sendto(fd, echo(family, i, pattern(400)), 0, family.loopback(0));
  await env.settle();
  for (let i = 0; i < 9; i++) {
    if ((await env.attempt(p.recvmsg(fd, [room(500)], MSG.DONTWAIT, 128, 64))) !== null) break;
  }
  await p.sendto(fd, echo(family, 9, text('after')), 0, family.loopback(0));
  await env.settle();
  await env.attempt(p.recvmsg(fd, [room(500)], MSG.DONTWAIT, 128, 64));
}));

/** Raw sockets hear the same messages. */
const beside = program('ping-beside-raw', async (env) => {
  const p = await allowed(env);
  const fd = await bound(p, INET);
  const raw = await p.socket(AF.INET, SOCK.RAW, IPPROTO.ICMP);
  await p.sendto(fd, echo(INET, 1, text('both')), 0, withPort(INET.loopback(0), 0));
  await env.settle();
  await state(p, raw);
  await p.recvfrom(fd, room(64), MSG.DONTWAIT);
  const bytes = room(64);
  for (const what of ['request', 'answer']) {
    const { count } = await silently(p).recvfrom(raw, bytes, MSG.DONTWAIT);
    env.note(what, `${count} ${[...bytes.subarray(20, count)].join(' ')}`);
  }
});

export const programs: Program[] = [
  groups, supplementary, ...exchange, ...refused, ...names, ...ids, ...connecting, ...control, ...errors, ...injected, ...full, beside,
];
