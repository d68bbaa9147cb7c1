/** AF_UNIX sockets' nodes in the file system: where bind(2) makes them and connect(2) finds them. */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import type { SocketNode } from '../../socket/family/socket-node.ts';
import type { Socket } from '../../socket/socket.ts';
import type { KernelProcess } from '../process.ts';
import { Access, type Directory, type FileSystemLimits, Inode, S } from './inode.ts';
import { Place } from './path.ts';
import { mayAccess, walk } from './walk.ts';

/** What a socket's node permits, without the umask's bits. */
const MODE = 0o777;

export class SocketInode extends Inode implements SocketNode {
  socket: Socket | null = null;
  private readonly directory: Directory;
  private readonly name: string;

  constructor(number: number, mode: number, owner: Credentials, limits: FileSystemLimits, { directory, name }: Place) {
    super(number, S.IFSOCK, mode, owner, limits);
    this.directory = directory as Directory;
    this.name = name;
  }

  remove(): void {
    if (this.directory.find(this.name) === this) this.directory.remove(this.name);
  }
}

const place = new Place();
const decoder = new TextDecoder();

function look(process: KernelProcess, path: Uint8Array, follow: boolean, toMake: boolean): number {
  return walk(process, decoder.decode(path), follow, place, toMake);
}

/** Makes a socket's node (unix_bind_bsd): -EADDRINUSE when something is there. */
export function makeSocketInode(process: KernelProcess, path: Uint8Array): SocketInode | number {
  const bad = look(process, path, false, true);
  if (bad < 0) return bad;
  const { fileSystem } = process.kernel;
  const made = fileSystem.node(place, process.credentials, (number) => {
    return new SocketInode(number, MODE & ~process.files.umask, process.credentials, fileSystem, place);
  });
  return made === -Errno.EEXIST ? -Errno.EADDRINUSE : made;
}

/** The node that a path leads to (unix_find_bsd). */
export function findSocketInode(process: KernelProcess, path: Uint8Array): SocketInode | number {
  const bad = look(process, path, true, false);
  if (bad < 0) return bad;
  const { inode } = place;
  if (inode === null) return -Errno.ENOENT;
  const denied = mayAccess(process, inode, Access.W);
  if (denied < 0) return denied;
  return inode instanceof SocketInode ? inode : -Errno.ECONNREFUSED;
}
