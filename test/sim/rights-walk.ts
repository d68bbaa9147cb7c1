/**
 * Random passings of descriptors between processes, beside a model of who can reach what. Called by unix-rights.test.ts.
 *
 * The model knows things by what the program was told: who has a descriptor of it, what lies in whose queue, who waits at
 * which listener. Reachable is what some process has a descriptor of, what lies in the queue of a reachable socket, and a
 * connection that waits at a reachable listener. An epoll reaches nothing: it lets go of what it watches when that closes.
 * After every step whatever is reachable is open, and nothing else is.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { Process } from '../../src/api/posix/process.ts';
import { below, type SeededRandom } from '../../src/base/random.ts';
import { Poll } from '../../src/base/wait-queue.ts';
import { EPOLL_CTL } from '../../src/kernel/epoll.ts';
import type { OpenFile } from '../../src/kernel/open-file.ts';
import { AF, O, SOCK } from '../../src/socket/constants.ts';
import { receivedDescriptors, rightsMessage } from '../../src/socket/control.ts';
import type { UnixConnection } from '../../src/socket/family/unix-connection.ts';
import type { UnixSocket } from '../../src/socket/family/unix.ts';
import { sockaddrIn, sockaddrUn } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';

/** Things with a descriptor at once, and descriptors of one process. */
const MOST = 30;
const MOST_DESCRIPTORS = 120;
const MOST_PROCESSES = 3;
/** struct cmsghdr, and room for two descriptors and for more than any message has. */
const SMALL_ROOM = 24;
const LARGE_ROOM = 64;
const TYPES = [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET];
/** What a call may say once the other side is gone. */
const LOST = ['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ENOTCONN'];

interface Hold {
  readonly by: Process;
  readonly fd: number;
}

interface Watch {
  readonly thing: Thing;
  readonly fd: number;
}

class Thing {
  readonly kind: string;
  /** Null while it is a connection that nobody has accepted. */
  file: OpenFile | null;
  readonly socket: UnixSocket | null;
  /** SOCK_* of a socket of AF_UNIX. */
  readonly type: number;
  holds: Hold[] = [];
  /** The other end of a pipe; the peer of a socket. */
  other: Thing | null = null;
  queue: Thing[][] = [];
  pending: Thing[] = [];
  /** Its abstract name. */
  name = '';
  isListener = false;
  isGone = false;
  /** What an epoll watches, by the number that its events bear. */
  readonly watches = new Map<number, Watch>();

  constructor(kind: string, type: number, file: OpenFile | null, socket: UnixSocket | null) {
    this.kind = kind;
    this.type = type;
    this.file = file;
    this.socket = socket;
  }

  get isOpen(): boolean {
    return this.socket === null ? (this.file as OpenFile).refs > 0 : !this.socket.isReleased;
  }

  get canSend(): boolean {
    return this.kind === 'socket' && !this.isListener;
  }
}

function reachable(all: readonly Thing[]): Set<Thing> {
  const found = new Set(all.filter(({ holds }) => holds.length > 0));
  for (const each of found) {
    for (const message of each.queue) for (const one of message) found.add(one);
    for (const one of each.pending) found.add(one);
  }
  return found;
}

const codeOf = (error: Error & { code: string }): string => error.code;

export class RightsWalk {
  readonly processes: Process[];
  private readonly random: SeededRandom;
  private all: Thing[] = [];
  private names = 0;
  passings = 0;
  /** What was passed, and what went although nobody had a descriptor of it any more, by kind. */
  readonly passed: Record<string, number> = {};
  readonly collected: Record<string, number> = {};
  /** Epolls' events that were asked for and had to come. */
  events = 0;

  constructor(process: Process, random: SeededRandom) {
    this.processes = [process];
    this.random = random;
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from[below(this.random, from.length)];
  }

  private chance(one: number): boolean {
    return below(this.random, one) === 0;
  }

  private get someone(): Process {
    return this.pick(this.processes) as Process;
  }

  /** What a process has a descriptor of. */
  private heldBy(process: Process, wanted: (thing: Thing) => boolean = () => true): Thing[] {
    return this.all.filter((thing) => wanted(thing) && thing.holds.some(({ by }) => by === process));
  }

  /** One of a process's descriptors of a thing. */
  private fdOf(process: Process, thing: Thing): number {
    return (this.pick(thing.holds.filter(({ by }) => by === process)) as Hold).fd;
  }

