/** What is known of files, on the Linux side. */
import type { FileStateSyscalls, FileTimes, Statfs } from '../../../api/posix/file-state-syscalls.ts';
import { LinuxWaitingCalls, vectorOf } from './linux-waiting-calls.ts';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** UTIME_NOW and UTIME_OMIT among the nanoseconds. */
const NOW = 0x3fffffffn, OMIT = 0x3ffffffen;
const STATFS_BYTES = 120;

export abstract class LinuxFileStateCalls extends LinuxWaitingCalls implements FileStateSyscalls {
  preadv(fd: number, iov: Uint8Array[], offset: number): Promise<number> {
    return this.syscall('preadv', fd, vectorOf(iov), iov.length, offset, 0);
  }

  pwritev(fd: number, iov: Uint8Array[], offset: number): Promise<number> {
    return this.syscall('pwritev', fd, vectorOf(iov), iov.length, offset, 0);
  }

  async fsync(fd: number): Promise<void> {
    await this.syscall('fsync', fd);
  }

  async fdatasync(fd: number): Promise<void> {
    await this.syscall('fdatasync', fd);
  }

  async fchown(fd: number, uid: number, gid: number): Promise<void> {
    await this.syscall('fchown', fd, uid, gid);
  }

  async lchown(path: string, uid: number, gid: number): Promise<void> {
    await this.callNamed('lchown', 'fchownat', AT_FDCWD, pathBytes(path), uid, gid, AT_SYMLINK_NOFOLLOW);
  }

  async fchdir(fd: number): Promise<void> {
    await this.syscall('fchdir', fd);
  }

  async mknod(path: string, mode: number, device = 0): Promise<void> {
    await this.callNamed('mknod', 'mknodat', AT_FDCWD, pathBytes(path), mode, device);
  }

  async utimensat(path: string, times: FileTimes | null, flags = 0): Promise<void> {
    await this.syscall('utimensat', AT_FDCWD, pathBytes(path), times === null ? null : timesBytes(times), flags);
  }

  async futimens(fd: number, times: FileTimes | null): Promise<void> {
    await this.callNamed('futimens', 'utimensat', fd, null, times === null ? null : timesBytes(times), 0);
  }

  async statfs(path: string): Promise<Statfs> {
    const bytes = new Uint8Array(STATFS_BYTES);
    await this.syscall('statfs', pathBytes(path), bytes);
    return readStatfs(bytes);
  }

  async fstatfs(fd: number): Promise<Statfs> {
    const bytes = new Uint8Array(STATFS_BYTES);
    await this.syscall('fstatfs', fd, bytes);
    return readStatfs(bytes);
  }
}

/** A string as C has it. */
export function pathBytes(path: string): Uint8Array {
  return new TextEncoder().encode(`${path}\0`);
}

function timesBytes({ atimeUs, mtimeUs }: FileTimes): Uint8Array {
  const words = [atimeUs, mtimeUs].flatMap((us) => {
    if (us === Infinity) return [0n, NOW];
    if (us === -Infinity) return [0n, OMIT];
    const seconds = Math.floor(us / 1e6);
    return [BigInt(seconds), BigInt(us - seconds * 1e6) * 1000n];
  });
  return new Uint8Array(BigInt64Array.from(words).buffer);
}

/** struct statfs of x86-64. */
function readStatfs(bytes: Uint8Array): Statfs {
  const view = new DataView(bytes.buffer);
  const long = (at: number): number => Number(view.getBigInt64(at, true));
  return {
    type: long(0), bsize: long(8), blocks: long(16), bfree: long(24), bavail: long(32), files: long(40), ffree: long(48),
    namelen: long(64), frsize: long(72),
  };
}
