/**
 * Multicast on loopback: joining and leaving in every form, source filters, which sockets hear what, where it is sent, limits,
 * and every errno of a wrong value (ip(7), ipv6(7), RFC 3678).
 */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { AF, IP, IPPROTO, IPV6, MCAST, MCAST_MODE, MSG, SO, SOCK, SOL } from '../numbers.ts';
import { hex, in4, in6 } from '../address.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import { dgram, INET, INET6, ints, joined, PORT, room, silently, text } from '../toolkit.ts';
import {
  groupFilter, groupReq, groupSource, mreq, mreq6, mreqn, mreqSource, msfilter, storage, v4,
} from './multicast-values.ts';

const LO = 1;
const NOWHERE = 77;
const GROUP = '239.1.2.3', OTHER = '239.4.5.6', LINK = '224.0.0.251';
const GROUP6 = 'ff05::1:3', OTHER6 = 'ff15::7', LINK6 = 'ff02::fb', HOST6 = 'ff01::5';
const HERE = '127.0.0.1';
const { EXCLUDE, INCLUDE } = MCAST_MODE;

type Env = ProgramEnvironment;

class Options {
  readonly env: Env;
  readonly p: Syscalls;
  readonly fd: number;
  readonly level: number;

  constructor(env: Env, p: Syscalls, fd: number, level: number) {
    this.env = env;
    this.p = p;
    this.fd = fd;
    this.level = level;
  }

  set(option: number, value: Uint8Array): Promise<string | null> {
    return this.env.attempt(this.p.setsockopt(this.fd, this.level, option, value));
  }

  get(option: number, value: number | Uint8Array): Promise<string | null> {
    return this.env.attempt(this.p.getsockopt(this.fd, this.level, option, value));
  }
}

/** Every length up to one more than the structure's. */
async function lengths(options: Options, option: number, whole: Uint8Array, undo: number): Promise<void> {
  const { length } = whole;
  for (const n of [0, 1, 3, 4, length - 5, length - 4, length - 1, length, length + 1, length + 8]) {
    if (n < 0) continue;
    const value = joined(whole, room(8)).subarray(0, n);
    if ((await options.set(option, value)) === null) await options.set(undo, value);
  }
}

const kinds = [
  { name: 'dgram', make: (p: Syscalls, domain: number) => p.socket(domain, SOCK.DGRAM, 0) },
  { name: 'raw', make: (p: Syscalls, domain: number) => p.socket(domain, SOCK.RAW, IPPROTO.UDP) },
  { name: 'stream', make: (p: Syscalls, domain: number) => p.socket(domain, SOCK.STREAM, 0) },
];

function each(name: string, domains: readonly number[], run: (env: Env, p: Syscalls, fd: number, domain: number) => Promise<void>): Program[] {
  return kinds.flatMap((kind) => domains.map((domain) => program(`multicast-${name}-${kind.name}-${domain === AF.INET ? 'inet' : 'inet6'}`, async (env) => {
    const p = await env.process();
    await run(env, p, await kind.make(p, domain), domain);
  })));
}

const memberships4 = each('membership4', [AF.INET, AF.INET6], async (env, p, fd) => {
  const options = new Options(env, p, fd, IPPROTO.IP);
  const { ADD_MEMBERSHIP: add, DROP_MEMBERSHIP: drop } = IP;
  await options.set(add, mreq(GROUP));
  await options.set(add, mreq(GROUP));
  await options.set(add, mreqn(GROUP, '0.0.0.0', LO));
  await options.set(add, mreq(GROUP, '127.9.9.9'));
  await options.set(drop, mreq(GROUP));
  await options.set(drop, mreq(GROUP));
  for (const value of [
    mreq('127.0.0.1'), mreq('240.0.0.1'), mreq('0.0.0.0'), mreq('255.255.255.255'), mreq(GROUP, '192.0.2.1'), mreq(GROUP, '0.0.0.0'),
    mreqn(GROUP, '192.0.2.1', LO), mreqn(GROUP, '0.0.0.0', NOWHERE), mreqn(GROUP, HERE, NOWHERE), mreqn(GROUP, '0.0.0.0', -1), mreq(LINK),
    mreq('224.0.0.1'), mreqn(OTHER, '0.0.0.0', LO), mreqn(OTHER, '0.0.0.0', 0),
  ]) {
    await options.set(add, value);
    await options.set(drop, value);
  }
  // What was joined by one description is left by another.
  await options.set(add, mreqn(GROUP, '192.0.2.1', LO));
  await options.set(drop, mreq(GROUP, '0.0.0.0'));
  await options.set(drop, mreq(GROUP, '192.0.2.1'));
  await options.set(add, mreq(GROUP));
  await options.set(drop, mreq(GROUP, '192.0.2.2'));
  await options.set(drop, mreqn(GROUP, '0.0.0.0', LO));
  await lengths(options, add, mreqn(GROUP, HERE, LO), drop);
  await options.set(drop, mreq(GROUP).subarray(0, 7));
  for (const option of [add, drop, IP.BLOCK_SOURCE, IP.UNBLOCK_SOURCE, IP.ADD_SOURCE_MEMBERSHIP, IP.DROP_SOURCE_MEMBERSHIP, MCAST.JOIN_GROUP]) {
    await options.get(option, 8);
  }
});