  private add(kind: string, type: number, by: Process, fd: number): Thing {
    const file = by.core.descriptors.file(fd) as OpenFile;
    const thing = new Thing(kind, type, file, kind === 'socket' ? (file.socket as UnixSocket) : null);
    thing.holds.push({ by, fd });
    this.all.push(thing);
    return thing;
  }

  async step(): Promise<void> {
    const held = this.all.filter(({ holds }) => holds.length > 0);
    const dice = below(this.random, 100);
    if (held.length < 6 || (dice < 14 && held.length < MOST)) await this.make();
    else if (dice < 44) await this.send();
    else if (dice < 54) await this.receive();
    else if (dice < 58) await this.accept();
    else if (dice < 63) await this.watch();
    else if (dice < 66) await this.connectDatagram();
    else if (dice < 68) this.changeProcesses();
    else if (dice < 78) await this.close(this.pick(held) as Thing, 1);
    else await this.close(this.pick(held) as Thing, Infinity);
    this.check();
    await this.look();
  }

  // Making things.

  private async make(): Promise<void> {
    const by = this.someone;
    const dice = below(this.random, 12);
    if (dice < 5) await this.pair(by);
    else if (dice < 7) await this.connection(by);
    else if (dice < 8) await this.namedDatagram(by);
    else if (dice < 9) await this.pipe(by);
    else if (dice < 11) this.add('epoll', 0, by, await by.epoll_create1(0));
    else if (this.chance(3)) this.add('file', 0, by, await by.open(`/tmp-${this.names++ % 8}`, O.CREAT | O.RDWR, 0o600));
    else if (this.chance(2)) this.add('eventfd', 0, by, await by.eventfd(1, 0));
    else await this.inet(by);
  }

  private async pipe(by: Process): Promise<void> {
    const [a, b] = (await by.pipe()).map((fd) => this.add('pipe', 0, by, fd)) as [Thing, Thing];
    a.other = b;
    b.other = a;
  }

  private async inet(by: Process): Promise<void> {
    const inet = this.add('inet', 0, by, await by.socket(AF.INET, this.chance(2) ? SOCK.STREAM : SOCK.DGRAM, 0));
    await by.bind(this.fdOf(by, inet), sockaddrIn('127.0.0.1', 0));
  }

  private async pair(by: Process): Promise<void> {
    const type = this.pick(TYPES) as number;
    const [a, b] = (await by.socketpair(AF.UNIX, type, 0)).map((fd) => this.add('socket', type, by, fd)) as [Thing, Thing];
    a.other = b;
    b.other = a;
  }

  private async named(by: Process, type: number): Promise<Thing> {
    const thing = this.add('socket', type, by, await by.socket(AF.UNIX, type, 0));
    thing.name = `\0n${this.names++}`;
    await by.bind(this.fdOf(by, thing), sockaddrUn(thing.name));
    return thing;
  }

  private async namedDatagram(by: Process): Promise<void> {
    await this.named(by, SOCK.DGRAM);
  }

  /** A listener, and a connection to it or to one that is there: in flight, perhaps. */
  private async connection(by: Process): Promise<void> {
    let listener = this.pick(this.all.filter(({ isListener }) => isListener));
    if (listener === undefined || this.chance(3)) {
      listener = await this.named(by, this.chance(2) ? SOCK.STREAM : SOCK.SEQPACKET);
      listener.isListener = true;
      await by.listen(this.fdOf(by, listener), 100);
    }
    const { type } = listener;
    const client = this.add('socket', type, by, await by.socket(AF.UNIX, type, 0));
    await by.connect(this.fdOf(by, client), sockaddrUn(listener.name));
    const end = new Thing('socket', type, null, (client.socket as UnixConnection).peer as UnixSocket);
    this.all.push(end);
    client.other = end;
    end.other = client;
    listener.pending.push(end);
  }

  /** A datagram socket gets another peer, and what lies in its queue is lost if it had one before. */
  private async connectDatagram(): Promise<void> {
    const by = this.someone;
    const from = this.pick(this.heldBy(by, ({ type }) => type === SOCK.DGRAM));
    const to = this.pick(this.all.filter(({ type, name }) => type === SOCK.DGRAM && name !== ''));
    if (from === undefined || to === undefined) return;
    const failure = await by.connect(this.fdOf(by, from), sockaddrUn(to.name)).then(() => null, codeOf);
    equal(failure, to.other === null || to.other === from ? null : 'EPERM');
    if (failure !== null) return;
    if (from.other !== null && from.other !== to) from.queue = [];
    from.other = to;
  }

