/** An open directory: what getdents(2) walks through. */
import { Errno } from '../../base/errno.ts';
import type { FileOperations } from '../../base/file-operations.ts';
import { Cost, type KernelMemory } from '../../base/kernel-memory.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';
import { O, SEEK } from '../../socket/constants.ts';
import type { Directory } from './inode.ts';

/** One entry of a directory, as readdir(3) gives it. */
export interface DirectoryEntry {
  readonly ino: number;
  /** DT_DIR, DT_REG ...: st_mode's type bits, shifted. */
  readonly type: number;
  readonly name: string;
}

const NOBODY = new WaitQueue();
/** The position behind the last entry (DIR_OFFSET_EOD). */
const END = 0x7fffffff;

export class OpenDirectory implements FileOperations {
  readonly inode: Directory;
  readonly accessMode: number = O.RDONLY;
  readonly waiters: WaitQueue = NOBODY;
  private readonly memory: KernelMemory;
  private names: readonly DirectoryEntry[] | null = null;
  private at = 0;

  /** `memory`: of the host that is charged for the list of names. */
  constructor(inode: Directory, memory: KernelMemory) {
    this.inode = inode;
    this.memory = memory;
    inode.opens++;
  }

  /** Up to `count` more entries; none at the end; -ENOMEM. What is made or removed after the first call may be missed. */
  next(count: number): DirectoryEntry[] | number {
    this.inode.accessed();
    if (this.names === null) {
      const names = [['.', this.inode] as const, ['..', this.inode.parent] as const, ...this.inode.entries()];
      if (!this.memory.take(names.length * Cost.ENTRY)) return -Errno.ENOMEM;
      this.names = names.map(([name, inode]) => ({ ino: inode.number, type: inode.type >> 12, name }));
    }
    const some = this.names.slice(this.at, this.at + count);
    this.at = some.length === count ? this.at + count : END;
    return some;
  }

  /** lseek(2): the new position, or -EINVAL. Position 0 looks at the directory anew, as rewinddir(3) does. */
  seek(offset: number, whence: number): number {
    const to = Math.trunc(offset) + (whence === SEEK.CUR ? this.at : 0);
    if ((whence !== SEEK.SET && whence !== SEEK.CUR) || !(to >= 0 && to <= Number.MAX_SAFE_INTEGER)) return -Errno.EINVAL;
    if (to === 0) this.letGoOfNames();
    this.at = to;
    return to;
  }

  get isKept(): boolean {
    return true;
  }

  get isAlwaysReady(): boolean {
    return true;
  }

  readAt(): number {
    return -Errno.EISDIR;
  }

  /** It cannot be opened for writing. */
  writeAt(): number {
    return -Errno.EBADF;
  }

  read(): number {
    return -Errno.EISDIR;
  }

  write(): number {
    return -Errno.EBADF;
  }

  readiness(): number {
    return Poll.IN | Poll.OUT | Poll.RDNORM | Poll.WRNORM;
  }

  control(): number {
    return -Errno.ENOTTY;
  }

  release(): void {
    this.letGoOfNames();
    this.inode.closed();
  }

  private letGoOfNames(): void {
    if (this.names !== null) this.memory.letGo(this.names.length * Cost.ENTRY);
    this.names = null;
  }
}