const memberships6 = each('membership6', [AF.INET, AF.INET6], async (env, p, fd) => {
  const options = new Options(env, p, fd, IPPROTO.IPV6);
  const { ADD_MEMBERSHIP: add, DROP_MEMBERSHIP: drop } = IPV6;
  await options.set(add, mreq6(GROUP6));
  await options.set(add, mreq6(GROUP6));
  await options.set(add, mreq6(GROUP6, 0));
  await options.set(drop, mreq6(GROUP6, 0));
  await options.set(drop, mreq6(GROUP6, 0));
  await options.set(drop, mreq6(GROUP6));
  for (const value of [
    mreq6('::1'), mreq6('fe80::1'), mreq6('::'), mreq6('::ffff:239.1.2.3'), mreq6(GROUP6, NOWHERE), mreq6(GROUP6, -1), mreq6(GROUP6, 0),
    mreq6(LINK6), mreq6(LINK6, 0), mreq6(HOST6), mreq6(HOST6, 0), mreq6('ff02::1'), mreq6('ff00::5'), mreq6('ff0e::1'),
  ]) {
    await options.set(add, value);
    await options.set(drop, value);
  }
  await lengths(options, add, mreq6(GROUP6), drop);
  for (const option of [add, drop, MCAST.JOIN_GROUP, MCAST.LEAVE_GROUP, MCAST.BLOCK_SOURCE]) await options.get(option, 20);
});

const sources4 = each('source4', [AF.INET, AF.INET6], async (env, p, fd) => {
  const options = new Options(env, p, fd, IPPROTO.IP);
  const { ADD_SOURCE_MEMBERSHIP: add, DROP_SOURCE_MEMBERSHIP: drop, BLOCK_SOURCE: block, UNBLOCK_SOURCE: unblock } = IP;
  const all = [add, drop, block, unblock];
  const show = (group = GROUP, count = 8): Promise<string | null> => options.get(IP.MSFILTER, joined(msfilter(group, 0, [], HERE, count), room(4 * count)));
  for (const option of all) await options.set(option, mreqSource(GROUP, '10.0.0.1'));
  await show();
  for (const option of all) await options.set(option, mreqSource('10.0.0.9', '10.0.0.1'));
  for (const option of all) await options.set(option, mreqSource(GROUP, '10.0.0.1', '192.0.2.1'));
  for (const option of all) await options.set(option, mreqSource(GROUP, '10.0.0.1', '0.0.0.0'));
  // INCLUDE: sources come, and the last one takes the membership with it.
  await options.set(add, mreqSource(GROUP, '10.0.0.1'));
  await options.set(add, mreqSource(GROUP, '10.0.0.1'));
  await options.set(add, mreqSource(GROUP, '10.0.0.2'));
  await show();
  await options.set(block, mreqSource(GROUP, '10.0.0.1'));
  await options.set(unblock, mreqSource(GROUP, '10.0.0.1'));
  await options.set(IP.ADD_MEMBERSHIP, mreq(GROUP));
  await options.set(drop, mreqSource(GROUP, '10.0.0.3'));
  await options.set(drop, mreqSource(GROUP, '10.0.0.1'));
  await show();
  await options.set(drop, mreqSource(GROUP, '10.0.0.2'));
  await show();
  await options.set(IP.DROP_MEMBERSHIP, mreq(GROUP));
  // EXCLUDE: blocked and unblocked.
  await options.set(IP.ADD_MEMBERSHIP, mreq(GROUP));
  await show();
  await options.set(unblock, mreqSource(GROUP, '10.0.0.1'));
  await options.set(block, mreqSource(GROUP, '10.0.0.1'));
  await options.set(block, mreqSource(GROUP, '10.0.0.1'));
  await options.set(block, mreqSource(GROUP, '0.0.0.0'));
  await options.set(block, mreqSource(GROUP, '255.255.255.255'));
  await show();
  await options.set(add, mreqSource(GROUP, '10.0.0.5'));
  await options.set(drop, mreqSource(GROUP, '10.0.0.1'));
  await options.set(unblock, mreqSource(GROUP, '10.0.0.1'));
  await options.set(unblock, mreqSource(GROUP, '0.0.0.0'));
  await options.set(unblock, mreqSource(GROUP, '255.255.255.255'));
  await show();
  // An emptied list keeps the mode; and while there never was one, the mode may change.
  await options.set(add, mreqSource(GROUP, '10.0.0.5'));
  await show();
  await options.set(IP.DROP_MEMBERSHIP, mreq(GROUP));
  await options.set(IP.ADD_MEMBERSHIP, mreq(GROUP));
  await options.set(add, mreqSource(GROUP, '10.0.0.5'));
  await show();
  await options.set(IP.DROP_MEMBERSHIP, mreq(GROUP));
  // No more than igmp_max_msf.
  await options.set(IP.ADD_MEMBERSHIP, mreq(GROUP));
  for (let i = 1; i <= 12; i++) await options.set(block, mreqSource(GROUP, `10.0.1.${i}`));
  for (const count of [0, 1, 5, 10, 11, 20]) await show(GROUP, count);
  await lengths(options, unblock, mreqSource(GROUP, '10.0.1.1'), block);
});

