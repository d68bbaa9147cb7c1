/** Calls on sockets. */
import { Errno } from '../../base/errno.ts';
import * as sockets from '../../kernel/calls/sockets.ts';
import { PENDING } from '../../kernel/operation.ts';
import { AcceptOperation, ConnectOperation, NO_CONTROL, ReceiveOperation, SendMessageOperation } from '../../kernel/transfer.ts';
import { isPlainBytes } from '../../base/arguments.ts';
import { Call, FAILED, heldBack } from './call.ts';
import { countOf } from './face.ts';
import { DescriptorCalls, gather, NO_BYTES, scatter } from './descriptor-calls.ts';
import { systemError } from './errors.ts';
import { IOV_MAX, readBuffer, readInt } from './signatures.ts';
import type { MessageHeader, ReceivedMessage } from './syscalls.ts';

/** What accept resolves to. */
interface Accepted {
  fd: number;
  address: Uint8Array;
}

export abstract class SocketCalls extends DescriptorCalls {
  private spareAccept: Call<AcceptOperation, Accepted> | null = null;
  private spareConnect: Call<ConnectOperation, void> | null = null;

  /** socket(2): resolves to a new descriptor. EAFNOSUPPORT, EPROTONOSUPPORT, EMFILE ... */
  socket(domain: number, type: number, protocol: number): Promise<number> {
    return this.value(sockets.socket(this.core, domain, type, protocol), 'socket');
  }

  /** socketpair(2): resolves to the descriptors of two sockets that are connected to each other. EOPNOTSUPP, EMFILE ... */
  socketpair(domain: number, type: number, protocol: number): Promise<[number, number]> {
    const pair: [number, number] = [-1, -1];
    const result = sockets.socketpair(this.core, domain, type, protocol, pair);
    const outcome = result < 0 ? systemError(result, 'socketpair') : pair;
    if (this.host.loop.holdsBack()) return heldBack<[number, number]>(this.host.loop, outcome);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  }

  /** bind(2): gives the socket a local address, `sockaddrIn(...)`, `sockaddrUn(...)`. EADDRINUSE, EADDRNOTAVAIL, EINVAL ... */
  bind(fd: number, address: Uint8Array): Promise<void> {
    return this.done(sockets.bind(this.core, fd, address), 'bind');
  }

  /** listen(2): takes connections; `backlog` of them may wait for accept. EADDRINUSE, EOPNOTSUPP ... */
  listen(fd: number, backlog: number): Promise<void> {
    return this.done(sockets.listen(this.core, fd, backlog), 'listen');
  }

  /** shutdown(2): SHUT_RD, SHUT_WR (sends the FIN) or SHUT_RDWR. ENOTCONN ... */
  shutdown(fd: number, how: number): Promise<void> {
    return this.done(sockets.shutdown(this.core, fd, how), 'shutdown');
  }

