/**
 * The generator's sockets of AF_PACKET, of AF_NETLINK and for pings, and what is asked of them. Packets are of a protocol that
 * nobody speaks, so that no timing of a stream's segments shows in them. The first steps of each are setups too (setups.ts).
 */
import { in4, in6 } from '../address.ts';
import { LO, nl } from '../netlink-text.ts';
import { AF, IPPROTO, MSG, PACKET, SO, SOCK, SOL } from '../numbers.ts';
import { ints, joined } from '../toolkit.ts';
import type { Choose, Chosen } from './generator.ts';
import { type Kind, type Model, type Name, Thing } from './model.ts';
import { diagRequest, routeRequest } from './netlink-talk.ts';
import type { Argument } from './steps.ts';

type Who = 'p1' | 'p2';
/** IEEE's "local experimental", as the network writes it in a C integer. */
const EXPERIMENTAL = 0xb588;
const SIZES = [0, 1, 10, 100, 1000];
const ROUTE = 0, USERSOCK = 2, SOCK_DIAG = 4;
const RTMGRP_LINK = 1, RTMGRP_IPV4_IFADDR = 0x10;
const fd = (name: string): Argument => ({ fd: name });
const isOf = (...kinds: readonly Kind[]) => (thing: Thing): boolean => kinds.includes(thing.kind);

/** `struct sockaddr_ll`. */
function linkAddress(index: number, protocol = EXPERIMENTAL): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes.set([AF.PACKET, 0, protocol & 0xff, protocol >> 8, index]);
  bytes[11] = 6;
  return bytes;
}

/** A receive call of any kind; a look leaves the message where it is. */
function receive(m: Model, { name, thing }: Name, rooms: readonly number[]): Chosen {
  const room = m.pick(rooms);
  const flags = m.pick([0, 0, 0, MSG.PEEK, MSG.TRUNC, MSG.DONTWAIT]);
  if (flags !== MSG.PEEK && thing.pending > 0) thing.pending--;
  switch (m.below(6)) {
    case 0: return { call: 'read', args: [fd(name), { room }] };
    case 1: return { call: 'recvfrom', args: [fd(name), { room }, flags] };
    case 2: return { call: 'recvmmsg', args: [fd(name), { list: [{ record: { iov: { list: [{ room }] }, nameLength: 20, controlLength: 0 } }] }, MSG.DONTWAIT] };
    case 3: case 4: return { call: 'recvmsg', args: [fd(name), { list: [{ room }] }, flags, m.pick([128, 20, 0]), m.pick([128, 0])] };
    default: return { call: 'recv', args: [fd(name), { room }, flags] };
  }
}

export function openPacket(m: Model, process: Who, hears: boolean): { name: Name; step: Chosen } {
  const isRaw = m.chance(40);
  const thing = new Thing(isRaw ? 'packet-raw' : 'packet', 0, false);
  thing.hears = hears;
  const name = m.add(process, thing);
  const type = (isRaw ? SOCK.RAW : SOCK.DGRAM) | SOCK.NONBLOCK;
  return { name, step: { call: 'socket', args: [AF.PACKET, type, hears ? EXPERIMENTAL : 0], makes: [name.name] } };
}

export function sendFrame(m: Model, { name, thing }: Name): Chosen {
  const payload: Argument = thing.kind === 'packet'
    ? { pattern: m.pick(SIZES) }
    : { bytes: joined(new Uint8Array(12), Uint8Array.of(0x88, 0xb5), new Uint8Array(m.pick([1, 10, 100])).fill(7)).subarray(0, m.pick([200, 200, 200, 13])) };
  const to: Argument = { bytes: linkAddress(m.pick([LO, LO, LO, LO, 77])) };
  for (const each of m.things()) if (isOf('packet', 'packet-raw')(each) && each.hears) each.pending++;
  if (m.chance(25)) return { call: 'sendmsg', args: [fd(name), { record: { name: to, iov: { list: [payload] }, control: null } }, 0] };
  return { call: 'sendto', args: [fd(name), payload, 0, to] };
}

export function receiveFrame(m: Model, name: Name): Chosen {
  return receive(m, name, [2000, 2000, 5]);
}

export const packet: Choose = (m, process) => {
  const waiting = m.chance(60) ? m.find(process, (thing) => isOf('packet', 'packet-raw')(thing) && thing.pending > 0, 0) : null;
  if (waiting !== null) return receiveFrame(m, waiting);
  const found = m.find(process, isOf('packet', 'packet-raw'), 0);
  if (found === null || m.chance(10)) return openPacket(m, process, m.chance(80)).step;
  const name = fd(found.name);
  switch (m.below(10)) {
    case 0: case 1:
      found.thing.hears = true;
      return { call: 'bind', args: [name, { bytes: linkAddress(m.pick([LO, LO, 0, 77])).subarray(0, m.pick([20, 20, 20, 12])) }] };
    case 2: return { call: 'getsockname', args: [name] };
    case 3: return { call: m.pick(['listen', 'shutdown']), args: [name, 1] };
    case 4: return m.chance(50)
      ? { call: 'getsockopt', args: [name, SOL.PACKET, PACKET.STATISTICS, 8] }
      : { call: 'setsockopt', args: [name, ...m.pick([[SOL.PACKET, PACKET.AUXDATA], [SOL.SOCKET, SO.TIMESTAMP], [SOL.SOCKET, SO.RXQ_OVFL]] as const), { bytes: ints(m.below(2)) }] };
    case 5: return receiveFrame(m, found);
    default: return sendFrame(m, found);
  }
};

function echo(m: Model, isSix: boolean): Argument {
  const bytes = new Uint8Array(8 + m.pick([0, 4, 56]));
  bytes.set([m.chance(93) ? (isSix ? 128 : 8) : 3, 0, 0xab, 0xcd, 1, 2, 0, m.below(9)]);
  return { bytes: m.chance(95) ? bytes : bytes.subarray(0, 7) };
}

