/**
 * What random programs begin with, so that the calls behind it find something: connections, pairs, pipes, files with
 * contents, epolls that watch. Calls drawn one by one would seldom come that far.
 */
import { EPOLL_CTL } from '../../../src/kernel/epoll.ts';
import { in4, in6, un } from '../address.ts';
import { AF, O, POLL, SO, SOCK, SOL } from '../numbers.ts';
import { ints } from '../toolkit.ts';
import * as families from './family-calls.ts';
import type { Chosen } from './generator.ts';
import { type Kind, type Model, type Name, Thing } from './model.ts';
import { noticed } from './process-calls.ts';
import { type Argument, p1, p2, type Step } from './steps.ts';

type Who = 'p1' | 'p2';
/** Steps of a process, some of them perhaps of its peer. */
export type Setup = (m: Model, process: Who, peer: Who) => Step[];

const fd = ({ name }: Name): Argument => ({ fd: name });

function step(process: Who, call: string, args: readonly Argument[], ...makes: readonly Name[]): Step {
  return (process === 'p1' ? p1 : p2)(call, args, makes.map(({ name }) => name));
}

interface Family {
  readonly stream: Kind;
  readonly dgram: Kind;
  readonly domain: number;
  address(m: Model): Uint8Array;
}

const FAMILIES: readonly Family[] = [
  { stream: 'tcp', dgram: 'udp', domain: AF.INET, address: (m) => in4('127.0.0.1', m.port()) },
  { stream: 'tcp', dgram: 'udp', domain: AF.INET6, address: (m) => in6('::1', m.port()) },
  { stream: 'unix-stream', dgram: 'unix-dgram', domain: AF.UNIX, address: (m) => un(`\0x${m.port()}`) },
];

function open(m: Model, process: Who, kind: Kind, domain: number, type: number): [made: Name, made: Step] {
  const name = m.add(process, new Thing(kind, domain, false));
  return [name, step(process, 'socket', [domain, type | SOCK.NONBLOCK, 0], name)];
}

/** A listener, a client that is connected, and most times the accepted socket. */
export const connection: Setup = (m, process, peer) => {
  const family = m.pick(FAMILIES);
  const kind = family.stream === 'unix-stream' && m.chance(40) ? 'unix-seqpacket' : family.stream;
  const type = kind === 'unix-seqpacket' ? SOCK.SEQPACKET : SOCK.STREAM;
  const { domain } = family;
  const address = family.address(m);
  const [listener, makeListener] = open(m, process, kind, domain, type);
  const [client, makeClient] = open(m, peer, kind, domain, type);
  Object.assign(listener.thing, { address, isListening: true });
  client.thing.isConnected = true;
  const steps = [
    makeListener,
    ...(m.chance(30) ? [step(process, 'setsockopt', [fd(listener), SOL.SOCKET, SO.REUSEADDR, { bytes: ints(1) }])] : []),
    step(process, 'bind', [fd(listener), { bytes: address }]), step(process, 'listen', [fd(listener), 5]),
    makeClient, step(peer, 'connect', [fd(client), { bytes: address }]),
  ];
  if (m.chance(15)) {
    listener.thing.pending++;
    listener.thing.clients.push(client.thing);
    return steps;
  }
  const accepted = m.add(process, new Thing(kind, domain, false));
  Object.assign(accepted.thing, { isConnected: true, peer: client.thing });
  client.thing.peer = accepted.thing;
  return [...steps, step(process, 'accept4', [fd(listener), SOCK.NONBLOCK], accepted)];
};

/** Two sockets for datagrams, one or both with an address, perhaps connected. */
export const datagrams: Setup = (m, process, peer) => {
  const family = m.pick(FAMILIES);
  const [one, makeOne] = open(m, process, family.dgram, family.domain, SOCK.DGRAM);
  const [other, makeOther] = open(m, peer, family.dgram, family.domain, SOCK.DGRAM);
  one.thing.address = family.address(m);
  const steps = [makeOne, makeOther, step(process, 'bind', [fd(one), { bytes: one.thing.address }])];
  if (m.chance(60)) {
    other.thing.address = family.address(m);
    steps.push(step(peer, 'bind', [fd(other), { bytes: other.thing.address }]));
  }
  if (m.chance(70)) {
    Object.assign(other.thing, { isConnected: true, peer: one.thing });
    steps.push(step(peer, 'connect', [fd(other), { bytes: one.thing.address }]));
  }
  return steps;
};

/** A file that is there and holds something. */
export const file: Setup = (m, process) => {
  const path = m.pick(['f1', 'f2']);
  m.paths.push(path);
  const name = m.add(process, new Thing('file', 0, false));
  return [
    step(process, 'open', [path, O.RDWR | O.CREAT | O.NONBLOCK, 0o644], name), step(process, 'write', [fd(name), { pattern: m.pick([3, 100, 3000]) }]),
  ];
};

/** A folder, a FIFO, links: names to do something with. */
export const names: Setup = (m, process) => {
  m.paths.push('dir', 'fifo', 'link', 'f1');
  const folder = m.chance(50) ? m.add(process, new Thing('folder', 0, false)) : null;
  return [
    step(process, 'mkdir', ['dir', 0o755]), step(process, 'mkfifo', ['fifo', 0o644]), step(process, 'symlink', ['f1', 'link']),
    step(process, 'open', ['f1', O.RDWR | O.CREAT | O.NONBLOCK, 0o644], m.add(process, new Thing('file', 0, false))),
    ...(folder === null ? [] : [step(process, 'open', ['dir', O.RDONLY | O.DIRECTORY, 0], folder)]),
    ...(folder === null || m.chance(70) ? [] : [step(process, 'fchdir', [fd(folder)])]),
  ];
};

