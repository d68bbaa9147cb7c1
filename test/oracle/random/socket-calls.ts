/** The generator's calls on sockets: made, named, connected, talked through, asked. */
import { familyOnly, in4, in6, un } from '../address.ts';
import { AF, IOCTL, IP, IPPROTO, IPV6, MSG, SHUT, SO, SOCK, SOL, TCP } from '../numbers.ts';
import { ints, timeval } from '../toolkit.ts';
import type { Choose } from './generator.ts';
import { type Kind, type Model, Thing } from './model.ts';
import type { Argument } from './steps.ts';

/** Far below every buffer, so that nothing but a datagram queue gets full. */
const SIZES = [0, 1, 2, 5, 10, 100, 500, 1000, 3000];
const ROOMS = [0, 1, 3, 10, 100, 1000, 4000, 10_000];
const PORTS = [5000, 5001, 5002];
const UNIX_NAMES = ['\0a', '\0b', 's1', 's2'];

const KINDS: readonly [kind: Kind, domain: number, type: number, protocol: number, weight: number][] = [
  ['tcp', AF.INET, SOCK.STREAM, 0, 6], ['tcp', AF.INET6, SOCK.STREAM, 0, 4], ['udp', AF.INET, SOCK.DGRAM, 0, 4],
  ['udp', AF.INET6, SOCK.DGRAM, 0, 3], ['unix-stream', AF.UNIX, SOCK.STREAM, 0, 4], ['unix-dgram', AF.UNIX, SOCK.DGRAM, 0, 3],
  ['unix-seqpacket', AF.UNIX, SOCK.SEQPACKET, 0, 3], ['raw', AF.INET, SOCK.RAW, IPPROTO.UDP, 1], ['raw', AF.INET6, SOCK.RAW, IPPROTO.UDP, 1],
];
const WEIGHTED = KINDS.flatMap((kind) => new Array<(typeof KINDS)[number]>(kind[4]).fill(kind));

const isSocket = (thing: Thing): boolean => thing.isSocket;
const fd = (name: string): Argument => ({ fd: name });

export const socket: Choose = (m, process) => {
  if (m.chance(5)) {
    const args = [m.pick([AF.UNIX, AF.INET, AF.INET6, AF.UNSPEC, 45, -1]), m.pick([0, 1, 2, 3, 4, 5, 6, 99]), m.pick([0, 6, 17, 1, 300, -1])];
    return { call: 'socket', args };
  }
  const [kind, domain, type, protocol] = m.pick(WEIGHTED);
  const waits = m.mayWait && m.chance(8);
  const made = m.add(process, new Thing(kind, domain, waits));
  return { call: 'socket', args: [domain, type | (waits ? 0 : SOCK.NONBLOCK), protocol], makes: [made.name] };
};

export const socketpair: Choose = (m, process) => {
  const [kind, type] = m.pick([['unix-stream', SOCK.STREAM], ['unix-dgram', SOCK.DGRAM], ['unix-seqpacket', SOCK.SEQPACKET]] as const);
  if (m.chance(4)) return { call: 'socketpair', args: [m.pick([AF.INET, AF.INET6]), m.pick([SOCK.STREAM, SOCK.DGRAM]), 0] };
  const waits = m.mayWait && m.chance(8);
  const [one, other] = [new Thing(kind, AF.UNIX, waits), new Thing(kind, AF.UNIX, waits)];
  Object.assign(one, { peer: other, isConnected: true });
  Object.assign(other, { peer: one, isConnected: true });
  const makes = [one, other].map((thing) => m.add(process, thing).name);
  return { call: 'socketpair', args: [AF.UNIX, type | (waits ? 0 : SOCK.NONBLOCK), 0], makes };
};

/** An address that suits the socket; sometimes one that does not. */
function addressFor(m: Model, thing: Thing, mapped = '::ffff:127.0.0.1'): Uint8Array {
  const domain = m.chance(4) ? m.pick([AF.INET, AF.INET6, AF.UNIX]) : thing.domain;
  const port = m.chance(8) ? 0 : m.pick(PORTS);
  if (domain === AF.UNIX) return un(m.chance(3) ? '' : m.pick(UNIX_NAMES));
  if (domain === AF.INET) return in4(m.pick(['127.0.0.1', '127.0.0.1', '127.0.0.1', '0.0.0.0', '127.1.2.3', m.chance(20) ? '192.0.2.1' : '127.0.0.1']), port);
  return in6(m.pick(['::1', '::1', '::1', '::', mapped, m.chance(20) ? '2001:db8::1' : '::1']), port);
}

