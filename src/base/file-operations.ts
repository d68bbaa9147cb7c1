/**
 * What an open file description can do: implemented by sockets, pipes, files and terminals. Calls never block: they
 * return a count >= 0 or a negative errno, -EAGAIN when they would have to wait for one of `Poll`'s events.
 */
import type { WaitQueue } from './wait-queue.ts';

export interface FileOperations {
  /** Woken when readiness changes. */
  readonly waiters: WaitQueue;
  /** What fcntl(F_GETFL) shows besides O_NONBLOCK and O_APPEND: O_RDONLY, O_WRONLY or O_RDWR. */
  readonly accessMode: number;
  read(to: Uint8Array, at: number, length: number): number;
  write(from: Uint8Array, at: number, length: number): number;
  /** `Poll` bits that hold now. */
  readiness(): number;
  /** ioctl(2): the int result (FIONREAD, SIOCOUTQ ...) or a negative errno. */
  control(request: number): number;
  /** A blocking write goes on until everything is in, as with a pipe; others take what they take in one go. */
  readonly takesWhole?: boolean;
  /** pread(2) and pwrite(2). Absent: it has no place for an offset (-ESPIPE). */
  readAt?(offset: number, to: Uint8Array, at: number, length: number): number;
  /** It is written in order alone, pwrite(2) is -ESPIPE (seq_open takes FMODE_PWRITE away). */
  readonly writesInOrder?: boolean;
  writeAt?(offset: number, from: Uint8Array, at: number, length: number): number;
  /** lseek(2), `whence` one of `SEEK`: the new position or a negative errno. Absent: -ESPIPE. */
  seek?(offset: number, whence: number): number;
  /** ftruncate(2) of what is open for writing. Absent: -EINVAL. */
  truncate?(length: number): void;
  /** It keeps what fsync(2) would bring to safety. */
  readonly isKept?: boolean;
  /** It has no poll of its own: poll(2) finds it ready, epoll refuses it (file_can_poll). */
  readonly isAlwaysReady?: boolean;
  /** splice(2) and its kin move bytes into and out of it. */
  readonly canSplice?: boolean;
  /** The word in `anon_inode:[...]` of what shares its inode, without a type, with all of its kind (anon_inode_getfile). */
  readonly anonymousName?: string;
  /** Lines of its own in /proc/PID/fdinfo. */
  describe?(): string;
  /** O_APPEND has been set or cleared; for what has a position. */
  setAppend?(on: boolean): void;
  /** A process has closed a descriptor of it, which need not be the last. */
  closedBy?(pid: number): void;
  /** The last descriptor and the last operation in flight are gone. */
  release(): void;
}
