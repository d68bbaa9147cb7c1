/**
 * What the handles of a Node program ask of the kernel of its host: the seam between them. One set of handles stands on
 * it, wherever the program runs:
 *
 *   a program in this process (host.run)         DirectKernel (direct-kernel.ts): calls of src/kernel on a KernelProcess
 *   a program in a process of its own (spawn)    RemoteKernel (platform/node/spawned): the same calls, made in the parent
 *
 * All calls answer at once: a count or 0, or a negative errno. Sockets are made non-blocking; who waits looks at `watched`.
 */
import type { WaitQueue } from '../../base/wait-queue.ts';

/** What can be watched of a descriptor: `FileOperations` has it, and what stands in its place in another process. */
export interface Watched {
  /** Woken when readiness changes. */
  readonly waiters: WaitQueue;
  /** `Poll` bits that hold now. */
  readiness(): number;
  /** ioctl(2); IOCTL.FIONREAD alone is asked for. */
  control(request: number): number;
}

/** An interface as node:os tells of it, and as zones of IPv6 addresses name it. */
export interface InterfaceFacts {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
  readonly macHi: number;
  readonly macLo: number;
  readonly addresses: readonly {
    readonly address: string;
    readonly isV4: boolean;
    readonly isLinkLocal: boolean;
    readonly prefixLength: number;
  }[];
}

export interface ProgramKernel {
  /** socket(2), non-blocking and close-on-exec: a descriptor. */
  socket(family: number, type: number): number;
  bind(fd: number, name: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  connect(fd: number, name: Uint8Array): number;
  /** accept4(2), non-blocking and close-on-exec: a descriptor. */
  accept(fd: number): number;
  /** send(2) with MSG_NOSIGNAL. */
  send(fd: number, bytes: Uint8Array, at: number, length: number): number;
  sendTo(fd: number, bytes: Uint8Array, at: number, length: number, to: Uint8Array): number;
  /** recv(2). */
  receive(fd: number, into: Uint8Array, at: number, room: number): number;
  /**
   * recv(2) for who keeps the memory that the bytes are in: they are in `given`, which is the caller's then, or in `into` when that
   * is null.
   */
  receiveKept(fd: number, into: Uint8Array, room: number): number;
  readonly given: Uint8Array | null;
  /** Whom the datagram came from that `receive` has just got there. */
  source(fd: number): Uint8Array | number;
  shutdown(fd: number, how: number): number;
  close(fd: number): void;
  getOption(fd: number, level: number, option: number, length: number): Uint8Array | number;
  setOption(fd: number, level: number, option: number, value: Uint8Array): number;
  /** getsockname(2) and getpeername(2). */
  localName(fd: number): Uint8Array | number;
  peerName(fd: number): Uint8Array | number;
  /** Null when the descriptor is closed. */
  watched(fd: number): Watched | null;

  chmod(path: string, mode: number): number;
  mkdir(path: string, mode: number): number;
  unlink(path: string): number;
  /** A text file of the host, whole; '' when there is no such file, or none that may be read. */
  textOf(path: string): string;

  /** In the order of their indices. */
  interfaces(): readonly InterfaceFacts[];
  hostname(): string;
  /** 32 bits of the host's random source, which nobody on a network can guess. */
  random(): number;

  /** The process ends: its descriptors are closed. `status`: as wait(2) tells it. */
  end(status: number): void;
}
