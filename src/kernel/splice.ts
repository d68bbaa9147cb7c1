/**
 * sendfile(2), splice(2), tee(2): bytes from one description to another without a detour through the caller's memory.
 *
 * What the target does not take stays with the source: from a pipe bytes are looked at first and taken when they have gone,
 * a file's position moves with them, and from anything else no more is read than there is room for.
 */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { Poll, type WaitQueue } from '../base/wait-queue.ts';
import { O } from '../socket/constants.ts';
import { ControlWriter } from '../socket/control.ts';
import { Received } from '../socket/received.ts';
import { Msg } from '../transport/endpoint.ts';
import { breakPipe } from './broken-pipe.ts';
import { type Driver, FULL, NULL, OpenDevice } from './fs/device.ts';
import type { Seekable } from './fs/regular-file.ts';
import type { OpenFile } from './open-file.ts';
import { Operation } from './operation.ts';
import { type Pipe, PipeEnd } from './pipe.ts';

/** How much is moved in one go. */
const PIECE = 65536;
export const SPLICE_F = { MOVE: 1, NONBLOCK: 2, MORE: 4, GIFT: 8 } as const;

export function pipeOf({ operations }: OpenFile): Pipe | null {
  return operations instanceof PipeEnd ? operations.pipe : null;
}

export function seekable(operations: FileOperations): Seekable | null {
  return (operations as Partial<Seekable>).position === undefined ? null : (operations as Seekable);
}

/** Pipes, sockets, files and devices; eventfd, epoll and their kin have no splice_read and no splice_write. */
function canSplice({ operations, socket }: OpenFile): boolean {
  return socket !== null || operations.canSplice === true;
}

/** /dev/full can be written to, and takes no splice (it has no splice_write). */
export function takesSplice(file: OpenFile): boolean {
  return canSplice(file) && !isDevice(file, FULL);
}

/** /dev/null can be read, and gives no splice (it has no splice_read). */
function givesSplice(file: OpenFile): boolean {
  return canSplice(file) && !isDevice(file, NULL);
}

function isDevice({ operations }: OpenFile, driver: Driver): boolean {
  return operations instanceof OpenDevice && operations.inode.driver === driver;
}

/** Moves bytes; whom it waits for changes with what is missing. */
export class SpliceOperation extends Operation {
  private from: OpenFile | null = null;
  private to: OpenFile | null = null;
  /** Offsets of the caller's, which positions do not follow; -1 for the description's own. */
  fromOffset = -1;
  toOffset = -1;
  /** Where the call is in a description's file: its own count, since both may be one description (do_sendfile). */
  private fromPosition = 0;
  private toPosition = 0;
  private left = 0;
  private done = 0;
  /** tee(2): the source keeps its bytes. */
  private keeps = false;
  /** sendfile(2) to anything but a pipe goes on until everything is over; the rest until something is. */
  private toTheEnd = false;
  private mayWaitForSource = true;
  private mayWaitForTarget = true;
  private waitsForSource = false;
  private readonly piece = new Uint8Array(PIECE);
  private readonly received = new Received();

  prepare(
    from: OpenFile, to: OpenFile, fromOffset: number, toOffset: number, count: number,
    how: { readonly keeps: boolean; readonly toTheEnd: boolean; readonly nonBlocking: boolean },
  ): void {
    this.from = from;
    this.to = to;
    this.fromOffset = fromOffset;
    this.toOffset = toOffset;
    this.fromPosition = seekable(from.operations)?.position ?? 0;
    this.toPosition = seekable(to.operations)?.position ?? 0;
    this.left = count;
    this.done = 0;
    this.keeps = how.keeps;
    this.toTheEnd = how.toTheEnd;
    // SPLICE_F_NONBLOCK is about the pipes; what else there is has O_NONBLOCK for it (splice(2)).
    this.mayWaitForSource = !from.nonBlocking && !(how.nonBlocking && pipeOf(from) !== null);
    this.mayWaitForTarget = !to.nonBlocking && !(how.nonBlocking && pipeOf(to) !== null);
    this.mayBlock = true;
    this.file = null;
  }

  /** A splice(2) of no bytes, which looks at nothing. */
  prepareNothing(): void {
    this.left = 0;
    this.done = 0;
    this.mayBlock = false;
    this.file = null;
  }

  protected step(): number {
    while (this.left > 0) {
      const n = this.moveOne();
      if (n === -Errno.EAGAIN) {
        const mayWait = this.waitsForSource ? this.mayWaitForSource : this.mayWaitForTarget;
        if (mayWait && (this.done === 0 || this.toTheEnd)) return this.waitElsewhere();
        this.mayBlock = false;
      }
      if (n === -Errno.EPIPE && this.done === 0) this.delivery = breakPipe(this.process, 0);
      if (n <= 0) return this.done > 0 ? this.done : n;
      this.done += n;
      this.left -= n;
    }
    return this.done;
  }

