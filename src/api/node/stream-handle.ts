/**
 * What the handles of TCP and of pipes share: a stream of bytes below Node's net, over a descriptor of a NodeProgram.
 *
 *   readStart -> readable? -> one event: one recv, one onread
 *   write*    -> send at once; the rest waits for room -> one event for each request that ends
 *   shutdown  -> behind the writes, in the event that ends it, as libuv sends the FIN
 *
 * It behaves as libuv's uv_stream_t (uv_read_start(3) and so on) does on Linux, in order and numbers. It is a JSStream, so
 * that TLSWrap, HTTPParser and Http2Session of C++ can stand on it: their writes come in by `onwrite`, and what is read
 * goes up through `readBuffer`, whoever listens. Written by JavaScript alone (net.Socket) it answers at once, as
 * uv_try_write does.
 */
import { AsyncResource } from 'node:async_hooks';
import { Errno } from '../../base/errno.ts';
import { LEAST_GIFT_BYTES } from '../../base/stream-buffer.ts';
import { Poll } from '../../base/wait-queue.ts';
import { IOCTL, SO, SOL } from '../../socket/constants.ts';
import { Shut } from '../../transport/endpoint.ts';
import { binding, type JsStream, type Request, tellRead, tellReadError, tellWrite } from './bindings.ts';
import { runWhenClosing } from './closing.ts';
import { DescriptorNumber } from './descriptor-numbers.ts';
import { ConnectTurn, HandleWaiter } from './handle-events.ts';
import { HandleLife } from './handle-life.ts';
import type { HandleEvent, NodeProgram, ProgramPart } from './node-program.ts';
import { PendingWrite } from './pending-write.ts';
import type { Watched } from './program-kernel.ts';

const { JSStream } = binding('js_stream');

/** What libuv offers the kernel for one read. */
const READ_BYTES = 65536;
const incoming = Buffer.allocUnsafeSlow(READ_BYTES);
const NO_LINGER = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

function freshBuffer(bytes: number): Buffer {
  const size = Math.min(Math.max(bytes, 1), READ_BYTES);
  return size < Buffer.poolSize >> 1 ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size);
}