export const pipe: Setup = (m, process) => {
  const [reading, writing] = [new Thing('read-end', 0, false), new Thing('write-end', 0, false)];
  writing.peer = reading;
  reading.pending = 1;
  const [one, other] = [m.add(process, reading), m.add(process, writing)];
  const steps = [step(process, 'pipe', [O.NONBLOCK], one, other), step(process, 'write', [fd(other), { pattern: m.pick([1, 100, 3000]) }])];
  if (m.chance(60)) return steps;
  // One more, which gets what the first one has.
  const [second, into] = [m.add(process, new Thing('read-end', 0, false)), m.add(process, new Thing('write-end', 0, false))];
  Object.assign(into.thing, { peer: second.thing });
  second.thing.pending = 1;
  const nonblocking = 2;
  const count = m.pick([1, 50, 5000]);
  const moved = m.chance(50)
    ? step(process, 'tee', [fd(one), fd(into), count, nonblocking]) : step(process, 'splice', [fd(one), null, fd(into), null, count, nonblocking]);
  return [...steps, step(process, 'pipe', [O.NONBLOCK], second, into), moved];
};

export const socketpair: Setup = (m, process) => {
  const [kind, type] = m.pick([['unix-stream', SOCK.STREAM], ['unix-dgram', SOCK.DGRAM], ['unix-seqpacket', SOCK.SEQPACKET]] as const);
  const [one, other] = [m.add(process, new Thing(kind, AF.UNIX, false)), m.add(process, new Thing(kind, AF.UNIX, false))];
  Object.assign(one.thing, { peer: other.thing, isConnected: true });
  Object.assign(other.thing, { peer: one.thing, isConnected: true });
  return [step(process, 'socketpair', [AF.UNIX, type | SOCK.NONBLOCK, 0], one, other)];
};

/** An epoll that watches some of what there is. */
export const epoll: Setup = (m, process) => {
  const watched = m.of(process).filter(({ thing }) => thing.kind !== 'file').slice(-3);
  const name = m.add(process, new Thing('epoll', 0, false));
  return [
    step(process, 'epoll_create1', [0], name),
    ...watched.map((each, i) => step(process, 'epoll_ctl', [fd(name), EPOLL_CTL.ADD, fd(each), POLL.IN | POLL.OUT | POLL.RDHUP, i])),
  ];
};

function steps(process: Who, ...chosen: readonly Chosen[]): Step[] {
  return chosen.map(({ call, args, makes = [] }) => (process === 'p1' ? p1 : p2)(call, args, makes));
}

/** A frame, seen by a socket of the same process and perhaps by one of the other. */
export const frames: Setup = (m, process, peer) => {
  const other = m.chance(40) ? families.openPacket(m, peer, true) : null;
  const { name, step: made } = families.openPacket(m, process, true);
  return [
    ...(other === null ? [] : steps(peer, other.step)),
    ...steps(process, made, families.sendFrame(m, name), families.sendFrame(m, name), families.receiveFrame(m, name)),
    ...(other === null ? [] : steps(peer, families.receiveFrame(m, other.name))),
  ];
};

/** An echo request that is answered. */
export const pings: Setup = (m, process) => {
  const { name, step: made } = families.openPing(m, process);
  const bound = families.bindPing(m, name);
  const connected = m.chance(35) ? [families.connectPing(name)] : [];
  return steps(process, made, bound, ...connected, families.sendPing(m, name), families.receivePing(m, name));
};

/** Requests with their answers, the end of a dump among them. */
export const netlink: Setup = (m, process, peer) => {
  const { name, step: made } = families.openNetlink(m, process);
  // Sockets to be told of.
  const before = name.thing.kind === 'diag' ? m.pick([connection, connection, datagrams, socketpair, frames])(m, process, peer) : [];
  const bound = families.bindNetlink(m, name);
  const talk = Array.from({ length: 1 + m.below(2) }, () => [families.sendNetlink(m, name), families.receiveNetlink(m, name), families.receiveNetlink(m, name)]);
  return [...before, ...steps(process, made, bound, ...talk.flat())];
};

export const queue: Setup = (m, process) => {
  const name = m.add(process, new Thing('queue', 0, false));
  const attributes: Argument = { record: { maxMessages: 4, messageSize: 100 } };
  return [
    step(process, 'mq_open', ['/q1', O.RDWR | O.CREAT | O.NONBLOCK, 0o600, attributes], name),
    step(process, 'mq_send', [fd(name), { pattern: 5 }, 1]),
    ...(m.chance(40) ? [step(process, 'mq_receive', [fd(name), 8192])] : []),
    ...(m.chance(30) ? noticed(m, process, m.add(process, new Thing('queue', 0, false)).name) : []),
  ];
};

export const ipc: Setup = (m, process) => {
  const [messages, semaphores] = [m.fresh(), m.fresh()];
  const isSent = m.chance(60);
  m.identifiers.push({ name: messages, call: 'msgget', sent: isSent ? 1 : 0 }, { name: semaphores, call: 'semget' });
  const make = process === 'p1' ? p1 : p2;
  const send: Step = make('msgsnd', [{ fd: messages }, 1, { pattern: m.pick([3, 50]) }, 0o4000]);
  return [make('msgget', [7, 0o1600], [messages]), make('semget', [7, 2, 0o1600], [semaphores]), ...(isSent ? [send] : [])];
};
