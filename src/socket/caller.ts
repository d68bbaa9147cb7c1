/** What the socket layer asks of the process that makes a call. Implemented by KernelProcess. */
import type { Credentials } from '../base/credentials.ts';
import type { Description } from './description.ts';
import type { SocketNode } from './family/socket-node.ts';

export interface Caller {
  readonly pid: number;
  readonly credentials: Credentials;
  /** RLIMIT_NOFILE. */
  readonly maxDescriptors: number;
  /** Is there a process of this number on the host? */
  hasProcess(pid: number): boolean;
  /** The description behind a descriptor; null is EBADF. */
  description(fd: number): Description | null;
  /** A new descriptor for a description, or -EMFILE. Takes a reference. */
  addDescriptor(description: Description, closeOnExec: boolean): number;
  /**
   * Makes a socket's node in the file system (mknod(2) with S_IFSOCK), by a path without its final NUL: -EADDRINUSE when
   * there is something, -ENOENT, -ENOTDIR, -EACCES, -ENAMETOOLONG ...
   */
  makeSocketNode(path: Uint8Array): SocketNode | number;
  /** The node that a path leads to, which the caller may write to: -ENOENT, -ENOTDIR, -EACCES; -ECONNREFUSED for no socket's. */
  findSocketNode(path: Uint8Array): SocketNode | number;
}
