/** Calls on files and pipes. Where nothing stands over a call, file-syscalls.ts says what it does and its errors. */
import * as files from '../../kernel/calls/files.ts';
import { OpenOperation } from '../../kernel/open.ts';
import { PENDING } from '../../kernel/operation.ts';
import { Call } from './call.ts';
import { countOf } from './face.ts';
import type { FileStateSyscalls } from './file-state-syscalls.ts';
import type { DirectoryEntry, FileSyscalls, Stat } from './file-syscalls.ts';
import { WaitingCalls } from './waiting-calls.ts';

/** Entries that one getdents gives at most. */
const ENTRIES = 256;

export abstract class FileCalls extends WaitingCalls implements Omit<FileSyscalls, keyof FileStateSyscalls> {
  /** open(2): resolves to a descriptor. ENOENT, EACCES, EEXIST ... */
  open(path: string, flags: number, mode = 0): Promise<number> {
    const operation = new OpenOperation(this.core);
    const bad = files.prepareOpen(this.core, operation, path, flags, mode);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.value(result, 'open');
    return new Call<OpenOperation, number>(operation, countOf).pending('open');
  }

  pipe(flags = 0): Promise<[reading: number, writing: number]> {
    const ends = new Int32Array(2);
    const result = files.pipe(this.core, flags, ends);
    return this.made(result < 0 ? result : ([ends[0] as number, ends[1] as number] as [number, number]), 'pipe2');
  }

  stat(path: string): Promise<Stat> {
    return this.made(files.stat(this.core, path, true), 'stat');
  }

  /** lstat(2): stat of a symbolic link itself. */
  lstat(path: string): Promise<Stat> {
    return this.made(files.stat(this.core, path, false), 'lstat');
  }

  fstat(fd: number): Promise<Stat> {
    return this.made(files.fstat(this.core, fd), 'fstat');
  }

  access(path: string, mode: number): Promise<void> {
    return this.done(files.access(this.core, path, mode), 'access');
  }

  readlink(path: string): Promise<string> {
    return this.made(files.readlink(this.core, path), 'readlink');
  }

  lseek(fd: number, offset: number, whence: number): Promise<number> {
    return this.value(files.lseek(this.core, fd, offset, whence), 'lseek');
  }

  pread(fd: number, buffer: Uint8Array, offset: number): Promise<number> {
    return this.value(files.pread(this.core, fd, buffer, offset), 'pread');
  }

  pwrite(fd: number, buffer: Uint8Array, offset: number): Promise<number> {
    return this.value(files.pwrite(this.core, fd, buffer, offset), 'pwrite');
  }

  truncate(path: string, length: number): Promise<void> {
    return this.done(files.truncate(this.core, path, length), 'truncate');
  }

  ftruncate(fd: number, length: number): Promise<void> {
    return this.done(files.ftruncate(this.core, fd, length), 'ftruncate');
  }

  mkdir(path: string, mode: number): Promise<void> {
    return this.done(files.mkdir(this.core, path, mode), 'mkdir');
  }

  mkfifo(path: string, mode: number): Promise<void> {
    return this.done(files.mkfifo(this.core, path, mode), 'mkfifo');
  }

  symlink(target: string, path: string): Promise<void> {
    return this.done(files.symlink(this.core, target, path), 'symlink');
  }

  link(path: string, to: string): Promise<void> {
    return this.done(files.link(this.core, path, to), 'link');
  }

  unlink(path: string): Promise<void> {
    return this.done(files.unlink(this.core, path), 'unlink');
  }

  rmdir(path: string): Promise<void> {
    return this.done(files.rmdir(this.core, path), 'rmdir');
  }

  rename(from: string, to: string): Promise<void> {
    return this.done(files.rename(this.core, from, to), 'rename');
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.done(files.chmod(this.core, path, mode), 'chmod');
  }

  fchmod(fd: number, mode: number): Promise<void> {
    return this.done(files.fchmod(this.core, fd, mode), 'fchmod');
  }

  chown(path: string, uid: number, gid: number): Promise<void> {
    return this.done(files.chown(this.core, path, uid, gid), 'chown');
  }

  /** umask(2): resolves to the one before. */
  umask(mask: number): Promise<number> {
    return this.value(files.umask(this.core, mask), 'umask');
  }

  chdir(path: string): Promise<void> {
    return this.done(files.chdir(this.core, path), 'chdir');
  }

  getcwd(): Promise<string> {
    return this.made(files.getcwd(this.core), 'getcwd');
  }

  getdents(fd: number): Promise<DirectoryEntry[]> {
    return this.made(files.getdents(this.core, fd, ENTRIES), 'getdents');
  }
}
