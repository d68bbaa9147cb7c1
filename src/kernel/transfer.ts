/**
 * The operations that move data: read, write, recv, send and their kin, on sockets and on other descriptions.
 */
import { Errno } from '../base/errno.ts';
import { Poll } from '../base/wait-queue.ts';
import { AF, SOCK } from '../socket/constants.ts';
import { ControlWriter } from '../socket/control.ts';
import { Received } from '../socket/received.ts';
import { type Ancillary, NEVER_WAITS, type Socket } from '../socket/socket.ts';
import { Msg } from '../transport/endpoint.ts';
import { socketFile } from './anonymous.ts';
import { breakPipe } from './broken-pipe.ts';
import type { OpenFile } from './open-file.ts';
import { Operation, PENDING, Restart } from './operation.ts';

const NO_BYTES = new Uint8Array(0);

/** `controlRoom` of calls that are not recvmsg(2). */
export const NO_CONTROL = -1;

/** read(2), recv(2), recvfrom(2), and recvmsg(2) once its iov is one buffer. */
export class ReceiveOperation extends Operation {
  buffer: Uint8Array = new Uint8Array(0);
  flags = 0;
  /** Message flags and source address of what was received. */
  readonly received: Received = new Received();
  /** How many bytes of control data recvmsg(2) has room for; NO_CONTROL for the calls that know none. `prepare` sets that. */
  controlRoom: number = NO_CONTROL;
  /** Control data of what was received. */
  control: Uint8Array = NO_BYTES;
  /** The caller's buffers, when `buffer` only gathers for them (readv, recvmsg); null otherwise. `prepare` sets it to null. */
  parts: readonly Uint8Array[] | null = null;
  /** read(2) of nothing returns at once and takes nothing (sock_read_iter); recv(2) of nothing takes a datagram. */
  emptyReads = false;
  protected done = 0;
  /** Length of the buffer when the call was made. */
  private wanted = 0;
  /** Bytes to have before it stops waiting: MSG_WAITALL's whole, or SO_RCVLOWAT. */
  private target = 1;

  prepare(file: OpenFile, buffer: Uint8Array, flags: number): void {
    this.file = file;
    this.buffer = buffer;
    this.flags = flags;
    this.parts = null;
    this.controlRoom = NO_CONTROL;
    this.received.reset();
    this.done = 0;
    this.wanted = buffer.length;
    this.mayBlock = !file.nonBlocking && (flags & Msg.DONTWAIT) === 0;
    const socket = file.socket;
    this.target = socket === null ? 1 : socket.receiveTarget(buffer.length, flags);
    if (this.target === NEVER_WAITS || ((flags & Msg.ERRQUEUE) !== 0 && looksAtErrors(socket))) this.mayBlock = false;
  }

  protected step(): number {
    const n = this.transfer();
    return n >= 0 ? this.finished(n) : n;
  }

  /** The call ends with `n` bytes: descriptors that came along are the process's now, or nobody's. */
  private finished(n: number): number {
    const { received, controlRoom } = this;
    if (controlRoom === NO_CONTROL && received.rights === null) return n;
    const writer = new ControlWriter(controlRoom === NO_CONTROL ? 0 : controlRoom);
    ((this.file as OpenFile).socket as Socket).writeControl(received, writer, this.flags, this.process);
    this.control = writer.written();
    received.flags |= writer.flags | (this.flags & Msg.CMSG_CLOEXEC);
    return n;
  }

  private transfer(): number {
    const file = this.file as OpenFile;
    const socket = file.socket;
    // Nothing is taken from the socket for a buffer that went away while the call waited.
    if (isShorter(this.buffer, this.parts, this.wanted)) return this.done > 0 ? this.done : -Errno.EFAULT;
    if (socket === null) return file.operations.read(this.buffer, 0, this.wanted);
    if (this.emptyReads && this.wanted === 0) return 0;
    if (this.disconnected) return this.done > 0 ? this.done : -Errno.EPIPE;
    // What is there is copied at once and kept while waiting for the rest; an error or end after that waits its turn.
    const peeking = (this.flags & Msg.PEEK) !== 0;
    const n = socket.receive(this.buffer, peeking ? 0 : this.done, this.wanted - (peeking ? 0 : this.done), this.flags, this.received);
    if (n < 0) {
      if (n === -Errno.EAGAIN && this.mayBlock && socket.emptyResult() === 0) return 0;
      if (this.done === 0) return n;
      if (n !== -Errno.EAGAIN) return this.done;
      return this.mayBlock ? n : this.done;
    }
    this.done = peeking ? n : this.done + n;
    if (n === 0 || this.done >= this.target || !this.mayBlock || this.done === this.wanted) return this.done;
    if (this.received.isWhole) return this.done;
    // Part of it is here; does the stream end behind it?
    if ((socket.readiness() & (Poll.RDHUP | Poll.ERR | Poll.HUP)) !== 0) return this.done;
    return -Errno.EAGAIN;
  }

