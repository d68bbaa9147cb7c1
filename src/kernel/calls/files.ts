/** System calls on files and their names. Paths start at the root, or at the process's working directory. */
import { Capability, type Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import type { FileOperations } from '../../base/file-operations.ts';
import { O } from '../../socket/constants.ts';
import { inodeBehind, keepMode, pipeInode } from '../anonymous.ts';
import { type DirectoryEntry, OpenDirectory } from '../fs/directory.ts';
import { Access, Directory, type Inode, owns, S, Symlink } from '../fs/inode.ts';
import { pathOf, Place } from '../fs/path.ts';
import { mayAccess, walk } from '../fs/walk.ts';
import { isPosition } from '../fs/regular-file.ts';
import { isWithin } from '../int.ts';
import type { OpenOperation } from '../open.ts';
import { OpenFile } from '../open-file.ts';
import { Pipe, PipeEnd } from '../pipe.ts';
import type { KernelProcess } from '../process.ts';
import { end } from './edges.ts';

/** What stat(2) tells. Times in microseconds since the epoch. */
export interface Stat {
  dev: number;
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  blksize: number;
  /** Units of 512 bytes. */
  blocks: number;
  atimeUs: number;
  mtimeUs: number;
  ctimeUs: number;
}

const place = new Place();
const otherPlace = new Place();

function find(
  process: KernelProcess, path: string, follow: boolean, into: Place, toMake = false, who = process.credentials,
): number {
  if (process.exited) return -Errno.ESRCH;
  process.kernel.loop.enter();
  return walk(process, path, follow, into, toMake, who);
}

/** The inode at a path, or a negative errno. */
export function inodeAt(process: KernelProcess, path: string, follow = true): Inode | number {
  const bad = find(process, path, follow, place);
  if (bad < 0) return bad;
  return place.inode ?? -Errno.ENOENT;
}

/** Prepares open(2). The descriptor is reserved first: a process at its limit hears EMFILE whatever the path is. */
export function prepareOpen(process: KernelProcess, operation: OpenOperation, path: string, flags: number, mode: number): number {
  if (process.exited) return -Errno.ESRCH;
  // It would make a file that it then refuses to open (build_open_flags, since 6.4).
  if ((flags & O.CREAT) !== 0 && (flags & O.DIRECTORY) !== 0) return -Errno.EINVAL;
  if (path === '') return -Errno.ENOENT;
  const descriptor = process.descriptors.reserve();
  if (descriptor < 0) return descriptor;
  operation.prepare(path, flags, mode & S.PERMISSIONS, descriptor);
  return 0;
}

/** pipe2(2): the two descriptors go into `ends`, the reading one first. */
export function pipe(process: KernelProcess, flags: number, ends: Int32Array): number {
  if ((flags & ~(O.NONBLOCK | O.CLOEXEC | O.DIRECT)) !== 0) return -Errno.EINVAL;
  const { descriptors, credentials, kernel: { fileTable, pipePages } } = process;
  // The pipe and its files come before the descriptors (__do_pipe_flags); no pipe at all is ENFILE too (get_pipe_inode).
  const refused = fileTable.refusal(credentials, 2, 0, Errno.ENFILE);
  if (refused < 0) return refused;
  const both = Pipe.make(pipePages, credentials);
  if (both === null) return -Errno.ENFILE;
  const reading = descriptors.reserve();
  const writing = reading < 0 ? reading : descriptors.reserve();
  if (writing < 0) {
    if (reading >= 0) descriptors.giveBack(reading);
    both.forget();
    return writing;
  }
  const inode = pipeInode(process, both);
  const files = [O.RDONLY, O.WRONLY].map((accessMode) => {
    const operations = new PipeEnd(both, accessMode, () => inode.closed());
    inode.opens++;
    operations.inode = inode;
    operations.packets = (flags & O.DIRECT) !== 0;
    const file = new OpenFile(operations, fileTable);
    file.nonBlocking = (flags & O.NONBLOCK) !== 0;
    // Only the writing end shows it (create_pipe_files).
    if (operations.accessMode === O.WRONLY) file.otherFlags = flags & O.DIRECT;
    return file;
  });
  descriptors.fill(reading, files[0] as OpenFile, (flags & O.CLOEXEC) !== 0);
  descriptors.fill(writing, files[1] as OpenFile, (flags & O.CLOEXEC) !== 0);
  ends[0] = reading;
  ends[1] = writing;
  return 0;
}

// What is known of a file.

function describe(inode: Inode): Stat {
  return {
    dev: inode.device, ino: inode.number, mode: inode.type | inode.mode, nlink: inode.links, uid: inode.uid, gid: inode.gid,
    rdev: inode.rdev, size: inode.size, blksize: inode.blockBytes, blocks: inode.sectors, atimeUs: inode.accessedUs,
    mtimeUs: inode.modifiedUs, ctimeUs: inode.changedUs,
  };
}

/** stat(2), or lstat(2) when `follow` is false. */
export function stat(process: KernelProcess, path: string, follow: boolean): Stat | number {
  const inode = inodeAt(process, path, follow);
  return typeof inode === 'number' ? inode : describe(inode);
}

/** fstat(2). */
export function fstat(process: KernelProcess, fd: number): Stat | number {
  const file = process.descriptors.file(fd);
  return file === null ? -Errno.EBADF : describe(inodeBehind(process.kernel, file));
}

/** What has an inode that it shares with all of its kind, and no type (anon_inode_getfile). */
export function isAnonymous(operations: FileOperations): boolean {
  return operations.anonymousName !== undefined;
}

/** access(2): by the real ids, not the effective ones. */
export function access(process: KernelProcess, path: string, mode: number): number {
  if ((mode & ~(Access.R | Access.W | Access.X)) !== 0) return -Errno.EINVAL;
  const who = process.credentials.clone();
  who.fsuid = who.uid;
  who.fsgid = who.gid;
  who.effective = who.uid === 0 ? who.permitted : 0;
  const bad = find(process, path, true, place, false, who);
  if (bad < 0) return bad;
  return place.inode === null ? -Errno.ENOENT : mayAccess(process, place.inode, mode, who);
}

/** readlink(2): the target, or a negative errno. */
export function readlink(process: KernelProcess, path: string): string | number {
  const inode = inodeAt(process, path, false);
  if (typeof inode === 'number') return inode;
  if (!(inode instanceof Symlink)) return -Errno.EINVAL;
  inode.accessed();
  return inode.read(process.credentials);
}

// Positions.

/** lseek(2): the new position. */
export function lseek(process: KernelProcess, fd: number, offset: number, whence: number): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  // SEEK_HOLE is the last there is (ksys_lseek).
  if (!(whence >= 0 && whence <= 4)) return -Errno.EINVAL;
  return file.operations.seek?.(offset, whence) ?? -Errno.ESPIPE;
}

