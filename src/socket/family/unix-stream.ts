/** SOCK_STREAM of AF_UNIX. Boundaries between writes are not seen, but for descriptors, senders and urgent data. */
import { Errno } from '../../base/errno.ts';
import { Poll } from '../../base/wait-queue.ts';
import { Msg } from '../../transport/endpoint.ts';
import type { Caller } from '../caller.ts';
import { IOCTL, SOCK } from '../constants.ts';
import type { Received, Sender } from '../received.ts';
import { NEVER_WAITS } from '../socket.ts';
import { NOBODY, READABLE, RECEIVE_SHUT, SEND_SHUT, type UnixSocket, UnixState } from './unix.ts';
import type { UnixAncillary } from './unix-ancillary.ts';
import { UnixConnection } from './unix-connection.ts';
import type { UnixHost } from './unix-host.ts';
import { splicedTruesize, STREAM_HEAD, STREAM_PAGES, streamTruesize, type UnixMessage } from './unix-queue.ts';

/** No message of a stream is larger. */
const MESSAGE_MAX = STREAM_HEAD + STREAM_PAGES;

/** The end of a stream has a sender too, of a structure that nobody filled in (unix_stream_read_generic). */
const END_OF_STREAM: Sender = { pid: 0, uid: 0, gid: 0 };

export class UnixStream extends UnixConnection {
  constructor(host: UnixHost) {
    super(host, SOCK.STREAM);
  }

  protected another(): UnixStream {
    return new UnixStream(this.host);
  }

  // Sending (unix_stream_sendmsg).

  send(from: Uint8Array, at: number, length: number, flags: number, caller: Caller): number {
    return this.transmit(from, at, length, flags, null, caller);
  }

  sendTo(from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array, caller: Caller): number {
    return this.sendMessage(from, at, length, flags, address, null, caller);
  }

  override sendMessage(
    from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array | null, ancillary: UnixAncillary | null,
    caller: Caller,
  ): number {
    // An address without any length is none.
    if (address === null || address.length === 0) return this.transmit(from, at, length, flags, ancillary, caller);
    if ((flags & Msg.OOB) !== 0 && length === 0) return -Errno.EOPNOTSUPP;
    return this.state === UnixState.Established ? -Errno.EISCONN : -Errno.EOPNOTSUPP;
  }

  private transmit(
    from: Uint8Array, at: number, length: number, flags: number, ancillary: UnixAncillary | null, caller: Caller,
  ): number {
    const isUrgent = (flags & Msg.OOB) !== 0;
    if (isUrgent && length === 0) return -Errno.EOPNOTSUPP;
    const { peer } = this;
    if (peer === null) return -Errno.ENOTCONN;
    if ((this.shut & SEND_SHUT) !== 0) return -Errno.EPIPE;
    const plain = isUrgent ? length - 1 : length;
    // Two messages in the buffer at least, so that the sides take turns.
    const most = this.hostMemory.pieceOf(Math.min((this.options.sendBufferBytes >> 1) - 64, MESSAGE_MAX));
    let sent = 0;
    while (sent < plain) {
      const bad = this.maySend(peer, ancillary, caller);
      if (bad < 0) return sent > 0 ? sent : bad;
      const size = plain - sent < most ? plain - sent : most;
      const truesize = (flags & Msg.SPLICE_PAGES) !== 0 ? splicedTruesize(size) : streamTruesize(size);
      this.charged += truesize;
      const message = peer.queue.put(this, from, at + sent, size, truesize);
      this.finish(message, peer, ancillary, caller);
      sent += size;
    }
    if (!isUrgent) return sent;
    const bad = this.maySend(peer, ancillary, caller);
    if (bad < 0) return sent > 0 ? sent : bad;
    const message = peer.queue.putUrgent(this, from[at + plain] as number);
    this.charged += message.truesize;
    this.finish(message, peer, ancillary, caller);
    return sent + 1;
  }

