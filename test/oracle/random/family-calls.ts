/**
 * The generator's sockets of AF_PACKET, of AF_NETLINK and for pings, and what is asked of them. Packets are of a protocol that
 * nobody speaks, so that no timing of a stream's segments shows in them.
 */
import { in4, in6 } from '../address.ts';
import { message, ifaddr, ifinfo, nl, rtmsg, T, F, attribute, LO } from '../netlink-text.ts';
import { AF, IPPROTO, MSG, SOCK } from '../numbers.ts';
import type { Choose } from './generator.ts';
import { type Model, Thing } from './model.ts';
import type { Argument } from './steps.ts';

/** IEEE's "local experimental", as the network writes it in a C integer. */
const EXPERIMENTAL = 0xb588;
const SIZES = [0, 1, 10, 100, 1000];
const fd = (name: string): Argument => ({ fd: name });

/** `struct sockaddr_ll`. */
function linkAddress(index: number, protocol = EXPERIMENTAL): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes.set([AF.PACKET, 0, protocol & 0xff, protocol >> 8, index]);
  bytes[11] = 6;
  return bytes;
}

export const packet: Choose = (m, process) => {
  const found = m.find(process, ({ kind }) => kind === 'packet', 0);
  if (found === null || m.chance(15)) {
    const made = m.add(process, new Thing('packet', 0, false));
    return { call: 'socket', args: [AF.PACKET, SOCK.DGRAM | SOCK.NONBLOCK, m.chance(80) ? EXPERIMENTAL : 0], makes: [made.name] };
  }
  const name = fd(found.name);
  switch (m.below(8)) {
    case 0: return { call: 'bind', args: [name, { bytes: linkAddress(m.pick([LO, LO, 0, 77])).subarray(0, m.pick([20, 20, 20, 12])) }] };
    case 1: return { call: 'getsockname', args: [name] };
    case 2: return { call: m.pick(['listen', 'shutdown']), args: [name, 1] };
    case 3: case 4: return { call: 'recvmsg', args: [name, { list: [{ room: m.pick([2000, 2000, 5]) }] }, m.pick([0, MSG.PEEK, MSG.TRUNC]), m.pick([128, 0]), 0] };
    default: return { call: 'sendto', args: [name, { pattern: m.pick(SIZES) }, 0, { bytes: linkAddress(m.pick([LO, LO, LO, 77])) }] };
  }
};

function echo(m: Model, isSix: boolean): Argument {
  const bytes = new Uint8Array(8 + m.pick([0, 4, 56]));
  bytes.set([m.chance(90) ? (isSix ? 128 : 8) : 3, 0, 0xab, 0xcd, 1, 2, 0, m.below(9)]);
  return { bytes: m.chance(95) ? bytes : bytes.subarray(0, 7) };
}

/** Sockets for pings: bound before they send, since identifiers of their own are each kernel's choice. */
export const ping: Choose = (m, process) => {
  const found = m.find(process, ({ kind }) => kind === 'ping' || kind === 'ping6', 0);
  if (found === null || m.chance(15)) {
    const isSix = m.chance(40);
    const made = m.add(process, new Thing(isSix ? 'ping6' : 'ping', 0, false));
    return { call: 'socket', args: [isSix ? AF.INET6 : AF.INET, SOCK.DGRAM | SOCK.NONBLOCK, isSix ? IPPROTO.ICMPV6 : IPPROTO.ICMP], makes: [made.name] };
  }
  const { thing } = found;
  const name = fd(found.name);
  const isSix = thing.kind === 'ping6';
  const address = (port: number): Argument => ({ bytes: isSix ? in6('::1', port) : in4('127.0.0.1', port) });
  if (thing.address === null || m.chance(5)) {
    const bytes = isSix ? in6('::1', m.port()) : in4('127.0.0.1', m.port());
    thing.address = bytes;
    return { call: 'bind', args: [name, { bytes }] };
  }
  switch (m.below(6)) {
    case 0: return { call: 'getsockname', args: [name] };
    case 1: return { call: 'connect', args: [name, address(0)] };
    case 2: case 3: return { call: 'sendto', args: [name, echo(m, isSix), 0, address(0)] };
    default: return { call: 'recvfrom', args: [name, { room: m.pick([100, 100, 8, 0]) }, m.pick([0, MSG.PEEK, MSG.TRUNC])] };
  }
};

/** NETLINK_ROUTE, always bound: whoever is not gets a number of the kernel's choice. Requests that are acknowledged. */
export const netlink: Choose = (m, process) => {
  const found = m.find(process, ({ kind }) => kind === 'netlink', 0);
  if (found === null || m.chance(10)) {
    const made = m.add(process, new Thing('netlink', 0, false));
    return { call: 'socket', args: [AF.NETLINK, SOCK.RAW | SOCK.NONBLOCK, m.chance(95) ? 0 : 100], makes: [made.name] };
  }
  const { thing } = found;
  const name = fd(found.name);
  if (thing.address === null) {
    thing.address = nl(m.port());
    return { call: 'bind', args: [name, { bytes: thing.address }] };
  }
  const ask = F.REQUEST | F.ACK;
  const address = attribute(2, Uint8Array.of(10, 9, 0, m.below(3)));
  const sequence = m.below(100);
  const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
  switch (m.below(8)) {
    case 0: return { call: 'getsockname', args: [name] };
    case 1: case 2: case 3: return { call: 'recv', args: [name, { room: m.pick([8192, 8192, 10]) }, m.pick([0, MSG.PEEK, MSG.TRUNC])] };
    case 4: return { call: 'send', args: [name, { bytes: message(m.pick([T.NEWADDR, T.DELADDR]), ask | m.pick([0, F.CREATE, F.CREATE | F.EXCL]), sequence, join(ifaddr(AF.INET, m.pick([32, 24, 33]), m.pick([LO, LO, 99])), address)) }, 0] };
    case 5: return { call: 'send', args: [name, { bytes: message(T.DELLINK, ask, sequence, ifinfo(m.pick([LO, 99]))) }, 0] };
    case 6: return { call: 'send', args: [name, { bytes: message(m.pick([T.DELROUTE, T.DELNEIGH]), ask, sequence, rtmsg({ family: AF.INET, length: 24, table: 254 })) }, 0] };
    default: return { call: 'send', args: [name, { bytes: message(99, ask, sequence, new Uint8Array(4)) }, 0] };
  }
};