/** The forms of RFC 3678 that name a family themselves. `source`: an address of the family. */
async function groupForms(
  options: Options, group: string, elsewhere: string, single: string, link: string, source: (n: number) => string, foreign: string,
): Promise<void> {
  for (const value of [
    groupReq(group), groupReq(group, 0), groupReq(group, NOWHERE), groupReq(elsewhere), groupReq(single), joined(ints(LO, 0), storage(group, AF.UNSPEC)),
    groupReq(link), joined(groupReq(group), room(8)), groupReq(group).subarray(0, 135), groupReq(group).subarray(0, 24),
  ]) {
    for (const option of [MCAST.JOIN_GROUP, MCAST.JOIN_GROUP, MCAST.LEAVE_GROUP, MCAST.LEAVE_GROUP]) await options.set(option, value);
  }
  const { JOIN_SOURCE_GROUP: join, LEAVE_SOURCE_GROUP: leave, BLOCK_SOURCE: block, UNBLOCK_SOURCE: unblock } = MCAST;
  const all = [join, block, unblock, leave];
  const show = (count = 4, index = LO): Promise<string | null> =>
    options.get(MCAST.MSFILTER, joined(groupFilter(group, 0, [], index, count), room(128 * count)));
  for (const value of [
    groupSource(group, source(1)), groupSource(group, source(1), 0), groupSource(group, source(1), NOWHERE), groupSource(group, foreign),
    groupSource(elsewhere, source(1)), groupSource(source(2), source(1)), groupSource(group, source(1)).subarray(0, 263),
    joined(groupSource(group, source(1)), room(4)),
  ]) {
    for (const option of all) await options.set(option, value);
  }
  await show();
  await options.set(MCAST.JOIN_GROUP, groupReq(group));
  for (const option of [unblock, block, block, join, leave]) await options.set(option, groupSource(group, source(7)));
  await show();
  for (const index of [0, NOWHERE]) await show(4, index);
  for (const option of [unblock, unblock]) await options.set(option, groupSource(group, source(7)));
  await show();
  await options.set(MCAST.LEAVE_GROUP, groupReq(group));
  for (const n of [8, 9]) await options.set(join, groupSource(group, source(n)));
  for (const count of [0, 1, 2, 3]) await show(count);
  for (const n of [8, 9]) await options.set(leave, groupSource(group, source(n)));
  await show();
}

const groups4 = each('group4', [AF.INET, AF.INET6], (env, p, fd) =>
  groupForms(new Options(env, p, fd, IPPROTO.IP), GROUP, GROUP6, '10.0.0.1', LINK, (n) => `10.0.0.${n}`, '::1'));

const groups6 = each('group6', [AF.INET6], async (env, p, fd) => {
  const options = new Options(env, p, fd, IPPROTO.IPV6);
  await groupForms(options, GROUP6, GROUP, 'fe80::1', LINK6, (n) => `2001:db8::${n}`, '10.0.0.1');
  await options.set(MCAST.JOIN_SOURCE_GROUP, groupSource(GROUP, '::1'));
});

