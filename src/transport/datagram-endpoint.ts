/**
 * What the endpoints of messages have in common (UDP, raw and ping): the receive queue, the error queue behind MSG_ERRQUEUE,
 * their accounts, and readiness. How messages leave and whom they are for is each protocol's own.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import type { HostContext } from '../base/host-context.ts';
import { Cost } from '../base/kernel-memory.ts';
import type { DatagramMemory } from '../base/protocol-memory.ts';
import { ANY4, ANY6, type IpAddress } from '../base/inet-address.ts';
import { Poll } from '../base/wait-queue.ts';
import type { Device } from '../link/device.ts';
import type { Packet, PacketOwner } from '../link/packet.ts';
import { datagramTruesize } from './datagram.ts';
import { EndpointOptions, type EndpointUpcalls, type ReceiveResult, Shut } from './endpoint.ts';
import { ErrorOrigin, ErrorQueue, QueuedError, tellError } from './error-queue.ts';
import type { Memberships } from './memberships.ts';

const NO_BYTES = new Uint8Array(0);

export abstract class DatagramEndpoint implements PacketOwner {
  readonly isV4: boolean;
  readonly options: EndpointOptions;
  upcalls: EndpointUpcalls | null = null;
  localAddress: IpAddress;
  localPort = 0;
  remoteAddress: IpAddress | null = null;
  remotePort = 0;
  scopeId = 0;
  /** Bytes (true size) waiting in the receive queue and among the errors, and on their way out. */
  receiveQueued = 0;
  sendQueued = 0;
  /** Messages lost because the receive buffer was full. */
  drops = 0;
  /** The groups it has joined; null while there are none. Its socket's (socket/family/inet.ts). */
  memberships: Memberships | null = null;
  protected first: Packet | null = null;
  protected last: Packet | null = null;
  protected error = 0;
  /** What MSG_ERRQUEUE reads; made for the first error. */
  protected errors: ErrorQueue | null = null;
  /** sk_shutdown: 1 no more receiving, 2 no more sending. */
  protected shut = 0;
  /** The address was chosen by connect, not by bind: disconnecting gives it back. */
  protected addressFromConnect = false;
  /** What all such endpoints of the host hold together (udp_mem). */
  protected readonly memory: DatagramMemory;
  private readonly context: HostContext;
  private isCharged = true;
  /** A sender or a poll found no room since it was told of some last. */
  private lacksRoom = false;

  constructor(context: HostContext, isV4: boolean) {
    this.context = context;
    this.memory = context.datagramMemory;
    context.memory.hold(Cost.ENDPOINT);
    this.isV4 = isV4;
    this.localAddress = isV4 ? ANY4 : ANY6;
    this.options = new EndpointOptions(isV4);
    this.options.sendBufferBytes = context.settings.wmemDefault;
    this.options.receiveBufferBytes = context.settings.rmemDefault;
  }

  get hasPort(): boolean {
    return this.localPort !== 0;
  }

  get settledOptions(): EndpointOptions {
    return this.options;
  }

  get shutBits(): number {
    return this.shut;
  }

  get boundDevice(): Device | null {
    return this.options.boundDevice;
  }

  /** connect(2) with AF_UNSPEC: no peer, no pending error, and no address that connect chose (__udp_disconnect). */
  protected forgetPeer(): void {
    this.remoteAddress = null;
    this.remotePort = 0;
    this.error = 0;
    if (!this.addressFromConnect) return;
    this.localAddress = this.isV4 ? ANY4 : ANY6;
    this.addressFromConnect = false;
  }

  /**
   * A packet of ours is gone: its memory is free again. Each one is told once half of the buffer is free (sock_def_write_space),
   * so that an edge-triggered epoll hears of room after every datagram; SIGIO only when somebody had found none.
   */
  released(truesize: number): void {
    this.sendQueued -= truesize;
    this.memory.released(truesize);
    if (this.upcalls === null || !this.isWritable) return;
    if (this.lacksRoom) {
      this.lacksRoom = false;
      this.upcalls.writable();
    } else {
      this.upcalls.roomier();
    }
  }

  /** sock_writeable. */
  private get isWritable(): boolean {
    return this.sendQueued < this.options.sendBufferBytes >> 1;
  }

  /** The send buffer is full, which is not forgotten until there is room (SOCKWQ_ASYNC_NOSPACE). */
  protected noRoom(): number {
    this.lacksRoom = true;
    return -Errno.EAGAIN;
  }

  // The receive queue.

  /** Puts a message at the queue's end, `p.truesize` being what it takes of the buffer. Takes over `p`. */
  protected queue(p: Packet): void {
    p.next = null;
    if (this.last === null) this.first = p;
    else this.last.next = p;
    this.last = p;
    this.receiveQueued += p.truesize;
    this.memory.usedBytes += p.truesize;
    if (this.upcalls !== null) this.upcalls.readable();
  }

  /** The first message has been read. */
  protected takeFirst(p: Packet): void {
    this.first = p.next;
    if (this.first === null) this.last = null;
    this.receiveQueued -= p.truesize;
    this.memory.usedBytes -= p.truesize;
    p.next = null;
    p.release();
  }

  /** After shutdown(SHUT_RD): a receive call that finds nothing returns 0 instead of waiting. */
  get receiveIsShut(): boolean {
    return (this.shut & 1) !== 0;
  }

  /** Length of the message that the next receive would return (FIONREAD). */
  get nextDatagramLength(): number {
    return this.first === null ? 0 : this.first.length;
  }

  /** Bytes on their way out (SIOCOUTQ). */
  get outqBytes(): number {
    return this.sendQueued;
  }

  memoryUse(): number[] {
    const { receiveBufferBytes, sendBufferBytes } = this.options;
    return [this.receiveQueued, receiveBufferBytes, this.sendQueued, sendBufferBytes, 0, 0, 0, 0, this.drops];
  }

  // Errors.

  protected wantsErrors(isV4: boolean): boolean {
    return isV4 ? this.options.receiveErrors : this.options.receiveErrors6;
  }

  /**
   * The network has not taken `length` bytes, with this negative errno (ip_send_skb, ip6_send_skb): what the sender hears. No room
   * for another neighbour is no error of his, unless he wants to know (udp_send_skb, raw_sendmsg).
   */
  protected refused(result: number, length: number, isV4: boolean): number {
    this.context.counters.values[isV4 ? Mib.IpOutDiscards : Mib.Ip6OutDiscards]++;
    return result === -Errno.ENOBUFS && !this.wantsErrors(isV4) ? length : result;
  }

  /** A message that is longer than it may be (ip_local_error, ipv6_local_error): -EMSGSIZE. `port`: the one that is named. */
  protected refuseTooLong(to: IpAddress, isV4: boolean, port: number, mtuBytes: number): number {
    if (this.wantsErrors(isV4)) {
      const truesize = datagramTruesize(0, isV4);
      this.queueError(new QueuedError(Errno.EMSGSIZE, ErrorOrigin.Local, 0, 0, mtuBytes, to, port, null, NO_BYTES, truesize));
      if (this.upcalls !== null) this.upcalls.failed(Errno.EMSGSIZE);
    }
    return -Errno.EMSGSIZE;
  }

  /** Errors take room of the receive buffer; one that finds none is lost (sock_queue_err_skb). */
  protected queueError(error: QueuedError): void {
    if (this.receiveQueued + error.truesize >= this.options.receiveBufferBytes || this.memory.refuses(this.receiveQueued)) return;
    this.errors ??= new ErrorQueue();
    this.errors.push(error);
    this.receiveQueued += error.truesize;
    this.memory.usedBytes += error.truesize;
    error.arrivedUs = this.context.loop.now;
  }

  /** IP_RECVERR or IPV6_RECVERR is off again: what waits is forgotten, but for the pending error (skb_errqueue_purge). */
  forgetErrors(): void {
    if (this.errors === null) return;
    for (let error = this.errors.first; error !== null; error = error.next) {
      this.receiveQueued -= error.truesize;
      this.memory.usedBytes -= error.truesize;
    }
    this.errors = null;
  }

  /** recvmsg(2) with MSG_ERRQUEUE. The pending error follows the queue (sock_dequeue_err_skb). */
  protected receiveError(to: Uint8Array, at: number, length: number, result: ReceiveResult): number {
    const { errors } = this;
    const error = errors === null ? null : errors.shift();
    if (errors === null || error === null) return -Errno.EAGAIN;
    this.receiveQueued -= error.truesize;
    this.memory.usedBytes -= error.truesize;
    const next = errors.first;
    if (next !== null && next.isFromIcmp) this.error = next.errno;
    else if (error.isFromIcmp) this.error = 0;
    if (next !== null && this.upcalls !== null) this.upcalls.failed(next.errno);
    return tellError(error, this.options.tell, to, at, length, result);
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  keepError(errno: number): void {
    this.error = errno;
  }

  // Readiness and the end.

  readiness(): number {
    let events = 0;
    if (this.first !== null || (this.shut & 1) !== 0) events |= Poll.IN | Poll.RDNORM;
    if ((this.shut & 1) !== 0) events |= Poll.RDHUP;
    if (this.shut === 3) events |= Poll.HUP;
    if (this.error !== 0 || (this.errors !== null && this.errors.first !== null)) {
      events |= this.options.selectErrors ? Poll.ERR | Poll.PRI : Poll.ERR;
    }
    if (this.isWritable) events |= Poll.OUT | Poll.WRNORM | Poll.WRBAND;
    else this.lacksRoom = true;
    return events;
  }

  /** Linux shuts an unconnected socket down too, and complains all the same (inet_shutdown). */
  shutdown(how: number): number {
    this.shut |= how === Shut.RD ? 1 : how === Shut.WR ? 2 : 3;
    return this.remoteAddress === null ? -Errno.ENOTCONN : 0;
  }

  /** Lets go of all that waits to be read, and tells nobody anything any more. */
  protected letGoOfQueues(): void {
    for (let p = this.first; p !== null;) {
      const next: Packet | null = p.next;
      p.next = null;
      p.release();
      p = next;
    }
    this.first = null;
    this.last = null;
    this.errors = null;
    this.memory.usedBytes -= this.receiveQueued;
    this.receiveQueued = 0;
    this.upcalls = null;
    if (this.isCharged) this.context.memory.letGo(Cost.ENDPOINT);
    this.isCharged = false;
  }
}