export function pread(process: KernelProcess, fd: number, buffer: Uint8Array, offset: number): number {
  process.kernel.loop.enter();
  if (!isPosition(offset)) return -Errno.EINVAL;
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  const { operations } = file;
  if (operations.readAt === undefined) return -Errno.ESPIPE;
  if (operations.accessMode === O.WRONLY) return -Errno.EBADF;
  return isWithin(buffer, 0, buffer.length) ? operations.readAt(Math.trunc(offset), buffer, 0, buffer.length) : -Errno.EFAULT;
}

export function pwrite(process: KernelProcess, fd: number, buffer: Uint8Array, offset: number): number {
  process.kernel.loop.enter();
  if (!isPosition(offset)) return -Errno.EINVAL;
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  const { operations } = file;
  if (operations.writeAt === undefined || operations.writesInOrder === true) return -Errno.ESPIPE;
  if (operations.accessMode === O.RDONLY) return -Errno.EBADF;
  return operations.writeAt(Math.trunc(offset), buffer, 0, buffer.length);
}

export function ftruncate(process: KernelProcess, fd: number, length: number): number {
  process.kernel.loop.enter();
  if (!isPosition(length)) return -Errno.EINVAL;
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  const { operations } = file;
  if (operations.truncate === undefined || operations.accessMode === O.RDONLY) return -Errno.EINVAL;
  operations.truncate(Math.trunc(length));
  return 0;
}

export function truncate(process: KernelProcess, path: string, length: number): number {
  if (!isPosition(length)) return -Errno.EINVAL;
  const inode = inodeAt(process, path);
  if (typeof inode === 'number') return inode;
  if (inode.truncating < 0) return inode.truncating;
  const denied = mayAccess(process, inode, Access.W);
  if (denied < 0) return denied;
  inode.truncate(Math.trunc(length));
  return 0;
}

// Names.

/** Looks a path up for a call that makes its last component, or takes it away. */
export function named(process: KernelProcess, path: string, toMake: boolean, change: (at: Place) => number | Inode): number {
  const bad = find(process, path, false, place, toMake);
  if (bad < 0) return bad;
  const result = change(place);
  return end(process, typeof result === 'number' ? result : 0);
}

export function mkdir(process: KernelProcess, path: string, mode: number): number {
  const { fileSystem } = process.kernel;
  return named(process, path, true, (at) => fileSystem.mkdir(at, mode & ~process.files.umask, process.credentials));
}

/** mkfifo(3), which is mknod(2) with S_IFIFO. */
export function mkfifo(process: KernelProcess, path: string, mode: number): number {
  const { fileSystem } = process.kernel;
  return named(process, path, true, (at) => fileSystem.fifo(at, mode & ~process.files.umask, process.credentials));
}

export function symlink(process: KernelProcess, target: string, path: string): number {
  if (target === '') return -Errno.ENOENT;
  return named(process, path, true, (at) => process.kernel.fileSystem.symlink(at, target, process.credentials));
}

export function unlink(process: KernelProcess, path: string): number {
  return named(process, path, false, (at) => process.kernel.fileSystem.unlink(at, process.credentials));
}

