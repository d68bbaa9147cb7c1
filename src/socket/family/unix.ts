/**
 * What sockets of AF_UNIX have in common (unix(7); Linux's net/unix/af_unix.c is the reference): names, peers, options,
 * buffers, half-closing, the end.
 *
 *   UnixSocket <- UnixConnection (unix-connection.ts: listen, connect, accept) <- UnixStream, UnixSeqpacket
 *              <- UnixDatagram
 *
 * A message goes from `send` straight into the queue of the peer's socket and is charged to the sender until it is read.
 */
import { Errno } from '../../base/errno.ts';
import { Cost, type KernelMemory } from '../../base/kernel-memory.ts';
import { Poll, SILENT, Waiter, WaitQueue } from '../../base/wait-queue.ts';
import { Msg, Shut } from '../../transport/endpoint.ts';
import { Tell } from '../../transport/tell.ts';
import type { Caller } from '../caller.ts';
import { AF, IOCTL, SCM, SO, SOL } from '../constants.ts';
import { type ControlWriter, ints } from '../control.ts';
import type { Description } from '../description.ts';
import type { Peer, Received, Sender } from '../received.ts';
import { NO_NAME, Socket } from '../socket.ts';
import type { Flight, Rights } from './rights.ts';
import { putTime } from './time-control.ts';
import type { SocketNode } from './socket-node.ts';
import { checkUnixAddress, isAbstract, pathAddress, pathOf, SUN_PATH, UnixAddress, UNNAMED } from './unix-address.ts';
import { prepareAncillary, type UnixAncillary } from './unix-ancillary.ts';
import type { UnixHost } from './unix-host.ts';
import { getUnixOption, setUnixOption, UnixOptions } from './unix-options.ts';
import { datagramTruesize, type UnixMessage, UnixQueue } from './unix-queue.ts';

export const UnixState = { Closed: 0, Established: 1, Listen: 2 } as const;
export type UnixState = (typeof UnixState)[keyof typeof UnixState];

/** Bits of `shut`: shutdown(2)'s argument plus one, as in sk_shutdown. */
export const RECEIVE_SHUT = 1;
export const SEND_SHUT = 2;
const BOTH_SHUT = 3;

/** What a message needs of SO_SNDBUF beside its bytes, by unix_dgram_sendmsg's reckoning. */
const MESSAGE_OVERHEAD = 32;

/** What wakes whoever waits for data (sock_def_readable), and for room (unix_write_space). */
export const READABLE: number = Poll.IN | Poll.PRI | Poll.RDNORM | Poll.RDBAND;
export const WRITABLE: number = Poll.OUT | Poll.WRNORM | Poll.WRBAND;
/** Everything: the state of the connection changed. Whoever polls for RDHUP hears of HUP too; to SIGIO it is one event. */
const CHANGED: number = READABLE | WRITABLE | Poll.HUP;

/** `struct ucred` of nobody: what a message says whose sender's credentials were not recorded (overflowuid). */
export const NOBODY: Sender = { pid: 0, uid: 65534, gid: 65534 };

/**
 * A poll of a socket whose peer's queue was full: the socket hears of it when there is room again (unix_dgram_peer_wake_me).
 */
class PeerRoom extends Waiter {
  private readonly socket: UnixSocket;

  constructor(socket: UnixSocket) {
    super();
    this.socket = socket;
    this.events = WRITABLE;
  }

  wake(_events: number): void {
    this.leave();
    this.socket.wake(WRITABLE);
  }

  leave(): void {
    if (this.queue !== null) this.queue.remove(this);
  }

  attempt(): void {}
  deliver(): void {}
}

