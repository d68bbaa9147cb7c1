/**
 * AF_NETLINK (netlink(7); Linux's net/netlink/af_netlink.c is the reference): messages to the kernel and its answers, and
 * groups of those who hear of changes. What messages mean is a protocol's business (netlink-protocol.ts).
 *
 *   in:   Process.send -> NetlinkSocket.sendTo -> receiveRequests -> NetlinkProtocol.request
 *   out:  NetlinkRequest.reply, NetlinkHost.notify -> NetlinkSocket.deliver -> wake
 */
import { linearTruesize, PAGE, SHARED_INFO, SK_BUFF } from '../../base/buffer-size.ts';
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';
import { Msg, SocketOptions } from '../../transport/endpoint.ts';
import { rareOf } from '../../transport/rare-options.ts';
import type { Caller } from '../caller.ts';
import { AF, NETLINK, SCM, SO, SOL } from '../constants.ts';
import { type ControlWriter, ints } from '../control.ts';
import { intBytes, readInt } from '../option-bytes.ts';
import type { Received, Sender } from '../received.ts';
import { sockaddrFamily } from '../sockaddr.ts';
import { NO_NAME, Socket } from '../socket.ts';
import { getTold, setTold } from './inet-tell-options.ts';
import { lowestGroup, readSockaddrNl, SOCKADDR_NL_LEN, sockaddrNl } from './netlink-address.ts';
import { type Dump, nextOfDump } from './netlink-dump.ts';
import type { NetlinkHost } from './netlink-host.ts';
import { type NetlinkProtocol, receiveRequests } from './netlink-protocol.ts';

/** A page holds so much beside the shared info; larger messages of programs get pages that need not follow each other. */
const LARGEST_IN_PAGE = PAGE - SHARED_INFO, CACHE_LINE = 64;
/** What a message needs of SO_SNDBUF beside its bytes (netlink_sendmsg). */
const MESSAGE_OVERHEAD = 32;

/** Of messages that the kernel sends. */
const KERNEL: Sender = { pid: 0, uid: 0, gid: 0 };

interface Datagram {
  readonly bytes: Uint8Array;
  /** Whose it is: a port, 0 for the kernel's. */
  readonly from: number;
  readonly sender: Sender;
  /** The group it was told to; 0 for this socket alone. */
  readonly group: number;
  readonly truesize: number;
}

/** What a message of a program costs (netlink_alloc_large_skb); the kernel's own lie in one block. Measured with SO_MEMINFO on Linux 6.18. */
function truesizeOfSent(length: number): number {
  if (length <= LARGEST_IN_PAGE) return linearTruesize(length);
  return SK_BUFF + SHARED_INFO + Math.ceil(length / CACHE_LINE) * CACHE_LINE;
}

export class NetlinkSocket extends Socket {
  readonly host: NetlinkHost;
  /** Its protocol. */
  readonly kind: NetlinkProtocol;
  readonly options: SocketOptions = new SocketOptions();
  /** Its port id; 0 while it has none. */
  port = 0;
  /** False while the port is only what a bind that failed wanted: Linux keeps that. */
  private isBound = false;
  private remotePort = 0;
  private remoteGroup = 0;
  /** A byte a group, from 1; empty while it never had any. */
  private groups: Uint8Array = new Uint8Array(0);
  private readonly queue: Datagram[] = [];
  /** The rest of a dump is made when the queue is read, so that a large one does not need a large buffer. */
  private dump: Dump | null = null;
  /** The largest buffer that it was read into: so much of a dump comes at once. */
  private largestRead = 0;
  private charged = 0;
  /** Messages that found no room. */
  drops = 0;
  private error = 0;
  /** Something was lost and nobody has read all the rest since (NETLINK_S_CONGESTED). */
  private isCongested = false;
  /** Senders that found no room. */
  private readonly roomWaiters: WaitQueue = new WaitQueue();
  private waitsAt: WaitQueue = this;
  private passesCredentials = false;
  // Options of SOL_NETLINK, by number.
  private readonly flags: Set<number> = new Set();

  constructor(host: NetlinkHost, type: number, protocol: NetlinkProtocol) {
    super(host.stack, AF.NETLINK, type, protocol.number);
    this.host = host;
    this.kind = protocol;
    this.options.sendBufferBytes = host.stack.settings.wmemDefault;
    this.options.receiveBufferBytes = host.stack.settings.rmemDefault;
    host.stack.context.memory.hold(Cost.ENDPOINT);
  }