export const bind: Choose = (m, process) => {
  const found = m.find(process, (thing) => isSocket(thing) && thing.address === null && !thing.isConnected);
  if (found === null) return null;
  const address = addressFor(m, found.thing);
  found.thing.address ??= address;
  return { call: 'bind', args: [fd(found.name), { bytes: m.chance(2) ? address.subarray(0, m.below(8)) : address }] };
};

export const listen: Choose = (m, process) => {
  const found = m.find(process, (thing) => thing.isStream && thing.address !== null && !thing.isConnected && !thing.isListening);
  if (found === null) return null;
  if (found.thing.isStream && !found.thing.isConnected) found.thing.isListening = true;
  return { call: 'listen', args: [fd(found.name), m.pick([0, 1, 2, 5, 8, -1])] };
};

/** The address as a peer uses it: 0.0.0.0 is asked at loopback. */
function reachable(m: Model, address: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(address);
  if (copy.length === 16 && copy[0] === AF.INET && copy[4] === 0 && m.chance(70)) copy.set([127, 0, 0, 1], 4);
  return copy;
}

export const connect: Choose = (m, process) => {
  const found = m.find(process, (thing) => isSocket(thing) && !thing.isConnected && !thing.isListening);
  if (found === null) return null;
  const { thing } = found;
  const targets = [...m.things()].filter((each) => (
    each !== thing && each.kind === thing.kind && each.domain === thing.domain && each.address !== null && (each.isListening || !each.isStream)
  ));
  if (m.chance(4)) {
    thing.isConnected = false;
    return { call: 'connect', args: [fd(found.name), { bytes: familyOnly(0) }] };
  }
  const target = targets.length > 0 && m.chance(92) ? m.pick(targets) : null;
  if (target === null && m.chance(50)) return null;
  // That a raw socket of AF_INET6 connects to an IPv4-mapped address and can send nothing there is a deviation of its own.
  const address = target === null ? addressFor(m, thing, thing.kind === 'raw' ? '::1' : undefined) : reachable(m, target.address as Uint8Array);
  if (thing.kind === 'tcp' && thing.domain === AF.INET6) {
    const isMapped = address.length === 28 && address[18] === 0xff;
    if (thing.isMapped !== null && thing.isMapped !== isMapped) return null;
    thing.isMapped = isMapped;
  }
  if (target !== null) {
    thing.isConnected = true;
    thing.peer = target.isStream ? null : target;
    if (target.isStream) {
      target.pending++;
      target.clients.push(thing);
    }
  }
  return { call: 'connect', args: [fd(found.name), { bytes: address }], waits: thing.waits };
};

export const accept: Choose = (m, process) => {
  const found = m.find(process, (thing) => thing.isListening && thing.pending > 0) ?? (m.chance(10) ? m.find(process, (thing) => thing.isListening) : null);
  if (found === null) return null;
  const { thing } = found;
  const isFour = !m.mayWait || m.chance(60);
  const made = new Thing(thing.kind, thing.domain, !isFour);
  const client = thing.clients.shift() ?? null;
  if (thing.pending > 0) thing.pending--;
  made.isConnected = true;
  made.peer = client;
  if (client !== null) client.peer = made;
  const makes = [m.add(process, made).name];
  return { call: isFour ? 'accept4' : 'accept', args: isFour ? [fd(found.name), SOCK.NONBLOCK] : [fd(found.name)], makes, waits: thing.waits };
};

const SEND_FLAGS = [0, 0, 0, 0, 0, MSG.DONTWAIT, MSG.NOSIGNAL, MSG.OOB, MSG.EOR, MSG.CONFIRM];
const TAKE_FLAGS = [0, 0, 0, 0, MSG.DONTWAIT, MSG.PEEK, MSG.TRUNC, MSG.PEEK | MSG.TRUNC, MSG.WAITALL | MSG.DONTWAIT, MSG.OOB, MSG.ERRQUEUE];

function arrived(thing: Thing): void {
  if (thing.peer !== null) thing.peer.pending++;
}

export const send: Choose = (m, process) => {
  const found = m.find(process, (thing) => thing.isConnected && isSocket(thing));
  if (found === null) return null;
  arrived(found.thing);
  const data: Argument = { pattern: m.pick(SIZES) };
  switch (m.below(5)) {
    case 0: return { call: 'write', args: [fd(found.name), data], waits: found.thing.waits };
    case 1: return { call: 'writev', args: [fd(found.name), { list: [data, { pattern: m.pick(SIZES) }] }], waits: found.thing.waits };
    case 2: return { call: 'sendto', args: [fd(found.name), data, m.pick(SEND_FLAGS), null], waits: found.thing.waits };
    default: return { call: 'send', args: [fd(found.name), data, m.pick(SEND_FLAGS)], waits: found.thing.waits };
  }
};

