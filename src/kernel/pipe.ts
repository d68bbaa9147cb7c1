/**
 * Pipes (pipe(7)): what pipe2(2) makes two descriptions of, and what every open of a FIFO shares.
 *
 * Linux keeps a pipe as up to 16 pages. That shows: a write of up to PIPE_BUF bytes needs one free page or room in the
 * last one and is never torn, one byte alone may occupy a page, and a pipe is writable as long as one page is free. So
 * pages are counted here as Linux counts them (fs/pipe.c), while the bytes are ranges like those of any stream.
 */
import type { Credentials } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { ChunkWriter, KEEP_COPY_BYTES } from '../base/slab.ts';
import { StreamBuffer } from '../base/stream-buffer.ts';
import { Poll, WaitQueue } from '../base/wait-queue.ts';
import type { Inode } from './fs/inode.ts';
import { IOCTL, O } from '../socket/constants.ts';
import type { PipePages } from './pipe-pages.ts';

/** PIPE_BUF: what is written in one piece. A page, too. */
export const PIPE_BUF = 4096;
const PAGE = 4096;

/**
 * The pages that are in use, oldest first, as a ring: where the unread bytes of each begin in it, and how many they are.
 */
class Pages {
  count = 0;
  /** How many there may be: `room`, or less where that is no power of two (fs.pipe-max-size). */
  readonly most: number;
  private first = 0;
  private offsets: Uint16Array;
  private lengths: Uint16Array;
  /** O_DIRECT: nothing is added to such a page, and a read ends at its end. */
  private packets: Uint8Array;

  constructor(most: number) {
    this.most = most;
    let room = 1;
    while (room < most) room *= 2;
    this.offsets = new Uint16Array(room);
    this.lengths = new Uint16Array(room);
    this.packets = new Uint8Array(room);
  }

  get firstLength(): number {
    return this.lengths[this.first] as number;
  }

  get firstIsPacket(): boolean {
    return this.packets[this.first] === 1;
  }

  /** May `bytes` be added to the last page? */
  takes(bytes: number): boolean {
    if (this.count === 0) return false;
    const last = this.at(this.count - 1);
    return this.packets[last] === 0 && (this.offsets[last] as number) + (this.lengths[last] as number) + bytes <= PAGE;
  }

  addToLast(bytes: number): void {
    this.lengths[this.at(this.count - 1)] += bytes;
  }

  push(bytes: number, packet: boolean): void {
    const at = this.at(this.count++);
    this.offsets[at] = 0;
    this.lengths[at] = bytes;
    this.packets[at] = packet ? 1 : 0;
  }

  /** The first page has `bytes` less to read; one that has none left is free. */
  consume(bytes: number): void {
    this.offsets[this.first] += bytes;
    this.lengths[this.first] -= bytes;
    if (this.lengths[this.first] !== 0) return;
    this.first = this.at(1);
    this.count--;
  }

  /** The same pages with other room. */
  resized(most: number): Pages {
    const other = new Pages(most);
    for (let i = 0; i < this.count; i++) {
      const at = this.at(i);
      other.push(this.lengths[at] as number, this.packets[at] === 1);
      other.offsets[i] = this.offsets[at] as number;
    }
    return other;
  }

  private at(index: number): number {
    return (this.first + index) & (this.offsets.length - 1);
  }
}

/** The wait queue is shared by both ends: events say who is meant. */
export class Pipe extends WaitQueue {
  readers = 0;
  writers = 0;
  /** How many writers there have been: a FIFO's reader waits for the first, and hangs up only after one has left. */
  writersSeen = 0;
  readersSeen = 0;
  private pages: Pages;
  private readonly stream = new StreamBuffer();
  private readonly writer: ChunkWriter;
  private readonly account: PipePages;
  /** Whose it is: the slots count for him; none once nobody has it open any more. */
  private readonly uid: number;
  private slots: number;

