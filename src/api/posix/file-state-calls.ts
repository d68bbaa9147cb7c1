/** Calls on what is known of files, and on vectors at a position. Where nothing stands over a call: file-state-syscalls.ts. */
import { Errno } from '../../base/errno.ts';
import * as state from '../../kernel/calls/file-state.ts';
import * as files from '../../kernel/calls/files.ts';
import { gather, scatter } from './descriptor-calls.ts';
import { FileCalls } from './file-calls.ts';
import { IOV_MAX } from './signatures.ts';
import { O } from '../../socket/constants.ts';
import type { FileStateSyscalls, FileTimes, Statfs } from './file-state-syscalls.ts';

const { AT_SYMLINK_NOFOLLOW } = state;

export abstract class FileStateCalls extends FileCalls implements FileStateSyscalls {
  /** preadv(2): pread into several buffers. ESPIPE, EINVAL ... */
  preadv(fd: number, iov: Uint8Array[], offset: number): Promise<number> {
    if (iov.length > IOV_MAX) return this.value(this.tooManyParts(fd, O.WRONLY), 'preadv');
    const buffer = new Uint8Array(iov.reduce((sum, part) => sum + part.length, 0));
    let count = files.pread(this.core, fd, buffer, offset);
    // Of nothing at all nobody asks what kind of file it is (do_iter_read).
    if (count === -Errno.EISDIR && buffer.length === 0) count = 0;
    return this.value(count > 0 && !scatter(buffer, count, iov) ? -Errno.EFAULT : count, 'preadv');
  }

  /** pwritev(2): pwrite of several buffers as one. ESPIPE, EINVAL ... */
  pwritev(fd: number, iov: Uint8Array[], offset: number): Promise<number> {
    if (iov.length > IOV_MAX) return this.value(this.tooManyParts(fd, O.RDONLY), 'pwritev');
    return this.value(files.pwrite(this.core, fd, gather(iov), offset), 'pwritev');
  }

  /** fsync(2). EBADF, EINVAL. */
  fsync(fd: number): Promise<void> {
    return this.done(state.fsync(this.core, fd), 'fsync');
  }

  /** fdatasync(2). EBADF, EINVAL. */
  fdatasync(fd: number): Promise<void> {
    return this.done(state.fsync(this.core, fd), 'fdatasync');
  }

  /** fchown(2); -1 leaves an id as it is. EPERM, EBADF. */
  fchown(fd: number, uid: number, gid: number): Promise<void> {
    return this.done(state.fchown(this.core, fd, uid, gid), 'fchown');
  }

  /** lchown(2): chown of a symbolic link itself. EPERM ... */
  lchown(path: string, uid: number, gid: number): Promise<void> {
    return this.done(state.lchown(this.core, path, uid, gid), 'lchown');
  }

  /** fchdir(2). EBADF, ENOTDIR, EACCES. */
  fchdir(fd: number): Promise<void> {
    return this.done(state.fchdir(this.core, fd), 'fchdir');
  }

  /** mknod(2): a regular file or a FIFO. EEXIST, EPERM ... */
  mknod(path: string, mode: number, _device = 0): Promise<void> {
    return this.done(state.mknod(this.core, path, mode), 'mknod');
  }

  /** utimensat(2), microseconds since the epoch; null sets both times to now. EPERM, EACCES ... */
  utimensat(path: string, times: FileTimes | null, flags = 0): Promise<void> {
    // Where there is nothing to set neither the path nor the flags are looked at.
    if ((flags & ~AT_SYMLINK_NOFOLLOW) !== 0 && !state.changesNothing(times)) return this.done(-Errno.EINVAL, 'utimensat');
    return this.done(state.utimensat(this.core, path, times, (flags & AT_SYMLINK_NOFOLLOW) === 0), 'utimensat');
  }

  /** futimens(3). EPERM, EACCES, EBADF. */
  futimens(fd: number, times: FileTimes | null): Promise<void> {
    return this.done(state.futimens(this.core, fd, times), 'futimens');
  }

  statfs(path: string): Promise<Statfs> {
    return this.made<Statfs>(state.statfs(this.core, path), 'statfs');
  }

  /** fstatfs(2). EBADF. */
  fstatfs(fd: number): Promise<Statfs> {
    return this.made<Statfs>(state.fstatfs(this.core, fd), 'fstatfs');
  }
}
