/** Files, directories and pipes, on the Linux side. */
import type { DirectoryEntry, Stat } from '../../../api/posix/file-syscalls.ts';
import { LinuxFileStateCalls, pathBytes } from './linux-file-state-calls.ts';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
/** struct stat of a 64-bit machine. */
const STAT_BYTES = 144;

export abstract class LinuxFileCalls extends LinuxFileStateCalls {
  open(path: string, flags: number, mode = 0): Promise<number> {
    return this.syscall('openat', AT_FDCWD, pathBytes(path), flags, mode);
  }

  async pipe(flags = 0): Promise<[reading: number, writing: number]> {
    const ends = new Int32Array(2);
    await this.syscall('pipe2', new Uint8Array(ends.buffer), flags);
    return [ends[0] as number, ends[1] as number];
  }

  stat(path: string): Promise<Stat> {
    return this.statOf('newfstatat', AT_FDCWD, path, 0);
  }

  lstat(path: string): Promise<Stat> {
    return this.statOf('newfstatat', AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  }

  fstat(fd: number): Promise<Stat> {
    return this.statOf('newfstatat', fd, '', AT_EMPTY_PATH);
  }

  private async statOf(name: string, fd: number, path: string, flags: number): Promise<Stat> {
    const bytes = new Uint8Array(STAT_BYTES);
    await this.syscall(name, fd, pathBytes(path), bytes, flags);
    return readStat(bytes);
  }

  async access(path: string, mode: number): Promise<void> {
    await this.syscall('faccessat', AT_FDCWD, pathBytes(path), mode);
  }

  async readlink(path: string): Promise<string> {
    const bytes = new Uint8Array(4096);
    const length = await this.syscall('readlinkat', AT_FDCWD, pathBytes(path), bytes, bytes.length);
    return new TextDecoder().decode(bytes.subarray(0, length));
  }

  lseek(fd: number, offset: number, whence: number): Promise<number> {
    return this.syscall('lseek', fd, offset, whence);
  }

  pread(fd: number, buffer: Uint8Array, offset: number): Promise<number> {
    return this.syscall('pread64', fd, buffer, buffer.length, offset);
  }

  pwrite(fd: number, buffer: Uint8Array, offset: number): Promise<number> {
    return this.syscall('pwrite64', fd, buffer, buffer.length, offset);
  }

  async truncate(path: string, length: number): Promise<void> {
    await this.syscall('truncate', pathBytes(path), length);
  }

  async ftruncate(fd: number, length: number): Promise<void> {
    await this.syscall('ftruncate', fd, length);
  }

  async mkdir(path: string, mode: number): Promise<void> {
    await this.syscall('mkdirat', AT_FDCWD, pathBytes(path), mode);
  }

  async mkfifo(path: string, mode: number): Promise<void> {
    await this.syscall('mknodat', AT_FDCWD, pathBytes(path), 0o010000 | mode, 0);
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.syscall('symlinkat', pathBytes(target), AT_FDCWD, pathBytes(path));
  }

  async link(path: string, to: string): Promise<void> {
    await this.syscall('linkat', AT_FDCWD, pathBytes(path), AT_FDCWD, pathBytes(to), 0);
  }

  async unlink(path: string): Promise<void> {
    await this.syscall('unlinkat', AT_FDCWD, pathBytes(path), 0);
  }

  async rmdir(path: string): Promise<void> {
    await this.syscall('unlinkat', AT_FDCWD, pathBytes(path), AT_REMOVEDIR);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.syscall('renameat2', AT_FDCWD, pathBytes(from), AT_FDCWD, pathBytes(to), 0);
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.syscall('fchmodat', AT_FDCWD, pathBytes(path), mode);
  }

  async fchmod(fd: number, mode: number): Promise<void> {
    await this.syscall('fchmod', fd, mode);
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await this.syscall('fchownat', AT_FDCWD, pathBytes(path), uid, gid, 0);
  }

  umask(mask: number): Promise<number> {
    return this.syscall('umask', mask);
  }

  async chdir(path: string): Promise<void> {
    await this.syscall('chdir', pathBytes(path));
  }

  async getcwd(): Promise<string> {
    const bytes = new Uint8Array(4096);
    const length = await this.syscall('getcwd', bytes, bytes.length);
    return new TextDecoder().decode(bytes.subarray(0, length - 1));
  }

  async getdents(fd: number): Promise<DirectoryEntry[]> {
    const bytes = new Uint8Array(32768);
    const length = await this.syscall('getdents64', fd, bytes, bytes.length);
    return readEntries(bytes.subarray(0, length));
  }
}

/** struct stat of x86-64 (asm/stat.h). */
function readStat(bytes: Uint8Array): Stat {
  const view = new DataView(bytes.buffer);
  const long = (at: number): number => Number(view.getBigInt64(at, true));
  const timeUs = (at: number): number => long(at) * 1000000 + Math.floor(long(at + 8) / 1000);
  return {
    dev: long(0), ino: long(8), nlink: long(16), mode: view.getUint32(24, true), uid: view.getUint32(28, true),
    gid: view.getUint32(32, true), rdev: long(40), size: long(48), blksize: long(56), blocks: long(64), atimeUs: timeUs(72),
    mtimeUs: timeUs(88), ctimeUs: timeUs(104),
  };
}

/** struct linux_dirent64, one after the other. */
function readEntries(bytes: Uint8Array): DirectoryEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < bytes.length; at += view.getUint16(at + 16, true)) {
    let end = at + 19;
    while (bytes[end] !== 0) end++;
    const name = new TextDecoder().decode(bytes.subarray(at + 19, end));
    entries.push({ ino: Number(view.getBigUint64(at, true)), type: bytes[at + 18] as number, name });
  }
  return entries;
}