const filters4 = each('filter4', [AF.INET], async (env, p, fd) => {
  const options = new Options(env, p, fd, IPPROTO.IP);
  const sources = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
  const show = (): Promise<string | null> => options.get(IP.MSFILTER, msfilter(GROUP, 0, ['0.0.0.0', '0.0.0.0', '0.0.0.0', '0.0.0.0']));
  for (const value of [
    msfilter(GROUP, INCLUDE, sources), msfilter(GROUP, INCLUDE, []), msfilter(GROUP, EXCLUDE, []), msfilter(GROUP, 2, sources), msfilter('10.0.0.1', INCLUDE, sources),
    msfilter(GROUP, INCLUDE, sources, '192.0.2.1'), msfilter(GROUP, INCLUDE, sources, '0.0.0.0'),
  ]) await options.set(IP.MSFILTER, value);
  await options.set(IP.ADD_MEMBERSHIP, mreq(GROUP));
  for (const value of [
    msfilter(GROUP, INCLUDE, sources), msfilter(GROUP, EXCLUDE, sources), msfilter(GROUP, EXCLUDE, ['10.0.0.1', '10.0.0.1']), msfilter(GROUP, EXCLUDE, []),
    msfilter(GROUP, 2, sources), msfilter(GROUP, INCLUDE, sources, HERE, 4), msfilter(GROUP, INCLUDE, sources, HERE, 2), msfilter(GROUP, INCLUDE, sources, HERE, 11),
    msfilter(GROUP, INCLUDE, sources, HERE, -1), msfilter(GROUP, INCLUDE, Array.from({ length: 10 }, (_, i) => `10.0.3.${i}`)),
    msfilter(GROUP, INCLUDE, Array.from({ length: 11 }, (_, i) => `10.0.3.${i}`)), msfilter(GROUP, EXCLUDE, sources).subarray(0, 15),
    msfilter(GROUP, EXCLUDE, sources).subarray(0, 16), joined(msfilter(GROUP, EXCLUDE, sources), room(7)),
    joined(msfilter(GROUP, EXCLUDE, sources), room(140_000)),
  ]) {
    await options.set(IP.MSFILTER, value);
    await show();
  }
  for (const value of [
    msfilter(GROUP, 0, [], HERE, 0), msfilter(GROUP, 0, [], '192.0.2.1', 0), msfilter(GROUP, 0, [], '0.0.0.0', 0), msfilter('10.0.0.1', 0, []), msfilter(OTHER, 0, []),
    msfilter(GROUP, 0, []).subarray(0, 15), new Uint8Array(0),
  ]) await options.get(IP.MSFILTER, value);
  for (const value of [
    groupFilter(GROUP, INCLUDE, sources), groupFilter(GROUP, EXCLUDE, sources), groupFilter(GROUP, EXCLUDE, []), groupFilter(GROUP, INCLUDE, sources, 0),
    groupFilter(GROUP, INCLUDE, sources, NOWHERE), groupFilter(GROUP6, INCLUDE, sources), groupFilter(GROUP, INCLUDE, ['10.0.0.1', '::1']),
    groupFilter(GROUP, 9, sources), groupFilter(GROUP, INCLUDE, sources, LO, 4), groupFilter(GROUP, INCLUDE, sources, LO, 11),
    groupFilter(GROUP, INCLUDE, sources, LO, -1), groupFilter(GROUP, INCLUDE, sources).subarray(0, 143), groupFilter(GROUP, INCLUDE, []),
    joined(groupFilter(GROUP, INCLUDE, sources), room(140_000)), groupFilter(GROUP, EXCLUDE, sources),
  ]) {
    await options.set(MCAST.MSFILTER, value);
    await show();
  }
  await options.set(IP.ADD_MEMBERSHIP, mreq(GROUP));
  for (const value of [
    groupFilter(GROUP, 0, [], LO, 0), groupFilter(GROUP, 0, [], 0, 0), groupFilter(GROUP, 0, [], NOWHERE, 0), groupFilter(GROUP6, 0, [], LO, 0),
    groupFilter('10.0.0.1', 0, [], LO, 0), groupFilter(OTHER, 0, [], LO, 0), groupFilter(GROUP, 0, []).subarray(0, 143), new Uint8Array(0),
  ]) await options.get(MCAST.MSFILTER, value);
});

