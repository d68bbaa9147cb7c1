/**
 * What the calls about names (getaddrinfo and its kin) ask of a process beside `Syscalls`. `Process` has it all; another
 * implementation of the calls can add it in a few lines.
 */
import { mustHave } from '../../base/arguments.ts';
import type { Ifaddrs } from './ifaddrs.ts';
import type { Syscalls } from './syscalls.ts';

export interface NameProcess extends Syscalls {
  /** getrandom(2): fills `buffer` from the host's random source; resolves to its length. */
  getrandom(buffer: Uint8Array, flags: number): Promise<number>;
  /** clock_gettime(2), in microseconds: CLOCK_MONOTONIC. */
  clock_gettime(clock: number): Promise<number>;
  /** gethostname(2): the host's own name. */
  gethostname(): Promise<string>;
  /** getifaddrs(3): the interfaces and their addresses. */
  getifaddrs(): Promise<Ifaddrs[]>;
}

/** Throws a TypeError when `process` is none; the calls about names ask for all of this. */
export function mustBeProcess(call: string, process: unknown): void {
  mustHave(`${call}: process`, 'a Process', process, 'open', 'read', 'close', 'getifaddrs');
}
