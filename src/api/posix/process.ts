/**
 * `Process`: the Berkeley calls over one process of a host's kernel, as promises.
 *
 *   const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
 *   await process.connect(fd, sockaddrIn('192.0.2.1', 9502));
 *   await process.write(fd, new TextEncoder().encode('hello\r\n'));
 *
 * Every call is tried at once; only one that blocks makes an operation that waits. Operations are reused: a spare of
 * each kind is kept, so a busy socket allocates little more than the promises themselves.
 *
 * After the loop was stopped (the world has ended) a call that would wait fails with ESRCH: nothing would end its wait.
 */
import { Errno } from '../../base/errno.ts';
import type { Host } from '../../host.ts';
import { type Operation, PENDING } from '../../kernel/operation.ts';
import { PollOperation, SleepOperation } from '../../kernel/poll.ts';
import type { KernelProcess } from '../../kernel/process.ts';
import { Terminal } from '../../kernel/terminal.ts';
import { AcceptOperation, ConnectOperation, LingerOperation, ReceiveOperation, SendOperation } from '../../kernel/transfer.ts';
import { addressFault, bytesOf, described, isForeignBytes, notBytes, vectorFault } from './arguments.ts';
import { Call, FAILED, heldBack } from './call.ts';
import { systemError } from './errors.ts';
import { type Ifaddrs, interfaceAddresses } from './ifaddrs.ts';
import type { NameFiles, NameProcess } from './name-process.ts';
import { CLOCK_MONOTONIC } from './netdb-constants.ts';
import type { MessageHeader, PollFd, PollRequest, ReceivedMessage, Syscalls } from './syscalls.ts';

const NO_BYTES = new Uint8Array(0);
const FULFILLED: Promise<void> = Promise.resolve();

export interface SpawnOptions {
  /** A process whose descriptors the new one inherits (shared descriptions, as after fork). */
  inherit?: Process;
  /** Where writes to descriptors 1 and 2 go; a fresh array for each write. */
  output?: (bytes: Uint8Array) => void;
}

/** What accept resolves to. */
interface Accepted {
  fd: number;
  address: Uint8Array;
}

/** One process of a host. What each call takes, resolves to and fails with stands in full at `Syscalls`. */
export class Process implements Syscalls, NameProcess {
  readonly host: Host;
  /** The synchronous core below this face. */
  readonly core: KernelProcess;
  /** The files that names are read from. */
  readonly nameFiles: NameFiles = { read: (path) => Promise.resolve(this.host.etc.get(path) ?? null) };
  private settledCount = 0;
  private settledPromise: Promise<number> = Promise.resolve(0);
  private spareReceive: Call<ReceiveOperation, number> | null = null;
  private spareSend: Call<SendOperation, number> | null = null;
  private spareAccept: Call<AcceptOperation, Accepted> | null = null;
  private spareConnect: Call<ConnectOperation, void> | null = null;
  private spareLinger: Call<LingerOperation, void> | null = null;

  /** Starts a process on a host. */
  constructor(host: Host, name: string, options: SpawnOptions = {}) {
    this.host = host;
    const terminal = options.output === undefined ? null : new Terminal(options.output);
    this.core = host.kernel.spawn(name, terminal, options.inherit?.core ?? null);
  }

  /** getpid(2). */
  get pid(): number {
    return this.core.pid;
  }

  /**
   * Types bytes at the process's terminal; null is the end of its input. Returns how many were taken: a terminal holds one
   * mebibyte that nobody has read yet, and none when nobody has it open any more. What was not taken has to be fed again.
   */
  feedInput(bytes: Uint8Array | null): number {
    let taken = 0;
    if (bytes === null) this.core.terminal.end();
    else taken = this.core.terminal.feed(bytes);
    this.host.loop.drain();
    return taken;
  }

  /**
   * _exit(2): closes every descriptor and ends what waits with EINTR. Calls after it fail: with EBADF on a descriptor,
   * with ESRCH where none is needed (socket, poll, sleep).
   */
  exit(): void {
    this.core.exit();
  }

  // Plain calls.

  /** socket(2): resolves to a new descriptor. EAFNOSUPPORT, EPROTONOSUPPORT, EMFILE ... */
  socket(domain: number, type: number, protocol: number): Promise<number> {
    return this.value(this.core.socket(domain, type, protocol), 'socket');
  }

  /** bind(2): gives the socket a local address, `sockaddrIn(...)`. EADDRINUSE, EADDRNOTAVAIL, EINVAL ... */
  bind(fd: number, address: Uint8Array): Promise<void> {
    const fault = addressFault('bind', address);
    if (fault !== null) return Promise.reject(fault);
    return this.done(this.core.bind(fd, address), 'bind');
  }