  protected waitFor(): number {
    this.events = Poll.IN | Poll.RDHUP | Poll.ERR | Poll.HUP;
    const socket = (this.file as OpenFile).socket;
    return socket === null ? Infinity : socket.settledOptions.receiveTimeoutUs;
  }

  protected timeoutResult(): number {
    return this.done > 0 ? this.finished(this.done) : -Errno.EAGAIN;
  }

  protected override interruptResult(): number {
    return this.done > 0 ? this.finished(this.done) : -Errno.EINTR;
  }

  protected override get restart(): Restart {
    return restartOf(this.waitFor());
  }
}

/** Nobody waits for the error queue. AF_UNIX, which has none, does not look at the flag. */
function looksAtErrors(socket: Socket | null): boolean {
  return socket === null || socket.family !== AF.UNIX;
}

/** sock_intr_errno: a call with SO_RCVTIMEO or SO_SNDTIMEO is not begun anew, since its whole time would begin anew too. */
function restartOf(timeoutUs: number): Restart {
  return timeoutUs === Infinity ? Restart.ByFlag : Restart.Never;
}

/**
 * Has an array been transferred or shrunk since the call was made? Linux's EFAULT: the memory is not there any more.
 * By `byteLength`: base/arguments.ts says why.
 */
function isShorter(buffer: Uint8Array, parts: readonly Uint8Array[] | null, wanted: number): boolean {
  if (buffer.byteLength < wanted) return true;
  if (parts === null) return false;
  let room = 0;
  for (let i = 0; i < parts.length; i++) room += (parts[i] as Uint8Array).byteLength;
  return room < wanted;
}

/** write(2), send(2), sendto(2), and sendmsg(2) once its iov is one buffer. */
export class SendOperation extends Operation {
  buffer: Uint8Array = new Uint8Array(0);
  flags = 0;
  /** sendto's address, or null. */
  address: Uint8Array | null = null;
  protected done = 0;
  /** Length of the buffer when the call was made. */
  private wanted = 0;

  prepare(file: OpenFile, buffer: Uint8Array, flags: number, address: Uint8Array | null): void {
    this.file = file;
    this.buffer = buffer;
    this.flags = flags & ~Msg.SPLICE_PAGES;
    this.address = address;
    this.done = 0;
    this.wanted = buffer.length;
    this.mayBlock = !file.nonBlocking && (flags & Msg.DONTWAIT) === 0;
  }

  protected step(): number {
    const file = this.file as OpenFile;
    const socket = file.socket;
    const length = this.wanted;
    if (isShorter(this.buffer, null, length)) return this.done > 0 ? this.done : -Errno.EFAULT;
    if (socket === null) return this.writeOn(file);
    if (this.disconnected) return this.account(-(socket.takeError() || Errno.EPIPE));
    if (this.done > 0 && (socket.readiness() & Poll.ERR) !== 0) return this.done;
    // Who waited hears of the error before anything else (sk_stream_wait_memory, sock_alloc_send_pskb).
    if (this.isWaiting && this.done === 0) {
      const errno = socket.takeError();
      if (errno !== 0) return socket.type === SOCK.STREAM ? this.account(-errno) : -errno;
    }
    const n = this.put(socket, this.buffer, this.done, length - this.done);
    if (socket.type !== SOCK.STREAM) return n;
    return this.account(n);
  }

  private writeOn({ operations }: OpenFile): number {
    if (operations.takesWhole !== true) return operations.write(this.buffer, 0, this.wanted);
    for (;;) {
      const n = operations.write(this.buffer, this.done, this.wanted - this.done);
      const result = this.account(n);
      if (n <= 0 || result !== -Errno.EAGAIN) return result;
    }
  }