export const sendto: Choose = (m, process) => {
  const found = m.find(process, (thing) => isSocket(thing) && !thing.isStream);
  if (found === null) return null;
  const { thing } = found;
  const targets = [...m.things()].filter((each) => each.kind === thing.kind && each.domain === thing.domain && each.address !== null);
  const target = targets.length > 0 && m.chance(92) ? m.pick(targets) : null;
  if (target !== null) target.pending++;
  const address = target === null ? addressFor(m, thing) : reachable(m, target.address as Uint8Array);
  const data: Argument = { pattern: m.pick(SIZES) };
  if (m.chance(30)) {
    const message = { record: { name: { bytes: address }, iov: { list: [data, { pattern: 2 }] }, control: null } };
    return { call: 'sendmsg', args: [fd(found.name), message, 0], waits: thing.waits };
  }
  return { call: 'sendto', args: [fd(found.name), data, m.chance(90) ? 0 : m.pick(SEND_FLAGS), { bytes: address }], waits: thing.waits };
};

export const take: Choose = (m, process) => {
  const found = m.find(process, (thing) => isSocket(thing) && thing.pending > 0 && !thing.isListening) ??
    (m.chance(15) ? m.find(process, (thing) => isSocket(thing) && !thing.isListening) : null);
  if (found === null) return null;
  const { thing, name } = found;
  const flags = m.pick(TAKE_FLAGS);
  const room: Argument = { room: m.pick(ROOMS) };
  const { waits } = thing;
  if (thing.pending > 0 && (flags & (MSG.PEEK | MSG.OOB | MSG.ERRQUEUE)) === 0) thing.pending--;
  const dice = m.below(6);
  if (dice === 0) return { call: 'read', args: [fd(name), room], waits };
  if (dice === 1) return { call: 'readv', args: [fd(name), { list: [room, { room: 10 }] }], waits };
  if (dice === 2) return { call: 'recv', args: [fd(name), room, flags], waits };
  if (dice === 3) return { call: 'recvfrom', args: [fd(name), room, flags], waits };
  const cargo = thing.cargo.shift() ?? [];
  const makes = cargo.map((each) => m.add(process, each).name);
  return { call: 'recvmsg', args: [fd(name), { list: [room, { room: 10 }] }, flags, m.pick([0, 16, 28, 110, 128]), m.pick([0, 20, 24, 64, 64, 256])], makes, waits };
};

/** SCM_RIGHTS: descriptors of every kind, AF_UNIX sockets that wait for themselves left out (who collects those, and when). */
export const pass: Choose = (m, process) => {
  const found = m.find(process, (thing) => thing.isUnix && (thing.isConnected || !thing.isStream), 0);
  const own = m.of(process);
  if (found === null || own.length === 0) return null;
  const rights = Array.from({ length: 1 + m.below(2) }, () => m.pick(own)).filter(({ thing }) => !thing.isUnix);
  if (rights.length === 0) return null;
  found.thing.peer?.cargo.push(rights.map(({ thing }) => thing));
  arrived(found.thing);
  const control: Argument = { rights: [...rights.map(({ name }) => name), ...(m.chance(3) ? ['nothing'] : [])] };
  const message = { record: { name: null, iov: { list: [{ pattern: 1 + m.below(20) }] }, control } };
  return { call: 'sendmsg', args: [fd(found.name), message, 0], waits: found.thing.waits };
};

export const shutdown: Choose = (m, process) => {
  const found = m.find(process, isSocket);
  return found && { call: 'shutdown', args: [fd(found.name), m.chance(95) ? m.pick([SHUT.RD, SHUT.WR, SHUT.RDWR]) : 7] };
};

export const names: Choose = (m, process) => {
  const found = m.find(process, isSocket);
  return found && { call: m.pick(['getsockname', 'getpeername']), args: [fd(found.name)] };
};

export const ask: Choose = (m, process) => {
  const found = m.find(process, isSocket);
  if (found === null) return null;
  const requests = [IOCTL.FIONREAD, IOCTL.SIOCOUTQ, IOCTL.SIOCATMARK];
  return { call: 'ioctl', args: [fd(found.name), m.pick(requests)] };
};

