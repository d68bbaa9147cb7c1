/** Calls on descriptors, whatever stands behind them: read, write and their kin, dup, fcntl, close. */
import { PENDING } from '../../kernel/operation.ts';
import * as descriptors from '../../kernel/calls/descriptors.ts';
import * as sockets from '../../kernel/calls/sockets.ts';
import { LingerOperation, ReceiveOperation, SendOperation } from '../../kernel/transfer.ts';
import { F, O } from '../../socket/constants.ts';
import { isPlainBytes } from '../../base/arguments.ts';
import { Call } from './call.ts';
import { systemError } from './errors.ts';
import { countOf, Face } from './face.ts';
import { IOV_MAX, readBuffer, readInt, readTarget } from './signatures.ts';
import { Errno } from '../../base/errno.ts';

export const NO_BYTES = new Uint8Array(0);

export abstract class DescriptorCalls extends Face {
  private spareReceive: Call<ReceiveOperation, number> | null = null;
  private spareSend: Call<SendOperation, number> | null = null;
  private spareLinger: Call<LingerOperation, void> | null = null;

  /** read(2): resolves to how many bytes are in `buffer` now, 0 at the end of the stream. ECONNRESET, EAGAIN ... */
  read(fd: number, buffer: Uint8Array): Promise<number> {
    return this.receive(fd, buffer, 0, false, 'read');
  }

  /** readv(2): read into several buffers, one after the other. */
  readv(fd: number, iov: Uint8Array[]): Promise<number> {
    if (iov.length > IOV_MAX) return this.value(this.tooManyParts(fd, O.WRONLY), 'readv');
    if (iov.length === 1) return this.receive(fd, iov[0] as Uint8Array, 0, false, 'readv');
    const buffer = new Uint8Array(iov.reduce((sum, part) => sum + part.length, 0));
    return this.receive(fd, buffer, 0, false, 'readv', iov).then((count) => {
      if (!scatter(buffer, count, iov)) throw systemError(-Errno.EFAULT, 'readv');
      return count;
    });
  }

  protected receive(
    fd: number, buffer: Uint8Array, flags: number, needSocket: boolean, name: string, parts: readonly Uint8Array[] | null = null,
  ): Promise<number> {
    if (typeof fd !== 'number' || typeof flags !== 'number' || !isPlainBytes(buffer)) {
      try {
        return this.receive(readInt(name, 'fd', fd, NaN), readBuffer(name, buffer), readInt(name, 'flags', flags, 0), needSocket, name, parts);
      } catch (error) {
        return Promise.reject(error as Error);
      }
    }
    const call = this.spareReceive ?? this.receiveCall();
    this.spareReceive = null;
    const { operation } = call;
    const bad = sockets.prepareReceive(this.core, operation, fd, buffer, flags, needSocket);
    operation.parts = parts;
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) return call.pending(name);
    this.spareReceive = call;
    operation.buffer = NO_BYTES;
    operation.parts = null;
    return this.value(result, name);
  }

  private receiveCall(): Call<ReceiveOperation, number> {
    return new Call(new ReceiveOperation(this.core), (call) => {
      this.spareReceive = call;
      call.operation.buffer = NO_BYTES;
      call.operation.parts = null;
      return countOf(call);
    });
  }

  /** write(2): resolves to the number of bytes taken; waits while the send buffer is full. EPIPE, ECONNRESET, EAGAIN ... */
  write(fd: number, buffer: Uint8Array): Promise<number> {
    return this.transmit(fd, buffer, 0, null, false, 'write');
  }

  /** writev(2): writes several buffers as one. */
  writev(fd: number, iov: Uint8Array[]): Promise<number> {
    if (iov.length > IOV_MAX) return this.value(this.tooManyParts(fd, O.RDONLY), 'writev');
    const all = gather(iov);
    // Nothing to write is nothing to do (vfs_writev), where write(2) of nothing sends an empty datagram.
    const file = all.length === 0 ? this.core.descriptors.file(fd) : null;
    if (file !== null && file.operations.accessMode !== O.RDONLY) return this.value(0, 'writev');
    return this.transmit(fd, all, 0, null, false, 'writev');
  }

  /** The error of more buffers than there may be, on a descriptor that must not be `wrongMode` alone. */
  protected tooManyParts(fd: number, wrongMode: number): number {
    const file = this.core.descriptors.file(fd);
    return file === null || file.operations.accessMode === wrongMode ? -Errno.EBADF : -Errno.EINVAL;
  }

  protected transmit(
    fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null, needSocket: boolean, name: string,
  ): Promise<number> {
    if (typeof fd !== 'number' || typeof flags !== 'number' || !isPlainBytes(buffer) || (address !== null && !isPlainBytes(address))) {
      try {
        return this.transmit(
          readInt(name, 'fd', fd, NaN), readBuffer(name, buffer), readInt(name, 'flags', flags, 0), readTarget(name, address), needSocket, name,
        );
      } catch (error) {
        return Promise.reject(error as Error);
      }
    }
    const call = this.spareSend ?? this.sendCall();
    this.spareSend = null;
    const { operation } = call;
    const bad = sockets.prepareSend(this.core, operation, fd, buffer, flags, address, needSocket);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) return call.pending(name);
    this.spareSend = call;
    operation.buffer = NO_BYTES;
    return this.written(operation, result, name);
  }

  private sendCall(): Call<SendOperation, number> {
    return new Call(new SendOperation(this.core), (call) => {
      this.spareSend = call;
      call.operation.buffer = NO_BYTES;
      return countOf(call);
    });
  }

  /** dup(2): resolves to the lowest free descriptor, of the same description. EBADF, EMFILE. */
  dup(fd: number): Promise<number> {
    return this.value(descriptors.dup(this.core, fd), 'dup');
  }

  /** dup2(2): makes `to` a descriptor of the same description; resolves to it. EBADF. */
  dup2(fd: number, to: number): Promise<number> {
    return this.value(descriptors.dup2(this.core, fd, to), 'dup2');
  }

  /** fcntl(2): F_GETFL, F_SETFL (O_NONBLOCK), F_DUPFD ...; resolves to what it returns. EBADF, EINVAL. */
  fcntl(fd: number, command: number, argument = 0): Promise<number> {
    // The one result that may be negative: a group (glibc asks by F_GETOWN_EX for its sake).
    if (command === F.GETOWN) return this.outcome<number>(descriptors.getOwner(this.core, fd) ?? systemError(-Errno.EBADF, 'fcntl'));
    return this.value(descriptors.fcntl(this.core, fd, command, argument), 'fcntl');
  }

  /** ioctl(2): FIONREAD, FIONBIO ...; resolves to the int behind C's pointer. ENOTTY, EINVAL. */
  ioctl(fd: number, request: number, argument = 0): Promise<number> {
    return this.value(descriptors.ioctl(this.core, fd, request, argument), 'ioctl');
  }

  /** close(2): lets the descriptor go; the last one of a description sends the FIN. Waits only with SO_LINGER. EBADF. */
  close(fd: number): Promise<void> {
    const call = this.spareLinger ?? this.lingerCall();
    this.spareLinger = null;
    const result = descriptors.close(this.core, fd, call.operation);
    if (result === PENDING) return call.pending('close');
    this.spareLinger = call;
    return this.done(result, 'close');
  }

  private lingerCall(): Call<LingerOperation, void> {
    return new Call(new LingerOperation(this.core), (call) => {
      this.spareLinger = call;
      return undefined;
    });
  }
}

export function gather(iov: Uint8Array[]): Uint8Array {
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
export function scatter(from: Uint8Array, count: number, iov: Uint8Array[]): boolean {
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
