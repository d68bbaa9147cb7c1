/**
 * Sending and receiving of messages with boundaries: what SOCK_DGRAM and SOCK_SEQPACKET of AF_UNIX share. Functions over
 * a socket, since its class is another's heir: a SEQPACKET socket is a connection.
 */
import { Errno } from '../../base/errno.ts';
import { Msg } from '../../transport/endpoint.ts';
import { Tell } from '../../transport/tell.ts';
import type { Received } from '../received.ts';
import type { UnixMessage } from './unix-queue.ts';
import { NOBODY, type UnixSocket } from './unix.ts';

/** The message that a receive call means: the first, or the one in which MSG_PEEK's offset lies. Re-filled by each look. */
class Place {
  message: UnixMessage | null = null;
  /** Bytes of the buffer that belong to messages before it. */
  before = 0;
  /** Bytes of the message that are skipped. */
  skip = 0;

  /** `offset` as SO_PEEK_OFF has it, negative for none. */
  find(first: UnixMessage | null, offset: number): UnixMessage | null {
    this.before = 0;
    this.skip = Math.max(0, offset);
    let message = first;
    // __skb_try_recv_from_queue.
    while (offset >= 0 && message !== null && this.skip >= message.length && (this.skip > 0 || message.isPeeked)) {
      this.skip -= message.length;
      this.before += message.length;
      message = message.next;
    }
    this.message = message;
    return message;
  }
}

const place = new Place();

/**
 * Copies a message, and takes it unless MSG_PEEK is among the flags (unix_dgram_recvmsg); -EAGAIN when there is none. With
 * MSG_TRUNC it returns the whole length, whatever was copied.
 */
export function receiveMessage(
  socket: UnixSocket, to: Uint8Array, at: number, length: number, flags: number, received: Received,
): number {
  const { queue, options } = socket;
  const isPeek = (flags & Msg.PEEK) !== 0;
  const message = place.find(queue.first, isPeek ? options.peekOffset : -1);
  if (message === null) return -Errno.EAGAIN;
  const whole = message.length - place.skip;
  const n = whole < length ? whole : length;
  if (n < whole) received.flags |= Msg.TRUNC;
  received.datagramLen = whole;
  received.source = message.sender;
  received.sender = message.credentials ?? NOBODY;
  received.isWhole = true;
  received.told = options.tell & (Tell.Time | Tell.Nanoseconds | Tell.NewTime);
  // Who asks for the time only after the message came gets the present one (__sock_recv_timestamp).
  received.arrivedUs = message.sentAt > 0 ? message.sentAt : socket.stack.context.loop.now;
  const { rights } = message;
  if (isPeek) {
    queue.peek(message, place.skip, place.before, to, at, n);
    if (whole === 0) message.isPeeked = true;
    if (options.peekOffset >= 0) options.peekOffset += n;
    if (rights !== null) received.rights = rights.copy();
  } else {
    queue.read(message, to, at, n);
    if (options.peekOffset > 0) options.peekOffset = Math.max(0, options.peekOffset - whole);
    if (rights !== null) {
      message.rights = null;
      rights.land(socket.host.flights);
      received.rights = rights;
    }
    queue.remove(message);
  }
  return (flags & Msg.TRUNC) !== 0 ? whole : n;
}
