/**
 * Sockets: what an open file description of a socket points at. Here is what the kernel asks of every family; each family
 * (`family/`) translates its addresses and options, and turns what happens below into wakes above. Nothing here waits:
 * blocking is the kernel's (`kernel/operation.ts`).
 *
 *   Socket <- InetSocket <- InetStream (TCP), InetDatagram (UDP), InetRaw <- InetPing
 *          <- UnixSocket <- UnixDatagram, UnixConnection <- UnixStream, UnixSeqpacket
 *          <- PacketSocket, NetlinkSocket
 */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { WaitQueue } from '../base/wait-queue.ts';
import type { Stack } from '../stack/stack.ts';
import type { SocketOptions } from '../transport/endpoint.ts';
import type { Caller } from './caller.ts';
import { O, SOL } from './constants.ts';
import { type ControlWriter, walkControl } from './control.ts';
import type { Description } from './description.ts';
import type { UnixSocket } from './family/unix.ts';
import type { Received } from './received.ts';
import { readSocketControl } from './socket-control.ts';

export const NO_NAME = new Uint8Array(0);
/** `receiveTarget`'s answer for a call that waits for nothing. */
export const NEVER_WAITS = -1;

/** What a message takes along beside its bytes, read from sendmsg(2)'s control data once for all tries of the call. */
export interface Ancillary {
  /** The call is over: what no message took along is let go. */
  letGo(): void;
}

/** Of a message that takes nothing along. */
export const NOTHING_BESIDE: Ancillary = { letGo(): void {} };

/** A socket is its own wait queue: one object less for each of ten thousand idle ones. */
export abstract class Socket extends WaitQueue implements FileOperations {
  readonly stack: Stack;
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  /** Its inode: the number that /proc and fstat(2) tell, 0 until a description is made of it, and whose it is. */
  inodeNumber = 0;
  mode = 0o777;
  uid = 0;
  gid = 0;

  constructor(stack: Stack, family: number, type: number, protocol: number) {
    super();
    this.stack = stack;
    this.family = family;
    this.type = type;
    this.protocol = protocol;
  }

  get waiters(): WaitQueue {
    return this;
  }

  /** Where a call waits that found no room: here, or at the socket that has none (a listener, a datagram's receiver). */
  get roomQueue(): WaitQueue {
    return this;
  }

  /** The description of this socket, when it gets one. */
  opened(_description: Description): void {}

  /** Of the description's references only those are left that messages hold, in queues of sockets. */
  onlyInFlight(): void {}

  /** This socket as one that takes descriptions along, and so can keep others open; null for the families that do not. */
  asFlier(): UnixSocket | null {
    return null;
  }

  get accessMode(): number {
    return O.RDWR;
  }

  // Options. Those of other levels than SOL_SOCKET are the family's own (`options.ts` asks here).

  /** SOL_SOCKET's options for reading: may be shared with others (accepted connections have their listener's). */
  abstract get settledOptions(): SocketOptions;
  /** For writing: this socket's own. */
  abstract get options(): SocketOptions;
  /**
   * The option's bytes, or a negative errno. `length` is what the caller has room for, negative included, `given` what that
   * room holds: some options read it.
   */
  abstract getLevelOption(level: number, option: number, length: number, given: Uint8Array): Uint8Array | number;
  /** 0 or a negative errno. */
  abstract setLevelOption(level: number, option: number, value: Uint8Array, caller: Caller): number;
  /** SO_ERROR: the pending error (positive errno), and clears it; 0 when none. */
  abstract takeError(): number;

  /** What SO_ERROR tells beside it, and clears (sk_err_soft): an error that has not ended anything yet. */
  takeSoftError(): number {
    return 0;
  }

  /** A call that has done something already ended with an error: the next one hears of it (positive errno). */
  keepError(_errno: number): void {}

  /** SOL_SOCKET's options that this family alone has, or has otherwise: null for all others. */
  getSocketOption(_option: number, _length: number): Uint8Array | number | null {
    return null;
  }

  /** `length` is how many bytes were given, four at least. */
  setSocketOption(_option: number, _value: number, _length: number): number | null {
    return null;
  }

  /** SO_ATTACH_FILTER: the program's bytes (socket-filter.ts). */
  attachFilter(_program: Uint8Array): number {
    return -Errno.ENOPROTOOPT;
  }

  /** A SOL_SOCKET option has another value now, and somebody below may have to know. */
  optionChanged(_option: number): void {}

  /** SO_BUF_LOCK: may the sizes of the buffers change by themselves? */
  lockBuffers(send: boolean, receive: boolean): void {
    this.options.sendBufferLocked = send;
    this.options.receiveBufferLocked = receive;
  }

  /** SO_SNDBUF, SO_RCVBUF as they are now. */
  get sendBufferBytes(): number {
    return this.settledOptions.sendBufferBytes;
  }

