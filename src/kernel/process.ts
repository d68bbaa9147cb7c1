/**
 * A process: its descriptor table and its system calls.
 *
 * Calls are synchronous and return a count >= 0 or a negative errno; those that may block return PENDING and settle
 * their operation later. `api/posix` wraps them in promises, `api/node` calls them as they are. Calls that may send, wake
 * somebody or set a timer drain the run loop at their end; those that only look, or change a flag or a descriptor's
 * number, have nothing for it.
 */
import { Errno } from '../base/errno.ts';
import { F, FD_CLOEXEC, IOCTL, O, SOCK } from '../socket/constants.ts';
import { createSocket, resolveProtocol } from '../socket/create.ts';
import { getOption, setOption } from '../socket/options.ts';
import type { Socket } from '../socket/socket.ts';
import type { ReceiveResult } from '../transport/endpoint.ts';
import { isWithin, toInt } from './int.ts';
import type { Kernel } from './kernel.ts';
import { OpenFile } from './open-file.ts';
import type { Operation } from './operation.ts';
import type { PollEntry, PollOperation, SleepOperation } from './poll.ts';
import type { Terminal } from './terminal.ts';
import type { AcceptOperation, ConnectOperation, LingerOperation, ReceiveOperation, SendOperation } from './transfer.ts';

/** fs.nr_open, to which RLIMIT_NOFILE can be raised: its usual soft limit of 1024 is there for select(2)'s bit masks. */
const MAX_DESCRIPTORS = 1048576;
/** sizeof(struct sockaddr_storage): a longer address is refused before anybody looks at it. */
const MAX_ADDRESS_LEN = 128;

export class KernelProcess {
  readonly kernel: Kernel;
  readonly pid: number;
  readonly name: string;
  /** The standard streams' terminal; shared by 0, 1 and 2 and by children that inherit them. */
  readonly terminal: Terminal;
  /** RLIMIT_NOFILE. */
  maxDescriptors = MAX_DESCRIPTORS;
  /** Null is free. Undefined is reserved by an accept under way: nobody else gets the number, and it is not open. */
  private readonly files: (OpenFile | null | undefined)[] = [];
  private readonly closeOnExec: boolean[] = [];
  /** No descriptor below this one is free: keeps "lowest free number" cheap. */
  private lowestFree = 0;
  private firstWaiting: Operation | null = null;
  exited = false;

  constructor(kernel: Kernel, pid: number, name: string, terminal: Terminal, inheritFrom: KernelProcess | null) {
    this.kernel = kernel;
    this.pid = pid;
    this.name = name;
    this.terminal = terminal;
    if (inheritFrom !== null) {
      for (let fd = 0; fd < inheritFrom.files.length; fd++) {
        const file = inheritFrom.file(fd);
        this.files.push(file);
        this.closeOnExec.push(inheritFrom.closeOnExec[fd] === true);
        if (file !== null) file.hold();
      }
      this.findLowest(0);
    } else {
      const file = new OpenFile(terminal);
      for (let fd = 0; fd < 3; fd++) this.install(file, false);
    }
  }

  // Descriptors.

  /** The description behind a descriptor; null is EBADF. */
  file(fd: number): OpenFile | null {
    // Only whole numbers are descriptors: '1' would find one too, and 'length' something that is none.
    return fd >>> 0 === fd && fd < this.files.length ? (this.files[fd] ?? null) : null;
  }

