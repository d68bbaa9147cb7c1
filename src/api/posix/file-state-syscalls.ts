/** What is known of files, and vectors at a position: a part of `FileSyscalls`. */
import type { FileTimes, Statfs } from '../../kernel/calls/file-state.ts';

export type { FileTimes, Statfs };

export interface FileStateSyscalls {
  /** preadv(2): pread into several buffers. Errors: those of pread. */
  preadv(fd: number, iov: Uint8Array[], offset: number): Promise<number>;
  /** pwritev(2): pwrite of several buffers as one. Errors: those of pwrite. */
  pwritev(fd: number, iov: Uint8Array[], offset: number): Promise<number>;
  /** fsync(2). Errors: EBADF, EINVAL (a socket, a pipe, a device). */
  fsync(fd: number): Promise<void>;
  /** fdatasync(2). Errors: those of fsync. */
  fdatasync(fd: number): Promise<void>;
  /** fchown(2); -1 leaves an id as it is. Errors: EPERM, EBADF. */
  fchown(fd: number, uid: number, gid: number): Promise<void>;
  /** lchown(2): chown of a symbolic link itself. Errors: those of chown. */
  lchown(path: string, uid: number, gid: number): Promise<void>;
  /** fchdir(2). Errors: EBADF, ENOTDIR, EACCES. */
  fchdir(fd: number): Promise<void>;
  /** mknod(2): a regular file (S_IFREG) or a FIFO (S_IFIFO). Errors: EEXIST, EPERM (other kinds), EINVAL and those of mkfifo. */
  mknod(path: string, mode: number, device?: number): Promise<void>;
  /**
   * utimensat(2), microseconds since the epoch, UTIME_NOW or UTIME_OMIT; null sets both to now. `flags`: AT_SYMLINK_NOFOLLOW.
   *
   * Errors: EPERM, EACCES (now, without the right to write), EINVAL and those of stat.
   */
  utimensat(path: string, times: FileTimes | null, flags?: number): Promise<void>;
  /** futimens(3). Errors: EPERM, EACCES, EBADF. */
  futimens(fd: number, times: FileTimes | null): Promise<void>;
  /** statfs(2): the file system that a path is on. Errors: those of stat. */
  statfs(path: string): Promise<Statfs>;
  /** fstatfs(2). Errors: EBADF. */
  fstatfs(fd: number): Promise<Statfs>;
}