  /** Room in the buffer and somebody to read it: 0 or a negative errno. */
  private maySend(peer: UnixSocket, ancillary: UnixAncillary | null, caller: Caller): number {
    if (this.error !== 0) return -this.takeError();
    if ((this.shut & SEND_SHUT) !== 0) return -Errno.EPIPE;
    if (this.isFull) return this.waitAt(this);
    if (this.hostMemory.refuses(this.charged, 0)) return -Errno.ENOBUFS;
    if (ancillary !== null) {
      const bad = ancillary.check(caller, this.host.flights);
      if (bad < 0) return bad;
    }
    if (peer.isReleased || (peer.shut & RECEIVE_SHUT) !== 0) return -Errno.EPIPE;
    return ancillary === null ? 0 : ancillary.checkReceiver(peer);
  }

  private finish(message: UnixMessage, peer: UnixSocket, ancillary: UnixAncillary | null, caller: Caller): void {
    message.credentials = ancillary?.credentials ?? this.credentialsFor(peer, caller);
    if (ancillary !== null) ancillary.attach(message, peer);
    if (peer.empty) return;
    if (message.isUrgent) peer.wake(Poll.PRI);
    peer.wake(READABLE);
  }

  // Receiving (unix_stream_read_generic).

  receive(to: Uint8Array, at: number, length: number, flags: number, received: Received): number {
    received.flags = 0;
    if (this.state !== UnixState.Established) return -Errno.EINVAL;
    if ((flags & Msg.OOB) !== 0) return this.receiveUrgent(to, at, length, flags, received);
    const isPeek = (flags & Msg.PEEK) !== 0;
    const n = isPeek ? this.look(to, at, length, flags, received) : this.take(to, at, length, received);
    if (n > 0 || received.isWhole) {
      // Linux looks for more, finds the error, and then returns what it has: the error is gone.
      const isAtEnd = this.error !== 0 && this.queue.first === null && !received.isWhole;
      if (isAtEnd && received.taken < this.receiveTarget(length, flags)) this.error = 0;
      return n;
    }
    // No room was asked for, but there is something.
    if (n === 0 && length === 0 && received.source !== null) return 0;
    if (this.error !== 0) return -this.takeError();
    return (this.shut & RECEIVE_SHUT) !== 0 ? 0 : -Errno.EAGAIN;
  }

  /** Moves what is there; 0 when there is nothing. */
  private take(to: Uint8Array, at: number, length: number, received: Received): number {
    const { queue } = this;
    let copied = 0;
    for (;;) {
      let message = queue.first;
      if (message !== null && (message.length === 0 || message === queue.urgent)) {
        message = this.passUrgent(message, received.taken > 0);
        if (message === null && received.taken > 0) {
          received.isWhole = true;
          break;
        }
      }
      if (message === null || !this.isSameSender(message, received)) break;
      received.source ??= message.sender;
      const n = message.length < length - copied ? message.length : length - copied;
      queue.read(message, to, at + copied, n);
      copied += n;
      received.taken += n;
      const { rights } = message;
      if (rights !== null) {
        message.rights = null;
        rights.land(this.host.flights);
        received.rights = rights;
        received.isWhole = true;
      }
      if (message.length > 0) break;
      queue.remove(message);
      if (rights !== null || copied === length) break;
    }
    if (this.options.peekOffset > 0) this.options.peekOffset = Math.max(0, this.options.peekOffset - copied);
    return copied;
  }

