/** The kernel of a program that runs in this process: calls of src/kernel on its KernelProcess. */
import { Errno } from '../../base/errno.ts';
import type { Host } from '../../host.ts';
import * as descriptors from '../../kernel/calls/descriptors.ts';
import * as files from '../../kernel/calls/files.ts';
import * as sockets from '../../kernel/calls/sockets.ts';
import { OpenOperation } from '../../kernel/open.ts';
import type { KernelProcess } from '../../kernel/process.ts';
import { AcceptOperation, ConnectOperation, LingerOperation } from '../../kernel/transfer.ts';
import { O, SOCK } from '../../socket/constants.ts';
import { Received } from '../../socket/received.ts';
import { Msg } from '../../transport/endpoint.ts';
import type { InterfaceFacts, ProgramKernel, Watched } from './program-kernel.ts';

const PIECE = 4096;
/** More than any text file has that somebody asks for. */
const MOST_BYTES = 1 << 20;

const received = new Received();
/** For reads whose bytes the caller keeps. */
const keeping = new Received();
keeping.takesMemory = true;

export class DirectKernel implements ProgramKernel {
  readonly core: KernelProcess;
  private readonly host: Host;

  constructor(host: Host, core: KernelProcess) {
    this.host = host;
    this.core = core;
  }

  socket(family: number, type: number): number {
    return sockets.socket(this.core, family, type | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
  }

  bind(fd: number, name: Uint8Array): number {
    return sockets.bind(this.core, fd, name);
  }

  listen(fd: number, backlog: number): number {
    return sockets.listen(this.core, fd, backlog);
  }

  connect(fd: number, name: Uint8Array): number {
    const operation = new ConnectOperation(this.core);
    const bad = sockets.prepareConnect(this.core, operation, fd, name);
    return bad < 0 ? bad : operation.start();
  }

  accept(fd: number): number {
    const operation = new AcceptOperation(this.core);
    const bad = sockets.prepareAccept(this.core, operation, fd, SOCK.NONBLOCK | SOCK.CLOEXEC);
    return bad < 0 ? bad : operation.start();
  }

  send(fd: number, bytes: Uint8Array, at: number, length: number): number {
    return sockets.trySend(this.core, fd, bytes, at, length, Msg.NOSIGNAL);
  }

  sendTo(fd: number, bytes: Uint8Array, at: number, length: number, to: Uint8Array): number {
    return sockets.trySendTo(this.core, fd, bytes, at, length, Msg.NOSIGNAL, to);
  }

  receive(fd: number, into: Uint8Array, at: number, room: number): number {
    return sockets.tryReceive(this.core, fd, into, at, room, 0, received);
  }

  receiveKept(fd: number, into: Uint8Array, room: number): number {
    return sockets.tryReceive(this.core, fd, into, 0, room, 0, keeping);
  }

  get given(): Uint8Array | null {
    return keeping.given;
  }

  source(fd: number): Uint8Array | number {
    return this.core.descriptors.file(fd)?.socket?.sourceName(received) ?? -Errno.EBADF;
  }

  shutdown(fd: number, how: number): number {
    return sockets.shutdown(this.core, fd, how);
  }

  close(fd: number): void {
    descriptors.close(this.core, fd, new LingerOperation(this.core));
  }

  getOption(fd: number, level: number, option: number, length: number): Uint8Array | number {
    return sockets.getOption(this.core, fd, level, option, length);
  }

  setOption(fd: number, level: number, option: number, value: Uint8Array): number {
    return sockets.setOption(this.core, fd, level, option, value);
  }

  localName(fd: number): Uint8Array | number {
    return sockets.localName(this.core, fd);
  }

  peerName(fd: number): Uint8Array | number {
    return sockets.peerName(this.core, fd);
  }

  watched(fd: number): Watched | null {
    const file = this.core.descriptors.file(fd);
    return file === null ? null : file.operations;
  }

  chmod(path: string, mode: number): number {
    return files.chmod(this.core, path, mode);
  }

  mkdir(path: string, mode: number): number {
    return files.mkdir(this.core, path, mode);
  }

  unlink(path: string): number {
    return files.unlink(this.core, path);
  }

  textOf(path: string): string {
    const { core } = this;
    const opening = new OpenOperation(core);
    const bad = files.prepareOpen(core, opening, path, O.RDONLY | O.NONBLOCK | O.CLOEXEC, 0);
    const fd = bad < 0 ? bad : opening.start();
    if (fd < 0) return '';
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < MOST_BYTES; ) {
      const piece = new Uint8Array(PIECE);
      const n = files.pread(core, fd, piece, at);
      if (n <= 0) break;
      pieces.push(piece.subarray(0, n));
      at += n;
    }
    this.close(fd);
    return Buffer.concat(pieces).toString('utf8');
  }

  interfaces(): InterfaceFacts[] {
    return this.host.network.interfaces().map(({ addresses, device, index }) => ({
      index, name: device.name, isUp: device.up, macHi: device.macHi, macLo: device.macLo,
      addresses: addresses.map(({ address, prefixLength }) => ({
        address: address.toString(), isV4: address.isV4, isLinkLocal: address.isLinkLocal, prefixLength,
      })),
    }));
  }

  hostname(): string {
    return this.host.sysctl('kernel.hostname') ?? this.host.name;
  }

  random(): number {
    return this.host.stack.context.random.int32();
  }

  end(status: number): void {
    this.core.end(status);
    this.host.loop.drain();
  }
}
