/**
 * A process on the real Linux kernel behind the same interface as ours: each call is made by an agent process.
 *
 * Called by the programs of test/oracle through linux-host.ts. Programs cannot tell it from `Process`.
 */
import type { DescriptorSet, EpollEvent, TimerSetting } from '../../../api/posix/event-syscalls.ts';
import type { DirectoryEntry, Stat } from '../../../api/posix/file-syscalls.ts';
import type {
  IpcChange, MessageQueueStatus, PriorityMessage, QueueAttributes, QueuedMessage, SemaphoreOperation, SemaphoreSetStatus,
  SharedSegmentStatus,
} from '../../../api/posix/ipc-syscalls.ts';
import { SEMCTL } from '../../../kernel/calls/ipc.ts';
import { IPC, type IpcPermissions } from '../../../kernel/ipc/ipc-object.ts';
import type { MessageHeader, PollRequest, ReceivedMessage, Syscalls } from '../../../api/posix/syscalls.ts';
import type { Sigevent } from '../../../api/posix/signal-syscalls.ts';
import { Errno, strerror } from '../../../base/errno.ts';
import { bufferOf, failed, Operation } from './agent-calls.ts';
import { AgentConnection } from './agent-connection.ts';
import { LinuxFileStateCalls, pathBytes } from './linux-file-state-calls.ts';
import { eventBytes } from './linux-signal-calls.ts';
import { EPOLL_EVENT_BYTES, POLLFD_BYTES } from './linux-waiting-calls.ts';

/** Its result may be negative without being an error. */
const F_GETOWN = 9;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const LONG_BYTES = 8;
/** The largest of struct msqid64_ds, semid64_ds and shmid64_ds. */
const IPC_DS_BYTES = 120;
/** struct stat of a 64-bit machine. */
const STAT_BYTES = 144;

