/**
 * The Berkeley calls as promises: the interface of `Process`, and of the agent that makes the same calls on a real
 * Linux kernel. Shapes are those of the man pages with these differences: results come as values, errors as `Error`
 * with `code`, `errno` (negative, as Node spells it) and `syscall`; buffers are Uint8Arrays, their length is the count.
 *
 * Socket addresses are bytes, exactly as C lays them out on a little-endian machine (`sockaddrIn`, `sockaddrIn6`).
 */

/** The error that a failed call rejects with. */
export interface SystemError extends Error {
  /** `ECONNREFUSED` ... */
  code: string;
  /** Negative error number. */
  errno: number;
  /** Name of the call. */
  syscall: string;
}

/** A `struct msghdr`. */
export interface MessageHeader {
  name?: Uint8Array | null;
  iov: Uint8Array[];
  control?: Uint8Array | null;
}

/** What recvmsg(2) leaves in its msghdr. */
export interface ReceivedMessage {
  count: number;
  name: Uint8Array;
  control: Uint8Array;
  flags: number;
}

/** A `struct pollfd` as poll(2) leaves it. */
export interface PollFd {
  fd: number;
  /** What is waited for: POLLIN, POLLOUT ... */
  events: number;
  /** What there is, POLLERR, POLLHUP and POLLNVAL unasked. */
  revents: number;
}

/** A `struct pollfd` on its way in: `revents` may be left out, and is filled in. */
export interface PollRequest {
  fd: number;
  events: number;
  revents?: number;
}

export interface Syscalls {
  socket(domain: number, type: number, protocol: number): Promise<number>;
  bind(fd: number, address: Uint8Array): Promise<void>;
  listen(fd: number, backlog: number): Promise<void>;
  connect(fd: number, address: Uint8Array): Promise<void>;
  accept(fd: number): Promise<{ fd: number; address: Uint8Array }>;
  accept4(fd: number, flags: number): Promise<{ fd: number; address: Uint8Array }>;
  read(fd: number, buffer: Uint8Array): Promise<number>;
  write(fd: number, buffer: Uint8Array): Promise<number>;
  readv(fd: number, iov: Uint8Array[]): Promise<number>;
  writev(fd: number, iov: Uint8Array[]): Promise<number>;
  recv(fd: number, buffer: Uint8Array, flags: number): Promise<number>;
  send(fd: number, buffer: Uint8Array, flags: number): Promise<number>;
  recvfrom(fd: number, buffer: Uint8Array, flags: number): Promise<{ count: number; address: Uint8Array }>;
  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): Promise<number>;
  /** `controlLength`: room for control data in bytes. */
  recvmsg(
    fd: number, iov: Uint8Array[], flags: number, nameLength?: number, controlLength?: number,
  ): Promise<ReceivedMessage>;
  sendmsg(fd: number, message: MessageHeader, flags: number): Promise<number>;
  shutdown(fd: number, how: number): Promise<void>;
  close(fd: number): Promise<void>;
  dup(fd: number): Promise<number>;
  dup2(fd: number, to: number): Promise<number>;
  getsockname(fd: number): Promise<Uint8Array>;
  getpeername(fd: number): Promise<Uint8Array>;
  /** Returns the option's bytes, at most `length`. */
  getsockopt(fd: number, level: number, option: number, length: number): Promise<Uint8Array>;
  setsockopt(fd: number, level: number, option: number, value: ArrayBufferView): Promise<void>;
  /** F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC. */
  fcntl(fd: number, command: number, argument?: number): Promise<number>;
  /**
   * Timeout in whole milliseconds, as C's int; -1 for ever, and so is Infinity. Fills `revents`; resolves to the number
   * of ready descriptors.
   */
  poll(fds: PollRequest[], timeoutMs: number): Promise<number>;
  /** FIONREAD, SIOCATMARK, SIOCOUTQ ...: resolves to the int that C finds behind the pointer. */
  ioctl(fd: number, request: number): Promise<number>;
}
