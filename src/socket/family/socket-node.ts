/**
 * A socket's node in the file system, as AF_UNIX needs it. Whoever keeps the file system implements it, and finds and
 * makes nodes for a `Caller`.
 */
import type { Socket } from '../socket.ts';

export interface SocketNode {
  /** st_ino and st_dev, which unix_diag tells. */
  readonly number: number;
  readonly device: number;
  /** The socket that was bound here; null once it is closed: the node stays until somebody unlinks it. */
  socket: Socket | null;
  /** Takes it out of its directory again (a bind(2) that fails after all). */
  remove(): void;
}
