/**
 * What an oracle program is and what it is given. Programs see `Syscalls` and this environment, never a side.
 */
import type { Syscalls } from '../../src/api/posix/syscalls.ts';

export interface ProgramEnvironment {
  /** A new process of the program's host; they are named `p1`, `p2` ... in the trace. */
  process(): Promise<Syscalls>;
  /**
   * One that signals are meant for. It makes one call after the other: while one of its calls waits, another one has to
   * wait too.
   */
  signalProcess(): Promise<Syscalls>;
  /** A child of a `signalProcess`, with its descriptors, as fork and exec make it; a `signalProcess` too. */
  fork(parent: Syscalls): Promise<Syscalls>;
  /** Ends a process: its descriptors are closed as exit(2) does. `status` is for whoever waits for it. */
  exit(process: Syscalls, status?: number): Promise<void>;
  /** From here on a signal may end the process: whether a call under way returns is not compared any more. */
  mayDie(process: Syscalls): void;
  /** getpid(2): differs between the sides, and is written `p1`, `p2` ... in control data. */
  pidOf(process: Syscalls): number;
  /** A device more (SideHost.plugIn). */
  plugIn(index: number, addresses: readonly string[]): Promise<void>;
  /** RLIMIT_NOFILE of a process: no descriptor from `most` on is given out. */
  limitDescriptors(process: Syscalls, most: number): Promise<void>;
  /** A setting of the host's network by its sysctl name. */
  sysctl(name: string, value: string): Promise<void>;
  /** Makes shared memory hold what a view of it holds, where the view is not the memory itself; and the other way round. */
  store(process: Syscalls, view: Uint8Array): Promise<void>;
  load(process: Syscalls, view: Uint8Array): Promise<void>;
  /** Lets `ms` milliseconds pass, so that what is under way comes to rest. */
  settle(ms?: number): Promise<void>;
  /** Milliseconds of the side's clock. */
  now(): number;
  /** Received data that `words` has words for is compared by these alone; null for all other. */
  wordData(words: (bytes: Uint8Array) => string | null): void;
  /** Compares something that is no call's result, such as an order. */
  note(what: string, value: string | number | boolean): void;
  /** Compares whether at least `least` and fewer than `most` milliseconds have passed since `start`, a time of `now`. */
  noteTime(what: string, start: number, least: number, most: number): void;
  /**
   * Starts a call that is expected to block. The promise may be awaited later or never; a failure nobody waits for is
   * still in the trace.
   */
  begin<T>(call: Promise<T>): Promise<T>;
  /** Waits for a call whose failure is an ordinary outcome; resolves to its error's code, or null. */
  attempt(call: Promise<unknown>): Promise<string | null>;
}

export interface Program {
  name: string;
  run(env: ProgramEnvironment): Promise<void>;
}

export function program(name: string, run: (env: ProgramEnvironment) => Promise<void>): Program {
  return { name, run };
}

/** A process of one side. */
export interface SideProcess {
  calls: Syscalls;
  pid: number;
  exit(status: number): Promise<void>;
  fork(): Promise<SideProcess>;
  limitDescriptors(most: number): Promise<void>;
  /** Where attached memory is out of our reach: views are copies, and these move the bytes. */
  store?(view: Uint8Array): Promise<void>;
  load?(view: Uint8Array): Promise<void>;
}

/** One fresh host (loopback up, nothing open) of one side. */
export interface SideHost {
  /**
   * Plugs in an Ethernet device behind which nobody is: index 2 is eth0, 3 is eth1 ..., in this order; MAC address
   * 02:00:00:00:00:INDEX, a link-local address, and these.
   */
  plugIn(index: number, addresses: readonly string[]): Promise<void>;
  sysctl(name: string, value: string): Promise<void>;
  spawn(takesSignals: boolean): Promise<SideProcess>;
  sleep(ms: number): Promise<void>;
  now(): number;
  /** By how much a machine that is busy may be late, in milliseconds; 0 where time is virtual. */
  latenessMs: number;
  /**
   * Ends all processes, lets everything come to its end, and tells what is left then: descriptors, endpoints, timers, chunks,
   * places in wait queues. Nothing where the machine is real.
   */
  leftovers(): Promise<string[]>;
  /** Rejects when nothing can happen any more although the program waits; never resolves. */
  stuck: Promise<never>;
  close(): Promise<void>;
}

export interface Side {
  name: string;
  open(): Promise<SideHost>;
}
