/** System calls on what is known of files: times, owners by descriptor, room, nodes of several kinds; and reads and writes of vectors. */
import { Errno } from '../../base/errno.ts';
import { Access, Directory, type Inode, MAIN_DEVICE, owns, S } from '../fs/inode.ts';
import { mayAccess } from '../fs/walk.ts';
import { OpenQueue } from '../ipc/posix-queue.ts';
import type { OpenFile } from '../open-file.ts';
import { PipeEnd } from '../pipe.ts';
import type { KernelProcess } from '../process.ts';
import { inodeBehind, keepOwner } from '../anonymous.ts';
import { changeOwner, inodeAt, isAnonymous, named } from './files.ts';

/** Times of utimensat(2) that stand for "now" and "as it is": C has them among the nanoseconds. */
export const UTIME_NOW: number = Infinity;
export const UTIME_OMIT: number = -Infinity;

/** Flag of utimensat(2). */
export const AT_SYMLINK_NOFOLLOW = 0x100;

/** What utimensat(2) sets, in microseconds since the epoch, UTIME_NOW or UTIME_OMIT. */
export interface FileTimes {
  atimeUs: number;
  mtimeUs: number;
}

/** `struct statfs`. */
export interface Statfs {
  /** The file system's magic number. */
  type: number;
  bsize: number;
  /** In units of `bsize`; 0 where nothing limits them. */
  blocks: number;
  bfree: number;
  bavail: number;
  /** Inodes. */
  files: number;
  ffree: number;
  namelen: number;
  frsize: number;
}

const TMPFS_MAGIC = 0x01021994, PROC_MAGIC = 0x9fa0, SOCKFS_MAGIC = 0x534f434b, PIPEFS_MAGIC = 0x50495045, ANON_INODE_FS_MAGIC = 0x09041934;
const MQUEUE_MAGIC = 0x19800202;
const PAGE = 4096;
const NAME_MAX = 255;

/** The inode behind a descriptor that is part of a tree; null for what is none, such as a socket. */
function inodeOf(file: OpenFile): Inode | null {
  return (file.operations as { inode?: Inode }).inode ?? null;
}

/** fsync(2), fdatasync(2): what is in memory is as safe as it gets. -EINVAL for what keeps nothing. */
export function fsync(process: KernelProcess, fd: number): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  return file.operations.isKept === true ? 0 : -Errno.EINVAL;
}

/** fchown(2). */
export function fchown(process: KernelProcess, fd: number, uid: number, gid: number): number {
  process.kernel.loop.enter();
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  if (isAnonymous(file.operations)) return -Errno.EOPNOTSUPP;
  const inode = inodeBehind(process.kernel, file);
  const result = changeOwner(process, inode, uid, gid);
  if (result === 0) keepOwner(file, inode);
  return result;
}

/** lchown(2). */
export function lchown(process: KernelProcess, path: string, uid: number, gid: number): number {
  const inode = inodeAt(process, path, false);
  return typeof inode === 'number' ? inode : changeOwner(process, inode, uid, gid);
}

/** fchdir(2). */
export function fchdir(process: KernelProcess, fd: number): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  const inode = inodeOf(file);
  if (!(inode instanceof Directory)) return -Errno.ENOTDIR;
  const denied = mayAccess(process, inode, Access.X);
  if (denied < 0) return denied;
  process.files.cwd = inode;
  return 0;
}

/** mknod(2): a regular file or a FIFO. Devices are the machine's own to make; sockets' nodes come from bind(2). */
export function mknod(process: KernelProcess, path: string, mode: number): number {
  const { fileSystem } = process.kernel;
  const permissions = mode & S.PERMISSIONS & ~process.files.umask;
  switch (mode & S.IFMT) {
    case 0: case S.IFREG: return named(process, path, true, (at) => fileSystem.create(at, permissions, process.credentials));
    case S.IFIFO: return named(process, path, true, (at) => fileSystem.fifo(at, permissions, process.credentials));
    case S.IFCHR: case S.IFBLK: case S.IFSOCK: case S.IFDIR: return -Errno.EPERM;
    default: return -Errno.EINVAL;
  }
}

