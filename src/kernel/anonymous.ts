/**
 * Inodes of what has no name in the file system: sockets, pipes, and what epoll, eventfd and timerfd make. fstat(2) and
 * /proc/PID/fd tell of them.
 */
import type { Credentials } from '../base/credentials.ts';
import { O } from '../socket/constants.ts';
import type { Socket } from '../socket/socket.ts';
import { Fifo, type FileSystemLimits, Inode, S } from './fs/inode.ts';
import { pathOf } from './fs/path.ts';
import { OpenQueue } from './ipc/posix-queue.ts';
import type { Kernel } from './kernel.ts';
import { OpenFile } from './open-file.ts';
import type { Pipe } from './pipe.ts';
import type { KernelProcess } from './process.ts';
import { Terminal } from './terminal.ts';

/** st_dev of each kind, as lsof(8) prints them behind "0,". */
export const Device = { SOCKET: 9, PIPE: 15, ANONYMOUS: 16, TERMINAL: 20, QUEUE: 21, PROC: 22 } as const;
/** All that have no other share one inode (anon_inode_inode). */
const SHARED_INODE = 9;
const TERMINAL_INODE = 3;
/** /dev/pts/0. */
const TERMINAL_NUMBER = 136 << 8;

export class AnonymousInode extends Inode {
  /** st_size: nobody's but a message queue's. */
  bytes = 0;
  private readonly from: number;
  private readonly deviceNumber: number;

  constructor(number: number, type: number, mode: number, owner: Credentials, kernel: Kernel, from: number, rdev = 0) {
    super(number, type, mode, owner, kernel.nameless);
    this.from = from;
    this.deviceNumber = rdev;
    // Nobody looks at these.
    this.accessedUs = 0;
    this.modifiedUs = 0;
    this.changedUs = 0;
  }

  override get device(): number {
    return this.from;
  }

  override get rdev(): number {
    return this.deviceNumber;
  }

  override get size(): number {
    return this.bytes;
  }

  override get blockBytes(): number {
    return this.from === Device.TERMINAL ? 1024 : 4096;
  }
}

class PipeInode extends Fifo {
  override get device(): number {
    return Device.PIPE;
  }
}

/** Inodes without a name take no room in the file system. */
export function namelessLimits(now: () => number): FileSystemLimits {
  return { now, take: () => 0, gone(): void {} };
}

/** The inode of what pipe2(2) makes. */
export function pipeInode(process: KernelProcess, pipe: Pipe): Fifo {
  const { kernel, credentials } = process;
  const inode = new PipeInode(kernel.takeInodeNumber(), 0o600, credentials, kernel.nameless, pipe);
  inode.links = 1;
  return inode;
}

/** A socket gets its description, its inode's number and its owner (sock_alloc). */
export function socketFile(process: KernelProcess, socket: Socket): OpenFile {
  socket.inodeNumber = process.kernel.takeInodeNumber();
  socket.uid = process.credentials.fsuid;
  socket.gid = process.credentials.fsgid;
  return new OpenFile(socket, process.kernel.fileTable);
}

/** The inode of any description: its own, or one that is made up from what is known of it. */
export function inodeBehind(kernel: Kernel, file: OpenFile): Inode {
  const { operations, socket } = file;
  const named = (operations as { inode?: Inode | null }).inode;
  if (named !== undefined && named !== null) return named;
  const inode = socket !== null
    ? ownedInode(kernel, socket, S.IFSOCK, Device.SOCKET)
    : operations instanceof OpenQueue ? ownedInode(kernel, operations.queue, S.IFREG, Device.QUEUE)
    : operations instanceof Terminal
    ? new AnonymousInode(TERMINAL_INODE, S.IFCHR, operations.mode, kernel.init.credentials, kernel, Device.TERMINAL, TERMINAL_NUMBER)
    // Its type is hidden from whoever looks (anon_inode_getattr).
    : new AnonymousInode(SHARED_INODE, 0, 0o600, kernel.init.credentials, kernel, Device.ANONYMOUS);
  inode.links = operations instanceof OpenQueue ? operations.queue.links : 1;
  if (operations instanceof OpenQueue) inode.bytes = operations.queue.fileBytes;
  return inode;
}

/** What keeps its own number, mode and owner: sockets and message queues. */
interface Owned {
  readonly inodeNumber: number;
  mode: number;
  uid: number;
  gid: number;
}

function ownedInode(kernel: Kernel, { inodeNumber, mode, uid, gid }: Owned, type: number, device: number): AnonymousInode {
  const inode = new AnonymousInode(inodeNumber, type, mode, kernel.init.credentials, kernel, device);
  inode.uid = uid;
  inode.gid = gid;
  return inode;
}

/** Keeps what fchmod(2) gave an inode that is made up anew each time. */
export function keepMode({ operations, socket }: OpenFile, mode: number): void {
  const holder = socket ?? (operations instanceof OpenQueue ? operations.queue : operations instanceof Terminal ? operations : null);
  if (holder !== null) holder.mode = mode;
}

/** And whose it is after fchown(2); a terminal stays its own. */
export function keepOwner({ operations, socket }: OpenFile, { uid, gid, mode }: Inode): void {
  const holder: Owned | null = socket ?? (operations instanceof OpenQueue ? operations.queue : null);
  if (holder === null) return;
  holder.uid = uid;
  holder.gid = gid;
  holder.mode = mode & S.PERMISSIONS;
}

/** What readlink(2) shows of /proc/PID/fd/N. */
export function linkText(kernel: Kernel, file: OpenFile): string {
  const { operations, socket } = file;
  const { directory = null, name = '' } = file.found ?? {};
  if (socket !== null) return `socket:[${socket.inodeNumber}]`;
  const inode = inodeBehind(kernel, file);
  if (inode instanceof PipeInode) return `pipe:[${inode.number}]`;
  if (operations instanceof Terminal) return '/dev/pts/0';
  if (operations instanceof OpenQueue) return `/${name}`;
  if (directory === null) return `anon_inode:[${operations.anonymousName ?? ''}]`;
  if (name === '') return '/';
  const parent = pathOf(kernel.fileSystem.root, directory) ?? '';
  const now = directory.find(name) === inode ? name : directory.nameOf(inode);
  return `${parent === '/' ? '' : parent}/${now ?? `${name} (deleted)`}`;
}

/** `flags:` of /proc/PID/fdinfo/N: what F_GETFL tells, and FD_CLOEXEC as O_CLOEXEC. */
export function flagsOf(file: OpenFile, closesOnExec: boolean): number {
  return file.operations.accessMode | file.otherFlags | (file.nonBlocking ? O.NONBLOCK : 0) | (file.append ? O.APPEND : 0) |
    (closesOnExec ? O.CLOEXEC : 0);
}