export abstract class UnixSocket extends Socket {
  readonly host: UnixHost;
  readonly options: UnixOptions;
  state: UnixState = UnixState.Closed;
  address: UnixAddress | null = null;
  private node: SocketNode | null = null;
  /** Of a connection: the node that its listener is bound to, whose name it has. */
  listenersNode: SocketNode | null = null;
  peer: UnixSocket | null = null;
  /** SO_PEERCRED; null while there is no peer. */
  peerCredentials: Peer | null = null;
  shut = 0;
  isReleased = false;
  /** SO_ERROR. */
  protected error = 0;
  readonly queue: UnixQueue;
  /** Bytes of memory of what was sent and is not read yet (sk_wmem_alloc). */
  charged = 0;
  /** How many messages or connections beyond the first may wait (sk_max_ack_backlog). */
  backlog: number;
  /** Others who wait for room in this socket's queue. */
  readonly roomWaiters: WaitQueue = new WaitQueue();
  /** Where whoever could not send or connect just now waits: at this socket, or at the one that has no room. */
  private waitsAt: WaitQueue = this;
  private peerRoom: PeerRoom | null = null;
  /** The description of this socket; null until it has one. */
  description: Description | null = null;
  /** The listener, of a connection that nobody has accepted yet. */
  listener: UnixSocket | null = null;
  nextPending: UnixSocket | null = null;
  /** The messages that carry this socket (rights.ts), and the last look at it. */
  firstFlight: Flight | null = null;
  lastLook = 0;

  constructor(host: UnixHost, type: number) {
    super(host.stack, AF.UNIX, type, 0);
    this.host = host;
    this.options = new UnixOptions(host.settings);
    this.queue = new UnixQueue(host.context);
    this.backlog = host.settings.unixMaxDgramQlen;
    host.sockets.add(this);
    this.hostMemory.hold(Cost.ENDPOINT);
  }

  override opened(description: Description): void {
    this.description = description;
  }

  override asFlier(): UnixSocket {
    return this;
  }

  override onlyInFlight(): void {
    this.host.flights.suspect(this);
  }

  override get roomQueue(): WaitQueue {
    return this.waitsAt;
  }

  /** -EAGAIN for want of room at `queue`'s socket. */
  protected waitAt(queue: WaitQueue): number {
    this.waitsAt = queue;
    return -Errno.EAGAIN;
  }

  // Naming.

  /** bind(2): a path, an abstract name, or the family alone for one of five digits (unix_bind). */
  bind(address: Uint8Array, caller: Caller): number {
    if (address.length === SUN_PATH && address[0] === AF.UNIX && address[1] === 0) return this.autobind();
    const bad = checkUnixAddress(address);
    if (bad < 0) return bad;
    return isAbstract(address) ? this.bindAbstract(address) : this.bindPath(pathOf(address), caller);
  }

  private bindAbstract(address: Uint8Array): number {
    if (this.address !== null) return -Errno.EINVAL;
    const name = new UnixAddress(address.slice());
    if (!this.host.add(name, this)) return -Errno.EADDRINUSE;
    this.address = name;
    return 0;
  }

  private bindPath(path: Uint8Array, caller: Caller): number {
    const node = caller.makeSocketNode(path);
    if (typeof node === 'number') return node;
    // Only now, as in unix_bind_bsd: a bound socket hears EADDRINUSE first.
    if (this.address !== null) {
      node.remove();
      return -Errno.EINVAL;
    }
    node.socket = this;
    this.node = node;
    this.address = pathAddress(path);
    return 0;
  }

  protected autobind(): number {
    if (this.address === null) this.address = this.host.autobind(this);
    return this.address === null ? -Errno.ENOSPC : 0;
  }

  /** Whoever wants to know who sends has a name to answer to (unix_may_passcred). */
  protected autobindToPass(): number {
    return this.options.passCredentials && this.address === null ? this.autobind() : 0;
  }

  localName(): Uint8Array {
    return this.address === null ? UNNAMED : this.address.bytes;
  }

  peerName(): Uint8Array | number {
    return this.peer === null ? -Errno.ENOTCONN : this.peer.localName();
  }

  override remoteName(): Uint8Array {
    return this.peer === null ? UNNAMED : this.peer.localName();
  }

  override sourceName({ source }: Received): Uint8Array {
    return (source as UnixSocket | null)?.address?.bytes ?? NO_NAME;
  }

