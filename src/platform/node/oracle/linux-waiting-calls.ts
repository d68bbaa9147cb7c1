/**
 * Calls of a process on the Linux side that wait under a signal mask, that move several messages at once, and signalfd.
 */
import type { BatchSyscalls, MessageRoom } from '../../../api/posix/batch-syscalls.ts';
import type { DescriptorSet, EpollEvent } from '../../../api/posix/event-syscalls.ts';
import type { MessageHeader, PollRequest, ReceivedMessage } from '../../../api/posix/syscalls.ts';
import { type Memory, Structure } from './agent-calls.ts';
import { LinuxProcessCalls } from './linux-process-calls.ts';
import { setBytes, timespec } from './linux-signal-calls.ts';

const SIGSET_BYTES = 8;
export const POLLFD_BYTES = 8;
/** struct epoll_event, which is packed on x86-64. */
export const EPOLL_EVENT_BYTES = 12;
/** struct mmsghdr, and where things are in it. */
const MMSGHDR_BYTES = 64;
const NAME_LENGTH = 8, IOV = 16, IOV_LENGTH = 24, CONTROL = 32, CONTROL_LENGTH = 40, FLAGS = 48, COUNT = 56;
const IOVEC_BYTES = 16;

export abstract class LinuxWaitingCalls extends LinuxProcessCalls implements BatchSyscalls {
  async ppoll(fds: PollRequest[], timeoutUs: number, mask: Iterable<number> | null): Promise<number> {
    const records = new Uint8Array(fds.length * POLLFD_BYTES);
    const view = new DataView(records.buffer);
    fds.forEach(({ fd, events }, i) => {
      view.setInt32(i * POLLFD_BYTES, fd, true);
      view.setInt16(i * POLLFD_BYTES + 4, events, true);
    });
    const result = await this.syscall('ppoll', records, fds.length, timeOf(timeoutUs), maskOf(mask), SIGSET_BYTES);
    fds.forEach((record, i) => {
      record.revents = view.getInt16(i * POLLFD_BYTES + 6, true);
    });
    return result;
  }

  pselect(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
    mask: Iterable<number> | null,
  ): Promise<number> {
    const sizes = new BigInt64Array([0n, BigInt(SIGSET_BYTES)]);
    const set = maskOf(mask);
    const argument = new Structure(new Uint8Array(sizes.buffer), set === null ? [] : [[0, set]]);
    return this.callNamed('pselect', 'pselect6', count, read, write, except, timeOf(timeoutUs), argument);
  }

  async epoll_pwait(epfd: number, most: number, timeoutMs: number, mask: Iterable<number> | null): Promise<EpollEvent[]> {
    const bytes = eventRoom(most);
    return readEvents(bytes, await this.syscall('epoll_pwait', epfd, bytes, most, timeoutMs, maskOf(mask), SIGSET_BYTES));
  }

  async epoll_pwait2(epfd: number, most: number, timeoutUs: number, mask: Iterable<number> | null): Promise<EpollEvent[]> {
    const bytes = eventRoom(most);
    return readEvents(bytes, await this.syscall('epoll_pwait2', epfd, bytes, most, timeOf(timeoutUs), maskOf(mask), SIGSET_BYTES));
  }

  signalfd(fd: number, set: Iterable<number>, flags: number): Promise<number> {
    return this.callNamed('signalfd', 'signalfd4', fd, setBytes(set), SIGSET_BYTES, flags);
  }

  async recvmmsg(fd: number, messages: readonly MessageRoom[], flags: number, timeoutUs = Infinity): Promise<ReceivedMessage[]> {
    const vector = new MessageVector(messages.map(({ iov, nameLength = 128, controlLength = 0 }) => ({
      iov, name: new Uint8Array(nameLength), control: new Uint8Array(controlLength),
    })));
    const { view } = vector;
    const count = await this.syscall('recvmmsg', fd, vector.memory, messages.length, flags, timeOf(timeoutUs));
    return vector.parts.slice(0, count).map(({ name, control }, i) => {
      const at = i * MMSGHDR_BYTES;
      return {
        count: view.getUint32(at + COUNT, true), name: name.slice(0, view.getUint32(at + NAME_LENGTH, true)),
        control: control.slice(0, Number(view.getBigUint64(at + CONTROL_LENGTH, true))), flags: view.getInt32(at + FLAGS, true),
      };
    });
  }

  async sendmmsg(fd: number, messages: readonly MessageHeader[], flags: number): Promise<number[]> {
    const none = new Uint8Array(0);
    const vector = new MessageVector(messages.map(({ iov, name, control }) => ({ iov, name: name ?? none, control: control ?? none })));
    const count = await this.syscall('sendmmsg', fd, vector.memory, messages.length, flags);
    return Array.from({ length: count }, (_, i) => vector.view.getUint32(i * MMSGHDR_BYTES + COUNT, true));
  }
}

interface MessageParts {
  iov: readonly Uint8Array[];
  name: Uint8Array;
  control: Uint8Array;
}

/** An array of struct mmsghdr with what its pointers point at. */
class MessageVector {
  readonly parts: readonly MessageParts[];
  readonly memory: Structure;
  readonly view: DataView;

  constructor(parts: readonly MessageParts[]) {
    this.parts = parts;
    const bytes = new Uint8Array(Math.max(parts.length * MMSGHDR_BYTES, 1));
    this.view = new DataView(bytes.buffer);
    const pointers: (readonly [number, Memory])[] = [];
    parts.forEach(({ iov, name, control }, i) => {
      const at = i * MMSGHDR_BYTES;
      if (name.length > 0) pointers.push([at, name]);
      this.view.setUint32(at + NAME_LENGTH, name.length, true);
      if (iov.length > 0) pointers.push([at + IOV, vectorOf(iov)]);
      this.view.setBigUint64(at + IOV_LENGTH, BigInt(iov.length), true);
      if (control.length > 0) pointers.push([at + CONTROL, control]);
      this.view.setBigUint64(at + CONTROL_LENGTH, BigInt(control.length), true);
    });
    this.memory = new Structure(bytes, pointers);
  }
}

/** An array of struct iovec. */
export function vectorOf(iov: readonly Uint8Array[]): Structure {
  const bytes = new Uint8Array(Math.max(iov.length * IOVEC_BYTES, 1));
  const view = new DataView(bytes.buffer);
  iov.forEach((part, i) => {
    view.setBigUint64(i * IOVEC_BYTES + 8, BigInt(part.length), true);
  });
  return new Structure(bytes, iov.map((part, i) => [i * IOVEC_BYTES, part]));
}

/** One `struct timespec` after the other. */
export function timespecs(...times: number[]): Uint8Array {
  const words = times.flatMap((us) => [BigInt(Math.floor(us / 1000000)), BigInt(us % 1000000) * 1000n]);
  return new Uint8Array(BigInt64Array.from(words).buffer);
}

function timeOf(us: number): Uint8Array | null {
  return us === Infinity ? null : timespec(us);
}

function maskOf(mask: Iterable<number> | null): Uint8Array | null {
  return mask === null ? null : setBytes(mask);
}

function eventRoom(most: number): Uint8Array {
  return new Uint8Array(EPOLL_EVENT_BYTES * Math.min(Math.max(most, 1), 1024));
}

function readEvents(bytes: Uint8Array, count: number): EpollEvent[] {
  const view = new DataView(bytes.buffer);
  return Array.from({ length: count }, (_, i) => ({
    events: view.getInt32(i * EPOLL_EVENT_BYTES, true), data: view.getInt32(i * EPOLL_EVENT_BYTES + 4, true),
  }));
}