type Option = readonly [level: number, option: number];
/** Those that docs/deviations.md names for a family are left out there: SO_TIMESTAMP of AF_UNIX and of streams, SO_DONTROUTE of raw sockets. */
const COMMON: readonly Option[] = [
  SO.REUSEADDR, SO.REUSEPORT, SO.KEEPALIVE, SO.BROADCAST, SO.OOBINLINE, SO.DONTROUTE, SO.PRIORITY, SO.RCVLOWAT, SO.ERROR, SO.TYPE,
  SO.ACCEPTCONN, SO.DOMAIN, SO.PROTOCOL, SO.SNDBUF, SO.RCVBUF, SO.PASSCRED, SO.MARK, SO.PEEK_OFF, SO.NO_CHECK, SO.DEBUG, SO.TIMESTAMP,
].map((option) => [SOL.SOCKET, option] as const);
const OF_TCP: readonly Option[] = [
  TCP.NODELAY, TCP.KEEPIDLE, TCP.KEEPINTVL, TCP.KEEPCNT, TCP.SYNCNT, TCP.LINGER2, TCP.DEFER_ACCEPT,
  TCP.USER_TIMEOUT, TCP.NOTSENT_LOWAT, TCP.QUICKACK, TCP.MAXSEG, TCP.WINDOW_CLAMP,
].map((option) => [IPPROTO.TCP, option] as const);
/** Of a connection they follow what Linux measures of it (docs/deviations.md: `tcp_scaling_ratio`): asked for before alone. */
const MEASURED: readonly number[] = [TCP.MAXSEG, TCP.WINDOW_CLAMP];
const OF_IP: readonly Option[] = [
  IP.TTL, IP.TOS, IP.MTU_DISCOVER, IP.RECVERR, IP.RECVTTL, IP.RECVTOS, IP.PKTINFO, IP.FREEBIND, IP.MTU, IP.MULTICAST_TTL, IP.MULTICAST_LOOP,
].map((option) => [IPPROTO.IP, option] as const);
const OF_IPV6: readonly Option[] = [
  IPV6.UNICAST_HOPS, IPV6.TCLASS, IPV6.V6ONLY, IPV6.MTU_DISCOVER, IPV6.RECVERR, IPV6.RECVPKTINFO, IPV6.RECVHOPLIMIT, IPV6.RECVTCLASS,
  IPV6.MULTICAST_HOPS, IPV6.DONTFRAG, IPV6.MTU,
].map((option) => [IPPROTO.IPV6, option] as const);

function optionFor(m: Model, thing: Thing): Option {
  const left: readonly number[] = thing.kind === 'raw' ? [SO.DONTROUTE] : thing.isUnix || thing.kind === 'tcp' ? [SO.TIMESTAMP] : [];
  const common = COMMON.filter(([, option]) => !left.includes(option));
  const groups: (readonly Option[])[] = [common, common];
  const ofTcp = thing.isConnected ? OF_TCP.filter(([, option]) => !MEASURED.includes(option)) : OF_TCP;
  if (thing.kind === 'tcp') groups.push(ofTcp, ofTcp);
  // Of a stream's the deviations say more than it is worth.
  const isGroups = ([, option]: Option): boolean => option === IP.MULTICAST_TTL || option === IPV6.MULTICAST_HOPS;
  const ofIp = thing.kind === 'tcp' ? OF_IP.filter((each) => !isGroups(each)) : OF_IP;
  if (thing.domain === AF.INET) groups.push(ofIp);
  if (thing.domain === AF.INET6) groups.push(thing.kind === 'tcp' ? OF_IPV6.filter((each) => !isGroups(each)) : OF_IPV6, ofIp);
  return m.pick(m.chance(96) ? m.pick(groups) : m.pick([common, ofTcp, OF_IP, OF_IPV6]));
}

const VALUES = [0, 1, 1, 2, 5, 64, 255, 256, 1000, 20_000, -1];

export const setOption: Choose = (m, process) => {
  const found = m.find(process, isSocket);
  if (found === null) return null;
  const { thing } = found;
  const dice = m.below(20);
  if (dice === 0) return { call: 'setsockopt', args: [fd(found.name), SOL.SOCKET, SO.LINGER, { bytes: ints(m.below(2), 0) }] };
  if (dice < 3 && thing.waits) {
    return { call: 'setsockopt', args: [fd(found.name), SOL.SOCKET, m.pick([SO.RCVTIMEO, SO.SNDTIMEO]), { bytes: timeval(0, 10_000) }] };
  }
  const [level, option] = optionFor(m, thing);
  // A buffer as small as an int of these would be is no longer far above what is sent.
  const value = option === SO.SNDBUF || option === SO.RCVBUF ? 100_000 + m.below(50_000) : m.pick(VALUES);
  const bytes = ints(value);
  return { call: 'setsockopt', args: [fd(found.name), level, option, { bytes: m.chance(96) ? bytes : bytes.subarray(0, m.below(4)) }] };
};

export const getOption: Choose = (m, process) => {
  const found = m.find(process, isSocket);
  if (found === null) return null;
  const [level, option] = m.chance(8) ? [SOL.SOCKET, SO.LINGER] : optionFor(m, found.thing);
  return { call: 'getsockopt', args: [fd(found.name), level, option, m.chance(95) ? (option === SO.LINGER ? 8 : 4) : m.below(12)] };
};