  /** The socket of that name and of this one's type, or a negative errno (unix_find_other). The address has been checked. */
  protected findOther(address: Uint8Array, caller: Caller): UnixSocket | number {
    if (isAbstract(address)) return this.host.find(address, this.type) ?? -Errno.ECONNREFUSED;
    const node = caller.findSocketNode(pathOf(address));
    if (typeof node === 'number') return node;
    const other = node.socket?.asFlier() ?? null;
    if (other === null) return -Errno.ECONNREFUSED;
    return other.type === this.type ? other : -Errno.EPROTOTYPE;
  }

  // Pairs.

  override pair(other: Socket, caller: Caller): number {
    const that = other as UnixSocket;
    this.peer = that;
    that.peer = this;
    this.state = UnixState.Established;
    that.state = UnixState.Established;
    this.peerCredentials = peerOf(caller);
    that.peerCredentials = this.peerCredentials;
    return 0;
  }

  // Buffers.

  /** Has SO_SNDBUF no room for another message? The last one may go beyond it (sock_alloc_send_pskb). */
  protected get isFull(): boolean {
    return this.charged >= this.options.sendBufferBytes;
  }

  override memory(): number[] {
    return [0, this.receiveBufferBytes, this.charged, this.sendBufferBytes, 0, 0, 0, 0, 0];
  }

  /** The host's. */
  protected get hostMemory(): KernelMemory {
    return this.host.context.memory;
  }

  /** A writer that waits, and poll, want three quarters of the buffer free (unix_writable). */
  protected get isWritable(): boolean {
    return this.state !== UnixState.Listen && (this.charged + 1) * 4 <= this.options.sendBufferBytes;
  }

  /** Something that this socket sent has been read, or thrown away. */
  uncharge(truesize: number): void {
    this.charged -= truesize;
    if (!this.empty && this.isWritable) this.wake(WRITABLE);
  }

  /** Some of the queue was taken: one who waits for room may try, and polls look again. */
  protected madeRoom(): void {
    if (!this.roomWaiters.empty) this.roomWaiters.wake(WRITABLE);
  }

  protected get isPeerFull(): boolean {
    const { peer } = this;
    return peer !== null && peer !== this && peer.peer !== this && peer.queue.count > peer.backlog;
  }

  /** Has the peer of a connected datagram socket room? When it has not, this socket hears of it later. */
  protected peerHasRoom(): boolean {
    if (!this.isPeerFull) return true;
    this.peerRoom ??= new PeerRoom(this);
    if (this.peerRoom.queue === null) (this.peer as UnixSocket).roomWaiters.add(this.peerRoom);
    return false;
  }

  /** The peer is another one now, or none: nobody of this socket waits for the old one any more. */
  protected leavePeerRoom(): void {
    const { peerRoom } = this;
    if (peerRoom === null || peerRoom.queue === null) return;
    peerRoom.leave();
    this.wake(WRITABLE);
  }

  // Control data.

  override prepareAncillary(control: Uint8Array, caller: Caller): UnixAncillary | number {
    return prepareAncillary(control, caller);
  }

  /** What recvmsg(2) hands over beside the bytes (scm_recv_unix). */
  override writeControl(received: Received, writer: ControlWriter, flags: number, caller: Caller): void {
    const { rights, told, arrivedUs } = received;
    if ((told & Tell.Time) !== 0) putTime(writer, this.stack.context.loop.environment.epochUs + arrivedUs, told);
    const sender = this.options.passCredentials ? (received.sender ?? this.nobodysSender) : null;
    received.rights = null;
    if (!writer.hasBuffer) {
      if (rights !== null || sender !== null) writer.truncated();
    } else {
      if (sender !== null) writer.put(SOL.SOCKET, SCM.CREDENTIALS, ints([sender.pid, sender.uid, sender.gid]));
      if (rights !== null) writeRights(rights, writer, (flags & Msg.CMSG_CLOEXEC) !== 0, caller);
    }
    if (rights !== null) rights.letGo();
    if (this.options.rare.tellsRest) writer.put(SOL.SOCKET, SO.INQ, ints([this.readableLength()]));
  }

