/**
 * What a socket of AF_UNIX has received and nobody has read: messages in a row, and their bytes in one stream buffer.
 *
 * A stream's writes are messages too: each is charged to its sender until all of it is read, and what stands between two
 * of them (descriptors, another sender, urgent data) is kept with them. Records are used again, so that a busy stream
 * allocates nothing.
 */
import { blockOf, inPages, PAGE, SHARED_INFO, SK_BUFF } from '../../base/buffer-size.ts';
import type { HostContext } from '../../base/host-context.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { type ChunkWriter, KEEP_COPY_BYTES } from '../../base/slab.ts';
import { StreamBuffer } from '../../base/stream-buffer.ts';
import type { Sender } from '../received.ts';
import type { Rights } from './rights.ts';
import type { UnixSocket } from './unix.ts';

/** The largest head of a stream's message (SKB_MAX_HEAD(0)), and of a datagram (SKB_MAX_ALLOC); the rest lies in pages. */
export const STREAM_HEAD = PAGE - SHARED_INFO;
const DATAGRAM_HEAD = 4 * PAGE - SHARED_INFO;
/** How much of a message may lie in pages: UNIX_SKB_FRAGS_SZ, and MAX_SKB_FRAGS pages. */
export const STREAM_PAGES = 32768;
const DATAGRAM_PAGES = 17 * PAGE;

/**
 * The memory that Linux charges for a message with `head` linear bytes and `paged` in pages (alloc_skb_with_frags): what
 * SIOCOUTQ shows, and SO_SNDBUF limits. Its memory is accounted to the program, so that small heads come from kmalloc, too.
 */
function truesize(head: number, paged: number): number {
  const wanted = ((head + 63) & ~63) + SHARED_INFO;
  return blockOf(wanted) + SK_BUFF + inPages(paged);
}

/** Of `length` bytes of a stream (unix_stream_sendmsg). */
export function streamTruesize(length: number): number {
  if (length <= STREAM_HEAD) return truesize(length, 0);
  const paged = Math.min(length, inPages(length - STREAM_HEAD));
  return truesize(length - paged, paged);
}

/** Of spliced bytes: a head without any, and of their pages what is used of them (skb_splice_from_iter). */
export function splicedTruesize(length: number): number {
  return truesize(0, 0) + length;
}

/** Of a datagram (unix_dgram_sendmsg). */
export function datagramTruesize(length: number): number {
  if (length <= DATAGRAM_HEAD) return truesize(length, 0);
  const paged = inPages(Math.min(length - DATAGRAM_HEAD, DATAGRAM_PAGES));
  return truesize(length - paged, paged);
}

export class UnixMessage {
  /** Bytes that nobody has read yet. */
  length = 0;
  /** What its sender is charged for it. */
  truesize = 0;
  sender: UnixSocket | null = null;
  /** Whose it is, when one of the two sockets wants that to be known (SO_PASSCRED) or the sender said it. */
  credentials: Sender | null = null;
  rights: Rights | null = null;
  /** Sent with MSG_OOB: its one byte is here and not among the queue's. */
  isUrgent = false;
  urgentByte = 0;
  /** When it was sent, in the loop's time, to a socket that asks for times (SO_TIMESTAMP); 0 when it did not. */
  sentAt = 0.5;
  /** MSG_PEEK has shown it: SO_PEEK_OFF passes a message without bytes only then. */
  isPeeked = false;
  next: UnixMessage | null = null;
  previous: UnixMessage | null = null;
}

let spare: UnixMessage | null = null;

function takeMessage(): UnixMessage {
  const message = spare;
  if (message === null) return new UnixMessage();
  spare = message.next;
  message.next = null;
  return message;
}

export class UnixQueue {
  first: UnixMessage | null = null;
  private last: UnixMessage | null = null;
  /** Messages; an urgent byte that was read by itself still counts, as a mark. */
  count = 0;
  /** Bytes that can be read, urgent ones included. */
  length = 0;
  /** The urgent byte that arrived last, until it is read or passed (unix_sock.oob_skb). */
  urgent: UnixMessage | null = null;
  readonly bytes: StreamBuffer = new StreamBuffer();
  private readonly context: HostContext;

  constructor(context: HostContext) {
    this.context = context;
  }

  /** Appends a message with `length` bytes of `from`. */
  put(sender: UnixSocket, from: Uint8Array, at: number, length: number, truesizeBytes: number): UnixMessage {
    const message = takeMessage();
    message.length = length;
    message.truesize = truesizeBytes;
    message.sender = sender;
    // Small payloads lie together: unread for long, each would hold a chunk of what passes by.
    const writer: ChunkWriter = length <= KEEP_COPY_BYTES ? this.context.keeper : this.context.writer;
    this.bytes.append(from, at, length, writer);
    this.link(message);
    return message;
  }

  /** Appends an urgent byte. */
  putUrgent(sender: UnixSocket, byte: number): UnixMessage {
    const message = takeMessage();
    message.length = 1;
    message.truesize = truesize(1, 0);
    message.sender = sender;
    message.isUrgent = true;
    message.urgentByte = byte;
    this.urgent = message;
    this.link(message);
    return message;
  }

  private link(message: UnixMessage): void {
    const { last } = this;
    message.previous = last;
    if (last === null) this.first = message;
    else last.next = message;
    this.last = message;
    this.count++;
    this.length += message.length;
    this.context.memory.hold(Cost.MESSAGE);
  }

  /** Copies `n` bytes from the front of the first message, or of a later one that `before` bytes of the buffer precede. */
  peek(message: UnixMessage, into: number, before: number, to: Uint8Array, at: number, n: number): void {
    if (n <= 0) return;
    if (message.isUrgent) to[at] = message.urgentByte;
    else this.bytes.peek(to, at, n, before + into);
  }

  /** Moves `n` bytes from the front of the first message. */
  read(message: UnixMessage, to: Uint8Array, at: number, n: number): void {
    if (n <= 0) return;
    if (message.isUrgent) to[at] = message.urgentByte;
    else this.bytes.read(to, at, n);
    this.used(message, n);
  }

  /** `n` bytes of a message have been read. */
  used(message: UnixMessage, n: number): void {
    message.length -= n;
    this.length -= n;
  }

  /** Takes a message out, which must be the first unless it has no bytes in the buffer; its sender has the room again. */
  remove(message: UnixMessage): void {
    const { next, previous, sender } = message;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    this.count--;
    this.length -= message.length;
    this.context.memory.letGo(Cost.MESSAGE);
    if (!message.isUrgent) this.bytes.drop(message.length);
    if (this.urgent === message) this.urgent = null;
    const { truesize: charged } = message;
    message.length = 0;
    message.sender = null;
    message.credentials = null;
    message.rights = null;
    message.isUrgent = false;
    message.isPeeked = false;
    message.sentAt = 0;
    message.previous = null;
    message.next = spare;
    spare = message;
    (sender as UnixSocket).uncharge(charged);
  }
}
