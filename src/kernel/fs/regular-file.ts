/** Regular files: contents in blocks, and what a description of one does. */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import type { FileOperations } from '../../base/file-operations.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';
import { IOCTL, SEEK } from '../../socket/constants.ts';
import { type FileSystemLimits, Inode, S } from './inode.ts';

/** A page, as in tmpfs. */
const BLOCK = 4096;
/** What an offset may be: numbers stay exact up to here, and Linux's own limit is further off. */
export const MAX_OFFSET: number = Number.MAX_SAFE_INTEGER;

export class RegularFile extends Inode {
  /** What the machine keeps it up to date from, whenever it is opened; null for a file that is what was written into it. */
  private source: (() => string) | null = null;
  private length = 0;
  /** Blocks that were written to; the others are zeros. */
  private readonly blocks = new Map<number, Uint8Array>();

  constructor(number: number, mode: number, owner: Credentials, limits: FileSystemLimits) {
    super(number, S.IFREG, mode, owner, limits);
  }

  override get size(): number {
    return this.length;
  }

  override get sectors(): number {
    return Math.ceil(this.length / BLOCK) * (BLOCK / 512);
  }

  readAt(offset: number, to: Uint8Array, at: number, length: number): number {
    const n = Math.max(0, Math.min(length, this.length - offset));
    this.accessed();
    for (let done = 0; done < n; ) {
      const { block, into, room } = this.place(offset + done, n - done);
      if (block === undefined) to.fill(0, at + done, at + done + room);
      else to.set(block.subarray(into, into + room), at + done);
      done += room;
    }
    return n;
  }

  /** From now on it has the text that `source` gives when it is opened, until somebody writes into it. */
  keepFrom(source: () => string): void {
    this.source = source;
  }

  /** It is opened. */
  renew(): void {
    const { source } = this;
    if (source === null) return;
    const bytes = new TextEncoder().encode(source());
    const before = new Uint8Array(this.length);
    this.readAt(0, before, 0, this.length);
    if (before.length === bytes.length && before.every((byte, i) => byte === bytes[i])) return;
    this.truncate(0);
    this.writeAt(0, bytes, 0, bytes.length);
    this.source = source;
  }

  /** The count, or -ENOSPC, -ENOMEM, -EFBIG when nothing could be written. */
  writeAt(offset: number, from: Uint8Array, at: number, length: number): number {
    this.source = null;
    if (offset + length > MAX_OFFSET) return -Errno.EFBIG;
    let done = 0;
    let refused = 0;
    while (done < length) {
      const place = this.place(offset + done, length - done);
      const { index, into, room } = place;
      let { block } = place;
      if (block === undefined) {
        refused = this.limits.take(BLOCK);
        if (refused < 0) break;
        block = new Uint8Array(BLOCK);
        this.blocks.set(index, block);
      }
      block.set(from.subarray(at + done, at + done + room), into);
      done += room;
    }
    if (done === 0 && length > 0) return refused;
    if (done > 0 && offset + done > this.length) this.length = offset + done;
    if (done > 0) this.modified();
    return done;
  }

  override get truncating(): number {
    return 0;
  }

  override truncate(length: number): void {
    this.source = null;
    if (length < this.length) {
      const kept = Math.ceil(length / BLOCK);
      const beyond = Math.ceil(this.length / BLOCK) - kept;
      // Whichever is less: the blocks that there are, or those that could be in what is cut off.
      if (beyond > this.blocks.size) {
        for (const index of this.blocks.keys()) if (index >= kept) this.drop(index);
      } else {
        for (let index = kept; index < kept + beyond; index++) if (this.blocks.has(index)) this.drop(index);
      }
      if (kept * BLOCK > length) this.blocks.get(kept - 1)?.fill(0, length - (kept - 1) * BLOCK);
    }
    this.length = length;
    this.modified();
  }

  /** SEEK_DATA, SEEK_HOLE: where the next data or hole from `offset` on begins; the end of the file is a hole. Or -ENXIO. */
  find(offset: number, data: boolean): number {
    if (offset < 0 || offset >= this.length) return -Errno.ENXIO;
    const last = Math.floor((this.length - 1) / BLOCK);
    let index = Math.floor(offset / BLOCK);
    if (this.blocks.has(index) === data) return offset;
    // Not block by block: a long file may have few.
    if (data) {
      let next = Infinity;
      for (const written of this.blocks.keys()) if (written > index && written < next) next = written;
      return next > last ? -Errno.ENXIO : next * BLOCK;
    }
    while (index <= last && this.blocks.has(index)) index++;
    return Math.min(index * BLOCK, this.length);
  }