  /** Another process with the descriptors of one; or one of several ends, and with it all that it had. */
  private changeProcesses(): void {
    const { processes } = this;
    const one = this.someone;
    if (processes.length < MOST_PROCESSES) {
      const child = new Process(one.host, 'walker', { inherit: one });
      processes.push(child);
      for (const thing of this.all) {
        for (const { by, fd } of [...thing.holds]) if (by === one) thing.holds.push({ by: child, fd });
      }
    } else {
      processes.splice(processes.indexOf(one), 1);
      one.exit();
      for (const thing of this.all) thing.holds = thing.holds.filter(({ by }) => by !== one);
    }
  }

  // Passing.

  private async send(): Promise<void> {
    const by = this.someone;
    const from = this.pick(this.heldBy(by, ({ canSend }) => canSend));
    if (from === undefined) return;
    const held = this.heldBy(by);
    // What can hold others is passed more often, or nothing would hold itself.
    const sockets = held.filter(({ kind }) => kind === 'socket');
    const cargo = Array.from({ length: 1 + below(this.random, 3) }, () => this.pick(this.chance(3) ? held : sockets) as Thing);
    const named = from.type === SOCK.DGRAM && this.chance(2)
      ? this.pick(this.all.filter(({ type, name }) => type === SOCK.DGRAM && name !== '')) : undefined;
    const control = rightsMessage(...cargo.map((thing) => this.fdOf(by, thing)));
    const header = { iov: [Uint8Array.of(1)], control, ...(named === undefined ? {} : { name: sockaddrUn(named.name) }) };
    const failure = await by.sendmsg(this.fdOf(by, from), header, Msg.DONTWAIT | Msg.NOSIGNAL).then(() => null, codeOf);
    if (failure === 'EAGAIN') return;
    const to = named ?? from.other;
    if (to === null || to.isGone) {
      ok(failure !== null && LOST.includes(failure), `sent to nobody: ${failure}`);
      // A datagram socket notices it here: it has no peer any more, and what that has sent is lost.
      if (from.type === SOCK.DGRAM && failure === 'ECONNREFUSED') {
        from.queue = [];
        from.other = null;
      }
      return;
    }
    if (failure === 'ECONNRESET' && from.type === SOCK.DGRAM) return;
    const isOpenTo = from.type !== SOCK.DGRAM || to.other === null || to.other === from;
    equal(failure, isOpenTo ? null : 'EPERM');
    if (failure !== null) return;
    to.queue.push(cargo);
    this.passings++;
    for (const { kind, isListener } of cargo) count(this.passed, isListener ? 'listener' : kind);
  }

  private async receive(): Promise<void> {
    const by = this.someone;
    const at = this.pick(this.heldBy(by, ({ queue }) => queue.length > 0));
    if (at === undefined || [...by.core.descriptors.entries()].length > MOST_DESCRIPTORS) return;
    const isPeek = this.chance(3);
    // Sometimes there is not enough room for all of them, and the rest is let go.
    const room = this.chance(2) ? SMALL_ROOM : LARGE_ROOM;
    const message = await by.recvmsg(this.fdOf(by, at), [new Uint8Array(1)], isPeek ? Msg.PEEK : 0, 0, room).catch(codeOf);
    // A peer that closed with something unread is heard of first.
    if (message === 'ECONNRESET') return;
    ok(typeof message !== 'string', String(message));
    const cargo = at.queue[0] as Thing[];
    if (!isPeek) at.queue.shift();
    const fds = receivedDescriptors(message.control);
    equal(fds.length, Math.min(cargo.length, room === SMALL_ROOM ? 2 : 12));
    for (const [i, fd] of fds.entries()) {
      const thing = cargo[i] as Thing;
      equal(by.core.descriptors.file(fd), thing.file, `a ${thing.kind} arrives as itself`);
      thing.holds.push({ by, fd });
    }
  }

  private async accept(): Promise<void> {
    const by = this.someone;
    const listener = this.pick(this.heldBy(by, ({ pending }) => pending.length > 0));
    if (listener === undefined) return;
    const { fd } = await by.accept(this.fdOf(by, listener));
    const end = listener.pending.shift() as Thing;
    end.file = by.core.descriptors.file(fd) as OpenFile;
    equal(end.file.socket, end.socket);
    end.holds.push({ by, fd });
  }