  /** listen(2): takes connections; `backlog` of them may wait for accept. EADDRINUSE, EOPNOTSUPP ... */
  listen(fd: number, backlog: number): Promise<void> {
    return this.done(this.core.listen(fd, backlog), 'listen');
  }

  /** shutdown(2): SHUT_RD, SHUT_WR (sends the FIN) or SHUT_RDWR. ENOTCONN ... */
  shutdown(fd: number, how: number): Promise<void> {
    return this.done(this.core.shutdown(fd, how), 'shutdown');
  }

  /** dup(2): resolves to the lowest free descriptor, of the same description. EBADF, EMFILE. */
  dup(fd: number): Promise<number> {
    return this.value(this.core.dup(fd), 'dup');
  }

  /** dup2(2): makes `to` a descriptor of the same description; resolves to it. EBADF. */
  dup2(fd: number, to: number): Promise<number> {
    return this.value(this.core.dup2(fd, to), 'dup2');
  }

  /** fcntl(2): F_GETFL, F_SETFL (O_NONBLOCK), F_DUPFD ...; resolves to what it returns. EBADF, EINVAL. */
  fcntl(fd: number, command: number, argument = 0): Promise<number> {
    return this.value(this.core.fcntl(fd, command, argument), 'fcntl');
  }

  /** ioctl(2): FIONREAD, FIONBIO ...; resolves to the int behind C's pointer. ENOTTY, EINVAL. */
  ioctl(fd: number, request: number, argument = 0): Promise<number> {
    return this.value(this.core.ioctl(fd, request, argument), 'ioctl');
  }

  /** getsockname(2): resolves to the local address; `readSockaddr` and `formatSockaddr` read it. EBADF, ENOTSOCK. */
  getsockname(fd: number): Promise<Uint8Array> {
    return this.bytes(this.core.localName(fd), 'getsockname');
  }

  /** getpeername(2): resolves to the peer's address. ENOTCONN ... */
  getpeername(fd: number): Promise<Uint8Array> {
    return this.bytes(this.core.peerName(fd), 'getpeername');
  }

  /** getsockopt(2): resolves to the option's bytes, at most `length`. ENOPROTOOPT ... */
  getsockopt(fd: number, level: number, option: number, length: number): Promise<Uint8Array> {
    return this.bytes(this.core.getOption(fd, level, option, length), 'getsockopt');
  }

  /** setsockopt(2): `value` as C lays it out: `int32(1)`, `timeval(0.5)`, `linger(true, 5)`. ENOPROTOOPT, EINVAL ... */
  setsockopt(fd: number, level: number, option: number, value: ArrayBufferView): Promise<void> {
    const bytes = bytesOf(value);
    if (bytes === null) {
      const hint = 'int32(...), timeval(...), linger(...)';
      return Promise.reject(new TypeError(`setsockopt: value must be a Uint8Array (${hint}), not ${described(value)}`));
    }
    return this.done(this.core.setOption(fd, level, option, bytes), 'setsockopt');
  }

  // What getaddrinfo and its kin stand on: see name-process.ts.

  /** getrandom(2): fills `buffer` from the host's random source; resolves to its length. */
  getrandom(buffer: Uint8Array, _flags: number): Promise<number> {
    if (!(buffer instanceof Uint8Array) && !isForeignBytes(buffer)) return Promise.reject(notBytes('getrandom', 'buffer', buffer));
    const { random } = this.host.stack.context;
    for (let i = 0; i < buffer.length; i++) buffer[i] = random.int32();
    return this.value(buffer.length, 'getrandom');
  }

  /** clock_gettime(2), in microseconds, virtual in a world: CLOCK_MONOTONIC. EINVAL. */
  clock_gettime(clock: number): Promise<number> {
    this.host.loop.enter();
    return this.value(clock === CLOCK_MONOTONIC ? this.host.loop.now : -Errno.EINVAL, 'clock_gettime');
  }

  /** gethostname(2). */
  gethostname(): Promise<string> {
    return Promise.resolve(this.host.stack.settings.hostname);
  }

  /** getifaddrs(3): interfaces, their addresses and masks; `readSockaddr` reads those of AF_INET and AF_INET6. */
  getifaddrs(): Promise<Ifaddrs[]> {
    return Promise.resolve(interfaceAddresses(this.host));
  }

  // Calls that may block.

