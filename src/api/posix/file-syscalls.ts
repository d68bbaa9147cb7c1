/** Calls on files and pipes: the part of `Syscalls` that has to do with names in a file system. */
import type { DirectoryEntry } from '../../kernel/fs/directory.ts';
import type { Stat } from '../../kernel/calls/files.ts';
import type { FileStateSyscalls } from './file-state-syscalls.ts';

export type { DirectoryEntry, Stat };

export interface FileSyscalls extends FileStateSyscalls {
  /**
   * open(2): resolves to a descriptor. Waits only for the other end of a FIFO.
   *
   * `flags`: O_RDONLY, O_WRONLY or O_RDWR, with O_CREAT (then `mode` is what the new file permits), O_EXCL, O_TRUNC, O_APPEND,
   * O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC. Errors: ENOENT, EACCES, EEXIST, EISDIR, ENOTDIR, ELOOP, ENXIO, EMFILE,
   * ENAMETOOLONG, ENOSPC, EINTR.
   */
  open(path: string, flags: number, mode?: number): Promise<number>;
  /**
   * pipe2(2): resolves to the reading and the writing end. `flags`: O_NONBLOCK, O_CLOEXEC, O_DIRECT (packets).
   *
   * Errors: EMFILE, EINVAL.
   */
  pipe(flags?: number): Promise<[reading: number, writing: number]>;
  /** stat(2). Errors: ENOENT, EACCES, ENOTDIR, ELOOP, ENAMETOOLONG. */
  stat(path: string): Promise<Stat>;
  /** lstat(2): stat of a symbolic link itself. */
  lstat(path: string): Promise<Stat>;
  /** fstat(2). Errors: EBADF. */
  fstat(fd: number): Promise<Stat>;
  /** access(2): R_OK, W_OK, X_OK together, or F_OK. Errors: EACCES, ENOENT, EINVAL and those of stat. */
  access(path: string, mode: number): Promise<void>;
  /** readlink(2): resolves to the target. Errors: EINVAL (no symbolic link) and those of stat. */
  readlink(path: string): Promise<string>;
  /** lseek(2): resolves to the new position. Errors: ESPIPE, EINVAL, EBADF, EOVERFLOW. */
  lseek(fd: number, offset: number, whence: number): Promise<number>;
  /** pread(2): read at `offset`; the position stays. Errors: ESPIPE, EINVAL and those of read. */
  pread(fd: number, buffer: Uint8Array, offset: number): Promise<number>;
  /** pwrite(2): write at `offset`; the position stays. Errors: ESPIPE, EINVAL, ENOSPC and those of write. */
  pwrite(fd: number, buffer: Uint8Array, offset: number): Promise<number>;
  /** truncate(2). Errors: EISDIR, EINVAL, EACCES and those of stat. */
  truncate(path: string, length: number): Promise<void>;
  /** ftruncate(2). Errors: EINVAL, EBADF. */
  ftruncate(fd: number, length: number): Promise<void>;
  /** mkdir(2). Errors: EEXIST, ENOENT, EACCES, ENOSPC. */
  mkdir(path: string, mode: number): Promise<void>;
  /** mkfifo(3). Errors: EEXIST, ENOENT, EACCES, ENOSPC. */
  mkfifo(path: string, mode: number): Promise<void>;
  /** symlink(2). Errors: EEXIST, ENOENT, EACCES. */
  symlink(target: string, path: string): Promise<void>;
  /** link(2): another name for a file. Errors: EEXIST, EPERM (a directory), ENOENT, EACCES, ENOSPC. */
  link(path: string, to: string): Promise<void>;
  /** unlink(2). Errors: ENOENT, EISDIR, EACCES, EPERM (sticky directory). */
  unlink(path: string): Promise<void>;
  /** rmdir(2). Errors: ENOTEMPTY, ENOTDIR, EINVAL, EBUSY, EACCES. */
  rmdir(path: string): Promise<void>;
  /** rename(2). Errors: ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EINVAL (into itself), EBUSY, EACCES. */
  rename(from: string, to: string): Promise<void>;
  /** chmod(2). Errors: EPERM and those of stat. */
  chmod(path: string, mode: number): Promise<void>;
  /** fchmod(2). Errors: EPERM, EBADF. */
  fchmod(fd: number, mode: number): Promise<void>;
  /** chown(2); -1 leaves an id as it is. Errors: EPERM and those of stat. */
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** umask(2): resolves to the one before. */
  umask(mask: number): Promise<number>;
  /** chdir(2). Errors: ENOTDIR, EACCES and those of stat. */
  chdir(path: string): Promise<void>;
  /** getcwd(3). Errors: ENOENT (it has been removed). */
  getcwd(): Promise<string>;
  /** getdents(2): some more entries of an open directory, `.` and `..` among them; none at the end. Errors: ENOTDIR, EBADF, ENOMEM. */
  getdents(fd: number): Promise<DirectoryEntry[]>;
}