const filters6 = each('filter6', [AF.INET6], async (env, p, fd) => {
  const options = new Options(env, p, fd, IPPROTO.IPV6);
  const sources = ['2001:db8::1', '2001:db8::2', '2001:db8::3'];
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `2001:db8::${i + 1}`);
  const show = (): Promise<string | null> => options.get(MCAST.MSFILTER, groupFilter(GROUP6, 0, ['::', '::', '::', '::']));
  for (const value of [groupFilter(GROUP6, INCLUDE, sources), groupFilter(GROUP6, INCLUDE, []), groupFilter(GROUP6, EXCLUDE, [])]) {
    await options.set(MCAST.MSFILTER, value);
  }
  await options.set(MCAST.JOIN_GROUP, groupReq(GROUP6));
  for (const value of [
    groupFilter(GROUP6, INCLUDE, sources), groupFilter(GROUP6, EXCLUDE, sources), groupFilter(GROUP6, EXCLUDE, []), groupFilter(GROUP6, INCLUDE, sources, 0),
    groupFilter(GROUP6, INCLUDE, sources, NOWHERE), groupFilter(GROUP, INCLUDE, sources), groupFilter('::1', INCLUDE, sources), groupFilter(OTHER6, INCLUDE, sources),
    groupFilter(GROUP6, 9, sources), groupFilter(GROUP6, INCLUDE, sources, LO, 4), groupFilter(GROUP6, INCLUDE, sources, LO, 65),
    groupFilter(GROUP6, INCLUDE, sources, LO, -1), groupFilter(GROUP6, EXCLUDE, many(64)), groupFilter(GROUP6, EXCLUDE, many(65)),
    groupFilter(GROUP6, INCLUDE, sources).subarray(0, 143), joined(groupFilter(GROUP6, INCLUDE, sources), room(140_000)),
    groupFilter(GROUP6, INCLUDE, []), groupFilter(GROUP6, EXCLUDE, sources),
  ]) {
    await options.set(MCAST.MSFILTER, value);
    await show();
  }
  await options.set(MCAST.JOIN_GROUP, groupReq(GROUP6));
  for (let i = 1; i <= 66; i++) await options.set(MCAST.BLOCK_SOURCE, groupSource(GROUP6, `2001:db8::${i}`));
  for (const value of [
    groupFilter(GROUP6, 0, [], LO, 0), groupFilter(GROUP6, 0, [], 0, 0), groupFilter(GROUP6, 0, [], NOWHERE, 0), groupFilter(GROUP, 0, [], LO, 0),
    groupFilter('::1', 0, [], LO, 0), groupFilter(OTHER6, 0, [], LO, 0), groupFilter(GROUP6, 0, []).subarray(0, 143), new Uint8Array(0),
  ]) await options.get(MCAST.MSFILTER, value);
});

const interfaces = each('interface', [AF.INET, AF.INET6], async (env, p, fd, domain) => {
  const four = new Options(env, p, fd, IPPROTO.IP);
  const { MULTICAST_IF } = IP;
  await four.get(MULTICAST_IF, 4);
  for (const value of [
    v4(HERE), v4('127.5.5.5'), v4('192.0.2.1'), v4('0.0.0.0'), mreq(GROUP), mreq('0.0.0.0', '192.0.2.1'), mreqn('0.0.0.0', '0.0.0.0', LO), mreqn('0.0.0.0', HERE, LO),
    mreqn('0.0.0.0', '192.0.2.1', LO), mreqn('0.0.0.0', HERE, NOWHERE), mreqn('0.0.0.0', '0.0.0.0', 0), v4(HERE).subarray(0, 3), mreq(GROUP).subarray(0, 7),
    mreqn('0.0.0.0', HERE, LO).subarray(0, 11), new Uint8Array(0),
  ]) {
    await four.set(MULTICAST_IF, value);
    await four.get(MULTICAST_IF, 4);
  }
  for (const length of [0, 1, 3, 4, 8, -1]) await four.get(MULTICAST_IF, length);
  for (const value of [0, 1, 2, -1]) {
    await four.set(IP.MULTICAST_ALL, ints(value));
    await four.get(IP.MULTICAST_ALL, 4);
  }
  for (const option of [IP.MULTICAST_ALL, IP.MULTICAST_LOOP, IP.MULTICAST_TTL]) {
    for (const length of [0, 1, 2, 3, 5]) {
      await four.set(option, ints(1, 0).subarray(0, length));
      await four.get(option, length);
    }
  }
  if (domain === AF.INET6) {
    const six = new Options(env, p, fd, IPPROTO.IPV6);
    await six.get(IPV6.MULTICAST_IF, 4);
    for (const value of [LO, NOWHERE, -1, 0]) {
      await six.set(IPV6.MULTICAST_IF, ints(value));
      await six.get(IPV6.MULTICAST_IF, 4);
    }
    await six.set(IPV6.MULTICAST_IF, ints(LO).subarray(0, 3));
    for (const value of [0, 1, 2, -1]) {
      await six.set(IPV6.MULTICAST_ALL, ints(value));
      await six.get(IPV6.MULTICAST_ALL, 4);
    }
    for (const option of [IPV6.MULTICAST_ALL, IPV6.MULTICAST_LOOP, IPV6.MULTICAST_HOPS, IPV6.MULTICAST_IF]) {
      for (const length of [0, 1, 3, 5, -1]) {
        if (length >= 0) await six.set(option, ints(1, 0).subarray(0, length));
        await six.get(option, length);
      }
    }
  }
  await p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, text('lo\0'));
  await four.set(MULTICAST_IF, mreqn('0.0.0.0', '0.0.0.0', LO));
  await four.set(MULTICAST_IF, v4(HERE));
});