  override get roomQueue(): WaitQueue {
    return this.waitsAt;
  }

  // Naming.

  bind(address: Uint8Array, caller: Caller): number {
    const name = readSockaddrNl(address);
    if (name === null) return -Errno.EINVAL;
    if (name.groups !== 0 && !this.mayListen(caller)) return -Errno.EPERM;
    if (this.isBound) {
      if (name.port !== this.port) return -Errno.EINVAL;
    } else if (name.port === 0) {
      this.autobind(caller);
    } else {
      this.port = name.port;
      if (!this.host.insert(name.port, this)) return -Errno.EADDRINUSE;
      this.isBound = true;
    }
    if (name.groups === 0 && this.groups.length === 0) return 0;
    this.haveGroups();
    for (let group = 1; group <= 32 && group < this.groups.length; group++) this.groups[group] = (name.groups >>> (group - 1)) & 1;
    this.groupsChanged();
    return 0;
  }

  private autobind(caller: Caller): void {
    if (this.isBound) return;
    this.port = this.host.autobind(caller.pid, this);
    this.isBound = true;
  }

  private mayListen(caller: Caller): boolean {
    return this.kind.isForEverybody || caller.credentials.has(Capability.NET_ADMIN);
  }

  private maySend(caller: Caller): boolean {
    return this.kind.isFromEverybody || caller.credentials.has(Capability.NET_ADMIN);
  }

  isMember(group: number): boolean {
    return group < this.groups.length && this.groups[group] !== 0;
  }

  private haveGroups(): void {
    if (this.groups.length === 0) this.groups = new Uint8Array(this.kind.groupCount + 1);
  }

  private groupsChanged(): void {
    if (this.groups.includes(1)) this.host.listen(this);
    else this.host.ignore(this);
  }

  /** Membership of 32 groups as bits, the lowest that of `first`. */
  groupWord(first: number): number {
    let mask = 0;
    for (let bit = 0; bit < 32; bit++) if (this.isMember(first + bit)) mask |= 1 << bit;
    return mask;
  }

  localName(): Uint8Array {
    return sockaddrNl(this.port, this.groupWord(1));
  }

  peerName(): Uint8Array {
    return sockaddrNl(this.remotePort, this.remoteGroup === 0 ? 0 : 1 << (this.remoteGroup - 1));
  }

  connect(address: Uint8Array, caller: Caller): number {
    if (address.length < 2) return -Errno.EINVAL;
    if (sockaddrFamily(address) === AF.UNSPEC) {
      this.remotePort = 0;
      this.remoteGroup = 0;
      return 0;
    }
    const name = readSockaddrNl(address);
    if (name === null) return -Errno.EINVAL;
    if ((name.port !== 0 || name.groups !== 0) && !this.maySend(caller)) return -Errno.EPERM;
    this.autobind(caller);
    this.remotePort = name.port;
    this.remoteGroup = lowestGroup(name.groups);
    return 0;
  }

  shutdown(): number {
    return -Errno.EOPNOTSUPP;
  }

  // Sending (netlink_sendmsg).

  send(from: Uint8Array, at: number, length: number, flags: number, caller: Caller): number {
    return this.sendMessageTo(this.remotePort, this.remoteGroup, from, at, length, flags, caller);
  }

  sendTo(from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array, caller: Caller): number {
    if (address.length === 0) return this.send(from, at, length, flags, caller);
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (length === 0) return -Errno.ENODATA;
    const name = address.length < SOCKADDR_NL_LEN ? null : readSockaddrNl(address);
    if (name === null) return -Errno.EINVAL;
    if ((name.port !== 0 || name.groups !== 0) && !this.maySend(caller)) return -Errno.EPERM;
    return this.sendMessageTo(name.port, lowestGroup(name.groups), from, at, length, flags, caller);
  }

