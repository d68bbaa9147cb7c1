/** Where a process stands in the file system, and what permissions its new files do without (fs_struct). */
import type { Directory } from './inode.ts';

export class FileContext {
  private directory: Directory;
  umask = 0o022;

  constructor(cwd: Directory) {
    this.directory = cwd;
    cwd.opens++;
  }

  /** The working directory: held, so that it stays although its name may go. */
  get cwd(): Directory {
    return this.directory;
  }

  set cwd(directory: Directory) {
    const before = this.directory;
    this.directory = directory;
    directory.opens++;
    before.closed();
  }

  /** What a child gets. */
  clone(): FileContext {
    const copy = new FileContext(this.directory);
    copy.umask = this.umask;
    return copy;
  }

  /** The process has ended. */
  release(): void {
    this.directory.closed();
  }
}