// Times.

/** utimensat(2); null is now for both. */
export function utimensat(process: KernelProcess, path: string, times: FileTimes | null, follow: boolean): number {
  if (process.exited) return -Errno.ESRCH;
  // Without anything to do the path is not even looked at.
  if (changesNothing(times)) return 0;
  const inode = inodeAt(process, path, follow);
  return typeof inode === 'number' ? inode : setTimes(process, inode, times);
}

/** futimens(3). */
export function futimens(process: KernelProcess, fd: number, times: FileTimes | null): number {
  if (process.exited) return -Errno.ESRCH;
  if (changesNothing(times)) return 0;
  process.kernel.loop.enter();
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  if (isAnonymous(file.operations)) return -Errno.EOPNOTSUPP;
  const inode = inodeOf(file);
  return inode === null ? 0 : setTimes(process, inode, times);
}

/** UTIME_OMIT for both. */
export function changesNothing(times: FileTimes | null): boolean {
  return times !== null && times.atimeUs === UTIME_OMIT && times.mtimeUs === UTIME_OMIT;
}

/** vfs_utimes: who may write may say that it is now, who owns it may say anything. */
function setTimes(process: KernelProcess, inode: Inode, times: FileTimes | null): number {
  const who = process.credentials;
  const { atimeUs, mtimeUs } = times ?? { atimeUs: UTIME_NOW, mtimeUs: UTIME_NOW };
  if (Number.isNaN(atimeUs) || Number.isNaN(mtimeUs)) return -Errno.EINVAL;
  if (!owns(inode, who)) {
    if (atimeUs !== UTIME_NOW || mtimeUs !== UTIME_NOW) return -Errno.EPERM;
    const denied = mayAccess(process, inode, Access.W);
    if (denied < 0) return denied;
  }
  inode.setTimes(atimeUs === UTIME_NOW ? null : atimeUs, mtimeUs === UTIME_NOW ? null : mtimeUs);
  return 0;
}

// Room.

/** statfs(2). */
export function statfs(process: KernelProcess, path: string): Statfs | number {
  const inode = inodeAt(process, path);
  return typeof inode === 'number' ? inode : roomOf(process, inode);
}

/** fstatfs(2). */
export function fstatfs(process: KernelProcess, fd: number): Statfs | number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  const inode = inodeOf(file);
  // A FIFO is where its name is, a pipe nowhere.
  const isNowhere = inode === null || (file.operations instanceof PipeEnd && inode.device !== MAIN_DEVICE);
  return isNowhere ? nowhere(file) : roomOf(process, inode);
}

/** /proc has no room, and needs none. */
function roomOf({ kernel }: KernelProcess, inode: Inode): Statfs {
  if (inode.device !== MAIN_DEVICE) return simple(PROC_MAGIC);
  const { capacityBytes, roomBytes, mostInodes, roomInodes } = kernel.fileSystem;
  const free = Math.floor(roomBytes / PAGE);
  return {
    type: TMPFS_MAGIC, bsize: PAGE, blocks: Math.floor(capacityBytes / PAGE), bfree: free, bavail: free, files: mostInodes,
    ffree: roomInodes, namelen: NAME_MAX, frsize: PAGE,
  };
}

/** What has no place in the tree (simple_statfs). */
function nowhere({ socket, operations }: OpenFile): Statfs {
  if (socket !== null) return simple(SOCKFS_MAGIC);
  if (operations instanceof OpenQueue) return simple(MQUEUE_MAGIC);
  return simple(operations instanceof PipeEnd ? PIPEFS_MAGIC : ANON_INODE_FS_MAGIC);
}

function simple(type: number): Statfs {
  return { type, bsize: PAGE, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, namelen: NAME_MAX, frsize: PAGE };
}