  protected put(socket: Socket, buffer: Uint8Array, at: number, length: number): number {
    if (this.address === null) return socket.send(buffer, at, length, this.flags, this.process);
    return socket.sendTo(buffer, at, length, this.flags, this.address, this.process);
  }

  protected override joinQueues(): void {
    waitForRoom(this, this.file as OpenFile);
  }

  protected override waitsOn(): void {
    waitForRoom(this, this.file as OpenFile);
  }

  /** A stream takes what fits; a blocking write goes on until all of it is in. */
  private account(n: number): number {
    if (n < 0) {
      if (n === -Errno.EPIPE && this.done === 0) this.delivery = breakPipe(this.process, this.flags);
      if (this.done === 0) return n;
      return n === -Errno.EAGAIN && this.mayBlock ? n : this.done;
    }
    this.done += n;
    return this.done >= this.wanted || !this.mayBlock ? this.done : -Errno.EAGAIN;
  }

  protected waitFor(): number {
    this.events = Poll.OUT | Poll.ERR | Poll.HUP;
    const socket = (this.file as OpenFile).socket;
    return socket === null ? Infinity : socket.settledOptions.sendTimeoutUs;
  }

  protected timeoutResult(): number {
    return this.done > 0 ? this.done : -Errno.EAGAIN;
  }

  protected override interruptResult(): number {
    return this.done > 0 ? this.done : -Errno.EINTR;
  }

  protected override get restart(): Restart {
    return restartOf(this.waitFor());
  }
}

/**
 * Waits where there was no room: at the description, or at another socket that has none, of whose waiters one at a time is
 * woken. The next try may have found the other full.
 */
function waitForRoom(operation: Operation, file: OpenFile): void {
  const own = file.operations.waiters;
  const queue = file.socket === null ? own : file.socket.roomQueue;
  if (operation.queue === queue) return;
  if (operation.queue !== null) operation.queue.remove(operation);
  operation.exclusive = queue !== own;
  queue.add(operation);
}

/** sendmsg(2) with control data. */
export class SendMessageOperation extends SendOperation {
  /** What the control data said; the socket takes it along with the first byte. Null for a message without any. */
  private ancillary: Ancillary | null = null;

  /** Reads the control data of the message to `file`: 0, or what is wrong with it. It is held meanwhile (sock_kmalloc). */
  takeControl(file: OpenFile, control: Uint8Array): number {
    const { process } = this;
    if (control.length >= process.kernel.stack.settings.optmemMax) return -Errno.ENOBUFS;
    const ancillary = (file.socket as Socket).prepareAncillary(control, process);
    if (typeof ancillary === 'number') return ancillary;
    this.ancillary = ancillary;
    return 0;
  }

  protected override put(socket: Socket, buffer: Uint8Array, at: number, length: number): number {
    if (this.ancillary === null) return super.put(socket, buffer, at, length);
    return socket.sendMessage(buffer, at, length, this.flags, this.address, this.ancillary, this.process);
  }

  override start(): number {
    const result = super.start();
    if (result !== PENDING) this.letGo();
    return result;
  }

  protected override ended(): void {
    this.letGo();
    super.ended();
  }

  protected letGo(): void {
    if (this.ancillary !== null) this.ancillary.letGo();
    this.ancillary = null;
  }
}

/** accept(2), accept4(2). The result is the new descriptor. */
export class AcceptOperation extends Operation {
  /** The peer's address, after a result >= 0. */
  peerName: Uint8Array = NO_BYTES;
  /** Reserved before the first try; -1 once it is filled or given back. */
  private descriptor = -1;
  private flags = 0;

  /** `descriptor` is reserved; `flags` are accept4's. */
  prepare(file: OpenFile, descriptor: number, flags: number): void {
    this.file = file;
    this.descriptor = descriptor;
    this.flags = flags;
    this.exclusive = true;
    this.mayBlock = !file.nonBlocking;
  }

  override start(): number {
    const result = super.start();
    if (result !== PENDING) this.giveBack();
    return result;
  }