  private constructor(account: PipePages, uid: number, slots: number) {
    super();
    this.account = account;
    this.uid = uid;
    this.slots = slots;
    this.pages = new Pages(slots);
    this.writer = new ChunkWriter(account.memory);
  }

  /** A pipe of `who`'s; null when he has too many, or there is no memory. */
  static make(account: PipePages, who: Credentials): Pipe | null {
    const slots = account.take(who);
    return slots === 0 ? null : new Pipe(account, who.uid, slots);
  }

  /** Nobody has it open any more. */
  forget(): void {
    this.account.giveBack(this.uid, this.slots);
    this.slots = 0;
  }

  get length(): number {
    return this.stream.length;
  }

  get isEmpty(): boolean {
    return this.pages.count === 0;
  }

  get isFull(): boolean {
    return this.pages.count >= this.pages.most;
  }

  /** F_GETPIPE_SZ, in bytes. */
  get capacity(): number {
    return this.pages.most * PAGE;
  }

  /** F_SETPIPE_SZ: the capacity it has now, which is a power of two pages, or -EBUSY, -EPERM, -EINVAL, -ENOMEM. */
  resize(bytes: number, who: Credentials): number {
    if (bytes < 0 || bytes > 0x7fffffff) return -Errno.EINVAL;
    let pages = 1;
    while (pages * PAGE < bytes) pages *= 2;
    const refused = this.account.resize(who, this.uid, this.slots, pages, this.pages.most);
    if (refused < 0) return refused;
    if (pages < this.pages.count) {
      this.account.count(this.uid, this.slots - pages);
      return -Errno.EBUSY;
    }
    this.slots = pages;
    const wasFull = this.isFull;
    this.pages = this.pages.resized(pages);
    if (wasFull && !this.isFull) this.wake(Poll.OUT | Poll.WRNORM);
    return this.capacity;
  }

  /** How many bytes fit whatever their pieces are. */
  get freeBytes(): number {
    return (this.pages.most - this.pages.count) * PAGE;
  }

  /** Looks at up to `length` bytes without taking them. */
  peek(to: Uint8Array, length: number): number {
    return this.stream.peek(to, 0, Math.min(length, this.stream.length), 0);
  }

  /** Takes bytes that `peek` has shown. */
  consume(length: number): void {
    const wasFull = this.isFull;
    this.stream.drop(length);
    for (let left = length; left > 0; ) {
      const n = Math.min(left, this.pages.firstLength);
      this.pages.consume(n);
      left -= n;
    }
    if (wasFull && !this.isFull) this.wake(Poll.OUT | Poll.WRNORM);
    if (this.isEmpty) this.writer.release();
  }

  read(to: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    if (this.isEmpty) return this.writers === 0 ? 0 : -Errno.EAGAIN;
    const wasFull = this.isFull;
    let done = 0;
    while (done < length && this.pages.count > 0) {
      const inPage = this.pages.firstLength;
      const isPacket = this.pages.firstIsPacket;
      const n = Math.min(inPage, length - done);
      done += this.stream.read(to, at + done, n);
      if (isPacket) {
        // What a packet's reader has no room for is lost.
        this.stream.drop(inPage - n);
        this.pages.consume(inPage);
        break;
      }
      this.pages.consume(n);
    }
    if (wasFull && !this.isFull) this.wake(Poll.OUT | Poll.WRNORM);
    if (this.isEmpty) this.writer.release();
    return done;
  }

