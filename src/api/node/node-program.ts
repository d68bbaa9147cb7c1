/**
 * A Node program on a host of ours: the process whose descriptors its handles are, and the events on their way to them.
 *
 *   net.Socket -> TCP (tcp-handle.ts) -> NodeProgram.kernel (program-kernel.ts) -> sockets -> TCP/IP
 *   stack -> wait queue -> HandleWaiter -> loop's deliveries -> NodeProgram.later -> one macrotask -> handle.onread ...
 *
 * Which program a handle belongs to follows the async context in which it is made: `NodeProgram.current()`. An accepted
 * connection takes its listener's.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Loop } from '../../base/loop.ts';
import type { Host } from '../../host.ts';
import type { KernelProcess } from '../../kernel/process.ts';
import { DirectKernel } from './direct-kernel.ts';
import { machineImmediate } from './machine-timers.ts';
import type { ProgramKernel } from './program-kernel.ts';

/** Something that a handle has to tell its program: each has a macrotask of its own, so that ticks run in between. */
export interface HandleEvent {
  runEvent(): void;
}

/** What ends with its program. */
export interface ProgramPart {
  /** The program is gone: nothing is told any more, and nobody is kept alive. */
  abandon(): void;
  /** What it waits for, for a message about a world that does not go on; null when it waits for nothing. */
  waitsFor?(): string | null;
}

/** How names become addresses: the platform hands in the resolver of api/posix (rooms beside each other do not meet). */
export interface NameService {
  /** getaddrinfo(3): addresses in order, or a negative number of libuv's (`Uv.EAI_*`) or of Linux. */
  addresses(name: string, family: number, flags: number): Promise<string[] | number>;
  /** getnameinfo(3). */
  names(address: string, port: number): Promise<{ host: string; service: string } | number>;
}

/** What a program asks of its machine itself, past the kernel: a Host, or what stands for it in another process. */
export interface ProgramHost {
  readonly loop: Loop;
  /** What time of day it is told. */
  readonly clock: { readonly nowUs: number };
}

/** Events that have been begun and have not run, of all programs: while there are some, a world's time stands still. */
class HandleEventCounts {
  pending = 0;
  /** What runs now, or ran last, is a program's setImmediate: libuv's check phase, which the closing phase follows at once. */
  isInCheck = false;
}

export const handleEvents: HandleEventCounts = new HandleEventCounts();

const contexts = new AsyncLocalStorage<NodeProgram | null>();

export class NodeProgram {
  readonly host: ProgramHost;
  /** What `ss -p` and messages call it. */
  readonly name: string;
  readonly kernel: ProgramKernel;
  readonly names: NameService;
  private readonly parts: Set<ProgramPart> = new Set();
  private readonly waiting: HandleEvent[] = [];
  /** Sockets that close (closing.ts), and how many of `waiting` come before they say so. */
  private closings = 0;
  private ahead = 0;
  /** Its clock is the world's: timers, Date and the rest follow it. */
  readonly isVirtual: boolean;
  /** Hears of what callbacks of this program throw; null where that is Node's business (`uncaughtException`). */
  onError: ((error: unknown) => void) | null = null;
  private ended = false;
  private stopped = false;
  private readonly runNext = (): void => {
    handleEvents.pending--;
    if (this.stopped) return;
    if (this.closings > 0 && this.ahead === 0) return this.scheduleNext();
    if (this.ahead > 0) this.ahead--;
    handleEvents.isInCheck = false;
    const event = this.waiting.shift();
    if (event !== undefined) this.runEvent(event);
  };

  constructor(host: ProgramHost, name: string, kernel: ProgramKernel, names: NameService) {
    this.host = host;
    this.name = name;
    this.kernel = kernel;
    this.names = names;
    this.isVirtual = host.loop.environment.virtual;
  }

  /** A program of this process, as a process of the host that has just begun. */
  static on(host: Host, core: KernelProcess, names: (host: Host, core: KernelProcess) => NameService): NodeProgram {
    return new NodeProgram(host, core.name, new DirectKernel(host, core), names(host, core));
  }

  get isOver(): boolean {
    return this.ended;
  }

  /** The program of whoever runs now; null outside of every world. */
  static current(): NodeProgram | null {
    const program = contexts.getStore();
    return program === undefined ? fallback : program;
  }

  /** Whose sockets those are that are made outside of every world; null for the machine's own. */
  static set outside(program: NodeProgram | null) {
    fallback = program;
  }

  static get outside(): NodeProgram | null {
    return fallback;
  }

  /** Runs `fn`, and everything that follows from it, as this program. */
  run<T>(fn: () => T): T {
    // Entering a context turns on Node's async hooks, which cost every promise: not where it says nothing new.
    return NodeProgram.current() === this ? fn() : contexts.run(this, fn);
  }

  /** Runs `fn` and what follows from it on the machine's own sockets. */
  static runOutside<T>(fn: () => T): T {
    return contexts.run(null, fn);
  }

  /** Calls `fn`, after which whoever goes on is the same program as before, even where `fn` takes the async resource away. */
  static keepThrough(fn: () => void): void {
    const before = contexts.getStore();
    fn();
    if (before !== undefined && contexts.getStore() !== before) contexts.enterWith(before);
  }

  /** Runs an event in a macrotask of its own, behind those that wait already. */
  later(event: HandleEvent): void {
    this.waiting.push(event);
    if (!this.stopped) this.scheduleNext();
  }

  /** What `later` is told from now on comes behind `closingEnds`. */
  closingBegins(): void {
    handleEvents.pending++;
    if (this.closings++ === 0) this.ahead = this.waiting.length;
  }

  closingEnds(): void {
    handleEvents.pending--;
    this.closings--;
    this.ahead = this.waiting.length;
  }

  private scheduleNext(): void {
    handleEvents.pending++;
    machineImmediate(this.runNext);
  }

  /** Runs an event now: the caller is a macrotask. */
  runEvent(event: HandleEvent): void {
    if (this.ended) return;
    // Not thrown on from here: Node shows the line that has thrown last.
    if (this.onError === null) return event.runEvent();
    try {
      event.runEvent();
    } catch (error) {
      this.onError?.(error);
    }
  }

  /**
   * As after SIGSTOP: events wait, and nobody is told anything, until `resume`. What a promise of the machine's own ends
   * meanwhile (a file that was read) goes on by itself.
   */
  stop(): void {
    this.stopped = true;
  }

  resume(): void {
    if (!this.stopped) return;
    this.stopped = false;
    for (let i = 0; i < this.waiting.length; i++) this.scheduleNext();
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  /** It has sockets, timers or events, and so something to wait for. */
  get isBusy(): boolean {
    return this.parts.size > 0 || this.waiting.length > 0;
  }

  adopt(part: ProgramPart): void {
    this.parts.add(part);
  }

  drop(part: ProgramPart): void {
    this.parts.delete(part);
  }

  /** What it waits for: each kind once, with how many there are. */
  waitsFor(): string[] {
    const counts: Map<string, number> = new Map();
    for (const part of this.parts) {
      const what = part.waitsFor?.() ?? null;
      if (what !== null) counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    return [...counts].map(([what, count]) => (count === 1 ? what : `${what} (${count} times)`));
  }

  /** The program ends as a process does: its sockets are closed, and nothing that it began comes back to it. `status`: as wait(2) tells it. */
  end(status = 0): void {
    if (this.ended) return;
    this.ended = true;
    this.waiting.length = 0;
    this.ahead = 0;
    for (const part of [...this.parts]) part.abandon();
    this.parts.clear();
    this.kernel.end(status);
  }
}

let fallback: NodeProgram | null = null;
