/**
 * What every call of a process on the Linux side goes through: the agent's requests, and calls by name with memory as C lays
 * it out.
 *
 *   AgentCalls <- LinuxSignalCalls <- LinuxProcessCalls <- LinuxWaitingCalls <- LinuxFileStateCalls <-
 *     LinuxFileCalls <- LinuxIpcCalls <- LinuxProcess
 */
import type { SystemError } from '../../../api/posix/syscalls.ts';
import { errnoName, strerror } from '../../../base/errno.ts';
import type { AgentAnswer, AgentConnection } from './agent-connection.ts';

/** The agent's operation numbers (`enum operation` in agent.c). */
export const Operation = {
  socket: 1, bind: 2, listen: 3, connect: 4, accept: 5, accept4: 6, read: 7, write: 8, readv: 9, writev: 10,
  recv: 11, send: 12, recvfrom: 13, sendto: 14, recvmsg: 15, sendmsg: 16, shutdown: 17, close: 18, dup: 19, dup2: 20,
  getsockname: 21, getpeername: 22, getsockopt: 23, setsockopt: 24, fcntl: 25, poll: 26, ioctl: 27,
  readFile: 28, writeFile: 29, limitDescriptors: 30, syscall: 31, shmat: 32, load: 33, store: 34,
  sigaction: 35, fork: 36, exit: 37, spawn: 38,
} as const;

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

export abstract class AgentCalls {
  protected readonly agent: AgentConnection;

  constructor(agent: AgentConnection) {
    this.agent = agent;
  }

  /** Its number on its machine: a pid namespace's. */
  get pid(): number {
    return this.agent.pid;
  }

  /** Its number on the real machine, for programs that look at it from outside. */
  get hostPid(): number {
    return this.agent.hostPid;
  }

  /**
   * Any call that agent.c lists by name. Memory is laid out as C has it; what the kernel wrote into it is there afterwards.
   */
  syscall(name: string, ...args: readonly (number | bigint | Memory | null)[]): Promise<number> {
    return this.callNamed(name, name, ...args);
  }

  /** Likewise, for a call whose C library has another name for it than the kernel. */
  protected async callNamed(shown: string, name: string, ...args: readonly (number | bigint | Memory | null)[]): Promise<number> {
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
    if (answer.result < 0) throw failed(shown, answer.result);
    return answer.result;
  }

  protected async call(
    name: keyof typeof Operation, a: number, b = 0, c = 0, d = 0, buffers: readonly Uint8Array[] = [],
  ): Promise<AgentAnswer> {
    const answer = await this.agent.request(Operation[name], a, b, c, d, buffers);
    if (answer.result < 0) throw failed(name, answer.result);
    return answer;
  }

  protected async number(
    name: keyof typeof Operation, a: number, b = 0, c = 0, d = 0, buffers: readonly Uint8Array[] = [],
  ): Promise<number> {
    return (await this.call(name, a, b, c, d, buffers)).result;
  }
}

export function failed(name: string, errno: number): SystemError {
  const code = errnoName(errno);
  const error = new Error(`${name}: ${code}, ${strerror(errno)}`) as SystemError;
  error.code = code;
  error.errno = errno;
  error.syscall = name;
  return error;
}

export function bufferOf(answer: AgentAnswer, index: number): Uint8Array {
  return answer.buffers[index] ?? new Uint8Array(0);
}