const limits = program('multicast-limits', async (env) => {
  const p = await env.process();
  const fd = await dgram(p, INET);
  const four = new Options(env, p, fd, IPPROTO.IP);
  // igmp_max_memberships is 20.
  for (let i = 1; i <= 22; i++) await four.set(IP.ADD_MEMBERSHIP, mreq(`239.9.9.${i}`));
  await four.set(IP.ADD_MEMBERSHIP, mreq('239.9.9.1'));
  await four.set(IP.DROP_MEMBERSHIP, mreq('239.9.9.1'));
  await four.set(MCAST.JOIN_GROUP, groupReq('239.9.9.30'));
  await four.set(MCAST.JOIN_GROUP, groupReq('239.9.9.31'));
  // IPv6 stops when the memory for options is full.
  const six = await dgram(p, INET6);
  const quiet = silently(p);
  let count = 0;
  let error = '';
  while (error === '' && count < 5000) {
    await quiet.setsockopt(six, IPPROTO.IPV6, IPV6.ADD_MEMBERSHIP, mreq6(`ff05::${(count + 1).toString(16)}`)).then(() => count++, (e: { code: string }) => (error = e.code));
  }
  env.note('IPv6 memberships', `${count} ${error}`);
  await env.attempt(p.setsockopt(six, IPPROTO.IPV6, IPV6.DROP_MEMBERSHIP, mreq6('ff05::1')));
  await env.attempt(p.setsockopt(six, IPPROTO.IPV6, MCAST.BLOCK_SOURCE, groupSource('ff05::2', '2001:db8::1')));
  await env.attempt(p.setsockopt(six, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP)));
  await env.attempt(p.setsockopt(six, IPPROTO.IPV6, IPV6.ADD_MEMBERSHIP, mreq6('ff05::1')));
});

// Who hears what.

async function bound(p: Syscalls, address: Uint8Array, domain: number = AF.INET): Promise<number> {
  const fd = await p.socket(domain, SOCK.DGRAM, 0);
  await p.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await p.bind(fd, address);
  return fd;
}

async function heard(env: Env, p: Syscalls, listeners: readonly number[]): Promise<void> {
  await env.settle(20);
  for (const fd of listeners) {
    for (let i = 0; i < 4; i++) if ((await env.attempt(p.recvfrom(fd, room(64), MSG.DONTWAIT))) !== null) break;
  }
}

const delivery = program('multicast-delivery', async (env) => {
  const p = await env.process();
  const any = await bound(p, in4('0.0.0.0', PORT));
  const joinedAny = await bound(p, in4('0.0.0.0', PORT));
  const toGroup = await bound(p, in4(GROUP, PORT));
  const toOther = await bound(p, in4(OTHER, PORT));
  const toHere = await bound(p, in4(HERE, PORT));
  const strict = await bound(p, in4('0.0.0.0', PORT));
  const dual = await bound(p, in6('::', PORT), AF.INET6);
  const included = await bound(p, in4('0.0.0.0', PORT));
  const excluded = await bound(p, in4('0.0.0.0', PORT));
  const listeners = [any, joinedAny, toGroup, toOther, toHere, strict, dual, included, excluded];
  await p.setsockopt(strict, IPPROTO.IP, IP.MULTICAST_ALL, ints(0));
  const sender = await dgram(p, INET);
  await env.attempt(p.sendto(sender, text('no way'), 0, in4(GROUP, PORT)));
  await p.setsockopt(sender, IPPROTO.IP, IP.MULTICAST_IF, v4(HERE));
  await env.attempt(p.sendto(sender, text('nobody'), 0, in4(GROUP, PORT)));
  await heard(env, p, listeners);
  await p.setsockopt(joinedAny, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP));
  for (const group of [GROUP, OTHER, LINK, '224.0.0.1']) {
    await env.attempt(p.sendto(sender, text(`one: ${group}`), 0, in4(group, PORT)));
    await heard(env, p, listeners);
  }
  await p.setsockopt(strict, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(OTHER));
  await p.setsockopt(included, IPPROTO.IP, IP.ADD_SOURCE_MEMBERSHIP, mreqSource(GROUP, '127.0.0.2'));
  await p.setsockopt(excluded, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP));
  await p.setsockopt(excluded, IPPROTO.IP, IP.BLOCK_SOURCE, mreqSource(GROUP, '127.0.0.2'));
  const second = await bound(p, in4('127.0.0.2', PORT + 1));
  for (const group of [GROUP, OTHER]) {
    for (const from of [sender, second]) {
      await env.attempt(p.sendto(from, text(`two: ${group}`), 0, in4(group, PORT)));
      await heard(env, p, listeners);
    }
  }
  // Sources that nobody on the interface wants do not get past it.
  await p.setsockopt(joinedAny, IPPROTO.IP, IP.DROP_MEMBERSHIP, mreq(GROUP));
  await p.setsockopt(excluded, IPPROTO.IP, IP.DROP_MEMBERSHIP, mreq(GROUP));
  for (const from of [sender, second]) {
    await env.attempt(p.sendto(from, text('three'), 0, in4(GROUP, PORT)));
    await heard(env, p, listeners);
  }
  await p.setsockopt(dual, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP));
  await env.attempt(p.sendto(sender, text('four'), 0, in4(GROUP, PORT)));
  await heard(env, p, listeners);
  await p.setsockopt(dual, IPPROTO.IP, MCAST.BLOCK_SOURCE, groupSource(GROUP, HERE));
  await env.attempt(p.sendto(sender, text('five'), 0, in4(GROUP, PORT)));
  await heard(env, p, listeners);
  await p.close(dual);
  await env.attempt(p.sendto(sender, text('six'), 0, in4(GROUP, PORT)));
  await heard(env, p, listeners.filter((fd) => fd !== dual));
});