  protected step(): number {
    // A process that ends leaves the connection to whoever shares the listener.
    if (this.process.exited) return -Errno.EINTR;
    const listener = (this.file as OpenFile).socket as Socket;
    // Nothing is lost for want of a description (do_accept): the connection waits on.
    const refused = listener.isListening ? this.process.kernel.fileTable.refusal(this.process.credentials, 1, 0, Errno.ENFILE) : 0;
    if (refused < 0) return refused;
    const socket = listener.accept();
    if (typeof socket === 'number') return socket === -Errno.EAGAIN && this.mayBlock ? listener.emptyAccept() : socket;
    const file = socketFile(this.process, socket);
    file.nonBlocking = (this.flags & SOCK.NONBLOCK) !== 0;
    this.peerName = socket.remoteName();
    const fd = this.descriptor;
    this.descriptor = -1;
    this.process.descriptors.fill(fd, file, (this.flags & SOCK.CLOEXEC) !== 0);
    return fd;
  }

  protected override ended(): void {
    super.ended();
    this.giveBack();
  }

  /** Nothing was accepted: the number is free again. */
  private giveBack(): void {
    if (this.descriptor < 0) return;
    this.process.descriptors.giveBack(this.descriptor);
    this.descriptor = -1;
  }

  protected waitFor(): number {
    this.events = Poll.IN | Poll.ERR | Poll.HUP;
    return ((this.file as OpenFile).socket as Socket).settledOptions.receiveTimeoutUs;
  }

  protected timeoutResult(): number {
    return -Errno.EAGAIN;
  }

  protected override get restart(): Restart {
    return restartOf(this.waitFor());
  }
}

/** connect(2). */
export class ConnectOperation extends Operation {
  address: Uint8Array = new Uint8Array(0);
  private begun = false;
  /** What the call returns when SO_SNDTIMEO runs out: whose handshake it waited for. */
  private late: number = -Errno.EINPROGRESS;

  prepare(file: OpenFile, address: Uint8Array): void {
    this.file = file;
    this.address = address;
    this.begun = false;
    this.late = -Errno.EINPROGRESS;
    this.mayBlock = !file.nonBlocking;
  }

  protected step(): number {
    const socket = (this.file as OpenFile).socket as Socket;
    if (this.disconnected) return -Errno.EPIPE;
    if (this.begun) return socket.connectResult(-Errno.EAGAIN);
    const result = socket.connect(this.address, this.process);
    if (result === -Errno.EAGAIN && this.mayBlock) return this.waitForListener();
    this.begun = true;
    // A blocking connect waits for the handshake, its own (EINPROGRESS) or one begun before (EALREADY).
    if (this.mayBlock && (result === -Errno.EINPROGRESS || result === -Errno.EALREADY)) {
      this.late = result;
      return socket.connectResult(-Errno.EAGAIN);
    }
    return result;
  }

  /** The listener's queue is full (AF_UNIX): tried again from the start when it may have room. */
  private waitForListener(): number {
    // The caller may use his array for something else meanwhile.
    if (this.late !== -Errno.EAGAIN) this.address = this.address.slice();
    this.late = -Errno.EAGAIN;
    return -Errno.EAGAIN;
  }

  protected override joinQueues(): void {
    waitForRoom(this, this.file as OpenFile);
  }

  protected override waitsOn(): void {
    waitForRoom(this, this.file as OpenFile);
  }

  protected waitFor(): number {
    this.events = Poll.OUT | Poll.ERR | Poll.HUP;
    return ((this.file as OpenFile).socket as Socket).settledOptions.sendTimeoutUs;
  }

  protected timeoutResult(): number {
    return this.late;
  }

  protected override get restart(): Restart {
    return restartOf(this.waitFor());
  }
}

/** The end of close(2) on a stream with SO_LINGER: waits until everything is acknowledged or the time is over. */
export class LingerOperation extends Operation {
  private socket: Socket | null = null;
  private lingerUs = Infinity;

  prepare(socket: Socket, seconds: number): void {
    this.file = null;
    this.socket = socket;
    this.lingerUs = seconds * 1000000;
    this.mayBlock = true;
  }

  protected step(): number {
    return (this.socket as Socket).isLingering ? -Errno.EAGAIN : 0;
  }

  protected override joinQueues(): void {
    (this.socket as Socket).waiters.add(this);
  }

  protected waitFor(): number {
    this.events = Poll.OUT | Poll.ERR | Poll.HUP;
    return this.lingerUs;
  }

  protected timeoutResult(): number {
    return 0;
  }

  /** The descriptor is closed, whatever became of the wait. */
  protected override interruptResult(): number {
    return 0;
  }
}
