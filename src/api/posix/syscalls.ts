/**
 * The Berkeley calls as promises: the interface of `Process`, and of the agent that makes the same calls on a real
 * Linux kernel. Shapes are those of the man pages with these differences: results come as values, errors as `Error`
 * with `code`, `errno` (negative, as Node spells it) and `syscall`; buffers are Uint8Arrays, their length is the count.
 *
 * Socket addresses are bytes, exactly as C lays them out on a little-endian machine (`sockaddrIn`, `sockaddrIn6`).
 */

import type { BatchSyscalls } from './batch-syscalls.ts';
import type { EventSyscalls } from './event-syscalls.ts';
import type { FileSyscalls } from './file-syscalls.ts';
import type { IpcSyscalls } from './ipc-syscalls.ts';
import type { CredentialSyscalls, ProcessSyscalls } from './process-syscalls.ts';
import type { SignalSyscalls } from './signal-syscalls.ts';
import type { SpliceSyscalls } from './splice-syscalls.ts';

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

/** Each call's man page section stands before it; see the file's head for what differs from C. */
export interface Syscalls
  extends BatchSyscalls, FileSyscalls, EventSyscalls, IpcSyscalls, SpliceSyscalls, SignalSyscalls, ProcessSyscalls, CredentialSyscalls {
  /**
   * socket(2): makes a socket; resolves to its descriptor, the lowest that is free.
   *
   * `domain` AF_INET, AF_INET6, AF_UNIX, AF_PACKET or AF_NETLINK; `type` SOCK_STREAM, SOCK_DGRAM, SOCK_RAW or (AF_UNIX)
   * SOCK_SEQPACKET, with SOCK_NONBLOCK and SOCK_CLOEXEC; `protocol` 0, or one of the family's. Errors: EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EINVAL, EMFILE.
   */
  socket(domain: number, type: number, protocol: number): Promise<number>;
  /**
   * socketpair(2): two sockets that are connected to each other; resolves to their descriptors. AF_UNIX alone has it.
   *
   * Errors: EOPNOTSUPP (another family), and those of socket.
   */
  socketpair(domain: number, type: number, protocol: number): Promise<[number, number]>;
  /**
   * bind(2): gives the socket a local address, `sockaddrIn('192.0.2.2', 80)`; port 0 is any that is free. On AF_UNIX
   * `sockaddrUn('/tmp/log')` makes a node in the file system, `sockaddrUn('\0name')` none, `sockaddrUn('')` chooses a name.
   *
   * Errors: EADDRINUSE, EADDRNOTAVAIL, EACCES, EAFNOSUPPORT, EINVAL (bound already), ENOENT, ENOTDIR, EBADF, ENOTSOCK.
   */
  bind(fd: number, address: Uint8Array): Promise<void>;
  /**
   * listen(2): makes a stream socket take connections; `backlog` is how many may wait for accept.
   *
   * Errors: EADDRINUSE, EINVAL (connected), EOPNOTSUPP (no stream), EBADF, ENOTSOCK.
   */
  listen(fd: number, backlog: number): Promise<void>;
  /**
   * connect(2): resolves when the handshake is over (SOCK_STREAM), or sets the peer (SOCK_DGRAM).
   *
   * Errors: ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EISCONN, EALREADY, EADDRNOTAVAIL, EAFNOSUPPORT, EINTR;
   * EINPROGRESS with O_NONBLOCK: poll for POLLOUT, then read SO_ERROR.
   */
  connect(fd: number, address: Uint8Array): Promise<void>;
  /**
   * accept(2): resolves to the descriptor of the next connection and its peer's address (`formatSockaddr` prints it).
   *
   * Errors: EAGAIN (O_NONBLOCK, SO_RCVTIMEO), EINVAL (not listening), EMFILE, EOPNOTSUPP, EBADF, ENOTSOCK, EINTR.
   */
  accept(fd: number): Promise<{ fd: number; address: Uint8Array }>;
  /** accept4(2): accept, with SOCK_NONBLOCK and SOCK_CLOEXEC for the new descriptor. Errors: those of accept. */
  accept4(fd: number, flags: number): Promise<{ fd: number; address: Uint8Array }>;
  /**
   * read(2): resolves to the number of bytes put at the front of `buffer`, 0 at the end of the stream.
   *
   * Waits until there is something. Errors: EAGAIN (O_NONBLOCK, SO_RCVTIMEO), ECONNRESET, ECONNREFUSED, ETIMEDOUT,
   * ENOTCONN, EBADF, EINTR.
   */
  read(fd: number, buffer: Uint8Array): Promise<number>;
  /**
   * write(2): resolves to the number of bytes taken, which are all of them unless O_NONBLOCK or an error cuts it short.
   *
   * Waits while the send buffer is full. `buffer` may be used again as soon as this resolves. Errors: EPIPE, ECONNRESET,
   * EAGAIN (O_NONBLOCK, SO_SNDTIMEO), ENOTCONN, EDESTADDRREQ, EMSGSIZE, EBADF, EINTR.
   */
  write(fd: number, buffer: Uint8Array): Promise<number>;
  /** readv(2): read into several buffers, one after the other; resolves to the number of bytes. Errors: those of read. */
  readv(fd: number, iov: Uint8Array[]): Promise<number>;
  /** writev(2): writes several buffers as one; resolves to the number of bytes. Errors: those of write. */
  writev(fd: number, iov: Uint8Array[]): Promise<number>;
  /**
   * recv(2): read with `flags`: MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL, MSG_TRUNC, MSG_OOB.
   *
   * Errors: those of read, and ENOTSOCK.
   */
  recv(fd: number, buffer: Uint8Array, flags: number): Promise<number>;
  /** send(2): write with `flags`: MSG_DONTWAIT, MSG_MORE, MSG_OOB, MSG_NOSIGNAL. Errors: those of write, and ENOTSOCK. */
  send(fd: number, buffer: Uint8Array, flags: number): Promise<number>;
  /** recvfrom(2): recv that also resolves to the sender's address (empty on a stream). Errors: those of recv. */
  recvfrom(fd: number, buffer: Uint8Array, flags: number): Promise<{ count: number; address: Uint8Array }>;
  /**
   * sendto(2): send to `address`; null for the connected peer.
   *
   * Errors: those of send, and EHOSTUNREACH, ENETUNREACH, EACCES (broadcast without SO_BROADCAST), EAFNOSUPPORT, EISCONN,
   * EINVAL.
   */
  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): Promise<number>;
  /**
   * recvmsg(2): recvfrom into several buffers; `flags` of the result may hold MSG_TRUNC. `nameLength` and `controlLength`:
   * room for the address and for control data, in bytes; `readControl` reads what came: descriptors (SCM_RIGHTS; they are
   * open in this process now) and who sent it (SCM_CREDENTIALS, with SO_PASSCRED), both of AF_UNIX. MSG_CTRUNC in `flags`:
   * there was more. Errors: those of recv.
   */
  recvmsg(
    fd: number, iov: Uint8Array[], flags: number, nameLength?: number, controlLength?: number,
  ): Promise<ReceivedMessage>;
  /**
   * sendmsg(2): sendto from several buffers, with control data: `rightsMessage(fd)`, `credentialsMessage(...)`, or several in
   * one `controlData(...)`. Errors: those of sendto, EINVAL (control data), EBADF (a descriptor in it), EPERM (credentials),
   * ETOOMANYREFS.
   */
  sendmsg(fd: number, message: MessageHeader, flags: number): Promise<number>;
  /** shutdown(2): SHUT_RD, SHUT_WR (sends the FIN) or SHUT_RDWR. Errors: ENOTCONN, EINVAL, EBADF, ENOTSOCK. */
  shutdown(fd: number, how: number): Promise<void>;
  /**
   * close(2): lets the descriptor go; the last one of a description sends the FIN.
   *
   * Waits only with SO_LINGER. Errors: EBADF.
   */
  close(fd: number): Promise<void>;
  /** dup(2): resolves to the lowest free descriptor, of the same description. Errors: EBADF, EMFILE. */
  dup(fd: number): Promise<number>;
  /** dup2(2): makes `to` a descriptor of the same description, closing what it was; resolves to it. Errors: EBADF. */
  dup2(fd: number, to: number): Promise<number>;
  /** dup3(2): dup2 with O_CLOEXEC in `flags`. Errors: EBADF, EINVAL (`fd` is `to`). */
  dup3(fd: number, to: number, flags: number): Promise<number>;
  /** close_range(2): closes `first` to `last`, or marks them with CLOSE_RANGE_CLOEXEC. Errors: EINVAL. */
  close_range(first: number, last: number, flags: number): Promise<void>;
  /** getsockname(2): resolves to the local address. Errors: EBADF, ENOTSOCK. */
  getsockname(fd: number): Promise<Uint8Array>;
  /** getpeername(2): resolves to the peer's address. Errors: ENOTCONN, EBADF, ENOTSOCK. */
  getpeername(fd: number): Promise<Uint8Array>;
  /**
   * getsockopt(2): resolves to the option's bytes, at most `length`. Options that read what C's memory holds (IP_MSFILTER,
   * MCAST_MSFILTER) take those bytes instead. Errors: ENOPROTOOPT, EINVAL, EBADF, ENOTSOCK.
   */
  getsockopt(fd: number, level: number, option: number, length: number | Uint8Array): Promise<Uint8Array>;
  /**
   * setsockopt(2): `value` is the bytes of what C passes: `int32(1)`, `timeval(0.5)`, `linger(true, 5)`.
   *
   * Errors: ENOPROTOOPT, EINVAL, EDOM (a time), EBADF, ENOTSOCK.
   */
  setsockopt(fd: number, level: number, option: number, value: ArrayBufferView): Promise<void>;
  /**
   * fcntl(2): F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC, and for SIGIO and SIGURG F_GETOWN, F_SETOWN,
   * F_GETSIG, F_SETSIG; resolves to what it returns.
   *
   * Errors: EBADF, EINVAL, EMFILE, ESRCH (F_SETOWN).
   */
  fcntl(fd: number, command: number, argument?: number): Promise<number>;
  /**
   * poll(2): resolves to the number of descriptors that are ready, 0 after the timeout, and fills in `revents`.
   *
   * The timeout is in whole milliseconds, as C's int; -1 for ever, and so is Infinity. Errors: EINVAL (too many), EINTR.
   */
  poll(fds: PollRequest[], timeoutMs: number): Promise<number>;
  /**
   * ioctl(2): FIONREAD, SIOCATMARK, SIOCOUTQ ...; resolves to the int that C finds behind the pointer. What FIONBIO and
   * FIOASYNC find there is `argument`, 0 when it is left out: 0 is off.
   *
   * Errors: ENOTTY, EINVAL, EBADF.
   */
  ioctl(fd: number, request: number, argument?: number): Promise<number>;
}