export class LinuxProcess extends LinuxFileStateCalls implements Syscalls {
  /** Where the kernel has attached what each view is a copy of. */
  private readonly attached = new Map<Uint8Array, bigint>();

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
  async fork(): Promise<LinuxProcess> {
    const meeting = await AgentConnection.meet();
    const { result } = await this.call('fork', 0, 0, 0, 0, [new TextEncoder().encode(`${meeting.path}\0`)]);
    return new LinuxProcess(await meeting.connection(result), true);
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

  open(path: string, flags: number, mode = 0): Promise<number> {
    return this.syscall('openat', AT_FDCWD, pathBytes(path), flags, mode);
  }

  async pipe(flags = 0): Promise<[reading: number, writing: number]> {
    const ends = new Int32Array(2);
    await this.syscall('pipe2', new Uint8Array(ends.buffer), flags);
    return [ends[0] as number, ends[1] as number];
  }

  stat(path: string): Promise<Stat> {
    return this.statOf('newfstatat', AT_FDCWD, path, 0);
  }

  lstat(path: string): Promise<Stat> {
    return this.statOf('newfstatat', AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  }

  fstat(fd: number): Promise<Stat> {
    return this.statOf('newfstatat', fd, '', AT_EMPTY_PATH);
  }

  private async statOf(name: string, fd: number, path: string, flags: number): Promise<Stat> {
    const bytes = new Uint8Array(STAT_BYTES);
    await this.syscall(name, fd, pathBytes(path), bytes, flags);
    return readStat(bytes);
  }

  async access(path: string, mode: number): Promise<void> {
    await this.syscall('faccessat', AT_FDCWD, pathBytes(path), mode);
  }

  async readlink(path: string): Promise<string> {
    const bytes = new Uint8Array(4096);
    const length = await this.syscall('readlinkat', AT_FDCWD, pathBytes(path), bytes, bytes.length);
    return new TextDecoder().decode(bytes.subarray(0, length));
  }

  lseek(fd: number, offset: number, whence: number): Promise<number> {
    return this.syscall('lseek', fd, offset, whence);
  }

  pread(fd: number, buffer: Uint8Array, offset: number): Promise<number> {
    return this.syscall('pread64', fd, buffer, buffer.length, offset);
  }

  pwrite(fd: number, buffer: Uint8Array, offset: number): Promise<number> {
    return this.syscall('pwrite64', fd, buffer, buffer.length, offset);
  }

  async truncate(path: string, length: number): Promise<void> {
    await this.syscall('truncate', pathBytes(path), length);
  }

  async ftruncate(fd: number, length: number): Promise<void> {
    await this.syscall('ftruncate', fd, length);
  }

  async mkdir(path: string, mode: number): Promise<void> {
    await this.syscall('mkdirat', AT_FDCWD, pathBytes(path), mode);
  }

  async mkfifo(path: string, mode: number): Promise<void> {
    await this.syscall('mknodat', AT_FDCWD, pathBytes(path), 0o010000 | mode, 0);
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.syscall('symlinkat', pathBytes(target), AT_FDCWD, pathBytes(path));
  }

  async link(path: string, to: string): Promise<void> {
    await this.syscall('linkat', AT_FDCWD, pathBytes(path), AT_FDCWD, pathBytes(to), 0);
  }

  async unlink(path: string): Promise<void> {
    await this.syscall('unlinkat', AT_FDCWD, pathBytes(path), 0);
  }

  async rmdir(path: string): Promise<void> {
    await this.syscall('unlinkat', AT_FDCWD, pathBytes(path), AT_REMOVEDIR);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.syscall('renameat2', AT_FDCWD, pathBytes(from), AT_FDCWD, pathBytes(to), 0);
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.syscall('fchmodat', AT_FDCWD, pathBytes(path), mode);
  }

  async fchmod(fd: number, mode: number): Promise<void> {
    await this.syscall('fchmod', fd, mode);
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await this.syscall('fchownat', AT_FDCWD, pathBytes(path), uid, gid, 0);
  }

  umask(mask: number): Promise<number> {
    return this.syscall('umask', mask);
  }

  async chdir(path: string): Promise<void> {
    await this.syscall('chdir', pathBytes(path));
  }

  async getcwd(): Promise<string> {
    const bytes = new Uint8Array(4096);
    const length = await this.syscall('getcwd', bytes, bytes.length);
    return new TextDecoder().decode(bytes.subarray(0, length - 1));
  }

  async getdents(fd: number): Promise<DirectoryEntry[]> {
    const bytes = new Uint8Array(32768);
    const length = await this.syscall('getdents64', fd, bytes, bytes.length);
    return readEntries(bytes.subarray(0, length));
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

  msgget(key: number, flags: number): Promise<number> {
    return this.syscall('msgget', key, flags);
  }

  async msgsnd(id: number, type: number, text: Uint8Array, flags: number): Promise<void> {
    await this.syscall('msgsnd', id, messageBytes(type, text), text.length, flags);
  }

  async msgrcv(id: number, size: number, type: number, flags: number): Promise<QueuedMessage> {
    const buffer = new Uint8Array(LONG_BYTES + Math.max(size, 0));
    const length = await this.syscall('msgrcv', id, buffer, size, type, flags);
    return { type: Number(new DataView(buffer.buffer).getBigInt64(0, true)), text: buffer.slice(LONG_BYTES, LONG_BYTES + length) };
  }

  async msgctl(id: number, command: number, change?: IpcChange & { mostBytes: number }): Promise<MessageQueueStatus | null> {
    const ds = new Uint8Array(IPC_DS_BYTES);
    const view = new DataView(ds.buffer);
    if (change !== undefined) {
      writeChange(view, change);
      view.setBigInt64(88, BigInt(change.mostBytes), true);
    }
    await this.syscall('msgctl', id, command, ds);
    if (command !== IPC.STAT) return null;
    const long = (at: number): number => Number(view.getBigInt64(at, true));
    return {
      ...readPermissions(view), sentUs: long(48) * 1e6, receivedUs: long(56) * 1e6, changedUs: long(64) * 1e6, bytes: long(72),
      messages: long(80), mostBytes: long(88), lastSender: view.getInt32(96, true), lastReceiver: view.getInt32(100, true),
    };
  }

  semget(key: number, count: number, flags: number): Promise<number> {
    return this.syscall('semget', key, count, flags);
  }

  async semop(id: number, operations: readonly SemaphoreOperation[], timeoutUs = Infinity): Promise<void> {
    const words = operations.flatMap(({ num, op, flg }) => [num, op, flg]);
    const bytes = new Uint8Array(Int16Array.from(words).buffer);
    await this.syscall('semtimedop', id, bytes, operations.length, timeoutUs === Infinity ? null : timespecs(timeoutUs));
  }

  async semctl(
    id: number, num: number, command: number, argument?: number | readonly number[] | IpcChange,
  ): Promise<number | number[] | SemaphoreSetStatus> {
    if (command === SEMCTL.GETALL || command === SEMCTL.SETALL) {
      const given = Array.isArray(argument) ? (argument as number[]) : [];
      // As many as the set may have: the kernel knows how many it takes.
      const values = new Uint16Array(command === SEMCTL.SETALL ? given : new Array(256).fill(0));
      const bytes = new Uint8Array(values.buffer);
      const { count } = command === SEMCTL.GETALL ? ((await this.semctl(id, 0, IPC.STAT)) as SemaphoreSetStatus) : { count: 0 };
      const result = await this.syscall('semctl', id, num, command, bytes);
      return command === SEMCTL.GETALL ? [...values.subarray(0, count)] : result;
    }
    if (command !== IPC.STAT && command !== IPC.SET) return this.syscall('semctl', id, num, command, Number(argument ?? 0));
    const ds = new Uint8Array(IPC_DS_BYTES);
    const view = new DataView(ds.buffer);
    if (command === IPC.SET) writeChange(view, argument as IpcChange);
    const result = await this.syscall('semctl', id, num, command, ds);
    if (command === IPC.SET) return result;
    const long = (at: number): number => Number(view.getBigInt64(at, true));
    return { ...readPermissions(view), operatedUs: long(48) * 1e6, changedUs: long(64) * 1e6, count: long(80) };
  }

  shmget(key: number, size: number, flags: number): Promise<number> {
    return this.syscall('shmget', key, size, flags);
  }

  /** A copy of the segment: `load` and `store` move bytes between it and the segment itself. */
  async shmat(id: number, flags: number): Promise<Uint8Array> {
    const { size } = (await this.shmctl(id, IPC.STAT).catch(() => ({ size: 0 }))) as { size: number };
    const answer = await this.call('shmat', id, flags, size);
    const view = bufferOf(answer, 0);
    this.attached.set(view, new DataView(bufferOf(answer, 1).buffer).getBigInt64(0, true));
    return view;
  }

  async shmdt(view: Uint8Array): Promise<void> {
    await this.syscall('shmdt', this.attached.get(view) ?? 1n);
    this.attached.delete(view);
  }

  async shmctl(id: number, command: number, change?: IpcChange): Promise<SharedSegmentStatus | null> {
    const ds = new Uint8Array(IPC_DS_BYTES);
    const view = new DataView(ds.buffer);
    if (change !== undefined) writeChange(view, change);
    await this.syscall('shmctl', id, command, ds);
    if (command !== IPC.STAT) return null;
    const long = (at: number): number => Number(view.getBigInt64(at, true));
    return {
      ...readPermissions(view), size: long(48), attachedUs: long(56) * 1e6, detachedUs: long(64) * 1e6, changedUs: long(72) * 1e6,
      creator: view.getInt32(80, true), lastUser: view.getInt32(84, true), attached: long(88),
    };
  }

  /** Makes an attached segment's bytes those of the view that shmat gave. */
  async store(view: Uint8Array): Promise<void> {
    await this.agent.request(Operation.store, 0, 0, 0, 0, [this.addressOf(view), view]);
  }

  /** And the other way round. */
  async load(view: Uint8Array): Promise<void> {
    view.set(bufferOf(await this.agent.request(Operation.load, view.length, 0, 0, 0, [this.addressOf(view)]), 0));
  }

  private addressOf(view: Uint8Array): Uint8Array {
    return new Uint8Array(BigInt64Array.of(this.attached.get(view) ?? 0n).buffer);
  }

  mq_open(
    name: string, flags: number, mode = 0, attributes: { maxMessages: number; messageSize: number } | null = null,
  ): Promise<number> {
    // The C library looks at the name's first letter, the kernel at the rest.
    if (!name.startsWith('/')) return Promise.reject(failed('mq_open', -Errno.EINVAL));
    const given = attributes === null ? null : longs(0, attributes.maxMessages, attributes.messageSize, 0, 0, 0, 0, 0);
    return this.syscall('mq_open', pathBytes(name.slice(1)), flags, mode, given);
  }

  async mq_send(fd: number, text: Uint8Array, priority: number, timeoutUs = Infinity): Promise<void> {
    await this.syscall('mq_timedsend', fd, text, text.length, priority, deadline(timeoutUs));
  }

  async mq_receive(fd: number, size: number, timeoutUs = Infinity): Promise<PriorityMessage> {
    const text = new Uint8Array(Math.max(size, 0));
    const priority = new Uint32Array(1);
    const length = await this.syscall('mq_timedreceive', fd, text, size, new Uint8Array(priority.buffer), deadline(timeoutUs));
    return { priority: priority[0] as number, text: text.slice(0, length) };
  }

  async mq_notify(fd: number, event: Sigevent | null): Promise<void> {
    await this.syscall('mq_notify', fd, event === null ? null : eventBytes(event));
  }

  mq_getattr(fd: number): Promise<QueueAttributes> {
    return this.queueAttributes(fd, null);
  }

  mq_setattr(fd: number, flags: number): Promise<QueueAttributes> {
    return this.queueAttributes(fd, longs(flags, 0, 0, 0, 0, 0, 0, 0));
  }

  private async queueAttributes(fd: number, change: Uint8Array | null): Promise<QueueAttributes> {
    const before = longs(0, 0, 0, 0, 0, 0, 0, 0);
    await this.syscall('mq_getsetattr', fd, change, before);
    const [flags = 0, maxMessages = 0, messageSize = 0, currentMessages = 0] = Array.from(new BigInt64Array(before.buffer), Number);
    return { flags, maxMessages, messageSize, currentMessages };
  }

  async mq_unlink(name: string): Promise<void> {
    if (!name.startsWith('/')) throw failed('mq_unlink', -Errno.EINVAL);
    await this.syscall('mq_unlink', pathBytes(name.slice(1)));
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

/** C's longs, one after the other. */
function longs(...values: number[]): Uint8Array {
  return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
}

/** A time of CLOCK_REALTIME so many microseconds from now; null for never. */
function deadline(timeoutUs: number): Uint8Array | null {
  return timeoutUs === Infinity ? null : timespecs(Date.now() * 1000 + timeoutUs);
}

/** Where C finds an offset of the caller's; null for none. */
function offsetBytes(offset: number | null): Uint8Array | null {
  return offset === null ? null : new Uint8Array(BigInt64Array.of(BigInt(offset)).buffer);
}

/** `struct msgbuf`. */
function messageBytes(type: number, text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LONG_BYTES + text.length);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(type), true);
  bytes.set(text, LONG_BYTES);
  return bytes;
}

/** `struct ipc64_perm`, which all three begin with. */
function readPermissions(view: DataView): IpcPermissions {
  const [key = 0, uid = 0, gid = 0, cuid = 0, cgid = 0, mode = 0] = Array.from({ length: 6 }, (_, i) => view.getInt32(i * 4, true));
  return { key, uid, gid, cuid, cgid, mode };
}

function writeChange(view: DataView, { uid, gid, mode }: IpcChange): void {
  view.setInt32(4, uid, true);
  view.setInt32(8, gid, true);
  view.setInt32(20, mode, true);
}

/** One `struct timespec` after the other. */
function timespecs(...times: number[]): Uint8Array {
  const words = times.flatMap((us) => [BigInt(Math.floor(us / 1000000)), BigInt(us % 1000000) * 1000n]);
  return new Uint8Array(BigInt64Array.from(words).buffer);
}

function readTimer(bytes: Uint8Array): TimerSetting {
  const view = new DataView(bytes.buffer);
  const long = (at: number): number => Number(view.getBigInt64(at, true));
  const us = (at: number): number => long(at) * 1000000 + Math.floor(long(at + 8) / 1000);
  return { intervalUs: us(0), valueUs: us(16) };
}

/** struct stat of x86-64 (asm/stat.h). */
function readStat(bytes: Uint8Array): Stat {
  const view = new DataView(bytes.buffer);
  const long = (at: number): number => Number(view.getBigInt64(at, true));
  const timeUs = (at: number): number => long(at) * 1000000 + Math.floor(long(at + 8) / 1000);
  return {
    dev: long(0), ino: long(8), nlink: long(16), mode: view.getUint32(24, true), uid: view.getUint32(28, true),
    gid: view.getUint32(32, true), rdev: long(40), size: long(48), blksize: long(56), blocks: long(64), atimeUs: timeUs(72),
    mtimeUs: timeUs(88), ctimeUs: timeUs(104),
  };
}

/** struct linux_dirent64, one after the other. */
function readEntries(bytes: Uint8Array): DirectoryEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < bytes.length; at += view.getUint16(at + 16, true)) {
    let end = at + 19;
    while (bytes[end] !== 0) end++;
    const name = new TextDecoder().decode(bytes.subarray(at + 19, end));
    entries.push({ ino: Number(view.getBigUint64(at, true)), type: bytes[at + 18] as number, name });
  }
  return entries;
}

/** A path under /proc/sys as C reads it, with its final zero byte. */
function settingPath(name: string): Uint8Array {
  return new TextEncoder().encode(`/proc/sys/${name.replaceAll('.', '/')}\0`);
}