export function rmdir(process: KernelProcess, path: string): number {
  // A file behind a slash hears first that the caller may not remove it.
  return named(process, path, true, (at) => process.kernel.fileSystem.rmdir(at, process.credentials));
}

export function link(process: KernelProcess, path: string, to: string): number {
  const inode = inodeAt(process, path, false);
  if (typeof inode === 'number') return inode;
  const isSafe = process.kernel.stack.settings.protectedHardlinks === 0 || owns(inode, process.credentials) || isSafeSource(process, inode);
  return named(process, to, true, (at) => process.kernel.fileSystem.link(inode, at, process.credentials, isSafe));
}

/** safe_hardlink_source: a regular file that the caller may read and write, and by which nobody becomes somebody else. */
function isSafeSource(process: KernelProcess, inode: Inode): boolean {
  const { type, mode } = inode;
  if (type !== S.IFREG || (mode & S.ISUID) !== 0 || (mode & (S.ISGID | 0o010)) === (S.ISGID | 0o010)) return false;
  return mayAccess(process, inode, Access.R | Access.W) === 0;
}

export function rename(process: KernelProcess, from: string, to: string): number {
  const bad = find(process, from, false, otherPlace);
  if (bad < 0) return bad;
  return named(process, to, false, (at) => process.kernel.fileSystem.rename(otherPlace, at, process.credentials));
}

// Owners and permissions.

function changeMode(process: KernelProcess, inode: Inode, mode: number): number {
  if (!owns(inode, process.credentials)) return -Errno.EPERM;
  inode.mode = mode & S.PERMISSIONS;
  inode.changed();
  return 0;
}

export function chmod(process: KernelProcess, path: string, mode: number): number {
  const inode = inodeAt(process, path);
  return typeof inode === 'number' ? inode : changeMode(process, inode, mode);
}

export function fchmod(process: KernelProcess, fd: number, mode: number): number {
  process.kernel.loop.enter();
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  if (isAnonymous(file.operations)) return -Errno.EOPNOTSUPP;
  const result = changeMode(process, inodeBehind(process.kernel, file), mode);
  if (result === 0) keepMode(file, mode & S.PERMISSIONS);
  return result;
}

/** chown(2); -1 leaves an id as it is. */
export function chown(process: KernelProcess, path: string, uid: number, gid: number): number {
  const inode = inodeAt(process, path);
  return typeof inode === 'number' ? inode : changeOwner(process, inode, uid, gid);
}

/** setattr_prepare: each id that is given is asked for by itself. A file that would lose its set-id bits by it is changed, whichever ids are. */
export function changeOwner(process: KernelProcess, inode: Inode, uid: number, gid: number): number {
  const who = process.credentials;
  const isRoot = who.has(Capability.CHOWN);
  const isOwner = who.fsuid === inode.uid;
  if (uid !== -1 && !isRoot && !(isOwner && uid === inode.uid)) return -Errno.EPERM;
  if (gid !== -1 && !isRoot && !(isOwner && (gid === inode.gid || isInGroup(who, gid)))) return -Errno.EPERM;
  // Of a group that may not execute the bit says something else, to its members (setattr_should_drop_sgid).
  const losesGroup = (inode.mode & 0o010) !== 0 || !(isInGroup(who, inode.gid) || who.has(Capability.FSETID));
  const lost = inode instanceof Directory ? 0 : inode.mode & (S.ISUID | (losesGroup ? S.ISGID : 0));
  if (lost !== 0 && !owns(inode, who)) return -Errno.EPERM;
  if (uid !== -1) inode.uid = uid;
  if (gid !== -1) inode.gid = gid;
  inode.mode &= ~lost;
  inode.changed();
  return 0;
}

function isInGroup(who: Credentials, gid: number): boolean {
  return gid === who.fsgid || who.groups.includes(gid);
}

/** umask(2): the one before. */
export function umask(process: KernelProcess, mask: number): number {
  if (process.exited) return -Errno.ESRCH;
  const before = process.files.umask;
  process.files.umask = mask & 0o777;
  return before;
}

// Directories.

export function chdir(process: KernelProcess, path: string): number {
  const inode = inodeAt(process, path);
  if (typeof inode === 'number') return inode;
  if (!(inode instanceof Directory)) return -Errno.ENOTDIR;
  const denied = mayAccess(process, inode, Access.X);
  if (denied < 0) return denied;
  process.files.cwd = inode;
  return 0;
}

/** getcwd(2): the path, or -ENOENT when the directory has been removed. */
export function getcwd(process: KernelProcess): string | number {
  if (process.exited) return -Errno.ESRCH;
  return pathOf(process.kernel.fileSystem.root, process.files.cwd) ?? -Errno.ENOENT;
}

/** getdents(2): up to `count` entries of an open directory. */
export function getdents(process: KernelProcess, fd: number, count: number): DirectoryEntry[] | number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  process.kernel.loop.enter();
  if (!(file.operations instanceof OpenDirectory)) return -Errno.ENOTDIR;
  return file.operations.inode.links < 2 ? -Errno.ENOENT : file.operations.next(count);
}
