/** System calls on sockets. Synchronous: a count >= 0, a negative errno, or PENDING for what waits (see operation.ts). */
import { Errno } from '../../base/errno.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { AF, O, SOCK } from '../../socket/constants.ts';
import { ControlWriter } from '../../socket/control.ts';
import { createSocket, resolveProtocol } from '../../socket/create.ts';
import { getOption as optionOf, setOption as setOptionOf } from '../../socket/options.ts';
import type { Received } from '../../socket/received.ts';
import type { Socket } from '../../socket/socket.ts';
import { socketFile } from '../anonymous.ts';
import { breakPipe } from '../broken-pipe.ts';
import { isWithin, toInt } from '../int.ts';
import {
  type MessageSlot, MOST_MESSAGES, MSG_CMSG_COMPAT, type OutgoingMessage, type ReceiveManyOperation,
  type SendManyOperation,
} from '../message-batch.ts';
import type { OpenFile } from '../open-file.ts';
import type { KernelProcess } from '../process.ts';
import type { AcceptOperation, ConnectOperation, ReceiveOperation, SendMessageOperation, SendOperation } from '../transfer.ts';
import { waitUs } from '../times.ts';
import { end } from './edges.ts';

/** sizeof(struct sockaddr_storage): a longer address is refused before anybody looks at it; sendmsg(2) cuts it off. */
export const MAX_ADDRESS_LEN = 128;

const NO_BYTES = new Uint8Array(0);

/** The socket behind `fd`, or -EBADF, -ENOTSOCK. */
function socketAt(process: KernelProcess, fd: number): Socket | number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  return file.socket ?? -Errno.ENOTSOCK;
}

/** More than any socket takes, beside its description. */
const SOCKET_BYTES = Math.max(Cost.TCP_ENDPOINT, Cost.ENDPOINT);

/** What a family that finds no memory for a socket says (inet_create, packet_create; unix_create1, netlink_create). */
function lacking(domain: number): number {
  return domain === AF.UNIX || domain === AF.NETLINK ? Errno.ENOMEM : Errno.ENOBUFS;
}

export function socket(process: KernelProcess, domain: number, type: number, protocol: number): number {
  if (process.exited) return -Errno.ESRCH;
  const kind = type & 0xf;
  if ((type & ~0xf & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) !== 0) return -Errno.EINVAL;
  const chosen = resolveProtocol(domain, kind, protocol, process, process.kernel.stack.settings);
  if (chosen < 0) return chosen;
  const { descriptors, kernel } = process;
  if (kernel.memory.lacks(SOCKET_BYTES + Cost.FILE)) return -lacking(domain);
  const fd = descriptors.reserve();
  if (fd < 0) return fd;
  const refused = kernel.fileTable.refusal(process.credentials, 1, SOCKET_BYTES);
  if (refused < 0) {
    descriptors.giveBack(fd);
    return refused;
  }
  const file = socketFile(process, createSocket(kernel, domain, kind, chosen));
  file.nonBlocking = (type & SOCK.NONBLOCK) !== 0;
  descriptors.fill(fd, file, (type & SOCK.CLOEXEC) !== 0);
  return fd;
}

/** socketpair(2): two connected sockets, whose descriptors go into `pair`. They are reserved before anything else, as on Linux. */
export function socketpair(process: KernelProcess, domain: number, type: number, protocol: number, pair: number[]): number {
  if (process.exited) return -Errno.ESRCH;
  const kind = type & 0xf;
  if ((type & ~0xf & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) !== 0) return -Errno.EINVAL;
  const { descriptors, kernel } = process;
  const first = descriptors.reserve();
  if (first < 0) return first;
  const second = descriptors.reserve();
  let chosen = second < 0 ? second : resolveProtocol(domain, kind, protocol, process, process.kernel.stack.settings);
  if (chosen >= 0 && kernel.memory.lacks(2 * (SOCKET_BYTES + Cost.FILE))) chosen = -lacking(domain);
  if (chosen < 0) {
    if (second >= 0) descriptors.giveBack(second);
    descriptors.giveBack(first);
    return chosen;
  }
  const one = createSocket(kernel, domain, kind, chosen);
  const other = createSocket(kernel, domain, kind, chosen);
  let result = one.pair(other, process);
  // The pair is there before it has descriptions (__sys_socketpair).
  if (result === 0) result = kernel.fileTable.refusal(process.credentials, 2, 0);
  for (const [fd, socket] of [[first, one], [second, other]] as const) {
    if (result === 0) {
      const file = socketFile(process, socket);
      file.nonBlocking = (type & SOCK.NONBLOCK) !== 0;
      descriptors.fill(fd, file, (type & SOCK.CLOEXEC) !== 0);
    } else {
      descriptors.giveBack(fd);
      socket.release();
    }
  }
  pair[0] = first;
  pair[1] = second;
  return result;
}

