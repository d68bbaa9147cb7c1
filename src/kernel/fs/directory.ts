/** An open directory: what getdents(2) walks through. */
import { Errno } from '../../base/errno.ts';
import type { FileOperations } from '../../base/file-operations.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';
import { O } from '../../socket/constants.ts';
import type { Directory } from './inode.ts';

/** One entry of a directory, as readdir(3) gives it. */
export interface DirectoryEntry {
  readonly ino: number;
  /** DT_DIR, DT_REG ...: st_mode's type bits, shifted. */
  readonly type: number;
  readonly name: string;
}

const NOBODY = new WaitQueue();

export class OpenDirectory implements FileOperations {
  readonly inode: Directory;
  readonly accessMode: number = O.RDONLY;
  readonly waiters: WaitQueue = NOBODY;
  private names: readonly DirectoryEntry[] | null = null;
  private at = 0;

  constructor(inode: Directory) {
    this.inode = inode;
    inode.opens++;
  }

  /** Up to `count` more entries; none at the end. What is made or removed after the first call may be missed. */
  next(count: number): DirectoryEntry[] {
    this.inode.accessed();
    this.names ??= [['.', this.inode] as const, ['..', this.inode.parent] as const, ...this.inode.entries()].map(
      ([name, inode]) => ({ ino: inode.number, type: inode.type >> 12, name }),
    );
    const some = this.names.slice(this.at, this.at + count);
    this.at += some.length;
    return some;
  }

  /** lseek(fd, 0, SEEK_SET), which is rewinddir(3). */
  rewind(): void {
    this.names = null;
    this.at = 0;
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
    this.inode.closed();
  }
}