  /** connect(2): resolves when the handshake is over. ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EINPROGRESS (O_NONBLOCK) ... */
  connect(fd: number, address: Uint8Array): Promise<void> {
    if (!(address instanceof Uint8Array)) {
      const fault = addressFault('connect', address);
      if (fault !== null) return Promise.reject(fault);
    }
    const call = this.spareConnect ?? this.connectCall();
    this.spareConnect = null;
    const { operation } = call;
    // The first try reads the address; nobody looks at it while the handshake goes on.
    const bad = this.core.prepareConnect(operation, fd, address);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) return call.pending('connect');
    this.spareConnect = call;
    return this.done(result, 'connect');
  }

  private connectCall(): Call<ConnectOperation, void> {
    return new Call(this.core, new ConnectOperation(this.host.loop, this.core.kernel.timers), (call) => {
      this.spareConnect = call;
      const { result } = call.operation;
      return result < 0 ? FAILED : undefined;
    });
  }

  /** accept(2): resolves to the next connection's descriptor and its peer's address. EAGAIN, EINVAL, EMFILE ... */
  accept(fd: number): Promise<Accepted> {
    return this.acceptAs(fd, 0, 'accept');
  }

  /** accept4(2): accept, with SOCK_NONBLOCK and SOCK_CLOEXEC for the new descriptor. */
  accept4(fd: number, flags: number): Promise<Accepted> {
    return this.acceptAs(fd, flags, 'accept4');
  }

  private acceptAs(fd: number, flags: number, name: string): Promise<Accepted> {
    const call = this.spareAccept ?? this.acceptCall();
    this.spareAccept = null;
    const { operation } = call;
    const bad = this.core.prepareAccept(operation, fd, flags);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) return call.pending(name);
    this.spareAccept = call;
    const outcome = result < 0 ? systemError(result, name) : { fd: result, address: operation.peerName };
    if (this.host.loop.holdsBack()) return heldBack<Accepted>(this.host.loop, outcome);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  }

  private acceptCall(): Call<AcceptOperation, Accepted> {
    return new Call(this.core, new AcceptOperation(this.host.loop, this.core.kernel.timers), (call) => {
      this.spareAccept = call;
      const { result, peerName } = call.operation;
      return result < 0 ? FAILED : { fd: result, address: peerName };
    });
  }

  /** read(2): resolves to how many bytes are in `buffer` now, 0 at the end of the stream. ECONNRESET, EAGAIN ... */
  read(fd: number, buffer: Uint8Array): Promise<number> {
    return this.receive(fd, buffer, 0, false, 'read');
  }

  /** recv(2): read with MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL ... ENOTSOCK, and the errors of read. */
  recv(fd: number, buffer: Uint8Array, flags: number): Promise<number> {
    return this.receive(fd, buffer, flags, true, 'recv');
  }

  private receive(
    fd: number, buffer: Uint8Array, flags: number, needSocket: boolean, name: string, parts: readonly Uint8Array[] | null = null,
  ): Promise<number> {
    if (!(buffer instanceof Uint8Array) && !isForeignBytes(buffer)) return Promise.reject(notBytes(name, 'buffer', buffer));
    const call = this.spareReceive ?? this.receiveCall();
    this.spareReceive = null;
    const { operation } = call;
    const bad = this.core.prepareReceive(operation, fd, buffer, flags, needSocket);
    operation.parts = parts;
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) return call.pending(name);
    this.spareReceive = call;
    operation.buffer = NO_BYTES;
    operation.parts = null;
    return this.value(result, name);
  }

  private receiveCall(): Call<ReceiveOperation, number> {
    return new Call(this.core, new ReceiveOperation(this.host.loop, this.core.kernel.timers), (call) => {
      this.spareReceive = call;
      call.operation.buffer = NO_BYTES;
      call.operation.parts = null;
      return countOf(call);
    });
  }

  /** recvfrom(2): recv that also resolves to the sender's address (empty on a stream). */
  recvfrom(fd: number, buffer: Uint8Array, flags: number): Promise<{ count: number; address: Uint8Array }> {
    return this.receiveMessage(fd, buffer, null, flags, 'recvfrom', (operation) => ({
      count: operation.result,
      address: sourceBytes(operation),
    }));
  }

  /** recvmsg(2): recvfrom into several buffers; the result's `flags` may hold MSG_TRUNC. */
  recvmsg(fd: number, iov: Uint8Array[], flags: number, nameLength = 128, _controlLength = 0): Promise<ReceivedMessage> {
    const fault = vectorFault('recvmsg', iov);
    if (fault !== null) return Promise.reject(fault);
    const buffer = iov.length === 1 ? (iov[0] as Uint8Array) : new Uint8Array(iov.reduce((sum, part) => sum + part.length, 0));
    return this.receiveMessage<ReceivedMessage>(fd, buffer, iov.length === 1 ? null : iov, flags, 'recvmsg', (operation) => {
      if (iov.length !== 1 && !scatter(buffer, Math.min(operation.result, buffer.length), iov)) {
        return systemError(-Errno.EFAULT, 'recvmsg');
      }
      return {
        count: operation.result,
        name: sourceBytes(operation).slice(0, nameLength),
        control: NO_BYTES,
        flags: operation.received.flags,
      };
    });
  }

  private receiveMessage<T>(
    fd: number, buffer: Uint8Array, parts: readonly Uint8Array[] | null, flags: number, name: string,
    shape: (operation: ReceiveOperation) => T | Error,
  ): Promise<T> {
    if (!(buffer instanceof Uint8Array) && !isForeignBytes(buffer)) return Promise.reject(notBytes(name, 'buffer', buffer));
    const operation = new ReceiveOperation(this.host.loop, this.core.kernel.timers);
    const bad = this.core.prepareReceive(operation, fd, buffer, flags, true);
    operation.parts = parts;
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) {
      const finish = (): T | typeof FAILED => {
        const made = operation.result < 0 ? FAILED : shape(operation);
        if (!(made instanceof Error)) return made;
        operation.result = -Errno.EFAULT;
        return FAILED;
      };
      return new Call<ReceiveOperation, T>(this.core, operation, finish).pending(name);
    }
    const outcome = result < 0 ? systemError(result, name) : shape(operation);
    if (this.host.loop.holdsBack()) return heldBack<T>(this.host.loop, outcome);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  }

  /** readv(2): read into several buffers, one after the other. */
  readv(fd: number, iov: Uint8Array[]): Promise<number> {
    const fault = vectorFault('readv', iov);
    if (fault !== null) return Promise.reject(fault);
    if (iov.length === 1) return this.receive(fd, iov[0] as Uint8Array, 0, false, 'readv');
    const buffer = new Uint8Array(iov.reduce((sum, part) => sum + part.length, 0));
    return this.receive(fd, buffer, 0, false, 'readv', iov).then((count) => {
      if (!scatter(buffer, count, iov)) throw systemError(-Errno.EFAULT, 'readv');
      return count;
    });
  }

  /** write(2): resolves to the number of bytes taken; waits while the send buffer is full. EPIPE, ECONNRESET, EAGAIN ... */
  write(fd: number, buffer: Uint8Array): Promise<number> {
    return this.transmit(fd, buffer, 0, null, false, 'write');
  }

  /** send(2): write with MSG_DONTWAIT, MSG_MORE, MSG_OOB ... ENOTSOCK, and the errors of write. */
  send(fd: number, buffer: Uint8Array, flags: number): Promise<number> {
    return this.transmit(fd, buffer, flags, null, true, 'send');
  }

  /** sendto(2): send to `address`; null for the connected peer. EHOSTUNREACH, EMSGSIZE, EISCONN ... */
  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): Promise<number> {
    return this.transmit(fd, buffer, flags, address, true, 'sendto');
  }

  /** writev(2): writes several buffers as one. */
  writev(fd: number, iov: Uint8Array[]): Promise<number> {
    const fault = vectorFault('writev', iov);
    if (fault !== null) return Promise.reject(fault);
    const all = gather(iov);
    // Nothing to write is nothing to do (vfs_writev), where write(2) of nothing sends an empty datagram.
    if (all.length === 0 && this.core.file(fd) !== null) return Promise.resolve(0);
    return this.transmit(fd, all, 0, null, false, 'writev');
  }

  /** sendmsg(2): sendto from several buffers. EINVAL for control data, which is not there yet. */
  sendmsg(fd: number, message: MessageHeader, flags: number): Promise<number> {
    const fault = vectorFault('sendmsg', message?.iov);
    if (fault !== null) return Promise.reject(fault);
    const control = message.control;
    if (control !== undefined && control !== null && control.length > 0) {
      return Promise.reject(systemError(-Errno.EINVAL, 'sendmsg'));
    }
    const name = message.name !== undefined && message.name !== null && message.name.length !== 0 ? message.name : null;
    return this.transmit(fd, gather(message.iov), flags, name, true, 'sendmsg');
  }

  private transmit(
    fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null, needSocket: boolean, name: string,
  ): Promise<number> {
    if (!(buffer instanceof Uint8Array) && !isForeignBytes(buffer)) return Promise.reject(notBytes(name, 'buffer', buffer));
    if (address !== null && !(address instanceof Uint8Array)) {
      const fault = addressFault(name, address);
      if (fault !== null) return Promise.reject(fault);
    }
    const call = this.spareSend ?? this.sendCall();
    this.spareSend = null;
    const { operation } = call;
    const bad = this.core.prepareSend(operation, fd, buffer, flags, address, needSocket);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) return call.pending(name);
    this.spareSend = call;
    operation.buffer = NO_BYTES;
    return this.value(result, name);
  }

  private sendCall(): Call<SendOperation, number> {
    return new Call(this.core, new SendOperation(this.host.loop, this.core.kernel.timers), (call) => {
      this.spareSend = call;
      call.operation.buffer = NO_BYTES;
      return countOf(call);
    });
  }

  /** poll(2): resolves to the number of ready descriptors and fills in `revents`; the timeout in ms, -1 for ever. */
  poll(fds: PollRequest[], timeoutMs: number): Promise<number> {
    const operation = new PollOperation(this.host.loop, this.core.kernel.timers);
    const bad = this.core.preparePoll(operation, fds as PollFd[], timeoutMs);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.value(result, 'poll');
    return new Call<PollOperation, number>(this.core, operation, countOf).pending('poll');
  }

  /** close(2): lets the descriptor go; the last one of a description sends the FIN. Waits only with SO_LINGER. EBADF. */
  close(fd: number): Promise<void> {
    const call = this.spareLinger ?? this.lingerCall();
    this.spareLinger = null;
    const result = this.core.close(fd, call.operation);
    if (result === PENDING) return call.pending('close');
    this.spareLinger = call;
    return this.done(result, 'close');
  }

  private lingerCall(): Call<LingerOperation, void> {
    return new Call(this.core, new LingerOperation(this.host.loop, this.core.kernel.timers), (call) => {
      this.spareLinger = call;
      return undefined;
    });
  }

  /** nanosleep(2), in microseconds: the host's time, virtual in a world. Infinity is pause(2). */
  sleep(us: number): Promise<void> {
    const operation = new SleepOperation(this.host.loop, this.core.kernel.timers);
    const bad = this.core.prepareSleep(operation, us);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.done(result, 'nanosleep');
    const finish = (): void | typeof FAILED => (operation.result < 0 ? FAILED : undefined);
    return new Call<SleepOperation, void>(this.core, operation, finish).pending('nanosleep');
  }

  private value(result: number, name: string): Promise<number> {
    if (this.host.loop.holdsBack()) return heldBack<number>(this.host.loop, result < 0 ? systemError(result, name) : result);
    if (result < 0) return Promise.reject(systemError(result, name));
    // Calls that do not wait mostly have the count of the call before: the same resolved promise serves again.
    if (result !== this.settledCount) {
      this.settledCount = result;
      this.settledPromise = Promise.resolve(result);
    }
    return this.settledPromise;
  }

  private done(result: number, name: string): Promise<void> {
    if (this.host.loop.holdsBack()) return heldBack<void>(this.host.loop, result < 0 ? systemError(result, name) : undefined);
    return result < 0 ? Promise.reject(systemError(result, name)) : FULFILLED;
  }

  private bytes(result: Uint8Array | number, name: string): Promise<Uint8Array> {
    if (this.host.loop.holdsBack()) return heldBack<Uint8Array>(this.host.loop, typeof result === 'number' ? systemError(result, name) : result);
    return typeof result === 'number' ? Promise.reject(systemError(result, name)) : Promise.resolve(result);
  }
}

/** The count an operation ended with. */
function countOf(call: { readonly operation: Operation }): number | typeof FAILED {
  const { result } = call.operation;
  return result < 0 ? FAILED : result;
}

function sourceBytes({ file, received }: ReceiveOperation): Uint8Array {
  return file?.socket?.sourceName(received) ?? NO_BYTES;
}

function gather(iov: Uint8Array[]): Uint8Array {
  if (iov.length === 1) return iov[0] as Uint8Array;
  const all = new Uint8Array(iov.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of iov) {
    // `set` throws on a transferred array.
    if (part.length > 0) all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Copies to the caller's buffers; false when they have become too short meanwhile (one was transferred). */
function scatter(from: Uint8Array, count: number, iov: Uint8Array[]): boolean {
  let at = 0;
  for (const part of iov) {
    if (at >= count) return true;
    const n = Math.min(part.length, count - at);
    // `set` throws on a transferred array, whatever it is to copy.
    if (n === 0) continue;
    part.set(from.subarray(at, at + n));
    at += n;
  }
  return at >= count;
}