const pingAddress = ({ kind }: Thing, port: number): Uint8Array => (kind === 'ping6' ? in6('::1', port) : in4('127.0.0.1', port));

export function openPing(m: Model, process: Who): { name: Name; step: Chosen } {
  const isSix = m.chance(40);
  const name = m.add(process, new Thing(isSix ? 'ping6' : 'ping', 0, false));
  return { name, step: { call: 'socket', args: [isSix ? AF.INET6 : AF.INET, SOCK.DGRAM | SOCK.NONBLOCK, isSix ? IPPROTO.ICMPV6 : IPPROTO.ICMP], makes: [name.name] } };
}

/** Bound before they send, since identifiers of their own are each kernel's choice. */
export function bindPing(m: Model, { name, thing }: Name): Chosen {
  thing.address = pingAddress(thing, m.port());
  return { call: 'bind', args: [fd(name), { bytes: thing.address }] };
}

export function connectPing({ name, thing }: Name): Chosen {
  thing.isConnected = true;
  return { call: 'connect', args: [fd(name), { bytes: pingAddress(thing, 0) }] };
}

export function sendPing(m: Model, { name, thing }: Name): Chosen {
  thing.pending++;
  const data = echo(m, thing.kind === 'ping6');
  if (thing.isConnected && m.chance(70)) return { call: 'send', args: [fd(name), data, 0] };
  return { call: 'sendto', args: [fd(name), data, 0, { bytes: pingAddress(thing, 0) }] };
}

export function receivePing(m: Model, name: Name): Chosen {
  return receive(m, name, [100, 100, 8, 0]);
}

export const ping: Choose = (m, process) => {
  const waiting = m.chance(55) ? m.find(process, (thing) => isOf('ping', 'ping6')(thing) && thing.pending > 0, 0) : null;
  if (waiting !== null) return receivePing(m, waiting);
  const found = m.find(process, isOf('ping', 'ping6'), 0);
  if (found === null || m.chance(10)) return openPing(m, process).step;
  const { thing } = found;
  const name = fd(found.name);
  if (thing.address === null || m.chance(4)) return bindPing(m, found);
  switch (m.below(8)) {
    case 0: return { call: m.pick(['getsockname', 'getpeername']), args: [name] };
    case 1: return connectPing(found);
    case 2: return receivePing(m, found);
    default: return sendPing(m, found);
  }
};

export function openNetlink(m: Model, process: Who): { name: Name; step: Chosen } {
  const kind = m.pick(['netlink', 'netlink', 'netlink', 'diag', 'usersock'] as const);
  const name = m.add(process, new Thing(kind, 0, false));
  const protocol = kind === 'diag' ? SOCK_DIAG : kind === 'usersock' ? USERSOCK : m.chance(97) ? ROUTE : 100;
  return { name, step: { call: 'socket', args: [AF.NETLINK, m.pick([SOCK.RAW, SOCK.DGRAM]) | SOCK.NONBLOCK, protocol], makes: [name.name] } };
}

/** Always bound: whoever is not gets a number of the kernel's choice. */
export function bindNetlink(m: Model, { name, thing }: Name): Chosen {
  const groups = thing.kind === 'netlink' && m.chance(20) ? m.pick([RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_LINK | RTMGRP_IPV4_IFADDR]) : 0;
  thing.address = nl(m.port(), groups);
  return { call: 'bind', args: [fd(name), { bytes: thing.address }] };
}

/** A request, which is answered at once; or something for another program of this protocol. */
export function sendNetlink(m: Model, { name, thing }: Name): Chosen {
  if (thing.kind === 'usersock') {
    const others = [...m.things()].filter((each) => each.kind === 'usersock' && each.address !== null);
    const to = m.chance(90) && others.length > 0 ? m.pick(others) : null;
    if (to !== null) to.pending++;
    return { call: 'sendto', args: [fd(name), { pattern: m.pick(SIZES) }, 0, { bytes: to?.address ?? nl(99_999) }] };
  }
  thing.pending++;
  const request: Argument = { bytes: thing.kind === 'diag' ? diagRequest(m) : routeRequest(m) };
  switch (m.below(4)) {
    case 0: return { call: 'sendto', args: [fd(name), request, 0, { bytes: nl(0) }] };
    case 1: return { call: 'sendmsg', args: [fd(name), { record: { name: { bytes: nl(0) }, iov: { list: [request] }, control: null } }, 0] };
    default: return { call: 'send', args: [fd(name), request, 0] };
  }
}

export function receiveNetlink(m: Model, name: Name): Chosen {
  return receive(m, name, [8192, 8192, 32_768, 10]);
}

const isNetlink = isOf('netlink', 'diag', 'usersock');

export const netlink: Choose = (m, process) => {
  const waiting = m.chance(60) ? m.find(process, (thing) => isNetlink(thing) && thing.pending > 0, 0) : null;
  if (waiting !== null) return receiveNetlink(m, waiting);
  const found = m.find(process, isNetlink, 0);
  if (found === null || m.chance(8)) return openNetlink(m, process).step;
  if (found.thing.address === null) return bindNetlink(m, found);
  const name = fd(found.name);
  switch (m.below(9)) {
    case 0: return { call: m.pick(['getsockname', 'getpeername']), args: [name] };
    case 1: return { call: 'getsockopt', args: [name, SOL.SOCKET, m.pick([SO.RCVBUF, SO.PASSCRED, SO.TIMESTAMP, SO.PROTOCOL, SO.ERROR]), 4] };
    case 2: return receiveNetlink(m, found);
    default: return sendNetlink(m, found);
  }
};
