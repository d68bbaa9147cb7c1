/** Where a process stands in the file system, and what permissions its new files do without (fs_struct). */
import type { Directory } from './inode.ts';

export class FileContext {
  cwd: Directory;
  umask = 0o022;

  constructor(cwd: Directory) {
    this.cwd = cwd;
  }

  /** What a child gets. */
  clone(): FileContext {
    const copy = new FileContext(this.cwd);
    copy.umask = this.umask;
    return copy;
  }
}
