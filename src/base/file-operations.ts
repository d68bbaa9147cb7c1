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
  /** O_APPEND has been set or cleared; for what has a position. */
  setAppend?(on: boolean): void;
  /** A process has closed a descriptor of it, which need not be the last. */
  closedBy?(pid: number): void;
  /** The last descriptor and the last operation in flight are gone. */
  release(): void;
}