const sending = program('multicast-sending', async (env) => {
  const p = await env.process();
  const receiver = await bound(p, in4('0.0.0.0', PORT));
  await p.setsockopt(receiver, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP));
  await p.setsockopt(receiver, IPPROTO.IP, IP.RECVTTL, ints(1));
  await p.setsockopt(receiver, IPPROTO.IP, IP.PKTINFO, ints(1));
  const look = async (): Promise<void> => {
    await env.settle(20);
    await env.attempt(p.recvmsg(receiver, [room(64)], MSG.DONTWAIT, 128, 128));
  };
  for (const value of [null, v4(HERE), v4('127.0.0.7'), mreqn('0.0.0.0', '0.0.0.0', LO), mreqn('0.0.0.0', '127.0.0.3', LO)]) {
    for (const to of [GROUP, LINK]) {
      const fd = await dgram(p, INET);
      if (value !== null) await p.setsockopt(fd, IPPROTO.IP, IP.MULTICAST_IF, value);
      await env.attempt(p.sendto(fd, text('unbound'), 0, in4(to, PORT)));
      await look();
      await env.attempt(p.connect(fd, in4(to, PORT)));
      await env.attempt(p.getpeername(fd));
      await p.getsockname(fd);
      await env.attempt(p.send(fd, text('connected'), 0));
      await look();
      await p.close(fd);
    }
  }
  const fd = await bound(p, in4(HERE, PORT + 1));
  for (const ttl of [0, 1, 7, 255]) {
    await p.setsockopt(fd, IPPROTO.IP, IP.MULTICAST_TTL, ints(ttl));
    await env.attempt(p.sendto(fd, text(`ttl ${ttl}`), 0, in4(GROUP, PORT)));
    await look();
  }
  await p.setsockopt(fd, IPPROTO.IP, IP.TTL, ints(9));
  await env.attempt(p.sendto(fd, text('ttl'), 0, in4(GROUP, PORT)));
  await look();
  await p.setsockopt(fd, IPPROTO.IP, IP.MULTICAST_LOOP, ints(0));
  await env.attempt(p.sendto(fd, text('no loop'), 0, in4(GROUP, PORT)));
  await look();
  // By the device that the socket is bound to.
  const tied = await dgram(p, INET);
  await p.setsockopt(tied, SOL.SOCKET, SO.BINDTODEVICE, text('lo\0'));
  await env.attempt(p.sendto(tied, text('tied'), 0, in4(GROUP, PORT)));
  await look();
  // IPv4's from a socket of IPv6: TTL from IPv4's option, the way too.
  const six = await dgram(p, INET6);
  await env.attempt(p.sendto(six, text('mapped'), 0, in6(`::ffff:${GROUP}`, PORT)));
  await p.setsockopt(six, IPPROTO.IP, IP.MULTICAST_IF, v4(HERE));
  await p.setsockopt(six, IPPROTO.IP, IP.MULTICAST_TTL, ints(5));
  await p.setsockopt(six, IPPROTO.IPV6, IPV6.MULTICAST_HOPS, ints(6));
  await env.attempt(p.sendto(six, text('mapped'), 0, in6(`::ffff:${GROUP}`, PORT)));
  await look();
  for (const group of [GROUP6, LINK6, HOST6]) {
    for (const scope of [0, LO]) await env.attempt(p.sendto(six, text('six'), 0, in6(group, PORT, scope)));
  }
  await p.setsockopt(six, IPPROTO.IPV6, IPV6.MULTICAST_IF, ints(LO));
  for (const group of [GROUP6, LINK6, HOST6]) await env.attempt(p.sendto(six, text('six'), 0, in6(group, PORT)));
});