  /**
   * As much as there is room for now; a write of up to PIPE_BUF bytes goes in whole or not at all (-EAGAIN). -ENOMEM when the
   * host has no page for it (anon_pipe_write); a pipe that is empty takes a little all the same, so that who takes turns goes on.
   */
  write(from: Uint8Array, at: number, length: number, packets: boolean): number {
    if (length === 0) return 0;
    if (this.readers === 0) return -Errno.EPIPE;
    const { memory, keeper } = this.account;
    const little = memory.pieceOf(length);
    const isShort = memory.isShort;
    // What goes in whole or not at all is no piece.
    if (isShort && memory.refuses(this.length, length <= PIPE_BUF ? length : little)) return this.isFull ? -Errno.EAGAIN : -Errno.ENOMEM;
    // A little lies with what others have written, and does not hold a chunk of its own.
    const writer = isShort || (length <= KEEP_COPY_BYTES && this.writer.chunk === null && this.stream.length <= KEEP_COPY_BYTES)
      ? keeper : this.writer;
    let done = 0;
    const tail = length % PAGE;
    if (tail > 0 && !packets && this.pages.takes(tail)) {
      this.stream.append(from, at, tail, writer);
      this.pages.addToLast(tail);
      done = tail;
    }
    while (done < little && !this.isFull) {
      const n = Math.min(PAGE, little - done);
      this.stream.append(from, at + done, n, writer);
      this.pages.push(n, packets);
      done += n;
    }
    if (done === 0) return -Errno.EAGAIN;
    // Whoever polls edge-triggered hears of every write (pipe_write's poll_usage).
    this.wake(Poll.IN | Poll.RDNORM);
    return done;
  }

  /** Both ends are closed: what nobody read is let go. */
  clear(): void {
    this.pages = new Pages(this.pages.most);
    this.stream.clear();
    this.writer.release();
  }
}

/** One description of a pipe: an end, or both for a FIFO that was opened O_RDWR. */
export class PipeEnd implements FileOperations {
  readonly pipe: Pipe;
  readonly accessMode: number;
  readonly takesWhole = true;
  /** A FIFO's; null for a pipe without a name. */
  inode: Inode | null = null;
  /** O_DIRECT: each write is a packet. */
  packets = false;
  /** Writers that there had been when a FIFO's reader came: no hang-up before another one has. */
  private readonly writersBefore: number;
  /** Called when this end is let go: a FIFO counts its opens. */
  private readonly onRelease: (() => void) | null;

  constructor(pipe: Pipe, accessMode: number, onRelease: (() => void) | null = null) {
    this.pipe = pipe;
    this.accessMode = accessMode;
    this.onRelease = onRelease;
    this.writersBefore = pipe.writers > 0 ? pipe.writersSeen - 1 : pipe.writersSeen;
    if (this.reads) {
      pipe.readers++;
      pipe.readersSeen++;
    }
    if (this.writes) {
      pipe.writers++;
      pipe.writersSeen++;
    }
  }

  get canSplice(): boolean {
    return true;
  }

  get waiters(): WaitQueue {
    return this.pipe;
  }

  private get reads(): boolean {
    return this.accessMode !== O.WRONLY;
  }

  private get writes(): boolean {
    return this.accessMode !== O.RDONLY;
  }

  read(to: Uint8Array, at: number, length: number): number {
    return this.pipe.read(to, at, length);
  }

  write(from: Uint8Array, at: number, length: number): number {
    return this.pipe.write(from, at, length, this.packets);
  }

  readiness(): number {
    const { pipe } = this;
    let events = 0;
    if (this.reads) {
      if (!pipe.isEmpty) events |= Poll.IN | Poll.RDNORM;
      if (pipe.writers === 0 && pipe.writersSeen !== this.writersBefore) events |= Poll.HUP;
    }
    if (this.writes) {
      if (!pipe.isFull) events |= Poll.OUT | Poll.WRNORM;
      if (pipe.readers === 0) events |= Poll.ERR;
    }
    return events;
  }

  control(request: number): number {
    return request === IOCTL.FIONREAD ? this.pipe.length : -Errno.ENOTTY;
  }

  release(): void {
    const { pipe } = this;
    if (this.reads) pipe.readers--;
    if (this.writes) pipe.writers--;
    if (pipe.readers === 0 && pipe.writers === 0) pipe.clear();
    else if (pipe.readers === 0 || pipe.writers === 0) pipe.wake(Poll.IN | Poll.OUT | Poll.RDNORM | Poll.WRNORM | Poll.ERR | Poll.HUP);
    this.onRelease?.();
  }
}
