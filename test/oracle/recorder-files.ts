/** The recorder's calls on files and pipes. */
import type { EventSyscalls } from '../../src/api/posix/event-syscalls.ts';
import type { FileTimes, Statfs } from '../../src/api/posix/file-state-syscalls.ts';
import type { DirectoryEntry, Stat } from '../../src/api/posix/file-syscalls.ts';
import type { IpcSyscalls } from '../../src/api/posix/ipc-syscalls.ts';
import type { SpliceSyscalls } from '../../src/api/posix/splice-syscalls.ts';
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import { S } from '../../src/kernel/fs/inode.ts';
import * as names from './names.ts';
import { bytesText, countAndBytes, countText, fdText, Recorder } from './recorder.ts';
import { type Described, okText } from './recorder-core.ts';
import type { Entry } from './trace.ts';

export class FileRecorder extends Recorder implements Omit<Syscalls, keyof EventSyscalls | keyof IpcSyscalls | keyof SpliceSyscalls> {
  async open(path: string, flags: number, mode = 0): Promise<number> {
    const text = names.openFlags(flags);
    const entry = this.named('open', `'${short(path)}', ${text}, ${mode.toString(8)}`, text);
    const fd = await this.run(entry, this.inner.open(path, flags, mode), fdText);
    this.families.set(fd, 'file');
    return fd;
  }

  async pipe(flags = 0): Promise<[reading: number, writing: number]> {
    const text = names.openFlags(flags);
    const entry = this.named('pipe', text, text);
    const ends = await this.run(entry, this.inner.pipe(flags), ([reading, writing]) => ({
      text: `${reading} ${writing}`, kind: 'fds', delivers: false,
    }));
    for (const fd of ends) this.families.set(fd, 'pipe');
    return ends;
  }

  stat(path: string): Promise<Stat> {
    return this.run(this.named('stat', `'${short(path)}'`), this.inner.stat(path), statText);
  }

  lstat(path: string): Promise<Stat> {
    return this.run(this.named('lstat', `'${short(path)}'`), this.inner.lstat(path), statText);
  }

  fstat(fd: number): Promise<Stat> {
    return this.run(this.add('fstat', fd), this.inner.fstat(fd), statText);
  }

  access(path: string, mode: number): Promise<void> {
    return this.run(this.named('access', `'${short(path)}', ${mode}`, String(mode)), this.inner.access(path, mode), okText);
  }

  readlink(path: string): Promise<string> {
    return this.run(this.named('readlink', `'${short(path)}'`), this.inner.readlink(path), (target) => ({
      text: target, kind: 'target', delivers: true,
    }));
  }

  lseek(fd: number, offset: number, whence: number): Promise<number> {
    return this.run(this.add('lseek', fd, `${offset}, ${whence}`, String(whence)), this.inner.lseek(fd, offset, whence), numberText);
  }

  pread(fd: number, buffer: Uint8Array, offset: number): Promise<number> {
    return this.run(this.add('pread', fd, `${buffer.length}, ${offset}`), this.inner.pread(fd, buffer, offset), countAndBytes([buffer]));
  }

  pwrite(fd: number, buffer: Uint8Array, offset: number): Promise<number> {
    return this.run(this.add('pwrite', fd, `${bytesText(buffer)}, ${offset}`), this.inner.pwrite(fd, buffer, offset), countText);
  }

  truncate(path: string, length: number): Promise<void> {
    return this.run(this.named('truncate', `'${short(path)}', ${length}`), this.inner.truncate(path, length), okText);
  }

  ftruncate(fd: number, length: number): Promise<void> {
    return this.run(this.add('ftruncate', fd, length), this.inner.ftruncate(fd, length), okText);
  }

  mkdir(path: string, mode: number): Promise<void> {
    return this.run(this.named('mkdir', `'${short(path)}', ${mode.toString(8)}`), this.inner.mkdir(path, mode), okText);
  }

  mkfifo(path: string, mode: number): Promise<void> {
    return this.run(this.named('mkfifo', `'${short(path)}', ${mode.toString(8)}`), this.inner.mkfifo(path, mode), okText);
  }

  symlink(target: string, path: string): Promise<void> {
    return this.run(this.named('symlink', `'${short(target)}', '${short(path)}'`), this.inner.symlink(target, path), okText);
  }

  link(path: string, to: string): Promise<void> {
    return this.run(this.named('link', `'${short(path)}', '${short(to)}'`), this.inner.link(path, to), okText);
  }

  unlink(path: string): Promise<void> {
    return this.run(this.named('unlink', `'${short(path)}'`), this.inner.unlink(path), okText);
  }

  rmdir(path: string): Promise<void> {
    return this.run(this.named('rmdir', `'${short(path)}'`), this.inner.rmdir(path), okText);
  }

  rename(from: string, to: string): Promise<void> {
    return this.run(this.named('rename', `'${short(from)}', '${short(to)}'`), this.inner.rename(from, to), okText);
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.run(this.named('chmod', `'${short(path)}', ${mode.toString(8)}`), this.inner.chmod(path, mode), okText);
  }