  /** Open descriptors, for `/proc/PID/fd` and leak tests. */
  *descriptors(): IterableIterator<[number, OpenFile]> {
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd];
      if (file !== null && file !== undefined) yield [fd, file];
    }
  }

  /** Puts a description into the lowest free descriptor >= `from`, or -EMFILE, -ESRCH. Takes a reference. */
  install(file: OpenFile, closeOnExec: boolean, from = 0): number {
    const fd = this.reserve(from);
    if (fd >= 0) this.fill(fd, file, closeOnExec);
    return fd;
  }

  /** Takes the lowest free descriptor >= `from` off the market, or -EMFILE. Ends with `fill` or `giveBack`. */
  reserve(from = 0): number {
    if (this.exited) return -Errno.ESRCH;
    let fd = from > this.lowestFree ? from : this.lowestFree;
    while (fd < this.files.length && this.files[fd] !== null) fd++;
    if (fd >= this.maxDescriptors) return -Errno.EMFILE;
    while (this.files.length < fd) this.files.push(null);
    this.files[fd] = undefined;
    if (fd === this.lowestFree) this.findLowest(fd + 1);
    return fd;
  }

  /** A reserved descriptor gets its description. Takes a reference. */
  fill(fd: number, file: OpenFile, closeOnExec: boolean): void {
    this.files[fd] = file;
    this.closeOnExec[fd] = closeOnExec;
    file.hold();
  }

  /** A reserved descriptor is free again. */
  giveBack(fd: number): void {
    this.files[fd] = null;
    if (fd < this.lowestFree) this.lowestFree = fd;
  }

  private findLowest(from: number): void {
    let fd = from;
    while (fd < this.files.length && this.files[fd] !== null) fd++;
    this.lowestFree = fd;
  }

  private remove(fd: number): OpenFile {
    const file = this.files[fd] as OpenFile;
    this.giveBack(fd);
    return file;
  }

  /** The socket behind `fd`, or -EBADF, -ENOTSOCK. */
  private socketAt(fd: number): Socket | number {
    const file = this.file(fd);
    if (file === null) return -Errno.EBADF;
    return file.socket ?? -Errno.ENOTSOCK;
  }

  private end(result: number): number {
    this.kernel.loop.drain();
    return result;
  }

  // Sockets.

  socket(domain: number, type: number, protocol: number): number {
    if (this.exited) return -Errno.ESRCH;
    const kind = type & 0xf;
    if ((type & ~0xf & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) !== 0) return -Errno.EINVAL;
    const chosen = resolveProtocol(domain, kind, protocol);
    if (chosen < 0) return chosen;
    const file = new OpenFile(createSocket(this.kernel.stack, domain, kind, chosen));
    file.nonBlocking = (type & SOCK.NONBLOCK) !== 0;
    const fd = this.install(file, (type & SOCK.CLOEXEC) !== 0);
    if (fd < 0) file.operations.release();
    return fd;
  }

  bind(fd: number, address: Uint8Array): number {
    const socket = this.socketAt(fd);
    if (typeof socket === 'number') return socket;
    if (address.length > MAX_ADDRESS_LEN) return -Errno.EINVAL;
    this.kernel.loop.enter();
    return this.end(socket.bind(address));
  }

  listen(fd: number, backlog: number): number {
    const socket = this.socketAt(fd);
    if (typeof socket === 'number') return socket;
    this.kernel.loop.enter();
    return this.end(socket.listen(toInt(backlog)));
  }

  /** Prepares connect(2): 0, or the negative errno of a descriptor or address that will not do. */
  prepareConnect(operation: ConnectOperation, fd: number, address: Uint8Array): number {
    const socket = this.socketAt(fd);
    if (typeof socket === 'number') return socket;
    if (address.length > MAX_ADDRESS_LEN) return -Errno.EINVAL;
    operation.prepare(this.files[fd] as OpenFile, address);
    return 0;
  }

  /**
   * accept(2), accept4(2). The descriptor is reserved before anything else (__sys_accept4_file): a process at its limit
   * hears EMFILE although nothing waits, and no connection is lost for want of a number.
   */
  prepareAccept(operation: AcceptOperation, fd: number, flags: number): number {
    const file = this.file(fd);
    if (file === null) return -Errno.EBADF;
    if ((flags & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) !== 0) return -Errno.EINVAL;
    const reserved = this.reserve();
    if (reserved < 0) return reserved;
    if (file.socket === null) {
      this.giveBack(reserved);
      return -Errno.ENOTSOCK;
    }
    operation.prepare(file, this, reserved, flags);
    return 0;
  }

  /** recv(2) and read(2) alike; `needSocket` is ENOTSOCK's difference. */
  prepareReceive(operation: ReceiveOperation, fd: number, buffer: Uint8Array, flags: number, needSocket: boolean): number {
    const file = this.file(fd);
    if (file === null) return -Errno.EBADF;
    if (needSocket && file.socket === null) return -Errno.ENOTSOCK;
    operation.prepare(file, buffer, flags);
    operation.emptyReads = !needSocket;
    return 0;
  }

  prepareSend(
    operation: SendOperation, fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null, needSocket: boolean,
  ): number {
    const file = this.file(fd);
    if (file === null) return -Errno.EBADF;
    if (needSocket && file.socket === null) return -Errno.ENOTSOCK;
    if (address !== null && address.length > MAX_ADDRESS_LEN) return -Errno.EINVAL;
    operation.prepare(file, buffer, flags, address);
    return 0;
  }

  preparePoll(operation: PollOperation, entries: PollEntry[], timeoutMs: number): number {
    if (this.exited) return -Errno.ESRCH;
    if (entries.length > this.maxDescriptors) return -Errno.EINVAL;
    operation.prepare(entries, this, timeoutMs);
    return 0;
  }

  prepareSleep(operation: SleepOperation, us: number): number {
    return this.exited ? -Errno.ESRCH : operation.prepare(us);
  }

  /** A try without waiting: the count, or a negative errno (-EAGAIN). For callers that wait by readiness. */
  tryReceive(fd: number, buffer: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
    const socket = this.socketAt(fd);
    if (typeof socket === 'number') return socket;
    if (!isWithin(buffer, at, length)) return -Errno.EFAULT;
    this.kernel.loop.enter();
    return this.end(socket.receive(buffer, at, length, flags, result));
  }

  /** Likewise for sending. */
  trySend(fd: number, buffer: Uint8Array, at: number, length: number, flags: number): number {
    const socket = this.socketAt(fd);
    if (typeof socket === 'number') return socket;
    if (!isWithin(buffer, at, length)) return -Errno.EFAULT;
    this.kernel.loop.enter();
    return this.end(socket.send(buffer, at, length, flags));
  }

  shutdown(fd: number, how: number): number {
    const socket = this.socketAt(fd);
    if (typeof socket === 'number') return socket;
    this.kernel.loop.enter();
    return this.end(socket.shutdown(how));
  }

  localName(fd: number): Uint8Array | number {
    const socket = this.socketAt(fd);
    return typeof socket === 'number' ? socket : socket.localName();
  }

  peerName(fd: number): Uint8Array | number {
    const socket = this.socketAt(fd);
    return typeof socket === 'number' ? socket : socket.peerName();
  }

  getOption(fd: number, level: number, option: number, length: number): Uint8Array | number {
    const socket = this.socketAt(fd);
    return typeof socket === 'number' ? socket : getOption(socket, level, option, length);
  }

  setOption(fd: number, level: number, option: number, value: Uint8Array): number {
    const socket = this.socketAt(fd);
    if (typeof socket === 'number') return socket;
    this.kernel.loop.enter();
    return this.end(setOption(socket, level, option, value));
  }

  // Descriptor calls.

  /**
   * close(2), first half. Returns 0, a negative errno, or PENDING with `linger` started when SO_LINGER makes the call
   * wait for the last data to be acknowledged: O_NONBLOCK does not spare anybody that (inet_release).
   */
  close(fd: number, linger: LingerOperation): number {
    const file = this.file(fd);
    if (file === null) return -Errno.EBADF;
    this.kernel.loop.enter();
    this.remove(fd);
    const socket = file.socket;
    const seconds = socket === null ? -1 : socket.lingerSeconds;
    if (socket !== null && seconds > 0 && file.refs === 1) {
      file.letGo();
      linger.prepare(socket, seconds);
      return linger.start();
    }
    file.letGo();
    return this.end(0);
  }

  dup(fd: number): number {
    const file = this.file(fd);
    return file === null ? -Errno.EBADF : this.install(file, false);
  }

  dup2(fd: number, to: number): number {
    const file = this.file(fd);
    if (file === null || to >>> 0 !== to || to >= this.maxDescriptors) return -Errno.EBADF;
    if (fd === to) return to;
    while (this.files.length <= to) this.files.push(null);
    if (this.files[to] === undefined) return -Errno.EBUSY;
    this.kernel.loop.enter();
    const old = this.file(to);
    this.fill(to, file, false);
    if (to === this.lowestFree) this.findLowest(to + 1);
    if (old !== null) old.letGo();
    return this.end(to);
  }

  fcntl(fd: number, command: number, argument: number): number {
    const file = this.file(fd);
    if (file === null) return -Errno.EBADF;
    switch (command) {
      case F.DUPFD:
      case F.DUPFD_CLOEXEC:
        if (argument < 0 || argument >= this.maxDescriptors) return -Errno.EINVAL;
        return this.install(file, command === F.DUPFD_CLOEXEC, toInt(argument));
      case F.GETFD:
        return this.closeOnExec[fd] === true ? FD_CLOEXEC : 0;
      case F.SETFD:
        this.closeOnExec[fd] = (argument & FD_CLOEXEC) !== 0;
        return 0;
      case F.GETFL:
        return file.operations.accessMode | (file.nonBlocking ? O.NONBLOCK : 0) | (file.append ? O.APPEND : 0);
      case F.SETFL:
        file.nonBlocking = (argument & O.NONBLOCK) !== 0;
        file.append = (argument & O.APPEND) !== 0;
        return 0;
      default:
        return -Errno.EINVAL;
    }
  }

  ioctl(fd: number, request: number, argument: number): number {
    const file = this.file(fd);
    if (file === null) return -Errno.EBADF;
    if (request === IOCTL.FIONBIO) {
      file.nonBlocking = argument !== 0;
      return 0;
    }
    return file.operations.control(request);
  }

  // Life.

  /** An operation of this process waits; `exit` interrupts it. */
  began(operation: Operation): void {
    const first = this.firstWaiting;
    operation.nextOfProcess = first;
    operation.previousOfProcess = null;
    if (first !== null) first.previousOfProcess = operation;
    this.firstWaiting = operation;
  }

  settled(operation: Operation): void {
    const { nextOfProcess: next, previousOfProcess: previous } = operation;
    if (previous !== null) previous.nextOfProcess = next;
    else if (this.firstWaiting === operation) this.firstWaiting = next;
    if (next !== null) next.previousOfProcess = previous;
    operation.nextOfProcess = null;
    operation.previousOfProcess = null;
  }

  /** What its tasks wait for, in words, the longest wait first: for stuck worlds and `ps`. */
  waitingFor(): string[] {
    const words: string[] = [];
    for (let operation = this.firstWaiting; operation !== null; operation = operation.nextOfProcess) {
      words.unshift(operation.constructor.name.replace(/Operation$/, '').toLowerCase());
    }
    return words;
  }

  /**
   * _exit(2): ends what waits, closes every descriptor. On Linux no code of the process runs any more; here its tasks
   * are told: calls on a descriptor find none (EBADF), those without one have no process to be made by (ESRCH).
   */
  exit(): void {
    if (this.exited) return;
    this.exited = true;
    this.kernel.loop.enter();
    for (let operation = this.firstWaiting; operation !== null; operation = operation.nextOfProcess) operation.interrupt();
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd];
      if (file !== null && file !== undefined) {
        this.files[fd] = null;
        file.letGo();
      }
    }
    this.lowestFree = 0;
    this.kernel.processEnded(this);
    this.kernel.loop.drain();
  }
}