  private async watch(): Promise<void> {
    const by = this.someone;
    const epoll = this.pick(this.heldBy(by, ({ kind }) => kind === 'epoll'));
    const thing = this.pick(this.heldBy(by));
    if (epoll === undefined || thing === undefined || thing === epoll) return;
    const fd = this.fdOf(by, thing);
    const isThere = [...epoll.watches.values()].some((watch) => watch.thing === thing && watch.fd === fd);
    const id = ++this.names;
    const failure = await by.epoll_ctl(this.fdOf(by, epoll), EPOLL_CTL.ADD, fd, Poll.IN, id).then(() => null, codeOf);
    if (thing.kind === 'file') return equal(failure, 'EPERM');
    if (thing.kind === 'epoll' && failure === 'ELOOP') return;
    equal(failure, isThere ? 'EEXIST' : null);
    if (failure === null) epoll.watches.set(id, { thing, fd });
  }

  /** Closes up to `most` of a thing's descriptors. */
  private async close(thing: Thing, most: number): Promise<void> {
    for (let i = 0; i < most && thing.holds.length > 0; i++) {
      const [{ by, fd }] = thing.holds.splice(below(this.random, thing.holds.length), 1) as [Hold];
      await by.close(fd);
    }
  }

  // What must hold.

  private wasInFlight: Set<Thing> = new Set();

  private check(): void {
    const expected = reachable(this.all);
    for (const thing of this.all) {
      const { kind, isOpen, file } = thing;
      equal(isOpen, expected.has(thing), `${kind} of type ${thing.type} after ${this.passings} passings: is it open`);
      if (file !== null) equal(file.refs > 0, isOpen, `${kind}: its description`);
      thing.isGone = !isOpen;
      if (!isOpen && thing.holds.length === 0 && this.wasInFlight.has(thing)) count(this.collected, kind);
    }
    this.all = this.all.filter((thing) => expected.has(thing));
    this.wasInFlight = new Set(this.all.filter(({ holds }) => holds.length === 0));
    for (const { watches } of this.all) for (const [id, { thing }] of watches) if (thing.isGone) watches.delete(id);
    const { kernel } = (this.processes[0] as Process).host;
    let inQueues = 0;
    for (const { queue } of this.all) for (const cargo of queue) inQueues += cargo.length;
    equal(kernel.unix.flights.total, inQueues, 'descriptions in flight');
    // What each process has for a terminal is a description too.
    const standard = new Set(this.processes.flatMap(({ core }) => [0, 1, 2].map((fd) => core.descriptors.file(fd))));
    equal(kernel.fileTable.count - standard.size, this.all.filter(({ file }) => file !== null).length, 'open file descriptions');
  }

  /** What one process sees of one thing: whether the other end is there, and what an epoll tells. */
  private async look(): Promise<void> {
    const by = this.someone;
    const thing = this.pick(this.heldBy(by, ({ kind, isListener, other }) => kind === 'epoll' || (other !== null && !isListener)));
    if (thing === undefined) return;
    const fd = this.fdOf(by, thing);
    if (thing.kind === 'epoll') return this.lookAtEpoll(by, fd, thing);
    if (thing.type === SOCK.DGRAM) return;
    const request = { fd, events: Poll.IN, revents: 0 };
    await by.poll([request], 0);
    equal((request.revents & (Poll.HUP | (thing.kind === 'pipe' ? Poll.ERR : 0))) !== 0, (thing.other as Thing).isGone, `${thing.kind}: has the other end hung up`);
  }

  private async lookAtEpoll(by: Process, fd: number, { watches }: Thing): Promise<void> {
    const told = (await by.epoll_wait(fd, 1000, 0)).map(({ data }) => data);
    deepEqual(told.filter((id) => !watches.has(id)), [], 'an epoll tells of what is closed');
    for (const [id, { thing }] of watches) {
      if (thing.queue.length === 0 && thing.pending.length === 0) continue;
      ok(told.includes(id), `an epoll is silent about a ${thing.kind} with ${thing.queue.length} messages`);
      this.events++;
    }
  }

  /** The end: descriptor by descriptor, or process by process. */
  async end(isSlow: boolean): Promise<void> {
    if (isSlow) for (const thing of this.all) await this.close(thing, Infinity);
    this.check();
    for (const process of this.processes) process.exit();
  }
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}
