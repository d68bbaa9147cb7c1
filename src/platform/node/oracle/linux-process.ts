/**
 * A process on the real Linux kernel behind the same interface as ours: each call is made by an agent process.
 *
 * Called by the programs of test/oracle through linux-host.ts. Programs cannot tell it from `Process`.
 */
import type { DescriptorSet, EpollEvent, TimerSetting } from '../../../api/posix/event-syscalls.ts';
import type { MessageHeader, PollRequest, ReceivedMessage, Syscalls } from '../../../api/posix/syscalls.ts';
import { strerror } from '../../../base/errno.ts';
import { bufferOf, Operation } from './agent-calls.ts';
import { AgentConnection } from './agent-connection.ts';
import { pathBytes } from './linux-file-state-calls.ts';
import { LinuxIpcCalls } from './linux-ipc-calls.ts';
import { timespecs } from './linux-waiting-calls.ts';
import { EPOLL_EVENT_BYTES, POLLFD_BYTES } from './linux-waiting-calls.ts';

/** Its result may be negative without being an error. */
const F_GETOWN = 9;

export class LinuxProcess extends LinuxIpcCalls implements Syscalls {
  /** Its main thread makes the calls, one after the other. */
  readonly takesSignals: boolean;

  constructor(agent: AgentConnection, takesSignals = false) {
    super(agent);
    this.takesSignals = takesSignals;
  }

  /** Ends the process; the kernel closes what it had open. */
  exit(): Promise<void> {
    return this.agent.end();
  }

  /** _exit(2) with a status: for whoever waits for it. */
  async exitWith(status: number): Promise<void> {
    void this.agent.request(Operation.exit, status, 0, 0, 0, []).catch(() => {});
    await this.agent.gone;
  }

  /** A child with this process's descriptors, except those marked close-on-exec. Only of one that takes signals. */
  fork(): Promise<LinuxProcess> {
    return this.start('fork', true);
  }

  /** A child of the machine's init, which this must be: with no descriptors but 0, 1 and 2. */
  spawn(takesSignals: boolean): Promise<LinuxProcess> {
    return this.start('spawn', takesSignals);
  }

  private async start(how: 'fork' | 'spawn', takesSignals: boolean): Promise<LinuxProcess> {
    const meeting = await AgentConnection.meet();
    const { result } = await this.call(how, takesSignals ? 1 : 0, 0, 0, 0, [new TextEncoder().encode(`${meeting.path}\0`)]);
    return new LinuxProcess(await meeting.connection(result, this.agent), takesSignals);
  }

  socket(domain: number, type: number, protocol: number): Promise<number> {
    return this.number('socket', domain, type, protocol);
  }

  async socketpair(domain: number, type: number, protocol: number): Promise<[number, number]> {
    const pair = new Int32Array(2);
    await this.syscall('socketpair', domain, type, protocol, new Uint8Array(pair.buffer));
    return [...pair] as [number, number];
  }

  async bind(fd: number, address: Uint8Array): Promise<void> {
    await this.call('bind', fd, 0, 0, 0, [address]);
  }

  async listen(fd: number, backlog: number): Promise<void> {
    await this.call('listen', fd, backlog);
  }

  async connect(fd: number, address: Uint8Array): Promise<void> {
    await this.call('connect', fd, 0, 0, 0, [address]);
  }

  async accept(fd: number): Promise<{ fd: number; address: Uint8Array }> {
    const answer = await this.call('accept', fd);
    return { fd: answer.result, address: bufferOf(answer, 0) };
  }

  async accept4(fd: number, flags: number): Promise<{ fd: number; address: Uint8Array }> {
    const answer = await this.call('accept4', fd, flags);
    return { fd: answer.result, address: bufferOf(answer, 0) };
  }

  async read(fd: number, buffer: Uint8Array): Promise<number> {
    const answer = await this.call('read', fd, buffer.length);
    buffer.set(bufferOf(answer, 0));
    return answer.result;
  }

  write(fd: number, buffer: Uint8Array): Promise<number> {
    return this.number('write', fd, 0, 0, 0, [buffer]);
  }

  async readv(fd: number, iov: Uint8Array[]): Promise<number> {
    const answer = await this.call('readv', fd, 0, 0, 0, [lengthsOf(iov)]);
    scatter(bufferOf(answer, 0), iov);
    return answer.result;
  }

  writev(fd: number, iov: Uint8Array[]): Promise<number> {
    return this.number('writev', fd, 0, 0, 0, iov);
  }

