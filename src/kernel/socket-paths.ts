/**
 * Where AF_UNIX sockets have their paths: the little of a file system that they need, as long as there is no other.
 *
 * Directories are `/`, which is everybody's working directory, and `/tmp`; all else is a socket. Replaced by a file system
 * that answers `Caller.makeSocketNode` and `findSocketNode`.
 */
import { Capability, type Credentials } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import type { SocketNode } from '../socket/family/socket-node.ts';
import type { Socket } from '../socket/socket.ts';

const DIRECTORIES = new Set(['', 'tmp']);
/** NAME_MAX. */
const NAME_MAX = 255;
/** Mode 0777 without umask's 022: only the owner may write, and so connect. */
const OWNER_WRITES = 0o200;
const MODE = 0o755;

class Node implements SocketNode {
  socket: Socket | null = null;
  readonly uid: number;
  readonly mode: number = MODE;
  private readonly paths: Map<string, Node>;
  private readonly path: string;

  constructor(paths: Map<string, Node>, path: string, uid: number) {
    this.paths = paths;
    this.path = path;
    this.uid = uid;
  }

  remove(): void {
    if (this.paths.get(this.path) === this) this.paths.delete(this.path);
  }
}

export class SocketPaths {
  private readonly nodes: Map<string, Node> = new Map();

  make(path: Uint8Array, credentials: Credentials): Node | number {
    const place = this.resolve(path);
    if (typeof place === 'number') return place;
    if (DIRECTORIES.has(place) || this.nodes.has(place)) return -Errno.EADDRINUSE;
    const text = String.fromCharCode(...path);
    // A name that ends in a slash is a directory's (filename_create).
    if (text.endsWith('/')) return -Errno.ENOENT;
    const node = new Node(this.nodes, place, credentials.fsuid);
    this.nodes.set(place, node);
    return node;
  }

  find(path: Uint8Array, credentials: Credentials): Node | number {
    const place = this.resolve(path);
    if (typeof place === 'number') return place;
    const node = this.nodes.get(place);
    if (node === undefined) return DIRECTORIES.has(place) ? -Errno.ECONNREFUSED : -Errno.ENOENT;
    if (String.fromCharCode(...path).endsWith('/')) return -Errno.ENOTDIR;
    const isOwner = credentials.fsuid === node.uid && (node.mode & OWNER_WRITES) !== 0;
    return isOwner || credentials.has(Capability.DAC_OVERRIDE) ? node : -Errno.EACCES;
  }

  unlink(path: Uint8Array, credentials: Credentials): number {
    const place = this.resolve(path);
    if (typeof place === 'number') return place;
    const node = this.nodes.get(place);
    if (node === undefined) return DIRECTORIES.has(place) ? -Errno.EISDIR : -Errno.ENOENT;
    if (String.fromCharCode(...path).endsWith('/')) return -Errno.ENOTDIR;
    if (credentials.fsuid !== node.uid && !credentials.has(Capability.FOWNER)) return -Errno.EPERM;
    node.remove();
    return 0;
  }

  /** The one spelling of a path, or why nobody gets there: -ENOENT, -ENOTDIR, -ENAMETOOLONG. */
  private resolve(path: Uint8Array): string | number {
    if (path.length === 0) return -Errno.ENOENT;
    const parts: string[] = [];
    const names = String.fromCharCode(...path).split('/').filter((name) => name !== '');
    for (const name of names) {
      const parent = parts.join('/');
      if (this.nodes.has(parent)) return -Errno.ENOTDIR;
      if (!DIRECTORIES.has(parent)) return -Errno.ENOENT;
      if (name.length > NAME_MAX) return -Errno.ENAMETOOLONG;
      if (name === '..') parts.pop();
      else if (name !== '.') parts.push(name);
    }
    return parts.join('/');
  }
}