  private sendMessageTo(
    port: number, group: number, from: Uint8Array, at: number, length: number, flags: number, caller: Caller,
  ): number {
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (length === 0) return -Errno.ENODATA;
    this.autobind(caller);
    if (length > this.options.sendBufferBytes - MESSAGE_OVERHEAD) return -Errno.EMSGSIZE;
    const bytes = from.slice(at, at + length);
    const { pid, credentials: { euid: uid, egid: gid } } = caller;
    const other = port === 0 ? null : this.host.find(this.protocol, port);
    // Who waits for room tells the group when there is some: once.
    if (other !== null && !other.hasRoom(truesizeOfSent(length))) {
      this.waitsAt = other.roomWaiters;
      return -Errno.EAGAIN;
    }
    if (group !== 0) this.host.notify(this.protocol, group, bytes, { from: this, sender: { pid, uid, gid }, except: port });
    if (port === 0) {
      if (!this.kind.hasKernel) return -Errno.ECONNREFUSED;
      receiveRequests(this, bytes, caller);
      return length;
    }
    // One that is connected hears only of its peer (netlink_getsockbyportid).
    if (other === null || (other.remotePort !== 0 && other.remotePort !== this.port)) return -Errno.ECONNREFUSED;
    other.put({ bytes, from: this.port, sender: { pid, uid, gid }, group, truesize: truesizeOfSent(length) });
    return length;
  }

  // Receiving.

  private hasRoom(truesize: number): boolean {
    if (this.stack.context.memory.refuses(this.charged, 0)) return false;
    return !this.isCongested && (this.charged === 0 || this.charged + truesize <= this.options.receiveBufferBytes);
  }

  /**
   * A message for this socket, by default from the kernel. Where there is no room it is lost, and the next receive says so
   * (netlink_overrun).
   */
  deliver(bytes: Uint8Array, group: number, from = 0, sender: Sender = KERNEL): void {
    const truesize = linearTruesize(bytes.length);
    if (this.hasRoom(truesize)) return this.put({ bytes, from, sender, group, truesize });
    this.drops++;
    if (!this.isOn(NETLINK.NO_ENOBUFS) && !this.isCongested) {
      this.isCongested = true;
      this.error = Errno.ENOBUFS;
      this.wake(Poll.ERR);
    }
  }

  private put(datagram: Datagram): void {
    this.charged += datagram.truesize;
    this.stack.context.memory.hold(datagram.truesize);
    this.queue.push(datagram);
    this.wake(Poll.IN | Poll.RDNORM);
  }

  override memory(): number[] {
    return [this.charged, this.receiveBufferBytes, 0, this.sendBufferBytes, 0, 0, 0, 0, this.drops];
  }

  /** What the messages that wait are charged with, in bytes. */
  get receiveCharged(): number {
    return this.charged;
  }

  /** Is a dump still being read? Another one has to wait for its end. */
  get isDumping(): boolean {
    return this.dump !== null;
  }

  /** Begins the answer to a dump: the first datagram comes now, each of the others when there is room for it. */
  beginDump(dump: Dump): void {
    this.dump = dump;
    this.continueDump();
  }

  private endDump(): void {
    if (this.dump !== null) this.stack.context.memory.letGo(this.dump.bytes);
    this.dump = null;
  }

  private continueDump(): void {
    if (this.dump === null) return;
    const bytes = nextOfDump(this.dump, this.host.writer, this.largestRead);
    if (this.dump.isOver) this.endDump();
    this.put({ bytes, from: 0, sender: KERNEL, group: 0, truesize: linearTruesize(bytes.length) });
  }

  receive(to: Uint8Array, at: number, length: number, flags: number, received: Received): number {
    received.flags = 0;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (this.error !== 0) return -this.takeError();
    const datagram = this.queue[0];
    if (datagram === undefined) return -Errno.EAGAIN;
    const { bytes, group, from } = datagram;
    if (length > this.largestRead) this.largestRead = length;
    const n = Math.min(length, bytes.length);
    to.set(bytes.subarray(0, n), at);
    if (n < bytes.length) received.flags |= Msg.TRUNC;
    received.datagramLen = bytes.length;
    received.name = sockaddrNl(from, group === 0 ? 0 : 1 << (group - 1));
    received.auxiliary = this.isOn(NETLINK.PKTINFO) ? ints([group]) : null;
    received.sender = this.passesCredentials ? datagram.sender : null;
    if ((flags & Msg.PEEK) === 0) {
      this.queue.shift();
      this.charged -= datagram.truesize;
      this.stack.context.memory.letGo(datagram.truesize);
    }
    if (this.charged <= this.options.receiveBufferBytes >> 1) this.continueDump();
    if (this.queue.length === 0) this.isCongested = false;
    if (!this.isCongested) this.roomWaiters.wake(Poll.OUT);
    return (flags & Msg.TRUNC) !== 0 ? bytes.length : n;
  }

  override sourceName({ name }: Received): Uint8Array {
    return name ?? NO_NAME;
  }