  /** SCM_CREDENTIALS of a receive that found no message. */
  protected get nobodysSender(): Sender | null {
    return null;
  }

  /** The message says who sent it, when somebody may want to know (unix_maybe_add_creds). */
  protected credentialsFor(other: UnixSocket, caller: Caller): Sender | null {
    return this.options.passCredentials || other.options.passCredentials || other.listener !== null ? senderOf(caller) : null;
  }

  // Messages with boundaries (unix_dgram_sendmsg), of SOCK_DGRAM and SOCK_SEQPACKET.

  /** May a message of this length go now? -EMSGSIZE, a pending error, -EPIPE, -EAGAIN, -ETOOMANYREFS. */
  protected checkMessage(length: number, ancillary: UnixAncillary | null, caller: Caller): number {
    if (length > this.options.sendBufferBytes - MESSAGE_OVERHEAD) return -Errno.EMSGSIZE;
    if (this.error !== 0) return -this.takeError();
    if ((this.shut & SEND_SHUT) !== 0) return -Errno.EPIPE;
    if (this.isFull) return this.waitAt(this);
    if (this.hostMemory.refuses(this.charged, length)) return -Errno.ENOBUFS;
    return ancillary === null ? 0 : ancillary.check(caller, this.host.flights);
  }

  /** Puts a message into another's queue. */
  protected deliverTo(
    other: UnixSocket, from: Uint8Array, at: number, length: number, ancillary: UnixAncillary | null, caller: Caller,
  ): void {
    const truesize = datagramTruesize(length);
    this.charged += truesize;
    const message = other.queue.put(this, from, at, length, truesize);
    message.credentials = ancillary?.credentials ?? this.credentialsFor(other, caller);
    if (ancillary !== null) ancillary.attach(message, other);
    message.sentAt = (other.options.tell & Tell.Time) !== 0 ? this.stack.context.loop.now : 0;
    other.wake(READABLE);
  }

  /** Throws away what is in flight in this socket's queue, and in those of connections that wait here. */
  dropRights(): void {
    for (let message = this.queue.first; message !== null; message = message.next) {
      const { rights } = message;
      message.rights = null;
      if (rights !== null) this.host.flights.discard(rights);
    }
  }

  // Options.

  get settledOptions(): UnixOptions {
    return this.options;
  }

  takeError(): number {
    const errno = this.error;
    this.error = 0;
    return errno;
  }

  override keepError(errno: number): void {
    this.error = errno;
  }

  getLevelOption(): Uint8Array | number {
    return -Errno.EOPNOTSUPP;
  }

  setLevelOption(): number {
    return -Errno.EOPNOTSUPP;
  }

  override getSocketOption(option: number, length: number): Uint8Array | number | null {
    return getUnixOption(this.options, this.peerCredentials, option, length);
  }

  override setSocketOption(option: number, value: number, length: number): number | null {
    return setUnixOption(this.options, this.type, option, value, length);
  }

  control(request: number): number {
    switch (request) {
      case IOCTL.FIONREAD: return this.state === UnixState.Listen ? -Errno.EINVAL : this.readableLength();
      case IOCTL.SIOCOUTQ: return this.charged;
      // A stream has marks.
      case IOCTL.SIOCATMARK: return -Errno.EOPNOTSUPP;
      default: return -Errno.ENOTTY;
    }
  }

  // What unix_diag tells.

  /** The node of its path; null when it has none. */
  get pathNode(): SocketNode | null {
    return this.node ?? this.listenersNode;
  }

  get unreadBytes(): number {
    return this.readableLength();
  }

  /** Connections that wait for accept(2). */
  *waiting(): IterableIterator<UnixSocket> {}

  /** FIONREAD: all bytes of a stream, the next one's of datagrams. */
  protected abstract readableLength(): number;

  // Half-closing and closing.

  shutdown(how: number): number {
    if (how !== Shut.RD && how !== Shut.WR && how !== Shut.RDWR) return -Errno.EINVAL;
    const mode = how + 1;
    this.shut |= mode;
    this.wake(CHANGED | SILENT);
    return this.peerShuts(mode);
  }