  get receiveBufferBytes(): number {
    return this.settledOptions.receiveBufferBytes;
  }

  /** The highest SO_RCVLOWAT that makes sense. */
  get mostLowWater(): number {
    return 0x7fffffff;
  }

  /**
   * SO_MEMINFO: bytes that wait to be read, SO_RCVBUF, bytes on their way out, SO_SNDBUF, bytes set aside, bytes of the send
   * queue, bytes of options, bytes of the backlog, and how many messages were lost.
   */
  memory(): number[] {
    return [0, this.receiveBufferBytes, 0, this.sendBufferBytes, 0, 0, 0, 0, 0];
  }

  /** SO_ACCEPTCONN. */
  get isListening(): boolean {
    return false;
  }

  // Naming.

  /** bind(2) with the address's bytes. */
  abstract bind(address: Uint8Array, caller: Caller): number;
  /** getsockname(2). */
  abstract localName(): Uint8Array;
  /** getpeername(2): the bytes, or a negative errno. */
  abstract peerName(): Uint8Array | number;

  /** Who is, or was, at the other end: what accept(2) tells. */
  remoteName(): Uint8Array {
    return NO_NAME;
  }

  // Connecting.

  /** connect(2), first half: 0, -EINPROGRESS (wait for `connectResult`), -EAGAIN (try again when `roomQueue` wakes), or an error. */
  abstract connect(address: Uint8Array, caller: Caller): number;

  /** connect(2), second half: `waiting` while it goes on, else 0 or why it failed. */
  connectResult(_waiting: number): number {
    return 0;
  }

  /** socketpair(2): this socket and another of its kind, both new, are each other's peers. */
  pair(_other: Socket, _caller: Caller): number {
    return -Errno.EOPNOTSUPP;
  }

  /** listen(2). */
  listen(_backlog: number, _caller: Caller): number {
    return -Errno.EOPNOTSUPP;
  }

  /** accept(2): a connected socket, or a negative errno. */
  accept(): Socket | number {
    return -Errno.EOPNOTSUPP;
  }

  /** What an accept(2) that would wait returns because nobody can connect any more; -EAGAIN when somebody can. */
  emptyAccept(): number {
    return -Errno.EAGAIN;
  }

  // Moving data.

  abstract receive(to: Uint8Array, at: number, length: number, flags: number, result: Received): number;
  abstract send(from: Uint8Array, at: number, length: number, flags: number, caller: Caller): number;
  /** sendto(2) with an address. */
  abstract sendTo(from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array, caller: Caller): number;
  abstract shutdown(how: number): number;

  /**
   * Control data of sendmsg(2): what it says, or a negative errno. Here as for a stream of AF_INET, which knows SOL_SOCKET's
   * messages alone.
   */
  prepareAncillary(control: Uint8Array, caller: Caller): Ancillary | number {
    const { settledOptions } = this;
    const bad = walkControl(control, (message) => (
      message.level === SOL.SOCKET ? readSocketControl(message, settledOptions, caller, null) : 0));
    return bad < 0 ? bad : NOTHING_BESIDE;
  }

  /** sendmsg(2) with control data. */
  sendMessage(
    from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array | null, _ancillary: Ancillary | null,
    caller: Caller,
  ): number {
    if (address === null) return this.send(from, at, length, flags, caller);
    return this.sendTo(from, at, length, flags, address, caller);
  }

  /** recvmsg(2)'s control data of what was received. Every call ends here that received something that it must not keep. */
  writeControl(_received: Received, _writer: ControlWriter, _flags: number, _caller: Caller): void {}

  /** msg_name of what was received: the sender's address, empty when there is none. */
  sourceName(_received: Received): Uint8Array {
    return NO_NAME;
  }

  /** How many bytes a receive wants to have before it stops waiting; NEVER_WAITS for one that takes what is there. */
  receiveTarget(_length: number, _flags: number): number {
    return 1;
  }

  /** What a receive that would wait returns because nothing can come any more; -EAGAIN when something can. */
  emptyResult(): number {
    return -Errno.EAGAIN;
  }

  // Closing.

  /** SO_LINGER: how many seconds the last close(2) waits; -1 when it does not. */
  get lingerSeconds(): number {
    return -1;
  }

  /** Is there still something that a lingering close(2) waits for? */
  get isLingering(): boolean {
    return false;
  }

  // FileOperations.

  // Reads and writes of sockets are receives and sends, whose caller is known (kernel/transfer.ts): nobody comes this way.

  read(_to: Uint8Array, _at: number, _length: number): number {
    return -Errno.EINVAL;
  }

  write(_from: Uint8Array, _at: number, _length: number): number {
    return -Errno.EINVAL;
  }

  abstract readiness(): number;
  abstract control(request: number): number;
  /** The last reference is gone. A lingering close has called it before. */
  abstract release(): void;
}