export function bind(process: KernelProcess, fd: number, address: Uint8Array): number {
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  if (address.length > MAX_ADDRESS_LEN) return -Errno.EINVAL;
  process.kernel.loop.enter();
  return end(process, socket.bind(address, process));
}

export function listen(process: KernelProcess, fd: number, backlog: number): number {
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  process.kernel.loop.enter();
  return end(process, socket.listen(toInt(backlog), process));
}

/** Prepares connect(2): 0, or the negative errno of a descriptor or address that will not do. */
export function prepareConnect(process: KernelProcess, operation: ConnectOperation, fd: number, address: Uint8Array): number {
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  if (address.length > MAX_ADDRESS_LEN) return -Errno.EINVAL;
  operation.prepare(process.descriptors.file(fd) as OpenFile, address);
  return 0;
}

/**
 * accept(2), accept4(2). The descriptor is reserved before anything else (__sys_accept4_file): a process at its limit
 * hears EMFILE although nothing waits, and no connection is lost for want of a number.
 */
export function prepareAccept(process: KernelProcess, operation: AcceptOperation, fd: number, flags: number): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  if ((flags & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) !== 0) return -Errno.EINVAL;
  const reserved = process.descriptors.reserve();
  if (reserved < 0) return reserved;
  if (file.socket === null) {
    process.descriptors.giveBack(reserved);
    return -Errno.ENOTSOCK;
  }
  operation.prepare(file, reserved, flags);
  return 0;
}

/** Why a message of more than IOV_MAX buffers fails. */
export function tooManyParts(process: KernelProcess, fd: number): number {
  const socket = socketAt(process, fd);
  return typeof socket === 'number' ? socket : -Errno.EMSGSIZE;
}

/** recv(2) and read(2) alike; `needSocket` is ENOTSOCK's difference. */
export function prepareReceive(
  process: KernelProcess, operation: ReceiveOperation, fd: number, buffer: Uint8Array, flags: number, needSocket: boolean,
): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  if (needSocket && file.socket === null) return -Errno.ENOTSOCK;
  if (file.operations.accessMode === O.WRONLY) return -Errno.EBADF;
  operation.prepare(file, buffer, flags);
  operation.emptyReads = !needSocket;
  return 0;
}

/** recvmsg(2), with room for so many bytes of control data. */
export function prepareReceiveMessage(
  process: KernelProcess, operation: ReceiveOperation, fd: number, buffer: Uint8Array, flags: number, controlRoom: number,
): number {
  const bad = prepareReceive(process, operation, fd, buffer, flags, true);
  operation.controlRoom = Math.max(0, toInt(controlRoom));
  return bad;
}

/** sendmsg(2) with control data. */
export function prepareSendMessage(
  process: KernelProcess, operation: SendMessageOperation, fd: number, buffer: Uint8Array, flags: number,
  address: Uint8Array | null, control: Uint8Array,
): number {
  const bad = prepareSend(process, operation, fd, buffer, flags, address, true);
  return bad < 0 ? bad : operation.takeControl(operation.file as OpenFile, control);
}