  /** connect(2): resolves when the handshake is over. ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EINPROGRESS (O_NONBLOCK) ... */
  connect(fd: number, address: Uint8Array): Promise<void> {
    const call = this.spareConnect ?? this.connectCall();
    this.spareConnect = null;
    const { operation } = call;
    // The first try reads the address; nobody looks at it while the handshake goes on.
    const bad = sockets.prepareConnect(this.core, operation, fd, address);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) return call.pending('connect');
    this.spareConnect = call;
    return this.done(result, 'connect');
  }

  private connectCall(): Call<ConnectOperation, void> {
    return new Call(new ConnectOperation(this.core), (call) => {
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
    const bad = sockets.prepareAccept(this.core, operation, fd, flags);
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) return call.pending(name);
    this.spareAccept = call;
    const outcome = result < 0 ? systemError(result, name) : { fd: result, address: operation.peerName };
    if (this.host.loop.holdsBack()) return heldBack<Accepted>(this.host.loop, outcome);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  }

  private acceptCall(): Call<AcceptOperation, Accepted> {
    return new Call(new AcceptOperation(this.core), (call) => {
      this.spareAccept = call;
      const { result, peerName } = call.operation;
      return result < 0 ? FAILED : { fd: result, address: peerName };
    });
  }

  /** recv(2): read with MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL ... ENOTSOCK, and the errors of read. */
  recv(fd: number, buffer: Uint8Array, flags: number): Promise<number> {
    return this.receive(fd, buffer, flags, true, 'recv');
  }

  /** recvfrom(2): recv that also resolves to the sender's address (empty on a stream). */
  recvfrom(fd: number, buffer: Uint8Array, flags: number): Promise<{ count: number; address: Uint8Array }> {
    return this.receiveMessage(fd, buffer, null, flags, 'recvfrom', NO_CONTROL, (operation) => ({
      count: operation.result,
      address: sourceBytes(operation),
    }));
  }

  /** recvmsg(2): recvfrom into several buffers, with control data; `flags` may hold MSG_TRUNC, MSG_CTRUNC. */
  recvmsg(fd: number, iov: Uint8Array[], flags: number, nameLength = 128, controlLength = 0): Promise<ReceivedMessage> {
    if (iov.length > IOV_MAX) return this.value(sockets.tooManyParts(this.core, fd), 'recvmsg') as Promise<never>;
    const buffer = iov.length === 1 ? (iov[0] as Uint8Array) : new Uint8Array(iov.reduce((sum, part) => sum + part.length, 0));
    const parts = iov.length === 1 ? null : iov;
    return this.receiveMessage<ReceivedMessage>(fd, buffer, parts, flags, 'recvmsg', controlLength, (operation) => {
      if (iov.length !== 1 && !scatter(buffer, Math.min(operation.result, buffer.length), iov)) {
        return systemError(-Errno.EFAULT, 'recvmsg');
      }
      return {
        count: operation.result,
        name: sourceBytes(operation).slice(0, nameLength),
        control: operation.control,
        flags: operation.received.flags,
      };
    });
  }

  private receiveMessage<T>(
    fd: number, buffer: Uint8Array, parts: readonly Uint8Array[] | null, flags: number, name: string,
    controlRoom: number, shape: (operation: ReceiveOperation) => T | Error,
  ): Promise<T> {
    if (typeof fd !== 'number' || typeof flags !== 'number' || !isPlainBytes(buffer)) {
      try {
        return this.receiveMessage(readInt(name, 'fd', fd, NaN), readBuffer(name, buffer), parts, readInt(name, 'flags', flags, 0), name, controlRoom, shape);
      } catch (error) {
        return Promise.reject(error as Error);
      }
    }
    const operation = new ReceiveOperation(this.core);
    const bad = controlRoom === NO_CONTROL
      ? sockets.prepareReceive(this.core, operation, fd, buffer, flags, true)
      : sockets.prepareReceiveMessage(this.core, operation, fd, buffer, flags, controlRoom);
    operation.parts = parts;
    const result = bad < 0 ? bad : operation.start();
    if (result === PENDING) {
      const finish = (): T | typeof FAILED => {
        const made = operation.result < 0 ? FAILED : shape(operation);
        if (!(made instanceof Error)) return made;
        operation.result = -Errno.EFAULT;
        return FAILED;
      };
      return new Call<ReceiveOperation, T>(operation, finish).pending(name);
    }
    const outcome = result < 0 ? systemError(result, name) : shape(operation);
    if (this.host.loop.holdsBack()) return heldBack<T>(this.host.loop, outcome);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  }

  /** send(2): write with MSG_DONTWAIT, MSG_MORE, MSG_OOB ... ENOTSOCK, and the errors of write. */
  send(fd: number, buffer: Uint8Array, flags: number): Promise<number> {
    return this.transmit(fd, buffer, flags, null, true, 'send');
  }

  /** sendto(2): send to `address`; null for the connected peer. EHOSTUNREACH, EMSGSIZE, EISCONN ... */
  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): Promise<number> {
    return this.transmit(fd, buffer, flags, address, true, 'sendto');
  }

  /** sendmsg(2): sendto from several buffers, with control data (`rightsMessage(...)`). EINVAL, EBADF ... */
  sendmsg(fd: number, message: MessageHeader, flags: number): Promise<number> {
    if (message.iov.length > IOV_MAX) return this.value(sockets.tooManyParts(this.core, fd), 'sendmsg');
    const control = message.control;
    const name = message.name !== undefined && message.name !== null && message.name.length !== 0 ? cut(message.name) : null;
    const bytes = gather(message.iov);
    if (control === undefined || control === null || control.length === 0) {
      return this.transmit(fd, bytes, flags, name, true, 'sendmsg');
    }
    const operation = new SendMessageOperation(this.core);
    const bad = sockets.prepareSendMessage(this.core, operation, fd, bytes, flags, name, control);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.written(operation, result, 'sendmsg');
    return new Call<SendMessageOperation, number>(operation, countOf).pending('sendmsg');
  }

  /** getsockname(2): resolves to the local address; `readSockaddr` and `formatSockaddr` read it. EBADF, ENOTSOCK. */
  getsockname(fd: number): Promise<Uint8Array> {
    return this.bytes(sockets.localName(this.core, fd), 'getsockname');
  }

  /** getpeername(2): resolves to the peer's address. ENOTCONN ... */
  getpeername(fd: number): Promise<Uint8Array> {
    return this.bytes(sockets.peerName(this.core, fd), 'getpeername');
  }

  /** getsockopt(2): resolves to the option's bytes, at most `length`; or the bytes that the option reads. ENOPROTOOPT ... */
  getsockopt(fd: number, level: number, option: number, length: number | Uint8Array): Promise<Uint8Array> {
    const isRoom = typeof length === 'number';
    const given = isRoom ? NO_BYTES : length;
    const room = isRoom ? length : length.length;
    return this.bytes(sockets.getOption(this.core, fd, level, option, room, given), 'getsockopt');
  }

  /** setsockopt(2): `value` as C lays it out: `int32(1)`, `timeval(0.5)`, `linger(true, 5)`. ENOPROTOOPT, EINVAL ... */
  setsockopt(fd: number, level: number, option: number, value: ArrayBufferView): Promise<void> {
    return this.done(sockets.setOption(this.core, fd, level, option, value as Uint8Array), 'setsockopt');
  }
}

/** A longer address than there are counts as far as it goes (copy_msghdr_from_user). */
function cut(name: Uint8Array): Uint8Array {
  return name.length <= sockets.MAX_ADDRESS_LEN ? name : name.subarray(0, sockets.MAX_ADDRESS_LEN);
}

function sourceBytes({ file, received }: ReceiveOperation): Uint8Array {
  return file?.socket?.sourceName(received) ?? NO_BYTES;
}