  fchmod(fd: number, mode: number): Promise<void> {
    return this.run(this.add('fchmod', fd, mode.toString(8)), this.inner.fchmod(fd, mode), okText);
  }

  chown(path: string, uid: number, gid: number): Promise<void> {
    return this.run(this.named('chown', `'${short(path)}', ${uid}, ${gid}`), this.inner.chown(path, uid, gid), okText);
  }

  umask(mask: number): Promise<number> {
    return this.run(this.named('umask', mask.toString(8)), this.inner.umask(mask), numberText);
  }

  chdir(path: string): Promise<void> {
    return this.run(this.named('chdir', `'${short(path)}'`), this.inner.chdir(path), okText);
  }

  getcwd(): Promise<string> {
    return this.run(this.named('getcwd', ''), this.inner.getcwd(), (path) => ({
      text: path, kind: 'path', delivers: true,
    }));
  }

  getdents(fd: number): Promise<DirectoryEntry[]> {
    return this.run(this.add('getdents', fd), this.inner.getdents(fd), (entries) => {
      const text = entries.map(({ name, type }) => `${name}:${type}`).sort().join(' ');
      return { text, kind: entries.length === 0 ? 'none' : 'entries', delivers: entries.length > 0 };
    });
  }

  preadv(fd: number, iov: Uint8Array[], offset: number): Promise<number> {
    const entry = this.add('preadv', fd, `[${iov.map(({ length }) => length).join(' ')}], ${offset}`);
    return this.run(entry, this.inner.preadv(fd, iov, offset), countAndBytes(iov));
  }

  pwritev(fd: number, iov: Uint8Array[], offset: number): Promise<number> {
    return this.run(this.add('pwritev', fd, `${iov.map(bytesText).join(' ')}, ${offset}`), this.inner.pwritev(fd, iov, offset), countText);
  }

  fsync(fd: number): Promise<void> {
    return this.run(this.add('fsync', fd), this.inner.fsync(fd), okText);
  }

  fdatasync(fd: number): Promise<void> {
    return this.run(this.add('fdatasync', fd), this.inner.fdatasync(fd), okText);
  }

  fchown(fd: number, uid: number, gid: number): Promise<void> {
    return this.run(this.add('fchown', fd, `${uid}, ${gid}`), this.inner.fchown(fd, uid, gid), okText);
  }

  lchown(path: string, uid: number, gid: number): Promise<void> {
    return this.run(this.named('lchown', `'${short(path)}', ${uid}, ${gid}`), this.inner.lchown(path, uid, gid), okText);
  }

  fchdir(fd: number): Promise<void> {
    return this.run(this.add('fchdir', fd), this.inner.fchdir(fd), okText);
  }

  mknod(path: string, mode: number, device = 0): Promise<void> {
    const entry = this.named('mknod', `'${short(path)}', ${mode.toString(8)}, ${device}`, (mode & S.IFMT).toString(8));
    return this.run(entry, this.inner.mknod(path, mode, device), okText);
  }

  utimensat(path: string, times: FileTimes | null, flags = 0): Promise<void> {
    return this.run(this.named('utimensat', `'${short(path)}', ${timesText(times)}, ${flags}`), this.inner.utimensat(path, times, flags), okText);
  }

  futimens(fd: number, times: FileTimes | null): Promise<void> {
    return this.run(this.add('futimens', fd, timesText(times)), this.inner.futimens(fd, times), okText);
  }

  statfs(path: string): Promise<Statfs> {
    return this.run(this.named('statfs', `'${short(path)}'`), this.inner.statfs(path), statfsText);
  }

  fstatfs(fd: number): Promise<Statfs> {
    return this.run(this.add('fstatfs', fd), this.inner.fstatfs(fd), statfsText);
  }

  protected named(call: string, text: string, variant = ''): Entry {
    return this.trace.add(`${this.name}.${call}(${text})`, variant === '' || variant === '0' ? call : `${call} ${variant}`, 'path');
  }
}

function short(path: string): string {
  return path.length <= 100 ? path : `${path.slice(0, 40)}... (${path.length})`;
}

export function numberText(value: number): Described {
  return { text: String(value), kind: 'number', delivers: false };
}

/** What does not depend on the machine: no inode numbers, no times, no sizes of directories. */
function statText({ mode, nlink, uid, gid, size, rdev }: Stat): Described {
  const type = mode & S.IFMT;
  const sized = type === S.IFREG || type === S.IFLNK ? ` size ${size}` : '';
  const device = type === S.IFCHR ? ` device ${rdev >> 8}:${rdev & 0xff}` : '';
  return { text: `${mode.toString(8)} links ${nlink} ${uid}:${gid}${sized}${device}`, kind: mode.toString(8), delivers: false };
}

function timesText(times: FileTimes | null): string {
  return times === null ? 'null' : `${times.atimeUs} ${times.mtimeUs}`;
}

/** How much room there is differs between machines; that it is no more than all does not. */
function statfsText({ type, bsize, blocks, bfree, files, ffree, namelen, frsize }: Statfs): Described {
  const text = `${type.toString(16)} ${bsize} ${frsize} ${namelen} ${bfree <= blocks && ffree <= files}`;
  return { text, kind: text, delivers: false };
}