export function prepareSend(
  process: KernelProcess, operation: SendOperation, fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null,
  needSocket: boolean,
): number {
  const file = process.descriptors.file(fd);
  if (file === null) return -Errno.EBADF;
  if (needSocket && file.socket === null) return -Errno.ENOTSOCK;
  if (file.operations.accessMode === O.RDONLY) return -Errno.EBADF;
  if (address !== null && address.length > MAX_ADDRESS_LEN) return -Errno.EINVAL;
  operation.prepare(file, buffer, flags, address);
  return 0;
}

/** recvmmsg(2): as many messages as there are slots; microseconds, Infinity for no limit. */
export function prepareReceiveMany(
  process: KernelProcess, operation: ReceiveManyOperation, fd: number, slots: readonly MessageSlot[], flags: number, timeoutUs: number,
): number {
  const limit = waitUs(timeoutUs);
  if ((flags & MSG_CMSG_COMPAT) !== 0 || limit < 0) return -Errno.EINVAL;
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  process.kernel.loop.enter();
  operation.prepareMany(process.descriptors.file(fd) as OpenFile, slots, toInt(flags), limit);
  return 0;
}

/** sendmmsg(2): those beyond UIO_MAXIOV are left for another call. */
export function prepareSendMany(
  process: KernelProcess, operation: SendManyOperation, fd: number, messages: readonly OutgoingMessage[], flags: number,
): number {
  if ((flags & MSG_CMSG_COMPAT) !== 0) return -Errno.EINVAL;
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  operation.prepareMany(process.descriptors.file(fd) as OpenFile, messages.slice(0, MOST_MESSAGES), toInt(flags));
  return 0;
}

/** A try without waiting: the count, or a negative errno (-EAGAIN). For callers that wait by readiness. */
export function tryReceive(
  process: KernelProcess, fd: number, buffer: Uint8Array, at: number, length: number, flags: number, result: Received,
): number {
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  if (!isWithin(buffer, at, length)) return -Errno.EFAULT;
  process.kernel.loop.enter();
  result.reset();
  const n = socket.receive(buffer, at, length, flags, result);
  // Descriptors that come along need recvmsg.
  if (result.rights !== null) socket.writeControl(result, new ControlWriter(0), flags, process);
  return end(process, n);
}

/** Likewise for sending. */
export function trySend(process: KernelProcess, fd: number, buffer: Uint8Array, at: number, length: number, flags: number): number {
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  if (!isWithin(buffer, at, length)) return -Errno.EFAULT;
  process.kernel.loop.enter();
  const result = socket.send(buffer, at, length, flags, process);
  if (result === -Errno.EPIPE && socket.type === SOCK.STREAM) breakPipe(process, flags);
  return end(process, result);
}

/** Likewise with an address. */
export function trySendTo(
  process: KernelProcess, fd: number, buffer: Uint8Array, at: number, length: number, flags: number, address: Uint8Array,
): number {
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  if (!isWithin(buffer, at, length)) return -Errno.EFAULT;
  if (address.length > MAX_ADDRESS_LEN) return -Errno.EINVAL;
  process.kernel.loop.enter();
  return end(process, socket.sendTo(buffer, at, length, flags, address, process));
}

export function shutdown(process: KernelProcess, fd: number, how: number): number {
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  process.kernel.loop.enter();
  return end(process, socket.shutdown(how));
}

export function localName(process: KernelProcess, fd: number): Uint8Array | number {
  const socket = socketAt(process, fd);
  return typeof socket === 'number' ? socket : socket.localName();
}

export function peerName(process: KernelProcess, fd: number): Uint8Array | number {
  const socket = socketAt(process, fd);
  return typeof socket === 'number' ? socket : socket.peerName();
}

export function getOption(
  process: KernelProcess, fd: number, level: number, option: number, length: number, given: Uint8Array = NO_BYTES,
): Uint8Array | number {
  const socket = socketAt(process, fd);
  return typeof socket === 'number' ? socket : optionOf(socket, level, option, length, given);
}

export function setOption(process: KernelProcess, fd: number, level: number, option: number, value: Uint8Array): number {
  const socket = socketAt(process, fd);
  if (typeof socket === 'number') return socket;
  process.kernel.loop.enter();
  return end(process, setOptionOf(socket, level, option, value, process));
}