  async recv(fd: number, buffer: Uint8Array, flags: number): Promise<number> {
    const answer = await this.call('recv', fd, buffer.length, flags);
    buffer.set(bufferOf(answer, 0));
    return answer.result;
  }

  send(fd: number, buffer: Uint8Array, flags: number): Promise<number> {
    return this.number('send', fd, flags, 0, 0, [buffer]);
  }

  async recvfrom(fd: number, buffer: Uint8Array, flags: number): Promise<{ count: number; address: Uint8Array }> {
    const answer = await this.call('recvfrom', fd, buffer.length, flags);
    buffer.set(bufferOf(answer, 0));
    return { count: answer.result, address: bufferOf(answer, 1) };
  }

  sendto(fd: number, buffer: Uint8Array, flags: number, address: Uint8Array | null): Promise<number> {
    if (address === null) return this.number('sendto', fd, flags, 0, 0, [buffer]);
    return this.number('sendto', fd, flags, 1, 0, [buffer, address]);
  }

  async recvmsg(
    fd: number, iov: Uint8Array[], flags: number, nameLength = 0, controlLength = 0,
  ): Promise<ReceivedMessage> {
    const answer = await this.call('recvmsg', fd, flags, nameLength, controlLength, [lengthsOf(iov)]);
    scatter(bufferOf(answer, 0), iov);
    return { count: answer.result, name: bufferOf(answer, 1), control: bufferOf(answer, 2), flags: answer.extra };
  }

  sendmsg(fd: number, message: MessageHeader, flags: number): Promise<number> {
    const buffers: Uint8Array[] = [];
    let given = 0;
    if (message.name != null) {
      buffers.push(message.name);
      given |= 1;
    }
    if (message.control != null) {
      buffers.push(message.control);
      given |= 2;
    }
    return this.number('sendmsg', fd, flags, given, 0, [...buffers, ...message.iov]);
  }

  async shutdown(fd: number, how: number): Promise<void> {
    await this.call('shutdown', fd, how);
  }

  async close(fd: number): Promise<void> {
    await this.call('close', fd);
  }

  dup(fd: number): Promise<number> {
    return this.number('dup', fd);
  }

  dup2(fd: number, to: number): Promise<number> {
    return this.number('dup2', fd, to);
  }

  async getsockname(fd: number): Promise<Uint8Array> {
    return bufferOf(await this.call('getsockname', fd), 0);
  }

  async getpeername(fd: number): Promise<Uint8Array> {
    return bufferOf(await this.call('getpeername', fd), 0);
  }

  async getsockopt(fd: number, level: number, option: number, length: number | Uint8Array): Promise<Uint8Array> {
    if (typeof length === 'number') return bufferOf(await this.call('getsockopt', fd, level, option, length), 0);
    return bufferOf(await this.call('getsockopt', fd, level, option, length.length, [length]), 0);
  }

  async setsockopt(fd: number, level: number, option: number, value: ArrayBufferView): Promise<void> {
    await this.call('setsockopt', fd, level, option, 0, [new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]);
  }

  async fcntl(fd: number, command: number, argument = 0): Promise<number> {
    if (command === F_GETOWN) return (await this.call('fcntl', fd, command)).extra;
    return this.number('fcntl', fd, command, argument);
  }

  async poll(fds: PollRequest[], timeoutMs: number): Promise<number> {
    const records = new Uint8Array(fds.length * POLLFD_BYTES);
    const view = new DataView(records.buffer);
    fds.forEach(({ fd, events }, i) => {
      view.setInt32(i * POLLFD_BYTES, fd, true);
      view.setInt16(i * POLLFD_BYTES + 4, events, true);
    });
    const answer = await this.call('poll', timeoutMs, 0, 0, 0, [records]);
    const filled = bufferOf(answer, 0);
    const revents = new DataView(filled.buffer, filled.byteOffset, filled.length);
    fds.forEach((record, i) => {
      record.revents = revents.getInt16(i * POLLFD_BYTES + 6, true);
    });
    return answer.result;
  }

  async ioctl(fd: number, request: number): Promise<number> {
    return (await this.call('ioctl', fd, request)).extra;
  }

  async select(
    count: number, read: DescriptorSet | null, write: DescriptorSet | null, except: DescriptorSet | null, timeoutUs: number,
  ): Promise<number> {
    const timeout = timeoutUs === Infinity ? null : timespecs(timeoutUs);
    return this.syscall('pselect6', count, read, write, except, timeout, null);
  }

