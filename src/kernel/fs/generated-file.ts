/**
 * Files whose contents are made when they are read, as in /proc: text from the state of the kernel (Linux's seq_file), and
 * for settings a way to change them.
 */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';
import { IOCTL, SEEK } from '../../socket/constants.ts';
import type { KernelProcess } from '../process.ts';
import { type FileSystemLimits, Inode, S } from './inode.ts';
import { type Seekable, seekTo } from './regular-file.ts';

export abstract class GeneratedFile extends Inode {
  constructor(number: number, mode: number, owner: Credentials, limits: FileSystemLimits) {
    super(number, S.IFREG, mode, owner, limits);
  }

  /** What a reader at the beginning finds, or a negative errno. */
  abstract contents(reader: KernelProcess): string | number;

  /** open(2) for writing: 0 or a negative errno. */
  get writing(): number {
    return 0;
  }

  /** Does lseek(2) know its end? */
  get hasEnd(): boolean {
    return false;
  }

  /** Has it no place for pwrite(2)'s offset? */
  get writesInOrder(): boolean {
    return false;
  }

  override get truncating(): number {
    return 0;
  }

  /** write(2): the count, or a negative errno. */
  store(_text: string, _writer: KernelProcess): number {
    return -Errno.EINVAL;
  }
}

const NOBODY = new WaitQueue();
const NO_TEXT = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** A setting is a line: what is longer is cut, as proc_sys_call_handler does at KMALLOC_MAX_SIZE. */
const MOST_WRITTEN = 65536;

/** An open one. Its text is made anew whenever somebody reads from the beginning. */
export class OpenGenerated implements Seekable {
  readonly inode: GeneratedFile;
  readonly accessMode: number;
  readonly waiters: WaitQueue = NOBODY;
  position = 0;
  readonly size = 0;
  private readonly opener: KernelProcess;
  /** Charged to the host while the file is open. */
  private text: Uint8Array = NO_TEXT;
  private isMade = false;

  constructor(inode: GeneratedFile, accessMode: number, opener: KernelProcess) {
    this.inode = inode;
    this.accessMode = accessMode;
    this.opener = opener;
    inode.opens++;
  }

  get writesInOrder(): boolean {
    return this.inode.writesInOrder;
  }

  readAt(offset: number, to: Uint8Array, at: number, length: number): number {
    if (offset === 0 || !this.isMade) {
      this.opener.kernel.proc.asker = this.opener;
      const made = this.inode.contents(this.opener);
      if (typeof made === 'number') return made;
      const text = encoder.encode(made);
      const { memory } = this.opener.kernel;
      this.letGoOfText();
      if (!memory.take(text.length)) return -Errno.ENOMEM;
      this.text = text;
      this.isMade = true;
    }
    const some = this.text.subarray(offset, offset + length);
    to.set(some, at);
    return some.length;
  }

  writeAt(offset: number, from: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    if (offset !== 0) return -Errno.EINVAL;
    return this.inode.store(decoder.decode(from.subarray(at, at + Math.min(length, MOST_WRITTEN))), this.opener);
  }

  read(to: Uint8Array, at: number, length: number): number {
    const n = this.readAt(this.position, to, at, length);
    if (n > 0) this.position += n;
    return n;
  }

  write(from: Uint8Array, at: number, length: number): number {
    const n = this.writeAt(this.position, from, at, length);
    if (n > 0) this.position += n;
    return n;
  }

  seek(offset: number, whence: number): number {
    return whence === SEEK.END && !this.inode.hasEnd ? -Errno.EINVAL : seekTo(this, offset, whence);
  }

  truncate(length: number): void {
    this.inode.truncate(length);
  }

  readiness(): number {
    return Poll.IN | Poll.OUT | Poll.RDNORM | Poll.WRNORM;
  }

  control(request: number): number {
    return request === IOCTL.FIONREAD ? 0 : -Errno.ENOTTY;
  }

  release(): void {
    this.letGoOfText();
    this.inode.closed();
  }

  private letGoOfText(): void {
    this.opener.kernel.memory.letGo(this.text.length);
    this.text = NO_TEXT;
    this.isMade = false;
  }
}