const raw = program('multicast-raw', async (env) => {
  const p = await env.process();
  const protocol = 253;
  const make = async (): Promise<number> => p.socket(AF.INET, SOCK.RAW, protocol);
  const plain = await make();
  const strict = await make();
  const member = await make();
  const blocking = await make();
  const listeners = Object.entries({ plain, strict, member, blocking }).map(([name, fd]) => ({ name, fd }));
  await p.setsockopt(strict, IPPROTO.IP, IP.MULTICAST_ALL, ints(0));
  const from = await make();
  // The header but for its identification, "don't fragment" and checksum.
  const listen = async (): Promise<void> => {
    await env.settle(20);
    const bytes = room(64);
    for (const { name, fd } of listeners) {
      const n = await silently(p).recv(fd, bytes, MSG.DONTWAIT).catch(() => -1);
      env.note(name, n < 0 ? 'nothing' : `ttl ${bytes[8]} from ${bytes.subarray(12, 16).join('.')}: ${String.fromCharCode(...bytes.subarray(20, n))}`);
    }
  };
  await p.setsockopt(from, IPPROTO.IP, IP.MULTICAST_IF, v4(HERE));
  await env.attempt(p.sendto(from, text('nobody'), 0, in4(GROUP, 0)));
  await listen();
  await p.setsockopt(member, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP));
  await p.setsockopt(blocking, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreq(GROUP));
  await p.setsockopt(blocking, IPPROTO.IP, IP.BLOCK_SOURCE, mreqSource(GROUP, HERE));
  await env.attempt(p.sendto(from, text('group'), 0, in4(GROUP, 0)));
  await listen();
  await p.setsockopt(from, IPPROTO.IP, IP.MULTICAST_TTL, ints(3));
  await env.attempt(p.sendto(from, text('ttl'), 0, in4(GROUP, 0)));
  await listen();
});

type Step = readonly [0 | 1, number, Uint8Array];

/** What an interface says of its groups, as a raw socket that listens to routers' group hears it. */
function reported(name: string, steps: readonly Step[]): Program {
  return program(`multicast-reports-${name}`, async (env) => {
    const p = await env.process();
    const router = await p.socket(AF.INET, SOCK.RAW, IPPROTO.IGMP);
    await p.setsockopt(router, IPPROTO.IP, IP.ADD_MEMBERSHIP, mreqn('224.0.0.22', '0.0.0.0', LO));
    const into = room(500);
    const heardSoFar = async (): Promise<string> => {
      // Only how often the same is said is left to the clock.
      await env.settle(200);
      const kinds = new Set<string>();
      for (;;) {
        const n = await silently(p).recv(router, into, MSG.DONTWAIT).catch(() => -1);
        if (n === -1) return [...kinds].join(' ');
        kinds.add(hex(into.subarray(0, n)));
      }
    };
    await heardSoFar();
    const fds = [await dgram(p, INET), await dgram(p, INET)] as const;
    for (const [who, option, value] of steps) {
      await p.setsockopt(fds[who], IPPROTO.IP, option, value);
      env.note('reports', await heardSoFar());
    }
    await p.close(fds[0]);
    env.note('reports', await heardSoFar());
  });
}

const reports = [
  reported('sources', [
    [0, IP.ADD_MEMBERSHIP, mreq(GROUP)], [0, IP.BLOCK_SOURCE, mreqSource(GROUP, '10.0.0.1')],
    [1, IP.ADD_SOURCE_MEMBERSHIP, mreqSource(GROUP, '10.0.0.1')], [1, IP.ADD_SOURCE_MEMBERSHIP, mreqSource(GROUP, '10.0.0.2')],
    [0, IP.DROP_MEMBERSHIP, mreq(GROUP)], [1, IP.DROP_SOURCE_MEMBERSHIP, mreqSource(GROUP, '10.0.0.1')],
    [1, IP.DROP_SOURCE_MEMBERSHIP, mreqSource(GROUP, '10.0.0.2')],
  ]),
  reported('filters', [
    [0, IP.ADD_SOURCE_MEMBERSHIP, mreqSource(OTHER, '10.0.0.3')], [0, IP.MSFILTER, msfilter(OTHER, INCLUDE, ['10.0.0.4', '10.0.0.5'])],
    [0, IP.MSFILTER, msfilter(OTHER, EXCLUDE, ['10.0.0.4'])], [0, IP.MSFILTER, msfilter(OTHER, EXCLUDE, [])],
    [0, IP.MSFILTER, msfilter(OTHER, INCLUDE, [])], [0, IP.ADD_MEMBERSHIP, mreq(LINK)], [1, IP.ADD_MEMBERSHIP, mreq(LINK)],
    [1, IP.BLOCK_SOURCE, mreqSource(LINK, '10.0.0.6')],
  ]),
];

export const programs: readonly Program[] = [
  ...memberships4, ...memberships6, ...sources4, ...groups4, ...groups6, ...filters4, ...filters6, ...interfaces, limits, delivery, sending, raw, ...reports,
];