  override writeControl({ auxiliary, sender }: Received, writer: ControlWriter): void {
    if (auxiliary === null && sender === null) return;
    if (!writer.hasBuffer) {
      writer.truncated();
      return;
    }
    if (auxiliary !== null) writer.put(SOL.NETLINK, NETLINK.PKTINFO, auxiliary);
    if (sender !== null) writer.put(SOL.SOCKET, SCM.CREDENTIALS, ints([sender.pid, sender.uid, sender.gid]));
  }

  // Options.

  isOn(option: number): boolean {
    return this.flags.has(option);
  }

  get settledOptions(): SocketOptions {
    return this.options;
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  getLevelOption(level: number, option: number, length: number): Uint8Array | number {
    if (level !== SOL.NETLINK) return -Errno.ENOPROTOOPT;
    if (length < 0) return -Errno.EINVAL;
    if (option === NETLINK.LIST_MEMBERSHIPS) {
      // The length told is that of all words, whatever there is room for.
      const words: number[] = [];
      for (let group = 1; group < this.groups.length; group += 32) words.push((words.length + 1) * 4 <= length ? this.groupWord(group) : 0);
      return ints(words);
    }
    if (!FLAGS.has(option)) return -Errno.ENOPROTOOPT;
    return length < 4 ? -Errno.EINVAL : intBytes(this.isOn(option) ? 1 : 0, length);
  }

  setLevelOption(level: number, option: number, value: Uint8Array, caller: Caller): number {
    if (level !== SOL.NETLINK) return -Errno.ENOPROTOOPT;
    const n = value.length >= 4 ? readInt(value) : 0;
    if (option === NETLINK.ADD_MEMBERSHIP || option === NETLINK.DROP_MEMBERSHIP) {
      if (!this.mayListen(caller)) return -Errno.EPERM;
      this.haveGroups();
      if (n < 1 || n >= this.groups.length) return -Errno.EINVAL;
      this.groups[n] = option === NETLINK.ADD_MEMBERSHIP ? 1 : 0;
      this.groupsChanged();
      return 0;
    }
    if (!FLAGS.has(option)) return -Errno.ENOPROTOOPT;
    if (option === NETLINK.LISTEN_ALL_NSID && !caller.credentials.has(Capability.NET_BROADCAST)) return -Errno.EPERM;
    if (n === 0) this.flags.delete(option);
    else this.flags.add(option);
    if (option === NETLINK.NO_ENOBUFS && n !== 0) {
      this.isCongested = false;
      this.roomWaiters.wake(Poll.OUT);
    }
    return 0;
  }

  override getSocketOption(option: number, length: number): Uint8Array | number | null {
    // No security module gives labels to messages.
    if (option === SO.PASSSEC) return intBytes(this.options.rare.passSecurity ? 1 : 0, length);
    return option === SO.PASSCRED ? intBytes(this.passesCredentials ? 1 : 0, length) : getTold(this.options, option, length);
  }

  override setSocketOption(option: number, value: number): number | null {
    if (option === SO.PASSCRED) {
      this.passesCredentials = value !== 0;
      return 0;
    }
    if (option === SO.PASSSEC) {
      rareOf(this.options).passSecurity = value !== 0;
      return 0;
    }
    // sk_is_inet alone shares ports.
    if (option === SO.REUSEPORT && value !== 0) return -Errno.EOPNOTSUPP;
    // They are kept; of a netlink message nothing of the kind is told (netlink_recvmsg).
    return setTold(this.options, option, value !== 0);
  }

  // FileOperations.

  control(): number {
    return -Errno.ENOTTY;
  }

  readiness(): number {
    let mask: number = Poll.OUT | Poll.WRNORM | Poll.WRBAND;
    if (this.error !== 0) mask |= Poll.ERR;
    if (this.queue.length > 0) mask |= Poll.IN | Poll.RDNORM;
    return mask;
  }

  release(): void {
    this.host.remove(this);
    this.queue.length = 0;
    this.stack.context.memory.letGo(this.charged + Cost.ENDPOINT);
    this.charged = 0;
    this.endDump();
    this.roomWaiters.wakeAll(Poll.OUT);
  }
}

/** Options that are on or off. */
const FLAGS: ReadonlySet<number> = new Set([
  NETLINK.PKTINFO, NETLINK.BROADCAST_ERROR, NETLINK.NO_ENOBUFS, NETLINK.LISTEN_ALL_NSID, NETLINK.CAP_ACK, NETLINK.EXT_ACK,
  NETLINK.GET_STRICT_CHK,
]);