  private place(offset: number, wanted: number): { index: number; block: Uint8Array | undefined; into: number; room: number } {
    const index = Math.floor(offset / BLOCK);
    const into = offset - index * BLOCK;
    return { index, block: this.blocks.get(index), into, room: Math.min(wanted, BLOCK - into) };
  }

  private drop(index: number): void {
    this.blocks.delete(index);
    this.limits.take(-BLOCK);
  }

  protected override forget(): void {
    for (const index of [...this.blocks.keys()]) this.drop(index);
    this.length = 0;
  }
}

/** C's off_t cannot be what this refuses; the largest numbers stand for its largest. */
export function isPosition(offset: number): boolean {
  return offset >= 0 && offset <= MAX_OFFSET;
}

/** A description that has a position: a regular file, or a device that is one for lseek(2). */
export interface Seekable extends FileOperations {
  position: number;
  /** What SEEK_END counts from. */
  readonly size: number;
  readAt(offset: number, to: Uint8Array, at: number, length: number): number;
  writeAt(offset: number, from: Uint8Array, at: number, length: number): number;
  seek(offset: number, whence: number): number;
}

/** lseek(2) to anywhere: the new position, or -EINVAL. */
export function seekTo(file: Seekable, offset: number, whence: number): number {
  if (whence !== SEEK.SET && whence !== SEEK.CUR && whence !== SEEK.END) return -Errno.EINVAL;
  const from = whence === SEEK.SET ? 0 : whence === SEEK.CUR ? file.position : file.size;
  const to = from + Math.trunc(offset);
  if (!isPosition(to)) return -Errno.EINVAL;
  file.position = to;
  return to;
}

/** Nobody ever waits for a regular file. */
const NOBODY = new WaitQueue();

export class OpenRegular implements Seekable {
  readonly file: RegularFile;
  readonly accessMode: number;
  readonly waiters: WaitQueue = NOBODY;
  position = 0;
  private appends = false;

  constructor(file: RegularFile, accessMode: number) {
    this.file = file;
    this.accessMode = accessMode;
    file.opens++;
  }

  get isKept(): boolean {
    return true;
  }

  get isAlwaysReady(): boolean {
    return true;
  }

  get canSplice(): boolean {
    return true;
  }

  get inode(): RegularFile {
    return this.file;
  }

  get size(): number {
    return this.file.size;
  }

  setAppend(on: boolean): void {
    this.appends = on;
  }

  readAt(offset: number, to: Uint8Array, at: number, length: number): number {
    return this.file.readAt(offset, to, at, length);
  }

  /** O_APPEND wins over any offset, pwrite(2)'s too (its man page calls that a bug, and keeps it). */
  writeAt(offset: number, from: Uint8Array, at: number, length: number): number {
    return this.file.writeAt(this.appends ? this.file.size : offset, from, at, length);
  }

  read(to: Uint8Array, at: number, length: number): number {
    const n = this.file.readAt(this.position, to, at, length);
    this.position += n;
    return n;
  }

  write(from: Uint8Array, at: number, length: number): number {
    const where = this.appends ? this.file.size : this.position;
    const n = this.file.writeAt(where, from, at, length);
    if (n > 0) this.position = where + n;
    return n;
  }

  seek(offset: number, whence: number): number {
    if (whence !== SEEK.DATA && whence !== SEEK.HOLE) return seekTo(this, offset, whence);
    const found = this.file.find(Math.trunc(offset), whence === SEEK.DATA);
    if (found >= 0) this.position = found;
    return found;
  }

  truncate(length: number): void {
    this.file.truncate(length);
  }

  readiness(): number {
    return Poll.IN | Poll.OUT | Poll.RDNORM | Poll.WRNORM;
  }

  control(request: number): number {
    return request === IOCTL.FIONREAD ? Math.max(0, Math.min(this.file.size - this.position, 0x7fffffff)) : -Errno.ENOTTY;
  }

  release(): void {
    this.file.closed();
  }
}