  /** MSG_PEEK: copies what is there and never waits for more; 0 or -EAGAIN when there is nothing. */
  private look(to: Uint8Array, at: number, length: number, flags: number, received: Received): number {
    const { queue, options } = this;
    let copied = 0;
    let skip = options.peekOffset > 0 ? options.peekOffset : 0;
    /** Bytes of the buffer that belong to the messages before this one. */
    let before = 0;
    /** The message before this one was passed, as a mark or urgent data; or by SO_PEEK_OFF, which looks at neither. */
    let isPassed = false;
    let isSkipped = false;
    // Linux does not stop where the room ends: it shows the descriptors of the next message that has some.
    for (let message = queue.first; message !== null; message = message.next) {
      const isMark = message.length === 0;
      if (!isSkipped && (isMark || (message === queue.urgent && (copied > 0 || !options.oobInline)))) {
        if (copied > 0 && (!isMark || queue.urgent === null)) break;
        isPassed = true;
        continue;
      }
      isPassed = false;
      isSkipped = skip >= message.length;
      if (isSkipped) {
        skip -= message.length;
        if (!message.isUrgent) before += message.length;
        continue;
      }
      if (!this.isSameSender(message, received)) break;
      received.source ??= message.sender;
      const n = Math.min(message.length - skip, length - copied);
      queue.peek(message, skip, before, to, at + copied, n);
      copied += n;
      if (options.peekOffset >= 0) options.peekOffset += n;
      received.isWhole = true;
      if (!message.isUrgent) before += message.length;
      skip = 0;
      if (message.rights !== null) {
        received.rights = message.rights.copy();
        break;
      }
    }
    if (!isPassed || copied > 0) return copied;
    // Behind the mark there is nothing: as if there were nothing at all.
    received.isWhole = false;
    return -Errno.EAGAIN;
  }

  /** Messages from different senders are not glued, once the socket asks who sends. */
  private isSameSender({ credentials }: UnixMessage, received: Received): boolean {
    if (received.sender === null) {
      if (this.options.passCredentials) received.sender = credentials ?? NOBODY;
      return true;
    }
    const { pid, uid, gid } = received.sender;
    const other = credentials ?? NOBODY;
    if (other.pid === pid && other.uid === uid && other.gid === gid) return true;
    received.isWhole = true;
    return false;
  }

  protected override get nobodysSender(): Sender {
    return END_OF_STREAM;
  }

  /**
   * The next message stands at urgent data, read by itself before (no bytes left) or not. Returns the one to read, or null
   * when reading ends here (manage_oob): urgent data that nobody asked for is passed and lost, unless it belongs in line.
   */
  private passUrgent(first: UnixMessage, hasTaken: boolean): UnixMessage | null {
    const { queue } = this;
    let message: UnixMessage | null = first;
    if (first.length === 0) {
      if (hasTaken && (queue.urgent === null || queue.urgent === first)) return null;
      message = first.next;
      this.drop(first);
      if (message === null) return null;
    }
    if (message !== queue.urgent) return message;
    if (hasTaken) return null;
    queue.urgent = null;
    if (this.options.oobInline) return message;
    this.drop(message as UnixMessage);
    return queue.first;
  }

  /** MSG_OOB (unix_stream_recv_urg): its place in the stream stays, as a mark. */
  private receiveUrgent(to: Uint8Array, at: number, length: number, flags: number, received: Received): number {
    const { queue } = this;
    const message = queue.urgent;
    if (this.options.oobInline || message === null) return -Errno.EINVAL;
    if (length > 0) queue.peek(message, 0, 0, to, at, 1);
    if ((flags & Msg.PEEK) === 0) {
      queue.urgent = null;
      queue.used(message, 1);
      const { previous } = message;
      if (previous !== null && previous.length === 0) this.drop(previous);
    }
    received.flags = Msg.OOB;
    received.isWhole = true;
    return 1;
  }

  override receiveTarget(length: number, flags: number): number {
    if ((flags & Msg.OOB) !== 0) return NEVER_WAITS;
    if ((flags & Msg.WAITALL) !== 0) return length || 1;
    return Math.min(this.options.receiveLowWater, length) || 1;
  }

  protected readableLength(): number {
    return this.queue.length;
  }

  override control(request: number): number {
    if (request !== IOCTL.SIOCATMARK) return super.control(request);
    const { first, urgent } = this.queue;
    // A connection that waits is a message without bytes, which looks like a mark.
    if (first === null) return this.hasPending ? 1 : 0;
    return first === urgent || (first.length === 0 && (urgent === null || first.next === urgent)) ? 1 : 0;
  }

  override readiness(): number {
    return super.readiness() | (this.queue.urgent !== null ? Poll.PRI : 0);
  }
}