  /** What the peer of a connection cannot do any more: the mirror image. Datagrams' peers are not told. */
  protected peerShuts(_mode: number): number {
    return 0;
  }

  protected mirrorShut(mode: number): void {
    const { peer } = this;
    if (peer === null) return;
    peer.shut |= ((mode & RECEIVE_SHUT) << 1) | ((mode & SEND_SHUT) >> 1);
    peer.wake(CHANGED | SILENT);
    // What SIGIO tells the peer is the end of what it reads, or of all (unix_shutdown).
    if (mode === BOTH_SHUT) peer.wake(Poll.HUP);
    else if ((mode & SEND_SHUT) !== 0) peer.wake(Poll.IN);
  }

  protected commonReadiness(): number {
    let mask = 0;
    if (this.error !== 0) mask |= Poll.ERR;
    if (this.shut === BOTH_SHUT) mask |= Poll.HUP;
    if ((this.shut & RECEIVE_SHUT) !== 0) mask |= Poll.RDHUP | Poll.IN | Poll.RDNORM;
    if (this.queue.first !== null) mask |= Poll.IN | Poll.RDNORM;
    return mask;
  }

  /** The last reference is gone (unix_release_sock). */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.host.sockets.delete(this);
    this.hostMemory.letGo(Cost.ENDPOINT);
    if (this.node !== null) this.node.socket = null;
    else if (this.address !== null && isAbstract(this.address.bytes)) this.host.remove(this.address, this);
    this.node = null;
    const { peer } = this;
    this.shut = BOTH_SHUT;
    this.state = UnixState.Closed;
    this.peer = null;
    this.leavePeerRoom();
    this.roomWaiters.wakeAll(WRITABLE);
    if (peer !== null) this.peerIsGone(peer);
    this.purge();
  }

  /** This socket closes and has a peer. */
  protected peerIsGone(_peer: UnixSocket): void {}

  /** The other end of the connection is gone; `errno` when it had not read everything. */
  hungUp(errno: number): void {
    this.shut = BOTH_SHUT;
    if (errno !== 0) this.error = errno;
    this.wake(CHANGED);
  }

  /** Throws the queue away. */
  protected purge(): void {
    for (let message = this.queue.first; message !== null; message = this.queue.first) this.drop(message);
  }

  /** Takes a message out of the queue, with whatever is left of it. */
  protected drop(message: UnixMessage): void {
    const { rights } = message;
    this.queue.remove(message);
    if (rights !== null) this.host.flights.discard(rights);
  }

  /** SO_ERROR, set from outside, for whoever waits to hear. */
  failed(errno: number): void {
    this.error = errno;
    this.wake(Poll.ERR | CHANGED);
  }
}

/** Who makes this call, for SCM_CREDENTIALS: the real ids (unix_maybe_add_creds). */
function senderOf({ pid, credentials }: Caller): Sender {
  return { pid, uid: credentials.uid, gid: credentials.gid };
}

/** Who makes this call, for SO_PEERCRED: the effective ids (cred_to_ucred). */
export function peerOf({ pid, credentials }: Caller): Peer {
  return { pid, uid: credentials.euid, gid: credentials.egid, groups: credentials.groups };
}

/** As many descriptors as there is room for and the process may have (scm_detach_fds). */
function writeRights(rights: Rights, writer: ControlWriter, closeOnExec: boolean, caller: Caller): void {
  const { descriptions } = rights;
  const fits = Math.min(descriptions.length, Math.max(0, writer.dataRoom) >> 2);
  const fds: number[] = [];
  while (fds.length < fits) {
    const fd = caller.addDescriptor(descriptions[fds.length] as Description, closeOnExec);
    if (fd < 0) break;
    fds.push(fd);
  }
  if (fds.length > 0) writer.put(SOL.SOCKET, SCM.RIGHTS, ints(fds));
  if (fds.length < descriptions.length) writer.truncated();
}