  /** Waits on, and for the other description where that is the one that is missing now. */
  private waitElsewhere(): number {
    if (this.queue !== null && this.queue !== this.missingQueue) {
      this.queue.remove(this);
      this.joinQueues();
    }
    return -Errno.EAGAIN;
  }

  private get missing(): OpenFile {
    return (this.waitsForSource ? this.from : this.to) as OpenFile;
  }

  private get missingQueue(): WaitQueue {
    const { operations, socket } = this.missing;
    return this.waitsForSource || socket === null ? operations.waiters : socket.roomQueue;
  }

  /** One piece: how many bytes went, 0 at the source's end, or why none did. */
  private moveOne(): number {
    const from = this.from as OpenFile;
    const to = this.to as OpenFile;
    const target = pipeOf(to);
    const source = pipeOf(from);
    this.waitsForSource = source !== null && source.isEmpty && source.writers > 0;
    // That a pipe's writers have gone is looked at before the other pipe, and its end after that (splice_pipe_to_pipe).
    if (this.waitsForSource) return -Errno.EAGAIN;
    if (target !== null && target.readers === 0) return -Errno.EPIPE;
    if (target?.isFull === true) return -Errno.EAGAIN;
    if (!givesSplice(from)) return -Errno.EINVAL;
    const room = Math.min(this.left, PIECE, target === null ? PIECE : target.freeBytes);
    const got = this.look(from, room);
    if (got <= 0) {
      this.waitsForSource = got === -Errno.EAGAIN;
      return got;
    }
    // Only now the target is asked: at the end of a source nobody minds what it is (do_splice_from).
    const put = takesSplice(to) ? this.put(to, got) : -Errno.EINVAL;
    if (put > 0) this.take(from, put);
    return put;
  }

  /** Brings up to `most` bytes of the source into `piece`. */
  private look(from: OpenFile, most: number): number {
    const pipe = pipeOf(from);
    if (pipe !== null) {
      if (pipe.isEmpty) return pipe.writers === 0 ? 0 : -Errno.EAGAIN;
      return pipe.peek(this.piece, most);
    }
    const file = seekable(from.operations);
    if (file !== null) return file.readAt(this.fromOffset >= 0 ? this.fromOffset : this.fromPosition, this.piece, 0, most);
    const { socket } = from;
    if (socket !== null) {
      const { received } = this;
      received.reset();
      const n = socket.receive(this.piece, 0, most, 0, received);
      // Descriptors that come along need recvmsg.
      if (received.rights !== null) socket.writeControl(received, new ControlWriter(0), 0, this.process);
      return n;
    }
    return from.operations.read(this.piece, 0, most);
  }

  private put({ operations, socket }: OpenFile, count: number): number {
    if (socket !== null) return socket.send(this.piece, 0, count, Msg.SPLICE_PAGES, this.process);
    const file = seekable(operations);
    if (file === null) return operations.write(this.piece, 0, count);
    const n = file.writeAt(this.toOffset >= 0 ? this.toOffset : this.toPosition, this.piece, 0, count);
    if (n <= 0) return n;
    if (this.toOffset >= 0) this.toOffset += n;
    else file.position = this.toPosition += n;
    return n;
  }

  /** The source has `count` bytes less, unless it keeps them or has given them already. */
  private take(from: OpenFile, count: number): void {
    const pipe = pipeOf(from);
    if (pipe !== null) {
      if (!this.keeps) pipe.consume(count);
      // What a tee has seen once it would see again.
      else this.left = Math.min(this.left, count);
      return;
    }
    const file = seekable(from.operations);
    if (file === null) return;
    if (this.fromOffset >= 0) this.fromOffset += count;
    else file.position = this.fromPosition += count;
  }

  protected override joinQueues(): void {
    this.missingQueue.add(this);
  }

  protected waitFor(): number {
    this.events = Poll.IN | Poll.OUT | Poll.ERR | Poll.HUP | Poll.RDHUP;
    const { socket } = this.missing;
    if (socket === null) return Infinity;
    return this.waitsForSource ? socket.settledOptions.receiveTimeoutUs : socket.settledOptions.sendTimeoutUs;
  }

  protected timeoutResult(): number {
    return this.done > 0 ? this.done : -Errno.EAGAIN;
  }

  protected override interruptResult(): number {
    return this.done > 0 ? this.done : -Errno.EINTR;
  }
}

/** May bytes be read from a description, or written to it? -EBADF otherwise. */
export function mayMove(from: OpenFile | null, to: OpenFile | null): number {
  if (from === null || to === null) return -Errno.EBADF;
  return from.operations.accessMode === O.WRONLY || to.operations.accessMode === O.RDONLY ? -Errno.EBADF : 0;
}