  epoll_create1(flags: number): Promise<number> {
    return this.syscall('epoll_create1', flags);
  }

  async epoll_ctl(epfd: number, operation: number, fd: number, events = 0, data = 0): Promise<void> {
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT_BYTES));
    event.setInt32(0, events | 0, true);
    event.setInt32(4, data, true);
    await this.syscall('epoll_ctl', epfd, operation, fd, new Uint8Array(event.buffer));
  }

  epoll_wait(epfd: number, most: number, timeoutMs: number): Promise<EpollEvent[]> {
    return this.epoll_pwait(epfd, most, timeoutMs, null);
  }

  eventfd(initial: number, flags: number): Promise<number> {
    return this.syscall('eventfd2', initial, flags);
  }

  timerfd_create(clock: number, flags: number): Promise<number> {
    return this.syscall('timerfd_create', clock, flags);
  }

  async timerfd_settime(fd: number, flags: number, { valueUs, intervalUs }: TimerSetting): Promise<TimerSetting> {
    const before = new Uint8Array(32);
    await this.syscall('timerfd_settime', fd, flags, timespecs(intervalUs, valueUs), before);
    return readTimer(before);
  }

  async timerfd_gettime(fd: number): Promise<TimerSetting> {
    const now = new Uint8Array(32);
    await this.syscall('timerfd_gettime', fd, now);
    return readTimer(now);
  }

  sendfile(out: number, from: number, offset: number | null, count: number): Promise<number> {
    return this.syscall('sendfile', out, from, offsetBytes(offset), count);
  }

  splice(from: number, fromOffset: number | null, to: number, toOffset: number | null, count: number, flags: number): Promise<number> {
    return this.syscall('splice', from, offsetBytes(fromOffset), to, offsetBytes(toOffset), count, flags);
  }

  tee(from: number, to: number, count: number, flags: number): Promise<number> {
    return this.syscall('tee', from, to, count, flags);
  }

  /** RLIMIT_NOFILE: no descriptor from `most` on is given out. */
  async limitDescriptors(most: number): Promise<void> {
    await this.call('limitDescriptors', most);
  }

  /** A setting of this process's network namespace by its sysctl name; null when this kernel has none of that name. */
  async readSetting(name: string): Promise<string | null> {
    const answer = await this.agent.request(Operation.readFile, 0, 0, 0, 0, [settingPath(name)]);
    return answer.result < 0 ? null : new TextDecoder().decode(bufferOf(answer, 0)).trim();
  }

  /** The process's effective capabilities, those below 32: a container's root may lack some. */
  async capabilities(): Promise<number> {
    const answer = await this.agent.request(Operation.readFile, 0, 0, 0, 0, [pathBytes('/proc/self/status')]);
    const found = /^CapEff:\s*[0-9a-f]*([0-9a-f]{8})$/m.exec(new TextDecoder().decode(bufferOf(answer, 0)));
    return found === null ? -1 : Number.parseInt(found[1] as string, 16) | 0;
  }

  async writeSetting(name: string, value: string): Promise<void> {
    const bytes = new TextEncoder().encode(value);
    const answer = await this.agent.request(Operation.writeFile, 0, 0, 0, 0, [settingPath(name), bytes]);
    if (answer.result < 0) throw new Error(`${name} = ${value}: ${strerror(answer.result)}`);
  }
}

function lengthsOf(iov: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(iov, (part) => part.length).buffer);
}

function scatter(from: Uint8Array, iov: readonly Uint8Array[]): void {
  let at = 0;
  for (const part of iov) {
    const piece = from.subarray(at, at + part.length);
    part.set(piece);
    at += piece.length;
  }
}

/** Where C finds an offset of the caller's; null for none. */
function offsetBytes(offset: number | null): Uint8Array | null {
  return offset === null ? null : new Uint8Array(BigInt64Array.of(BigInt(offset)).buffer);
}

function readTimer(bytes: Uint8Array): TimerSetting {
  const view = new DataView(bytes.buffer);
  const long = (at: number): number => Number(view.getBigInt64(at, true));
  const us = (at: number): number => long(at) * 1000000 + Math.floor(long(at + 8) / 1000);
  return { intervalUs: us(0), valueUs: us(16) };
}

/** A path under /proc/sys as C reads it, with its final zero byte. */
function settingPath(name: string): Uint8Array {
  return new TextEncoder().encode(`/proc/sys/${name.replaceAll('.', '/')}\0`);
}