function copyOf(bytes: Uint8Array): Buffer {
  const copy = freshBuffer(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Gives a handle that the stack has made the object by which net.js will know it. Set by in-place.ts. */
let makeFace: ((handle: StreamHandle) => void) | null = null;

export function setFaceMaker(maker: (handle: StreamHandle) => void): void {
  makeFace = maker;
}

export function giveFace(handle: StreamHandle): void {
  if (makeFace !== null) handle.program.run(() => makeFace?.(handle));
}

export abstract class StreamHandle extends (JSStream as new () => JsStream) implements HandleEvent, ProgramPart {
  readonly program: NodeProgram;
  /** Called with each connection of a listener. */
  onconnection: ((status: number, handle: object | undefined) => void) | undefined;
  /** net.js and tls read and write it. */
  reading = false;
  /** The descriptor; -1 until it is needed (uv_tcp_init makes none). */
  protected descriptor = -1;
  /** What bind found wrong: told by listen and connect (libuv's delayed_error). */
  protected delayedError = 0;
  protected connecting: Request | null = null;
  protected isListening = false;
  /** `close` was called, or its program is gone. */
  protected isOver = false;
  protected isConnected = false;
  /** The async context in which it was made: what JavaScript is called in, where C++ does not call it. */
  protected readonly scope: AsyncResource;
  /** The object that net.js has in its hand: this one, or Node's own handle that it stands for (in-place.ts). */
  face: { onconnection?: ((status: number, handle: object | undefined) => void) | undefined } = this;
  /** Set by `tls_wrap.wrap`: whoever stands on this handle hears of errors in its place (JSStream has no event for them). */
  above: { onread?: (buffer: undefined) => unknown } | null = null;
  /** C++ stands on this handle, or may: an HTTPParser, an Http2Session. It gets the bytes from JSStream. */
  isConsumed = false;
  private readonly waiter: HandleWaiter = new HandleWaiter(this);
  private readonly writes: PendingWrite[] = [];
  private shutdownRequest: Request | null = null;
  private shutdownOfStream = false;
  private isShut = false;
  private isReading = false;
  private isQueued = false;
  private wroteLast = false;
  private userBytes = 0;
  private readonly life: HandleLife;
  private written = 0;
  private readHere = 0;
  private isConnectNew = false;
  private readonly kind: 'TCP' | 'Pipe';
  private fdNumber: DescriptorNumber | null = null;

  constructor(program: NodeProgram, kind: 'TCP' | 'Pipe', isServer: boolean) {
    super();
    this.program = program;
    this.life = new HandleLife(program);
    this.kind = kind;
    const type = `${kind.toUpperCase()}${isServer ? 'SERVERWRAP' : 'WRAP'}`;
    this.scope = program.run(() => new AsyncResource(type, { requireManualDestroy: true }));
    program.adopt(this);
  }

  /** A connected handle of the same kind over an accepted descriptor. */
  protected abstract accepted(descriptor: number): StreamHandle;

  // What net.js reads.

  /** A number by which `open` and Node know this socket; -1 while there is none. */
  get fd(): number {
    if (this.descriptor < 0) return -1;
    this.fdNumber ??= DescriptorNumber.of(this.program, this.descriptor, this.kind);
    return this.fdNumber.number;
  }

  /** The descriptor among those of the program; -1 while there is none. */
  get kernelDescriptor(): number {
    return this.descriptor;
  }

  override get bytesRead(): number {
    return super.bytesRead + this.readHere;
  }

  override getAsyncId(): number {
    return this.scope.asyncId();
  }

  get bytesWritten(): number {
    return this.written;
  }

  /** uv_stream_t's write_queue_size. */
  get writeQueueSize(): number {
    let bytes = 0;
    for (const write of this.writes) bytes += write.bytesLeft;
    return bytes;
  }

  ref(): void {
    this.life.setReferenced(true);
  }

  unref(): void {
    this.life.setReferenced(false);
  }

  hasRef(): boolean {
    return this.life.isReferenced && !this.isOver;
  }

  // Reading.

  readStart(): number {
    if (this.isOver) return -Errno.EINVAL;
    if (!this.isConnected) return -Errno.ENOTCONN;
    this.isReading = true;
    this.look();
    this.live();
    return 0;
  }

  readStop(): number {
    this.isReading = false;
    this.live();
    return 0;
  }

  override useUserBuffer(bytes: Uint8Array): void {
    this.userBytes = bytes.length;
    super.useUserBuffer(bytes);
  }

  // Writing, by net.js: 0 or a negative errno; what does not end at once ends by the request's `oncomplete`.

  writeBuffer(request: Request, bytes: Uint8Array): number {
    return this.write(request, [bytes], false);
  }

  writeUtf8String(request: Request, text: string): number {
    return this.write(request, [Buffer.from(text, 'utf8')], false);
  }

  writeLatin1String(request: Request, text: string): number {
    return this.write(request, [Buffer.from(text, 'latin1')], false);
  }

  writeAsciiString(request: Request, text: string): number {
    return this.write(request, [Buffer.from(text, 'latin1')], false);
  }

  writeUcs2String(request: Request, text: string): number {
    return this.write(request, [Buffer.from(text, 'utf16le')], false);
  }

  /** `chunks` are buffers alone, or chunk and encoding by turns. */
  writev(request: Request, chunks: readonly unknown[], allBuffers: boolean): number {
    if (allBuffers) return this.write(request, chunks as readonly Uint8Array[], false);
    const parts: Uint8Array[] = [];
    for (let i = 0; i < chunks.length; i += 2) {
      const chunk = chunks[i];
      parts.push(typeof chunk === 'string' ? Buffer.from(chunk, chunks[i + 1] as BufferEncoding) : (chunk as Uint8Array));
    }
    return this.write(request, parts, false);
  }

  shutdown(request: Request): number {
    return this.beginShutdown(request, false);
  }

  // What C++ asks of a JSStream.

  onreadstart(): number {
    return this.readStart();
  }

  onreadstop(): number {
    return this.readStop();
  }

  onwrite(request: Request, parts: readonly Uint8Array[]): number {
    return this.write(request, parts, true);
  }

  onshutdown(request: Request): number {
    return this.beginShutdown(request, true);
  }

  isClosing(): boolean {
    return this.isOver;
  }

  private write(request: Request, parts: readonly Uint8Array[], ofStream: boolean): number {
    if (this.isOver || this.descriptor < 0) return -Errno.EBADF;
    if (this.isShut || this.shutdownRequest !== null) return -Errno.EPIPE;
    const pending = new PendingWrite(request, parts, ofStream);
    const bytes = pending.bytesLeft;
    // Behind a connect and other writes it waits (uv_try_write).
    const mayTry = this.connecting === null && this.writes.length === 0;
    const bad = mayTry ? this.send(pending) : 0;
    if (bad < 0) return bad;
    this.written += bytes;
    const isDone = mayTry && pending.index === parts.length;
    if (!ofStream) tellWrite(bytes, !isDone);
    if (isDone) {
      // C++ has its answer later: it is inside the call that makes the request.
      if (ofStream) this.tell(() => this.finishWrite(request, 0));
      return 0;
    }
    this.writes.push(pending);
    this.live();
    return 0;
  }

  /** Sends what the socket takes: 0, or why it takes nothing. */
  private send(write: PendingWrite): number {
    const { kernel } = this.program;
    while (write.index < write.parts.length) {
      const part = write.parts[write.index] as Uint8Array;
      if (write.at < part.length) {
        const n = kernel.send(this.descriptor, part, write.at, part.length - write.at);
        if (n === -Errno.EAGAIN) return 0;
        if (n < 0) return n;
        write.at += n;
        if (write.at < part.length) continue;
      }
      write.index++;
      write.at = 0;
    }
    return 0;
  }

  private beginShutdown(request: Request, ofStream: boolean): number {
    if (this.isOver || !this.isConnected || this.isShut || this.shutdownRequest !== null) return -Errno.ENOTCONN;
    this.shutdownRequest = request;
    this.shutdownOfStream = ofStream;
    this.live();
    this.queue();
    return 0;
  }

  // Listening.

  listen(backlog: number): number {
    if (this.delayedError !== 0) return this.delayedError;
    const result = this.ensureListenable();
    if (result < 0) return result;
    const bad = this.program.kernel.listen(this.descriptor, backlog);
    if (bad < 0) return bad;
    this.isListening = true;
    this.live();
    this.look();
    return 0;
  }

  /** A listener that was never bound gets its socket now. */
  protected abstract ensureListenable(): number;

  // Events.

  /** The socket has changed, or what is wanted of it: if there is something to tell, an event is on its way. */
  look(): void {
    if (!this.isOver && !this.isQueued && this.descriptor >= 0 && this.hasWork()) this.queue();
  }

  private queue(): void {
    if (this.isQueued) return;
    this.isQueued = true;
    this.program.later(this);
  }

  private hasWork(): boolean {
    const { watched } = this;
    // Another handle of the same descriptor has closed it.
    if (watched === null) return false;
    const ready = watched.readiness();
    if (this.connecting !== null) return !this.isConnectNew && (ready & (Poll.OUT | Poll.ERR | Poll.HUP)) !== 0;
    if (this.isListening) return (ready & Poll.IN) !== 0;
    if (this.isReading && (ready & (Poll.IN | Poll.RDHUP | Poll.ERR | Poll.HUP)) !== 0) return true;
    if (this.writes.length > 0) return (ready & (Poll.OUT | Poll.ERR | Poll.HUP)) !== 0;
    return this.shutdownRequest !== null;
  }

  private get watched(): Watched | null {
    return this.program.kernel.watched(this.descriptor);
  }

  /** One macrotask: one thing is told. Reads and writes take turns, so that neither starves the other. */
  runEvent(): void {
    this.isQueued = false;
    if (this.isOver || this.descriptor < 0) return;
    try {
      if (this.connecting !== null) this.finishConnect(this.connecting);
      else if (this.isListening) this.acceptOne();
      else if (this.wroteLast || !this.writeOne()) this.readOne();
      else this.wroteLast = true;
    } finally {
      this.look();
    }
  }

  /** A connect has begun. */
  protected lookAtConnect(): void {
    const { loop } = this.program.host;
    this.isConnectNew = true;
    loop.complete(new ConnectTurn(() => {
      this.isConnectNew = false;
      this.look();
    }));
    loop.drain();
  }

  private finishConnect(request: Request): void {
    const ready = (this.watched as Watched).readiness();
    if ((ready & (Poll.OUT | Poll.ERR | Poll.HUP)) === 0) return;
    const value = this.program.kernel.getOption(this.descriptor, SOL.SOCKET, SO.ERROR, 4);
    const errno = typeof value === 'number' ? -value : (value[0] as number);
    this.endConnect(request, errno === 0 ? 0 : -errno);
  }

  protected endConnect(request: Request, status: number): void {
    this.connecting = null;
    if (status === 0) this.isConnected = true;
    else this.failWrites(-Errno.ECANCELED);
    this.live();
    this.inScope(() => request.oncomplete?.(status, this.face, request, status === 0, status === 0));
  }

  private acceptOne(): void {
    const fd = this.program.kernel.accept(this.descriptor);
    if (fd === -Errno.EAGAIN || fd === -Errno.ECONNABORTED) return;
    this.inScope(() => this.face.onconnection?.(fd < 0 ? fd : 0, fd < 0 ? undefined : this.accepted(fd).face));
  }

  /** One recv, and what came of it. */
  private readOne(): void {
    this.wroteLast = false;
    if (!this.isReading) return;
    if (this.above === null && !this.isConsumed && this.userBytes === 0) return this.readDirect();
    const { kernel } = this.program;
    const room = this.userBytes > 0 && this.userBytes < READ_BYTES ? this.userBytes : READ_BYTES;
    const n = kernel.receive(this.descriptor, incoming, 0, room);
    if (n > 0) this.readBuffer(incoming.subarray(0, n));
    else this.readNothing(n);
  }

  /** For net.js, which keeps the memory that the bytes are in: the socket's own, where it can give it; else room for what is there, and no more. */
  private readDirect(): void {
    const { kernel } = this.program;
    const waiting = (this.watched as Watched).control(IOCTL.FIONREAD);
    const mayBeGiven = waiting >= LEAST_GIFT_BYTES;
    const bytes = mayBeGiven ? incoming : freshBuffer(waiting);
    const n = mayBeGiven ? kernel.receiveKept(this.descriptor, bytes, bytes.length) : kernel.receive(this.descriptor, bytes, 0, bytes.length);
    if (n <= 0) this.readNothing(n);
    else if (bytes !== incoming) this.giveBytes(bytes, n);
    else this.giveBytes(kernel.given ?? copyOf(incoming.subarray(0, n)), n);
  }

  /** The end of the stream, or an error: libuv reads no further. */
  private readNothing(n: number): void {
    if (n === -Errno.EAGAIN) return;
    this.isReading = false;
    this.live();
    if (n === 0) return this.emitEOF();
    tellReadError(n);
    const listener = this.above ?? this;
    this.inScope(() => (listener as StreamHandle).onread?.(undefined));
  }

  /** Past C++, which nobody but net.js listens to: the bytes are copied once less. */
  private giveBytes(bytes: Uint8Array, count: number): void {
    this.readHere += count;
    tellRead(count, bytes.byteOffset);
    this.scope.runInAsyncScope(this.onread as (buffer: ArrayBuffer) => void, this, bytes.buffer as ArrayBuffer);
  }

  /** Sends what waits; tells of one request that has ended. False when there was nothing to tell. */
  private writeOne(): boolean {
    const write = this.writes[0];
    if (write === undefined) return this.finishShutdownWrites();
    const bad = this.send(write);
    if (bad === 0 && write.index < write.parts.length) return false;
    this.writes.shift();
    this.live();
    this.settleWrite(write, bad);
    return true;
  }

  private settleWrite({ ofStream, request }: PendingWrite, status: number): void {
    if (ofStream) this.finishWrite(request, status);
    else this.inScope(() => request.oncomplete?.(status, this.face, undefined));
  }

  private failWrites(status: number): void {
    for (const write of this.writes.splice(0)) this.tell(() => this.settleWrite(write, status));
  }

  private finishShutdownWrites(): boolean {
    const request = this.shutdownRequest;
    if (request === null) return false;
    this.shutdownRequest = null;
    const result = this.program.kernel.shutdown(this.descriptor, Shut.WR);
    if (result === 0) this.isShut = true;
    this.live();
    // The connection is gone already: libuv knows no such error here, since shutdown(2) fails only where nothing was connected.
    const status = result === -Errno.ENOTCONN ? 0 : result;
    if (this.shutdownOfStream) this.finishShutdown(request, status);
    else this.inScope(() => request.oncomplete?.(status));
    return true;
  }

  // The end.

  /** uv_close(3): what waits ends with ECANCELED, then `done` is called. */
  close(done?: () => void): void {
    this.closeDescriptor(false, done);
  }

  /** uv_tcp_close_reset(3). */
  protected closeDescriptor(reset: boolean, done: (() => void) | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    const { kernel } = this.program;
    if (this.descriptor >= 0) {
      this.unplug();
      if (reset) kernel.setOption(this.descriptor, SOL.SOCKET, SO.LINGER, NO_LINGER);
      kernel.close(this.descriptor);
      this.descriptor = -1;
    }
    const { connecting, shutdownRequest } = this;
    this.connecting = null;
    this.shutdownRequest = null;
    this.isListening = false;
    this.isReading = false;
    this.live();
    const ends: (() => void)[] = [];
    if (connecting !== null) {
      ends.push(() => this.inScope(() => connecting.oncomplete?.(-Errno.ECANCELED, this.face, connecting, false, false)));
    }
    for (const write of this.writes.splice(0)) ends.push(() => this.settleWrite(write, -Errno.ECANCELED));
    if (shutdownRequest !== null) {
      const ofStream = this.shutdownOfStream;
      ends.push(() => {
        if (ofStream) this.finishShutdown(shutdownRequest, -Errno.ECANCELED);
        else this.inScope(() => shutdownRequest.oncomplete?.(-Errno.ECANCELED));
      });
    }
    ends.push(() => {
      this.program.drop(this);
      try {
        if (done !== undefined) this.inScope(() => done.call(this.face));
      } finally {
        this.scope.emitDestroy();
      }
    });
    runWhenClosing(this.program, ends.map((end) => this.life.told(end)));
  }

  abandon(): void {
    this.isOver = true;
    this.unplug();
    this.life.abandon();
    this.scope.emitDestroy();
  }

  /** A descriptor for this handle: it waits for what its socket has to tell. */
  protected plug(descriptor: number): void {
    this.descriptor = descriptor;
    (this.watched as Watched).waiters.add(this.waiter);
  }

  private unplug(): void {
    this.fdNumber?.release();
    this.fdNumber = null;
    if (this.waiter.queue !== null) this.waiter.queue.remove(this.waiter);
  }

  private tell(what: () => void): void {
    this.program.later(this.life.told(what));
  }

  protected get isShuttingDown(): boolean {
    return this.shutdownRequest !== null;
  }

  protected inScope(call: () => void): void {
    this.scope.runInAsyncScope(call);
  }

  /** Does it keep the program alive? libuv's "active and referenced". */
  protected live(): void {
    const isActive = this.isReading || this.isListening || this.connecting !== null || this.writes.length > 0
      || this.shutdownRequest !== null;
    this.life.setActive(!this.isOver && isActive);
  }
}
