/**
 * A process on the real Linux kernel behind the same interface as ours: each call is made by an agent process.
 *
 * Called by the programs of test/oracle through linux-host.ts. Programs cannot tell it from `Process`.
 */
import { errnoName, strerror } from '../../../base/errno.ts';
import type { MessageHeader, PollRequest, ReceivedMessage, Syscalls, SystemError } from '../../../api/posix/syscalls.ts';
import type { AgentAnswer, AgentConnection } from './agent-connection.ts';

/** The agent's operation numbers (`enum operation` in agent.c). */
const Operation = {
  socket: 1, bind: 2, listen: 3, connect: 4, accept: 5, accept4: 6, read: 7, write: 8, readv: 9, writev: 10,
  recv: 11, send: 12, recvfrom: 13, sendto: 14, recvmsg: 15, sendmsg: 16, shutdown: 17, close: 18, dup: 19, dup2: 20,
  getsockname: 21, getpeername: 22, getsockopt: 23, setsockopt: 24, fcntl: 25, poll: 26, ioctl: 27,
  readFile: 28, writeFile: 29, limitDescriptors: 30, syscall: 31,
} as const;

const POLLFD_BYTES = 8;
const SYSCALL_ARGUMENTS = 6;

/** Memory that holds pointers to other memory, such as an iovec: `[offset, target]` pairs. */
export class Structure {
  readonly bytes: Uint8Array;
  readonly pointers: readonly (readonly [offset: number, target: Memory])[];

  constructor(bytes: Uint8Array, pointers: readonly (readonly [number, Memory])[]) {
    this.bytes = bytes;
    this.pointers = pointers;
  }
}

export type Memory = Uint8Array | Structure;

export class LinuxProcess implements Syscalls {
  private readonly agent: AgentConnection;

  constructor(agent: AgentConnection) {
    this.agent = agent;
  }

  get pid(): number {
    return this.agent.pid;
  }

  /** Ends the process; the kernel closes what it had open. */
  exit(): Promise<void> {
    return this.agent.end();
  }

  socket(domain: number, type: number, protocol: number): Promise<number> {
    return this.number('socket', domain, type, protocol);
  }

  async socketpair(domain: number, type: number, protocol: number): Promise<[number, number]> {
    const pair = new Int32Array(2);
    await this.syscall('socketpair', domain, type, protocol, new Uint8Array(pair.buffer));
    return [...pair] as [number, number];
  }

  async unlink(path: string): Promise<void> {
    await this.syscall('unlink', new TextEncoder().encode(`${path}\0`));
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

  async getsockopt(fd: number, level: number, option: number, length: number): Promise<Uint8Array> {
    return bufferOf(await this.call('getsockopt', fd, level, option, length), 0);
  }

  async setsockopt(fd: number, level: number, option: number, value: ArrayBufferView): Promise<void> {
    await this.call('setsockopt', fd, level, option, 0, [new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]);
  }

  fcntl(fd: number, command: number, argument = 0): Promise<number> {
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

  /** RLIMIT_NOFILE: no descriptor from `most` on is given out. */
  async limitDescriptors(most: number): Promise<void> {
    await this.call('limitDescriptors', most);
  }

  /** A setting of this process's network namespace by its sysctl name; null when this kernel has none of that name. */
  async readSetting(name: string): Promise<string | null> {
    const answer = await this.agent.request(Operation.readFile, 0, 0, 0, 0, [settingPath(name)]);
    return answer.result < 0 ? null : new TextDecoder().decode(bufferOf(answer, 0)).trim();
  }

  async writeSetting(name: string, value: string): Promise<void> {
    const bytes = new TextEncoder().encode(value);
    const answer = await this.agent.request(Operation.writeFile, 0, 0, 0, 0, [settingPath(name), bytes]);
    if (answer.result < 0) throw new Error(`${name} = ${value}: ${strerror(answer.result)}`);
  }

  /**
   * Any call that agent.c lists by name. Memory is laid out as C has it; what the kernel wrote into it is there afterwards.
   */
  async syscall(name: string, ...args: readonly (number | bigint | Memory | null)[]): Promise<number> {
    const memory: Uint8Array[] = [];
    const pointers: number[] = [];
    const place = (what: Memory): number => {
      const index = memory.push(what instanceof Structure ? what.bytes : what) - 1;
      if (what instanceof Structure) for (const [offset, target] of what.pointers) pointers.push(index, offset, place(target));
      return index;
    };
    const words = new BigInt64Array(SYSCALL_ARGUMENTS);
    args.forEach((arg, i) => {
      if (typeof arg === 'number' || typeof arg === 'bigint') words[i] = BigInt(arg);
      else if (arg !== null) pointers.push(-1, i, place(arg));
    });
    const buffers = [new TextEncoder().encode(name), new Uint8Array(words.buffer), new Uint8Array(Int32Array.from(pointers).buffer)];
    const answer = await this.agent.request(Operation.syscall, 0, 0, 0, 0, [...buffers, ...memory]);
    memory.forEach((bytes, i) => bytes.set(bufferOf(answer, i)));
    if (answer.result < 0) throw failed(name, answer.result);
    return answer.result;
  }

  private async call(
    name: keyof typeof Operation, a: number, b = 0, c = 0, d = 0, buffers: readonly Uint8Array[] = [],
  ): Promise<AgentAnswer> {
    const answer = await this.agent.request(Operation[name], a, b, c, d, buffers);
    if (answer.result < 0) throw failed(name, answer.result);
    return answer;
  }

  private async number(
    name: keyof typeof Operation, a: number, b = 0, c = 0, d = 0, buffers: readonly Uint8Array[] = [],
  ): Promise<number> {
    return (await this.call(name, a, b, c, d, buffers)).result;
  }
}

function failed(name: string, errno: number): SystemError {
  const code = errnoName(errno);
  const error = new Error(`${name}: ${code}, ${strerror(errno)}`) as SystemError;
  error.code = code;
  error.errno = errno;
  error.syscall = name;
  return error;
}

function bufferOf(answer: AgentAnswer, index: number): Uint8Array {
  return answer.buffers[index] ?? new Uint8Array(0);
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

/** A path under /proc/sys as C reads it, with its final zero byte. */
function settingPath(name: string): Uint8Array {
  return new TextEncoder().encode(`/proc/sys/${name.replaceAll('.', '/')}\0`);
}
